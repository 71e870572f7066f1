#!/usr/bin/env python3
"""Makes the bundle of the quickstart: the nmp model, real instrument sound, and reference outputs of another runtime.

The reference comes from tflite-runtime (or its successor ai-edge-litert) on nmp.tflite, never from ONNX Runtime on
nmp.onnx, so that a run of the ONNX variant is checked against an implementation that shares neither file nor kernels
with it. The input is recorded notes (two guitar notes, then a piano note), so outputs are far from constant.

Needs numpy and that runtime, which `deploy/fetch bundle` unpacks; run by deploy/quickstart.sh and tests/run.sh.
Deterministic: the same files in give the same bytes out, up to the CPU's rounding in the reference. Idempotent: a
bundle whose files match its manifest is left alone. Layout: docs/architecture.md, "Bundle layout".
"""

import argparse
import json
import math
import os
import shutil
import struct
import sys
import tempfile
import wave

from common import ROOT, Failed, is_current, recipe, sha256, write_npz

SOURCES = ("common.py", "nmp_bundle.py")
RATE = 22050            # what the model hears
SAMPLES = 43844         # its fixed window
NOTES = (("guitar-13.wav", 0.00), ("guitar-12.wav", 0.46), ("piano-3.wav", 1.03))  # file, start in seconds
SHA256 = {  # of the files this recipe was written for; another file would be another model or another sound
    "nmp.onnx": "2c3c1d144bfa61ad236e92e169c13535c880469a12a047d4e73451f2c059a0ec",
    "nmp.tflite": "3db297d54af8e01c6e5618245c956b1d71b6a2b978cb2dedb527173186552676",
}
TENSORS = {"inputs": {"audio": "serving_default_input_2:0"},
           "outputs": {"contour": "StatefulPartitionedCall:0", "note": "StatefulPartitionedCall:1",
                       "onset": "StatefulPartitionedCall:2"}}
SHAPES = {"contour": (1, 172, 264), "note": (1, 172, 88), "onset": (1, 172, 88)}


def read_wav(path):
    """Samples as floats in -1..1 and the rate; 16-bit mono, as all these recordings are."""
    with wave.open(path, "rb") as file:
        if (file.getnchannels(), file.getsampwidth()) != (1, 2):
            raise Failed(65, f"{path}: expected 16-bit mono")
        frames = file.readframes(file.getnframes())
        return [value / 32768 for (value,) in struct.iter_unpack("<h", frames)], file.getframerate()


