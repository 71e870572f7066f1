#!/usr/bin/env python3
"""Makes the bundles fashion and fashion-tiny: a network trained here, as every format and precision that can be had.

    agents/prepare/fashion_bundle.py [--out DIR] [--only VARIANT]…

Needs numpy; `deploy/fetch prepare` brings what makes the ONNX, OpenVINO and TFLite variants, `deploy/fetch libtorch
export` what makes those of PyTorch. A variant whose packages are not here is left out, with the reason, and so is one
whose converter fails: the rest is a bundle. Each variant is made in a process of its own.

The reference outputs are computed with numpy in float64 by fashion_train.py, which shares no code with any runtime.
Labels: the 10,000 test images, never used in training or calibration. Layout: docs/architecture.md.
"""

import argparse
import importlib.util
import os
import shutil
import sys
import zipfile

import common
import torch_cpu

CALIBRATION, REFERENCES = 500, 8  # images; the first of the reference images is the one that is measured
SOURCES = ("common.py", "fashion_bundle.py", "fashion_train.py", "fashion_variants.py", "fashion_tflite.py")
TINY = (("onnx-fp32", "fashion_tiny.onnx", "onnx", "float32", "written operator by operator, opset 17", None),)
NAMES = {  # what a format calls the two arrays where it is not image and logits
    "pte": {"inputs": {"image": "input0"}, "outputs": {"logits": "output0"}},
    "pt2": {"inputs": {"image": "input0"}, "outputs": {"logits": "output0"}},
    "torchscript": {"inputs": {"image": "image"}, "outputs": {"logits": "output0"}},
}
CHANNELS_LAST = {"inputs": {"image": "NHWC"}}  # of the TFLite variant; the bundle's arrays are NCHW


def make_one(model, name, data, path):
    import fashion_train
    import fashion_variants
    network, tiny = fashion_train.weights(data, common.cache("trained"))
    images = fashion_train.load(data)["images"][:CALIBRATION]
    if model == "fashion-tiny":
        fashion_variants.onnx_float32(tiny, None, path, tiny=True)
        return
    maker = {row[0]: row[5] for row in fashion_variants.MAKERS}[name]
    torch_cpu.lazy()
    with fashion_variants.quiet():
        maker(network, images, path)


def make_variants(out, model, rows, data):
    variants, failed = [], {}
    for name, file, format, precision, words, _ in rows:
        path = f"variants/{name}/{file}"
        why = common.make(os.path.abspath(__file__), [model, name, data], os.path.join(out, path))
        if why:
            shutil.rmtree(os.path.join(out, "variants", name))
            failed[name] = why
            print(f"fashion_bundle: {name} is left out: {why}", file=sys.stderr)
            continue
        variants.append(common.variant(out, path, name=name, format=format, precision=precision,
                                       recipe=f"agents/prepare/fashion_variants.py: {words}",
                                       source_sha256=common.recipe(SOURCES)))
    if not variants:
        raise common.Failed(69, "no variant could be made; run deploy/fetch prepare")
    return variants, failed


def build(out, model, rows, data):
    import fashion_train
    import numpy
    both = fashion_train.weights(data, common.cache("trained"))
    arrays = fashion_train.load(data)
    images = arrays["test_images"]
    weights = {name: array.astype("f8") for name, array in both[model == "fashion-tiny"].items()}
    forward = fashion_train.forward_tiny if model == "fashion-tiny" else fashion_train.forward
    logits = forward(weights, images[:REFERENCES].astype("f8")).astype(numpy.float32)
    variants, failed = make_variants(out, model, rows, data)
    inputs, references = common.write_samples(out, [{"image": images[i:i + 1]} for i in range(REFERENCES)],
                                              [{"logits": logits[i:i + 1]} for i in range(REFERENCES)])
    os.makedirs(os.path.join(out, "labelled"))
    common.write_npz(os.path.join(out, "labelled/images.npz"), {"image": images}, zipfile.ZIP_DEFLATED)
    numpy.save(os.path.join(out, "labelled/labels.npy"), arrays["test_labels"])
    common.write_manifest(out, {
        "v": 1, "model": model, "licence": "MIT",
        "source": "trained by agents/prepare/fashion_train.py on Fashion-MNIST (Debian dataset-fashion-mnist "
                  "0.0~git20200523.55506a9-1)",
        "provenance": {"recipe": "agents/prepare/fashion_bundle.py", "recipe_sha256": common.recipe(SOURCES),
                       "failed": failed},
        "variants": variants,
        "inputs": [common.entry(out, path) for path in inputs],
        "references": [common.entry(out, path, made_by="numpy in float64, agents/prepare/fashion_train.py")
                       for path in references],
        "tolerances": {"float32": {"rtol": 1e-4, "atol": 1e-4}},
        "names": {row["name"]: NAMES[row["format"]] for row in variants if row["format"] in NAMES},
        "layout": {"inputs": {"image": "NCHW"}},
        "layouts": {row["name"]: CHANNELS_LAST for row in variants if row["format"] == "tflite"},
        "labelled": {"inputs": common.entry(out, "labelled/images.npz"),
                     "labels": common.entry(out, "labelled/labels.npy"), "output": "logits"},
    })


def possible(format):
    """Whether the packages that make this format are here, so that a bundle without it is out of date."""
    needs = {"onnx": "onnx", "openvino": "openvino", "tflite": "flatbuffers", "pte": "executorch"}.get(format, "torch")
    return importlib.util.find_spec(needs) is not None


def main():
    parser = argparse.ArgumentParser(description="Makes the bundles fashion and fashion-tiny.")
    parser.add_argument("--out", default=os.path.join(common.ROOT, "build/bundles"), help="folder that gets both")
    parser.add_argument("--data", default=os.path.join(common.ROOT, "build/deps/fashion-mnist"),
                        help="folder with the .gz files")
    parser.add_argument("--only", action="append", default=[], help="this variant; may be repeated")
    parser.add_argument("--make", nargs=4, metavar=("MODEL", "VARIANT", "DATA", "FILE"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    common.need_numpy()
    if args.make:
        make_one(*args.make)
        return
    if not os.path.isdir(args.data):
        raise common.Failed(69, f"{args.data} is not there: run deploy/fetch prepare")
    import fashion_variants
    rows = [row for row in fashion_variants.MAKERS if not args.only or row[0] in args.only]
    for model, wanted in (("fashion", rows), ("fashion-tiny", TINY)):
        out = os.path.join(args.out, model)
        if common.is_current(out, common.recipe(SOURCES), {row[0] for row in wanted if possible(row[2])}):
            continue
        common.whole(out, lambda folder, model=model, wanted=wanted: build(folder, model, wanted, args.data))


if __name__ == "__main__":
    common.run(main)
