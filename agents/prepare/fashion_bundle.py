#!/usr/bin/env python3
"""Makes the bundles fashion and fashion-tiny: a network trained here, as every format and precision that can be had.

    agents/prepare/fashion_bundle.py [--out DIR] [--only VARIANT]…

Needs numpy; `deploy/fetch prepare` brings what makes the ONNX, OpenVINO and TFLite variants, `deploy/fetch libtorch
executorch export` what makes those of PyTorch. A variant whose packages are not here is left out, with the reason, and
so is one whose converter fails: the rest is a bundle. Each variant is made in a process of its own.

The reference outputs are computed with numpy in float64 by fashion_train.py, which shares no code with any runtime.
Labels: the 10,000 test images, never used in training or calibration. Layout: docs/bundles.md.
"""

import argparse
import glob
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HERE = os.path.join(ROOT, "agents/prepare")
CALIBRATION, REFERENCES = 500, 8  # images; the first of the reference images is the one that is measured
SOURCES = ("fashion_bundle.py", "fashion_train.py", "fashion_variants.py", "fashion_tflite.py")
MAKE_LIMIT_S = 600


def runtimes():
    data = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    return os.environ.get("INFEROMETER_RUNTIME_DIR") or os.path.join(data, "inferometer/runtimes")


def newest(name):
    """Folder of the newest installed version of a runtime, or None."""
    found = glob.glob(os.path.join(runtimes(), name, "*", "runtime.json"))
    key = lambda path: [int(part) if part.isdigit() else -1 for part in os.path.basename(os.path.dirname(path)).split(".")]
    return os.path.dirname(max(found, key=key)) if found else None


def site_folders():
    """Where Python packages lie that deploy/fetch brought: one folder each, and whole wheels of runtimes."""
    folders = sorted(glob.glob(os.path.join(ROOT, "build/deps/python/*/")))
    for name, package in (("libtorch", "torch"), ("openvino", "openvino")):
        folder = newest(name)
        if folder and os.path.isdir(os.path.join(folder, package)):
            folders.append(folder)
    return folders


def environment():
    """For a process that imports any of them. The GPU libraries that torch is linked with are not here: empty
    stand-ins, made when libtorch was installed, let the loader go on."""
    env = dict(os.environ, PYTHONPATH=os.pathsep.join([HERE] + site_folders()), PYTHONDONTWRITEBYTECODE="1",
               OMP_NUM_THREADS="2", OPENBLAS_NUM_THREADS="2")
    torch = newest("libtorch")
    if torch:
        env["LD_LIBRARY_PATH"] = os.pathsep.join(
            filter(None, [os.path.join(torch, "stubs"), env.get("LD_LIBRARY_PATH")]))
    return env


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def recipe():
    return hashlib.sha256("".join(sha256(os.path.join(HERE, name)) for name in SOURCES).encode()).hexdigest()


def cache():
    return os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "inferometer/trained")


def is_current(out, possible):
    """Made by this recipe, every file as the manifest says, and nothing left out that could be made now."""
    try:
        with open(os.path.join(out, "manifest.json"), encoding="utf-8") as file:
            manifest = json.load(file)
        rows = manifest["variants"] + manifest["inputs"] + manifest["references"]
        there = {row["name"] for row in manifest["variants"]} | set(manifest["provenance"].get("failed", {}))
        return (manifest["provenance"]["recipe_sha256"] == recipe() and possible <= there and
                all(sha256(os.path.join(out, row["path"])) == row["sha256"] for row in rows))
    except (OSError, ValueError, KeyError, TypeError):
        return False


# -- In the process that makes one variant ---------------------------------------------------------
def make_one(name, data, path):
    import fashion_train
    import fashion_variants
    network, tiny = fashion_train.weights(data, cache())
    images = fashion_train.load(data)["images"][:CALIBRATION]
    if name == "tiny-onnx-fp32":
        return fashion_variants.onnx_float32(tiny, None, path, tiny=True)
    maker = {row[0]: row[5] for row in fashion_variants.MAKERS}[name]
    sys.setdlopenflags(os.RTLD_LAZY)  # torch: functions of the stand-ins are looked for when they are called, never
    with fashion_variants.quiet():
        maker(network, images, path)
    return None


