#!/usr/bin/env python3
"""Each runtime module against its vendor's own loop: same model, threads and machine, interleaved pairs of fresh
processes in a random order. Prints the paired ratio of P50 (ours / vendor's) with its exact 95 % signed-rank interval.

  vendor_pairs.py [--quick] [--pairs 12] [--threads 1] [RUNTIME…]

ONNX Runtime, LiteRT, ExecuTorch and libtorch: the loop of a Python program; OpenVINO: its benchmark_app. A runtime, model
or peer that is not here is a skip with a reason. Models of ExecuTorch and libtorch are made by tests/contract/cpp_models.py."""
import argparse
import math
import os
import random
import statistics
import subprocess
import sys
import tempfile

import peers
from python_pairs import signed_rank_k

LIMIT = 1.02
MODELS = os.path.join(peers.ROOT, "build", "models")


class Absent(Exception):
    """Why a pair cannot be measured here."""


def wheels(site, *names):
    missing = peers.unpack(site, set(names))
    if missing:
        raise Absent(f"the wheels of {', '.join(sorted(missing))} are not in the cache; deploy/fetch bundle peers brings them")
    return site


class Case:
    """One runtime: a model, what our run needs, and a function that gives the vendor's P50 and version."""

    def __init__(self, model, iterations, shape, options=(), peer=None, shape_to_us=True):
        self.model, self.iterations, self.shape, self.options, self.peer = model, iterations, shape, options, peer
        self.shape_to_us = shape_to_us

    def ours(self, name, threads):
        shapes = [self.shape] if self.shape and self.shape_to_us else []
        try:
            reply = peers.ours(self.model, threads, "--invocations", 1, "--iterations", self.iterations, "--duration", "0s",
                               "--cooldown", 0, "--warmup", max(10, self.iterations // 10), *self.options, shapes=shapes, runtime=name)
        except SystemExit as error:
            raise Absent(str(error)) from error
        p50 = (reply.get("summary") or {}).get("p50_ns") or {}
        if not p50.get("value"):
            raise Absent("our run gave no result")
        return p50["value"]


def from_loop(code, case, threads, site=None, library=None):
    p50, word = peers.vendor_loop(code, case.model, threads, case.iterations, case.shape.split(":")[1], site, library)
    if p50 is None:
        raise Absent(word)
    return p50, word


def made(folder, name):
    """A model of cpp_models.py, made once."""
    path = os.path.join(folder, name)
    if not os.path.exists(path):
        script = os.path.join(peers.ROOT, "tests", "contract", "cpp_models.py")
        done = subprocess.run([*peers.torch_runner(), script, folder, "bench"], capture_output=True, text=True, check=False)
        if not os.path.exists(path):
            said = (done.stdout + done.stderr).strip().splitlines()
            raise Absent(said[-1] if said else f"{name} cannot be made")
    return path


def fetched(name):
    path = os.path.join(MODELS, name)
    if not os.path.exists(path):
        raise Absent(f"no model {name}; deploy/fetch models brings it")
    return path


def onnxruntime(folder):
    site = wheels(os.path.join(folder, "ort"), "onnxruntime", "numpy")
    case = Case(fetched("silero_vad_16k_op15.onnx"), 4000, "input:1x576")
    case.peer = lambda t: (peers.loop_p50(site, case.model, t, case.iterations, [case.shape]), "onnxruntime, the same wheel")
    return case


def openvino(folder):
    site = wheels(os.path.join(folder, "ov"), "openvino", "openvino-telemetry", "packaging", "numpy")
    case = Case(fetched("nmp.onnx"), 60, "serving_default_input_2:0:1x43844x1", ["-O", "inference-precision=f32"], shape_to_us=False)
    case.peer = lambda t: (peers.benchmark_app_p50(site, case.model, t, 2, [case.shape]), "benchmark_app -hint none, f32")
    return case


def litert(folder):
    del folder
    library = peers.installed_library("litert")
    if not library:
        raise Absent("litert is not here; run: inferometer runtime install litert")
    case = Case(fetched("nmp.tflite"), 60, "x:1x43844x1", ["--provider", "xnnpack"], shape_to_us=False)
    case.peer = lambda t: from_loop(peers.TFLITE_C, case, t, library=library)
    return case


def litert_python(folder):
    """The vendor's Python package, which has another version of the library: the ratio is that of the versions too."""
    site = wheels(os.path.join(folder, "tfl"), "tflite-runtime", "numpy")
    case = Case(fetched("nmp.tflite"), 60, "x:1x43844x1", ["--provider", "xnnpack"], shape_to_us=False)
    case.peer = lambda t: from_loop(peers.TFLITE, case, t, site)
    return case


def executorch(folder):
    case = Case(made(folder, "bench.pte"), 1500, "input0:1x3x224x224")
    case.peer = lambda t: from_loop(peers.EXECUTORCH, case, t)
    return case


def libtorch(folder):
    case = Case(made(folder, "bench.pt"), 1000, "x:1x3x224x224")
    case.peer = lambda t: from_loop(peers.TORCH, case, t)
    return case


CASES = {f.__name__: f for f in (onnxruntime, litert, litert_python, executorch, libtorch, openvino)}


def interval(logs):
    """Hodges-Lehmann centre of the ratio with the exact interval that inverts the signed-rank test."""
    walsh = sorted((logs[i] + logs[j]) / 2 for i in range(len(logs)) for j in range(i, len(logs)))
    k = signed_rank_k(len(logs), 0.025)
    bounds = (walsh[k - 1], walsh[-k]) if k else (float("nan"),) * 2
    return [math.exp(v) for v in (statistics.median(walsh), *bounds)]


def spread(values):
    return statistics.stdev(values) / statistics.mean(values) * 100


def measure(name, case, args):
    order, ours, theirs, word = random.Random(args.seed), [], [], ""
    runtime = name.split("_")[0]
    case.ours(runtime, args.threads)  # both once before anything counts: files come into the cache
    case.peer(args.threads)
    for pair in range(args.pairs):
        first = order.random() < 0.5
        if first:
            ours.append(case.ours(runtime, args.threads))
        p50, word = case.peer(args.threads)
        theirs.append(p50)
        if not first:
            ours.append(case.ours(runtime, args.threads))
        print(f"  {name} pair {pair + 1:2d}: ours {ours[-1] / 1e3:10.2f} us  vendor's {p50 / 1e3:10.2f} us  "
              f"ratio {ours[-1] / p50:.4f}", flush=True)
    centre, low, high = interval([math.log(a / b) for a, b in zip(ours, theirs)])
    print(f"{name}: {os.path.basename(case.model)}, {args.threads} thread(s), n = {args.pairs} pairs x {case.iterations}: ours / "
          f"{word} = {centre:.4f} [{low:.4f} .. {high:.4f}], upper bound {'<=' if high <= LIMIT else '>'} {LIMIT}: "
          f"{'met' if high <= LIMIT else 'NOT MET'}; spread (CoV) ours {spread(ours):.1f} %, vendor's {spread(theirs):.1f} %",
          flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runtime", nargs="*", help=f"of {', '.join(CASES)}; all when none is named")
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="10 pairs, a fifth of the inferences")
    args = parser.parse_args()
    unknown = [name for name in args.runtime if name not in CASES]
    if unknown:
        parser.error(f"unknown runtime {unknown[0]}; there are: {', '.join(CASES)}")
    measured = 0
    with tempfile.TemporaryDirectory(prefix="ifm-pairs-") as folder:
        for name in args.runtime or CASES:
            try:
                case = CASES[name](folder)
                if args.quick:
                    args.pairs, case.iterations = 10, max(20, case.iterations // 5)
                measure(name, case, args)
                measured += 1
            except Absent as error:
                print(f"SKIP {name}: {error}", flush=True)
    return 0 if measured else 77


if __name__ == "__main__":
    sys.exit(main())
