#!/usr/bin/env python3
"""Makes the bundle silero: an audio network (speech detection) in ONNX of several opsets and precisions and TorchScript.

    agents/prepare/silero_bundle.py [--out DIR]

Needs numpy and the files that `deploy/fetch models prepare` brings: the package's model files and recorded speech. The
TorchScript variant needs torch (`deploy/fetch libtorch`) and is left out without it: the package's own file keeps
state between calls, so that no two inferences of it are alike; here the network inside it is taken out.

The reference outputs are computed with numpy in float64 from the weights inside the opset-15 file. (The package's
silero_vad_16k.safetensors is another training of the same network: its outputs differ in the second digit.) Layout: docs/architecture.md.
"""

import argparse
import os
import shutil
import sys
import wave

import common
import torch_cpu

SOURCES = ("common.py", "silero_bundle.py")
RATE, WINDOW, CONTEXT = 16000, 512, 64
FILES = (  # name, file of the package, precision, what the variant calls its arrays, words
    ("onnx-op15", "silero_vad_16k_op15.onnx", "float32", ("input", "state", "sr"), "16 kHz, opset 15"),
    ("onnx-op16", "silero_vad.onnx", "float32", ("input", "state", "sr"), "both rates, chosen by an If"),
    ("onnx-op18", "silero_vad_op18_ifless.onnx", "float32", ("input", "state", "sr"), "both rates, opset 18, no If"),
    ("onnx-fp16", "silero_vad_half.onnx", "float16", ("input", "state"), "16 kHz, weights in half precision"),
    ("onnx-static", "silero_vad_openvino_16k.onnx", "float32", ("input", "state"), "16 kHz, fixed shapes"),
)
TORCH = ("torchscript-fp32", "silero_vad_16k.jit", "float32", "the 16 kHz network of silero_vad.jit")


def speech(path):
    """Two channels or one, 16 bit, any multiple of 16 kHz -> floats at 16 kHz; windowed sinc."""
    import numpy
    with wave.open(path, "rb") as file:
        factor, rest = divmod(file.getframerate(), RATE)
        if file.getsampwidth() != 2 or rest:
            raise common.Failed(65, f"{path}: expected 16 bit at a multiple of {RATE} Hz")
        samples = numpy.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels())
    mono = samples.astype("f8").mean(axis=1) / 32768
    if factor == 1:
        return mono
    n = numpy.arange(-16 * factor, 16 * factor + 1)
    taps = numpy.sinc(n / factor) * numpy.hanning(n.size + 2)[1:-1]
    return numpy.convolve(mono, taps / taps.sum(), "same")[::factor]


def sigmoid(x):
    import numpy
    return 1 / (1 + numpy.exp(-x))


def convolve(x, weight, bias, stride, padding):
    """One-dimensional convolution of [channels, time]."""
    import numpy
    x = numpy.pad(x, ((0, 0), (padding, padding)))
    windows = numpy.lib.stride_tricks.sliding_window_view(x, weight.shape[2], axis=1)[:, ::stride]
    out = numpy.einsum("ctk,ock->ot", windows, weight)
    return out if bias is None else out + bias[:, None]


def forward(w, x, state):
    """(probability [1, 1], state [2, 1, 128]) of one window with its context, in float64."""
    import numpy
    padded = numpy.pad(x, ((0, 0), (0, 64)), mode="reflect")
    spectrum = convolve(padded, w["stft_conv.weight"], None, 128, 0)
    y = numpy.hypot(spectrum[:129], spectrum[129:])
    for name, stride in (("conv1", 1), ("conv2", 2), ("conv3", 2), ("conv4", 1)):
        y = numpy.maximum(convolve(y, w[f"{name}.weight"], w[f"{name}.bias"], stride, 1), 0)
    if y.shape[1] != 1:
        raise common.Failed(65, "the network's shape is not the one this recipe was written for")
    gates = (w["lstm_cell.weight_ih"] @ y[:, 0] + w["lstm_cell.bias_ih"] + w["lstm_cell.weight_hh"] @ state[0, 0] +
             w["lstm_cell.bias_hh"]).reshape(4, -1)
    cell = sigmoid(gates[1]) * state[1, 0] + sigmoid(gates[0]) * numpy.tanh(gates[2])
    hidden = sigmoid(gates[3]) * numpy.tanh(cell)
    logit = w["final_conv.weight"][0, :, 0] @ numpy.maximum(hidden, 0) + w["final_conv.bias"][0]
    return numpy.array([[sigmoid(logit)]]), numpy.stack([hidden, cell])[:, None]


def make_torch(models, path):
    import torch
    network = torch.jit.load(os.path.join(models, "silero_vad.jit"), map_location="cpu")._model
    torch.jit.save(network.eval(), path)


