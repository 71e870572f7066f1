#!/usr/bin/env python3
"""Inspecting a model file beside loading it with the Python package of its format, the largest model of each format at
hand (or the files given): medians of warm loads in one process each; starts and imports are not counted. Prints ratio and peak memory; asserts nothing. Goal: ratio >= 10."""

import glob
import os
import statistics
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../integration"))
import model_lib as lib  # noqa: E402

ROUNDS = 10
CHILD = r'''
import os, sys, time
sys.setdlopenflags(os.RTLD_LAZY | os.RTLD_GLOBAL)
path, rounds = sys.argv[1], int(sys.argv[2])
end = path.rsplit(".", 1)[1]
if end == "onnx":
    import onnx; load = lambda: onnx.load(path)
elif end == "xml":
    import openvino; load = lambda: openvino.Core().read_model(path)
elif end == "tflite":
    import tflite, numpy
    def load():
        model = tflite.Model.GetRootAs(open(path, "rb").read(), 0)
        for s in range(model.SubgraphsLength()):
            graph = model.Subgraphs(s)
            for t in range(graph.TensorsLength()):
                graph.Tensors(t).ShapeAsNumpy(), graph.Tensors(t).Name()
            for o in range(graph.OperatorsLength()):
                model.OperatorCodes(graph.Operators(o).OpcodeIndex()).BuiltinCode()
elif end in ("pt", "jit"):
    import torch; load = lambda: torch.jit.load(path, map_location="cpu")
elif end == "pt2":
    import torch; load = lambda: torch.export.load(path)
elif end == "pte":
    from executorch.exir._serialize._program import deserialize_pte_binary
    load = lambda: deserialize_pte_binary(open(path, "rb").read())
elif end == "safetensors":
    import safetensors.numpy; load = lambda: safetensors.numpy.load_file(path)
load()
for i in range(rounds):
    begin = time.perf_counter(); load(); print("TIME", time.perf_counter() - begin)
peak = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")][0]
print("PEAK", peak)
'''


def theirs(path):
    run = subprocess.run([sys.executable, "-c", CHILD, path, str(ROUNDS)], capture_output=True, text=True, timeout=300)
    times = [float(line.split()[1]) for line in run.stdout.splitlines() if line.startswith("TIME")]
    peaks = [int(line.split()[1]) for line in run.stdout.splitlines() if line.startswith("PEAK")]
    if not times or not peaks:
        raise ImportError((run.stderr.strip().splitlines() or ["no answer"])[-1][:100])
    return statistics.median(times), peaks[0]


def ours(path):
    run = subprocess.run([lib.PROGRAM, "--time", path], capture_output=True, text=True, timeout=60)
    if run.returncode != 0:
        return None, 0
    told = dict(line.split() for line in run.stdout.splitlines())
    return float(told["microseconds"]) / 1e6, int(told["peak_kb"])


def main():
    lib.need_program()
    largest = {}
    for path in sys.argv[1:] or glob.glob(os.path.join(lib.SOURCE, "build/models/*")) + glob.glob(
            os.path.join(lib.SOURCE, "build/bundles/*/variants/*/*")):
        end = path.rsplit(".", 1)[-1]
        end = "pt" if end == "jit" else end
        weight = os.path.getsize(path) + (os.path.getsize(path[:-4] + ".bin") if end == "xml" and os.path.exists(path[:-4] + ".bin") else 0)
        if end in ("onnx", "xml", "tflite", "pt", "pt2", "pte", "safetensors") and weight > largest.get(end, (0, ""))[0]:
            largest[end] = (weight, path)
    for end, (weight, path) in sorted(largest.items()):
        mine, peak = ours(path)
        if mine is None:
            print(f"{end:12} {os.path.basename(path)}: not read")
            continue
        try:
            other, other_peak = theirs(path)
        except ImportError as reason:
            print(f"{end:12} {os.path.basename(path)} {weight / 1e6:.1f} MB: ours {mine * 1e3:.3f} ms, {peak} kB; package skipped: {reason}")
            continue
        print(f"{end:12} {os.path.basename(path)} {weight / 1e6:.1f} MB: ours {mine * 1e3:.3f} ms, peak {peak} kB; "
              f"package {other * 1e3:.1f} ms, peak {other_peak} kB; ratio {other / mine:.1f}")


main()