def make(name, data, path, env):
    """None, or why the variant could not be made: one line."""
    os.makedirs(os.path.dirname(path))
    try:
        done = subprocess.run([sys.executable, os.path.abspath(__file__), "--make", name, path, "--data", data], env=env,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=MAKE_LIMIT_S, text=True,
                              errors="replace", check=False)
    except subprocess.TimeoutExpired:
        return f"took longer than {MAKE_LIMIT_S} s"
    if done.returncode == 0 and os.path.getsize(path) > 0:
        return None
    lines = [line for line in done.stderr.splitlines() if line.strip()] or [f"ended with status {done.returncode}"]
    return lines[-1][:200]


# -- The bundle ------------------------------------------------------------------------------------
def write_npz(path, arrays, method=zipfile.ZIP_STORED):
    import io
    import numpy
    with zipfile.ZipFile(path, "w", method) as archive:
        for name in sorted(arrays):
            buffer = io.BytesIO()
            numpy.lib.format.write_array(buffer, numpy.ascontiguousarray(arrays[name]), allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
            info.external_attr, info.compress_type = 0o644 << 16, method
            archive.writestr(info, buffer.getvalue())


def write_samples(out, images, labels, logits):
    """Inputs and references of the first images, and all of them with their labels."""
    import numpy
    inputs, references = [], []
    for folder in ("inputs", "reference", "labelled"):
        os.makedirs(os.path.join(out, folder))
    for i in range(REFERENCES):
        inputs.append(f"inputs/{i:03}.npz")
        references.append(f"reference/{i:03}.npz")
        write_npz(os.path.join(out, inputs[-1]), {"image": images[i:i + 1]})
        write_npz(os.path.join(out, references[-1]), {"logits": logits[i:i + 1].astype(numpy.float32)})
    write_npz(os.path.join(out, "labelled/images.npz"), {"image": images}, zipfile.ZIP_DEFLATED)
    numpy.save(os.path.join(out, "labelled/labels.npy"), labels)
    return inputs, references


def entry(out, path, **rest):
    return {**rest, "path": path, "sha256": sha256(os.path.join(out, path))}


NAMES = {  # what a format calls the two arrays where it is not image and logits
    "pte": {"inputs": {"image": "input0"}, "outputs": {"logits": "output0"}},
    "pt2": {"inputs": {"image": "input0"}, "outputs": {"logits": "output0"}},
    "torchscript": {"inputs": {"image": "image"}, "outputs": {"logits": "output0"}},
}
CHANNELS_LAST = {"inputs": {"image": "NHWC"}}  # this variant's own layout; the bundle's arrays are NCHW


def build(out, model, rows, data, env):
    import fashion_train
    network, tiny = fashion_train.weights(data, cache())
    arrays = fashion_train.load(data)
    images, labels = arrays["test_images"], arrays["test_labels"]
    wide = {name: array.astype("f8") for name, array in (tiny if model == "fashion-tiny" else network).items()}
    run = fashion_train.forward_tiny if model == "fashion-tiny" else fashion_train.forward
    logits = run(wide, images[:REFERENCES].astype("f8"))
    variants, failed = [], {}
    for name, file, format, precision, recipe_text, *_ in rows:
        path = f"variants/{name}/{file}"
        why = make(name, data, os.path.join(out, path), env)
        if why:
            shutil.rmtree(os.path.join(out, "variants", name))
            failed[name] = why
            print(f"fashion_bundle: {name} is left out: {why}", file=sys.stderr)
            continue
        row = entry(out, path, name=name, format=format, precision=precision,
                    recipe=f"agents/prepare/fashion_variants.py: {recipe_text}", source_sha256=recipe())
        beside = sorted(set(os.listdir(os.path.join(out, "variants", name))) - {file})
        if beside:
            row["files"] = [entry(out, f"variants/{name}/{extra}") for extra in beside]
        variants.append(row)
    if not variants:
        raise SystemExit("fashion_bundle: no variant could be made; run deploy/fetch prepare")
    inputs, references = write_samples(out, images, labels, logits)
    made_by = "numpy in float64, agents/prepare/fashion_train.py"
    manifest = {
        "v": 1, "model": model, "licence": "MIT",
        "source": "trained by agents/prepare/fashion_train.py on Fashion-MNIST (Debian dataset-fashion-mnist "
                  "0.0~git20200523.55506a9-1)",
        "provenance": {"recipe": "agents/prepare/fashion_bundle.py", "recipe_sha256": recipe(), "failed": failed},
        "variants": variants,
        "inputs": [entry(out, path) for path in inputs],
        "references": [entry(out, path, made_by=made_by) for path in references],
        "tolerances": {"float32": {"rtol": 1e-4, "atol": 1e-4}},
        "names": {row["name"]: NAMES[row["format"]] for row in variants if row["format"] in NAMES},
        "layouts": {row["name"]: CHANNELS_LAST for row in variants if row["format"] == "tflite"},
        "labelled": {"inputs": entry(out, "labelled/images.npz"), "labels": entry(out, "labelled/labels.npy"),
                     "output": "logits"},
    }
    for key in ("names", "layouts"):
        if not manifest[key]:
            del manifest[key]
    if model == "fashion":
        manifest["layout"] = {"inputs": {"image": "NCHW"}}
    with open(os.path.join(out, "manifest.json"), "w", encoding="utf-8") as file:
        json.dump(manifest, file, indent=2)
        file.write("\n")


def main():
    parser = argparse.ArgumentParser(description="Makes the bundles fashion and fashion-tiny.")
    parser.add_argument("--out", default=os.path.join(ROOT, "build/bundles"), help="folder that gets both")
    parser.add_argument("--data", default=os.path.join(ROOT, "build/deps/fashion-mnist"), help="folder with the .gz files")
    parser.add_argument("--only", action="append", default=[], help="this variant; may be repeated")
    parser.add_argument("--make", nargs=2, metavar=("VARIANT", "FILE"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    sys.path[:0] = [HERE] + site_folders()
    try:
        import numpy  # noqa: F401
    except ImportError as error:
        raise SystemExit(f"fashion_bundle: {error}: run deploy/fetch bundle prepare") from error
    if not os.path.isdir(args.data):
        raise SystemExit(f"fashion_bundle: {args.data} is not there: run deploy/fetch prepare")
    if args.make:
        make_one(args.make[0], args.data, args.make[1])
        return
    import fashion_variants
    tiny = [("tiny-onnx-fp32", "fashion_tiny.onnx", "onnx", "float32", "written operator by operator, opset 17")]
    rows = [row for row in fashion_variants.MAKERS if not args.only or row[0] in args.only]
    for model, wanted in (("fashion", rows), ("fashion-tiny", tiny)):
        out = os.path.join(args.out, model)
        if is_current(out, {row[0] for row in wanted if possible(row[2])}):
            continue
        os.makedirs(args.out, exist_ok=True)
        scratch = tempfile.mkdtemp(dir=args.out, prefix=f".{model}.")
        try:
            os.chmod(scratch, 0o755)
            build(scratch, model, wanted, args.data, environment())
            shutil.rmtree(out, ignore_errors=True)
            os.rename(scratch, out)  # whole or not at all
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        print(f"made {out}")


def possible(format):
    """Whether the packages that make this format are here, so that a bundle without it is out of date."""
    import importlib.util
    needs = {"onnx": "onnx", "openvino": "openvino", "tflite": "flatbuffers", "pte": "executorch"}.get(format, "torch")
    return importlib.util.find_spec(needs) is not None


if __name__ == "__main__":
    main()