def samples(weights, sound):
    """Four windows: before the speech, and three of it, each with the state that those before it left."""
    import numpy
    inputs, references, probabilities = [], [], []
    state, context = numpy.zeros((2, 1, 128)), numpy.zeros(CONTEXT)
    for begin in range(0, len(sound) - WINDOW, WINDOW):
        window = numpy.concatenate([context, sound[begin:begin + WINDOW]]).astype(numpy.float32)[None]
        before = state.astype(numpy.float32)
        probability, state = forward(weights, window.astype("f8"), before.astype("f8"))
        inputs.append({"input": window, "state": before, "sr": numpy.array(RATE, numpy.int64)})
        references.append({"output": probability.astype(numpy.float32), "stateN": state.astype(numpy.float32)})
        probabilities.append(probability[0, 0])
        context = sound[begin + WINDOW - CONTEXT:begin + WINDOW]
    loudest = int(numpy.argmax(probabilities))
    if probabilities[loudest] < 0.9 or min(probabilities) > 0.1:
        raise common.Failed(65, "no speech is found in the recording, so it would verify nothing")
    chosen = [loudest, 0, loudest // 2, min(loudest + 8, len(inputs) - 1)]
    return [inputs[i] for i in chosen], [references[i] for i in chosen]


def read_weights(path):
    """Arrays of the ONNX file by the names that `forward` uses."""
    try:
        import onnx
    except ImportError as error:
        raise common.Failed(69, f"{error}: run deploy/fetch prepare") from error
    stored = {tensor.name: onnx.numpy_helper.to_array(tensor).astype("f8") for tensor in onnx.load(path).graph.initializer}
    names = {"stft_conv.weight": "model.stft.forward_basis_buffer", "final_conv.weight": "model.decoder.decoder.2.weight",
             "final_conv.bias": "model.decoder.decoder.2.bias"}
    for kind in ("weight", "bias"):
        names.update({f"conv{i + 1}.{kind}": f"model.encoder.{i}.reparam_conv.{kind}" for i in range(4)})
        names.update({f"lstm_cell.{kind}_{side}": f"model.decoder.rnn.{kind}_{side}" for side in ("ih", "hh")})
    missing = [name for name in names.values() if name not in stored]
    if missing:
        raise common.Failed(65, f"{path}: no array {missing[0]}: this recipe was written for another file")
    return {name: stored[theirs] for name, theirs in names.items()}


def build(out, models, sounds):
    weights = read_weights(os.path.join(models, FILES[0][1]))
    inputs, references = samples(weights, speech(os.path.join(sounds, "Front_Center.wav")))
    variants, names, failed = [], {}, {}
    for name, file, precision, arrays, words in FILES:
        path = f"variants/{name}/{file}"
        os.makedirs(os.path.join(out, "variants", name))
        shutil.copyfile(os.path.join(models, file), os.path.join(out, path))
        variants.append(common.variant(out, path, name=name, format="onnx", precision=precision,
                                       recipe=f"file of the package: {words}"))
        names[name] = {"inputs": {array: array for array in arrays}}
    name, file, precision, words = TORCH
    path = f"variants/{name}/{file}"
    why = common.make(os.path.abspath(__file__), [models], os.path.join(out, path))
    if why:
        shutil.rmtree(os.path.join(out, "variants", name))
        failed[name] = why
        print(f"silero_bundle: {name} is left out: {why}", file=sys.stderr)
    else:
        variants.append(common.variant(out, path, name=name, format="torchscript", precision=precision,
                                       recipe=f"agents/prepare/silero_bundle.py: {words}"))
        names[name] = {"inputs": {"input": "x", "state": "state"}, "outputs": {"output": "output0", "stateN": "output1"}}
    paths = common.write_samples(out, inputs, references)
    common.write_manifest(out, {
        "v": 1, "model": "silero", "licence": "MIT", "source": "Python package silero-vad 6.2.3: speech detection",
        "provenance": {"recipe": "agents/prepare/silero_bundle.py", "recipe_sha256": common.recipe(SOURCES),
                       "failed": failed, "input": "Front_Center.wav of Debian package alsa-utils 1.2.8-1"},
        "variants": variants, "inputs": [common.entry(out, path) for path in paths[0]],
        "references": [common.entry(out, path, made_by="numpy in float64 from the weights of silero_vad_16k_op15.onnx")
                       for path in paths[1]],
        "tolerances": {"float32": {"rtol": 1e-3, "atol": 1e-4}}, "names": names})


def main():
    parser = argparse.ArgumentParser(description="Makes the bundle of model silero.")
    parser.add_argument("--out", default=os.path.join(common.ROOT, "build/bundles/silero"), help="folder to make")
    parser.add_argument("--models", default=os.path.join(common.ROOT, "build/models"), help="folder with the model files")
    parser.add_argument("--sounds", default=os.path.join(common.ROOT, "build/deps/speech"), help="folder with the recording")
    parser.add_argument("--make", nargs=2, metavar=("MODELS", "FILE"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    common.need_numpy()
    if args.make:
        torch_cpu.lazy()
        make_torch(*args.make)
        return
    wanted = {TORCH[0]} if common.newest("libtorch") else set()
    if not common.is_current(args.out, common.recipe(SOURCES), wanted):
        common.whole(args.out, lambda folder: build(folder, args.models, args.sounds))


if __name__ == "__main__":
    common.run(main)