def resample(samples, rate, half_width=16):
    """Windowed sinc (Hann, 2 * half_width taps), one filter per phase. math.fsum keeps the sum exact, so the
    result does not depend on vector width or library."""
    common = math.gcd(rate, RATE)
    up, down = RATE // common, rate // common
    filters = []
    for phase in range(up):
        taps = []
        for tap in range(-half_width + 1, half_width + 1):
            x = tap - phase / up
            window = 0.5 + 0.5 * math.cos(math.pi * x / half_width) if abs(x) < half_width else 0.0
            taps.append((math.sin(math.pi * x) / (math.pi * x) if x else 1.0) * window)
        total = math.fsum(taps)
        filters.append([value / total for value in taps])
    padded = [0.0] * half_width + samples + [0.0] * half_width
    out = []
    for n in range(len(samples) * up // down):
        whole, phase = divmod(n * down, up)
        taps = filters[phase]
        out.append(math.fsum(padded[whole + 1 + k] * taps[k] for k in range(2 * half_width)))
    return out


def make_audio(sounds):
    """The notes one after another, peak-normalised, on the 16-bit grid (which hides differences in libm)."""
    mix = [0.0] * SAMPLES
    for name, start in NOTES:
        samples, rate = read_wav(os.path.join(sounds, name))
        begin = round(start * RATE)
        for i, value in enumerate(resample(samples, rate)[:SAMPLES - begin]):
            mix[begin + i] += value
    peak = max(abs(value) for value in mix)
    return [round(value / peak * 32767) / 32768 for value in mix]


def interpreter_of():
    """The second implementation that deploy/fetch chose for this Python: its name with version, and its class."""
    try:
        from tflite_runtime.interpreter import Interpreter
        return "tflite-runtime 2.14.0", Interpreter
    except ImportError:
        from ai_edge_litert.interpreter import Interpreter
        return "ai-edge-litert 2.3.0", Interpreter


def reference(model, audio):
    """Outputs by the bundle's names. The names in the model's signature must agree with TENSORS."""
    Interpreter = interpreter_of()[1]
    # The signature has the model's own names (which tensor is note and which is onset); its runner keeps hold of
    # its interpreter, so the tensors are asked for by name from a second one.
    by_signature = Interpreter(model_path=model, num_threads=1).get_signature_runner("serving_default")(input_2=audio)
    interpreter = Interpreter(model_path=model, num_threads=1)
    interpreter.allocate_tensors()
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    if [detail["name"] for detail in inputs] != list(TENSORS["inputs"].values()):
        raise Failed(65, f"{model}: unexpected input names {[detail['name'] for detail in inputs]}")
    interpreter.set_tensor(inputs[0]["index"], audio)
    interpreter.invoke()
    tensors = {detail["name"]: interpreter.get_tensor(detail["index"]) for detail in outputs}
    result = {}
    for name, tensor in TENSORS["outputs"].items():
        value = tensors.get(tensor)
        if value is None or value.shape != SHAPES[name] or (value != by_signature[name]).any():
            raise Failed(65, f"{model}: output {name} is not tensor {tensor} with shape {SHAPES[name]}")
        if not value.max() - value.min() > 0.1:
            raise Failed(65, f"{model}: output {name} is constant, so it would verify nothing")
        result[name] = value
    return result


def manifest_of(out, sounds):
    def entry(path, **rest):
        return {**rest, "path": path, "sha256": sha256(os.path.join(out, path))}

    variants = [entry("variants/onnx-fp32/nmp.onnx", name="onnx-fp32", format="onnx", precision="float32"),
                entry("variants/tflite-fp32/nmp.tflite", name="tflite-fp32", format="tflite", precision="float32")]
    made_by = f"{interpreter_of()[0]} on nmp.tflite (sha256 {SHA256['nmp.tflite']}), 1 thread"
    return {
        "v": 1, "model": "nmp", "licence": "Apache-2.0",
        "source": "Python package basic-pitch 0.4.0, saved_models/icassp_2022: music note detection",
        "provenance": {
            "recipe": "agents/prepare/nmp_bundle.py", "recipe_sha256": recipe(SOURCES),
            "input": "recorded notes of Debian package sound-icons 0.1-8 (GPL-2+), resampled from 16 kHz to "
                     f"{RATE} Hz, one after another, peak-normalised",
            "sounds": [{"file": name, "start_s": start, "sha256": sha256(os.path.join(sounds, name))}
                       for name, start in NOTES]},
        "variants": variants,
        "inputs": [entry("inputs/000.npz")],
        "references": [entry("reference/000.npz", made_by=made_by)],
        "tolerances": {"float32": {"rtol": 1e-3, "atol": 1e-4}},
        "names": {row["name"]: TENSORS for row in variants},
    }


def build(out, models, sounds):
    try:
        import numpy
        interpreter_of()  # asked for here so that its absence is one sentence
    except ImportError as error:
        raise Failed(69, f"{error}: run deploy/fetch bundle, then this with the system's Python (3.11 to 3.13)") from error
    for folder in ("variants/onnx-fp32", "variants/tflite-fp32", "inputs", "reference"):
        os.makedirs(os.path.join(out, folder))
    for name, variant in (("nmp.onnx", "onnx-fp32"), ("nmp.tflite", "tflite-fp32")):
        source = os.path.join(models, name)
        if sha256(source) != SHA256[name]:
            raise Failed(65, f"{source} is not the file this recipe was written for: remove it and run deploy/fetch models")
        shutil.copyfile(source, os.path.join(out, "variants", variant, name))
    audio = numpy.array(make_audio(sounds), dtype=numpy.float32).reshape(1, SAMPLES, 1)
    write_npz(os.path.join(out, "inputs/000.npz"), {"audio": audio})
    write_npz(os.path.join(out, "reference/000.npz"), reference(os.path.join(models, "nmp.tflite"), audio))
    with open(os.path.join(out, "manifest.json"), "w", encoding="utf-8") as file:
        json.dump(manifest_of(out, sounds), file, indent=2)
        file.write("\n")


def main():
    parser = argparse.ArgumentParser(description="Makes the bundle of model nmp.")
    parser.add_argument("--out", default=os.path.join(ROOT, "build/bundles/nmp"), help="folder to make")
    parser.add_argument("--models", default=os.path.join(ROOT, "build/models"), help="folder with nmp.onnx and nmp.tflite")
    parser.add_argument("--sounds", default=os.path.join(ROOT, "build/deps/sounds"), help="folder with the recordings")
    args = parser.parse_args()
    sys.path[:0] = [os.path.join(ROOT, "build/deps/python", name) for name in ("numpy", "tflite-runtime", "ai-edge-litert")]
    if is_current(args.out, recipe(SOURCES)):
        return
    parent = os.path.dirname(os.path.abspath(args.out))
    os.makedirs(parent, exist_ok=True)
    scratch = tempfile.mkdtemp(dir=parent, prefix=".nmp.")
    try:
        os.chmod(scratch, 0o755)
        build(scratch, args.models, args.sounds)
        shutil.rmtree(args.out, ignore_errors=True)
        os.rename(scratch, args.out)  # whole or not at all
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    print(f"made {args.out}")


if __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        print(f"nmp_bundle: {failure}", file=sys.stderr)
        sys.exit(failure.status)
    except OSError as failure:
        print(f"nmp_bundle: {failure.filename}: {failure.strerror}; run deploy/fetch models bundle first", file=sys.stderr)
        sys.exit(69)
