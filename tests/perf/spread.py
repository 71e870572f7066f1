#!/usr/bin/env python3
"""How far apart are repeats of the same measurement? Ours, the plain Python loop, OpenVINO's benchmark_app and the
Python loadgen with a small system under test: same model, threads and timed seconds, interleaved in random order,
each repeat in fresh processes. Prints the coefficient of variation and the range of P50 for each tool.

  spread.py [--model FILE] [--shape NAME:1x576] [--repeats 10] [--seconds 3] [--threads 1]

Ours divides the same seconds into five fresh processes and reports the median over them; "ours, one process" spends
them in one, as the peers do. benchmark_app measures with OpenVINO at f32, the others with ONNX Runtime: compare
spreads, not medians."""
import argparse
import os
import random
import statistics
import sys
import tempfile

import peers


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default=os.path.join(peers.ROOT, "build", "models", "magika.onnx"))
    parser.add_argument("--shape", action="append", default=[], help="NAME:1x576, as often as needed")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    args.shape = args.shape or (["bytes:1x2048"] if "magika" in args.model else [])
    if not os.path.exists(args.model):
        print(f"SKIP spread: no model {os.path.basename(args.model)}; deploy/fetch models brings it")
        return 77
    with tempfile.TemporaryDirectory(prefix="ifm-peer-") as site:
        missing = peers.unpack(site, {"onnxruntime", "numpy", "openvino", "openvino-telemetry", "packaging",
                                      "mlcommons-loadgen"})
        if {"onnxruntime", "numpy"} & missing:
            print("SKIP spread: no wheels of onnxruntime and numpy; deploy/fetch onnxruntime bundle peers brings them")
            return 77
        for name in sorted(missing):
            print(f"missing peer: {name} (deploy/fetch peers)")
        return measure(args, site, missing)


def ours(args, invocations):
    reply = peers.ours(args.model, args.threads, "--invocations", invocations, "--duration",
                       f"{args.seconds / invocations * 1000:.0f}ms", shapes=args.shape)
    return reply["summary"]["p50_ns"]["value"]


def measure(args, site, missing):
    words = (site, args.model, args.threads, float(args.seconds), args.shape)
    tools = {"ours, five processes": lambda: ours(args, 5), "ours, one process": lambda: ours(args, 1),
             "python loop": lambda: peers.loop_p50(*words)}
    if "mlcommons-loadgen" not in missing:
        tools["loadgen"] = lambda: peers.loadgen_p50(*words)
    if not {"openvino", "openvino-telemetry", "packaging"} & missing:
        tools["benchmark_app"] = lambda: peers.benchmark_app_p50(*words)
    order, values = random.Random(args.seed), {name: [] for name in tools}
    for repeat in range(args.repeats):
        names = list(tools)
        order.shuffle(names)
        for name in names:
            values[name].append(tools[name]())
        print(f"repeat {repeat + 1:2d}: " + "  ".join(f"{n} {v[-1] / 1e6:.4f} ms" for n, v in values.items()), flush=True)
    print(f"{os.path.basename(args.model)}, {args.threads} thread(s), {args.repeats} interleaved repeats x {args.seconds} s:")
    spread = {n: statistics.stdev(v) / statistics.mean(v) * 100 for n, v in values.items()}
    for name, v in values.items():
        print(f"  {name:22s} P50 {statistics.median(v) / 1e6:9.4f} ms  CoV {spread[name]:6.2f} %  range "
              f"{(max(v) / min(v) - 1) * 100:6.2f} %  CoV ours/this "
              f"{spread['ours, five processes'] / spread[name]:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
