#!/usr/bin/env python3
"""The same model, threads and machine: our worker against the plain Python loop, interleaved pairs of fresh
processes. Prints the paired ratio of P50 (ours / Python) with its 95 % Hodges-Lehmann interval.

  python_pairs.py --model FILE [--shape NAME:1x576] [--pairs 12] [--iterations 2000] [--threads 1]

The Python package is unpacked from the very wheel that the worker's library comes from (deploy/deps.lock)."""
import argparse
import json
import math
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import zipfile

ROOT = os.environ.get("IFM_SOURCE_DIR", os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
BUILD = os.environ.get("IFM_BUILD_DIR", os.path.join(ROOT, "build", "release"))

PYTHON_LOOP = r"""
import json, sys, time
import numpy as np, onnxruntime as ort
path, threads, iterations = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
shapes = dict((s.split(":")[0], [int(d) for d in s.split(":")[1].split("x")]) for s in sys.argv[4:])
options = ort.SessionOptions()
options.intra_op_num_threads = threads
session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
kinds = {"tensor(float)": np.float32, "tensor(int64)": np.int64, "tensor(int32)": np.int32}
rng = np.random.default_rng(1)
inputs = {}
for i in session.get_inputs():
    shape = shapes.get(i.name, [d if isinstance(d, int) and d > 0 else 1 for d in i.shape])
    kind = kinds[i.type]
    inputs[i.name] = (rng.random(shape) if kind is np.float32 else rng.integers(0, 2, shape)).astype(kind)
for _ in range(max(10, iterations // 10)):
    session.run(None, inputs)
times = []
for _ in range(iterations):
    start = time.perf_counter()
    session.run(None, inputs)
    times.append(time.perf_counter() - start)
times.sort()
print(json.dumps({"p50_ns": times[(len(times) + 1) // 2 - 1] * 1e9}))
"""


def unpack_peer(folder):
    """Unpacks the pinned wheels of onnxruntime and numpy from the cache; False when one is not there."""
    cache = os.path.join(os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")), "inferometer", "deps")
    found = set()
    with open(os.path.join(ROOT, "deploy", "deps.lock"), encoding="utf-8") as lock:
        for line in lock:
            row = line.rstrip("\n").split("|")
            ours = len(row) > 6 and row[4].split("-")[0] == platform.machine() and "-cp311-" in row[6]
            if ours and row[2] in ("onnxruntime", "numpy"):
                wheel = os.path.join(cache, row[5], row[6])
                if os.path.exists(wheel):
                    zipfile.ZipFile(wheel).extractall(folder)
                    found.add(row[2])
    return len(found) == 2


def python_p50(site, args):
    command = ["/usr/bin/python3", "-c", PYTHON_LOOP, args.model, str(args.threads), str(args.iterations), *args.shape]
    out = subprocess.run(command, check=True, capture_output=True, text=True,
                         env=dict(os.environ, PYTHONPATH=site)).stdout
    return json.loads(out)["p50_ns"]


def our_p50(args):
    command = [os.path.join(BUILD, "bin", "inferometer"), "run", args.model, "--runtime", "onnxruntime",
               "--threads", str(args.threads), "--invocations", "1", "--iterations", str(args.iterations),
               "--duration", "0s", "--warmup", str(max(10, args.iterations // 10)), "--json", "--daemon", "none"]
    for shape in args.shape:
        command += ["--shape", shape]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(out)["summary"]["p50_ns"]["value"]


def signed_rank_k(count, alpha):
    """Largest rank k of the sorted Walsh averages with P(W+ <= k - 1) <= alpha; 0: none."""
    top = count * (count + 1) // 2
    ways = [1] + [0] * top
    for r in range(1, count + 1):
        for j in range(top, r - 1, -1):
            ways[j] += ways[j - r]
    total, k = 0, 0
    for w in range(top + 1):
        total += ways[w]
        if total / 2 ** count > alpha:
            break
        k = w + 1
    return k


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default=os.path.join(ROOT, "build", "models", "silero_vad_16k_op15.onnx"))
    parser.add_argument("--shape", action="append", help="NAME:1x576, as often as needed")
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--iterations", type=int, default=2000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    args.shape = args.shape or (["input:1x576"] if "silero" in args.model else [])
    if not os.path.exists(args.model):
        print(f"SKIP python_pairs: no model {os.path.basename(args.model)}; deploy/fetch models brings it")
        return 77
    with tempfile.TemporaryDirectory(prefix="ifm-peer-") as site:
        if not unpack_peer(site):
            print("SKIP python_pairs: the wheels of onnxruntime and numpy are not in the cache; "
                  "deploy/fetch onnxruntime bundle brings them")
            return 77
        return measure(args, site)


def measure(args, site):
    order = random.Random(args.seed)
    logs, ours, theirs = [], [], []
    for pair in range(args.pairs):
        if order.random() < 0.5:
            a, b = our_p50(args), python_p50(site, args)
        else:
            b, a = python_p50(site, args), our_p50(args)
        ours.append(a)
        theirs.append(b)
        logs.append(math.log(a / b))
        print(f"pair {pair + 1:2d}: ours {a / 1e3:9.2f} us  python {b / 1e3:9.2f} us  ratio {a / b:.4f}", flush=True)
    walsh = sorted((logs[i] + logs[j]) / 2 for i in range(len(logs)) for j in range(i, len(logs)))
    k = signed_rank_k(len(logs), 0.025)
    centre = math.exp(statistics.median(walsh))
    bounds = (math.exp(walsh[k - 1]), math.exp(walsh[len(walsh) - k])) if k else (float("nan"),) * 2
    spread = lambda v: statistics.stdev(v) / statistics.mean(v) * 100
    print(f"{os.path.basename(args.model)}, {args.threads} thread(s), {args.pairs} interleaved pairs x "
          f"{args.iterations}: ours/python P50 = {centre:.4f} [{bounds[0]:.4f} .. {bounds[1]:.4f}] (goal: upper "
          f"bound <= 1.02); CoV of P50 ours {spread(ours):.2f} %, python {spread(theirs):.2f} %")
    return 0


if __name__ == "__main__":
    sys.exit(main())
