"""What the bundle scripts of this folder share: where packages lie, archives of arrays, manifests, whole-or-nothing.

Only the standard library is imported at the top: a script can say in one sentence what is missing.
"""

import glob
import hashlib
import io
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import zipfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HERE = os.path.join(ROOT, "agents/prepare")
MAKE_LIMIT_S = 600


class Failed(Exception):
    """One sentence for the user; ends the program with status 65 (bad data) or 69 (something is missing)."""

    def __init__(self, status, sentence):
        super().__init__(sentence)
        self.status = status


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
    """For a process that imports any of them."""
    import torch_cpu
    env = dict(os.environ, PYTHONPATH=os.pathsep.join([HERE] + site_folders()), PYTHONDONTWRITEBYTECODE="1",
               OMP_NUM_THREADS="2", OPENBLAS_NUM_THREADS="2")
    return torch_cpu.environment(env)


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def recipe(sources):
    return hashlib.sha256("".join(sha256(os.path.join(HERE, name)) for name in sources).encode()).hexdigest()


def cache(name):
    return os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "inferometer", name)


def is_current(out, recipe_sha256, wanted=frozenset()):
    """Made by this recipe, every file as the manifest says, and no variant missing that was not tried."""
    try:
        with open(os.path.join(out, "manifest.json"), encoding="utf-8") as file:
            manifest = json.load(file)
        rows = manifest["variants"] + manifest["inputs"] + manifest["references"]
        there = {row["name"] for row in manifest["variants"]} | set(manifest["provenance"].get("failed", {}))
        return (manifest["provenance"]["recipe_sha256"] == recipe_sha256 and wanted <= there and
                all(sha256(os.path.join(out, row["path"])) == row["sha256"] for row in rows))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def write_npz(path, arrays, method=zipfile.ZIP_STORED):
    """Fixed dates, so that the same arrays give the same bytes."""
    import numpy
    with zipfile.ZipFile(path, "w", method) as archive:
        for name in sorted(arrays):
            buffer = io.BytesIO()
            numpy.lib.format.write_array(buffer, numpy.asarray(arrays[name], order="C"), allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
            info.external_attr, info.compress_type = 0o644 << 16, method
            archive.writestr(info, buffer.getvalue())


def write_samples(out, inputs, references):
    """Folders inputs and reference, one archive for each set; their paths."""
    paths = []
    for folder, sets in (("inputs", inputs), ("reference", references)):
        os.makedirs(os.path.join(out, folder))
        paths.append([f"{folder}/{i:03}.npz" for i in range(len(sets))])
        for path, arrays in zip(paths[-1], sets):
            write_npz(os.path.join(out, path), arrays)
    return paths


def entry(out, path, **rest):
    return {**rest, "path": path, "sha256": sha256(os.path.join(out, path))}


def variant(out, path, **rest):
    """The row of a variant whose file is `path`; whatever lies beside that file belongs to it."""
    folder, name = os.path.split(path)
    row = entry(out, path, **rest)
    beside = sorted(set(os.listdir(os.path.join(out, folder))) - {name})
    if beside:
        row["files"] = [entry(out, f"{folder}/{extra}") for extra in beside]
    return row


def write_manifest(out, manifest):
    with open(os.path.join(out, "manifest.json"), "w", encoding="utf-8") as file:
        json.dump({key: value for key, value in manifest.items() if value}, file, indent=2)
        file.write("\n")


def make(script, arguments, path):
    """Runs `script` --make ARGUMENTS PATH in a process of its own. None, or why it failed: one line."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    try:
        done = subprocess.run([sys.executable, script, "--make", *arguments, path], env=environment(), timeout=MAKE_LIMIT_S,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace", check=False)
    except subprocess.TimeoutExpired:
        return f"took longer than {MAKE_LIMIT_S} s"
    if done.returncode == 0 and os.path.exists(path) and os.path.getsize(path) > 0:
        return None
    lines = [line for line in done.stderr.splitlines() if line.strip()] or [f"ended with status {done.returncode}"]
    return lines[-1][:200]


def whole(out, build):
    """Calls build(folder) and puts the folder at `out`: whole or not at all."""
    parent = os.path.dirname(os.path.abspath(out))
    os.makedirs(parent, exist_ok=True)
    scratch = tempfile.mkdtemp(dir=parent, prefix=f".{os.path.basename(out)}.")
    try:
        os.chmod(scratch, 0o755)
        build(scratch)
        shutil.rmtree(out, ignore_errors=True)
        os.rename(scratch, out)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    print(f"made {out}")


def read_safetensors(path):
    """Arrays of float32 and int64 by name: eight bytes of length, a JSON header, then the data."""
    import numpy
    kinds = {"F32": numpy.float32, "I64": numpy.int64}
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = file.read()
    header.pop("__metadata__", None)
    return {name: numpy.frombuffer(data[row["data_offsets"][0]:row["data_offsets"][1]], kinds[row["dtype"]])
            .reshape(row["shape"]) for name, row in header.items()}


def run(main):
    """Ends the program as every script of this folder does."""
    name = os.path.splitext(os.path.basename(sys.argv[0]))[0]
    try:
        main()
    except Failed as failure:
        print(f"{name}: {failure}", file=sys.stderr)
        sys.exit(failure.status)
    except OSError as failure:
        print(f"{name}: {failure.filename}: {failure.strerror}", file=sys.stderr)
        sys.exit(74)


def need_numpy():
    sys.path[:0] = [HERE] + site_folders()
    try:
        import numpy  # noqa: F401
    except ImportError as error:
        raise Failed(69, f"{error}: run deploy/fetch bundle prepare") from error
