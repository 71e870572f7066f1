#!/usr/bin/env python3
"""Does a second run say the same? Repeats the default run of each real model and looks at every pair of repeats: do
they agree within their intervals, and where not, did at least one of them say why (its trust verdict)? Prints the
share of pairs, the coefficient of variation of P50 among the runs called trusted, and how often each verdict and
each reason came.

  rerun_stability.py [--repeats 10] [--quick | --duration 2s] [--threads 1] [--models nmp.onnx,silero_vad_16k_op15.onnx,magika.onnx]

Repeats of the models take turns, so that a slow hour of the machine touches all of them. Default runs
measure 1,024 inferences in each of 10 processes: minutes for a model of 30 ms. --duration bounds each process by
time instead, --quick makes each run of 6 short invocations."""
import argparse
import collections
import itertools
import os
import statistics
import sys

import peers

SHAPES = {"silero_vad_16k_op15.onnx": ["input:1x576"], "nmp.onnx": [], "magika.onnx": []}
AGREE = 0.02 # as `inferometer rerun`: intervals that meet, or medians within this part of each other


def agrees(a, b):
    if None in (a["low"], a["high"], b["low"], b["high"]):
        return abs(a["value"] / b["value"] - 1) <= AGREE
    return (a["low"] <= b["high"] and b["low"] <= a["high"]) or abs(a["value"] / b["value"] - 1) <= AGREE


def report(name, replies):
    p50 = [r["summary"]["p50_ns"] for r in replies]
    trusted = [r["run"]["trust"] == "trusted" for r in replies]
    met, explained, pairs = 0, 0, 0
    for i, j in itertools.combinations(range(len(replies)), 2):
        pairs += 1
        same = agrees(p50[i], p50[j])
        met += same
        explained += not same and not (trusted[i] and trusted[j])
    good = [p["value"] for p, t in zip(p50, trusted) if t]
    cov = statistics.stdev(good) / statistics.mean(good) * 100 if len(good) > 1 else float("nan")
    values = [p["value"] for p in p50]
    print(f"{name}: P50 {statistics.median(values) / 1e6:.4f} ms, CoV of all {len(values)} runs "
          f"{statistics.stdev(values) / statistics.mean(values) * 100:.2f} %, of {len(good)} trusted {cov:.2f} % (goal < 2); "
          f"pairs that agree {met}/{pairs}, that do not but say why {explained}/{pairs}: "
          f"{(met + explained) / pairs * 100:.1f} % (goal >= 90)")


def repeat_all(models, args):
    size = ["--invocations", 6, "--duration", "500ms"] if args.quick else []
    if args.duration:
        size = ["--duration", args.duration, "--cooldown", "1s"]
    runs = {m: [] for m in models}
    for repeat in range(args.repeats):
        for m in models:
            reply = peers.ours(os.path.join(peers.ROOT, "build", "models", m), args.threads, *size,
                               shapes=SHAPES.get(m, []))
            runs[m].append(reply)
            p50 = reply["summary"]["p50_ns"]
            print(f"repeat {repeat + 1:2d} {m}: {p50['value'] / 1e6:.4f} ms [{(p50['low'] or 0) / 1e6:.4f} .. "
                  f"{(p50['high'] or 0) / 1e6:.4f}] {reply['run']['trust']} "
                  f"{' '.join(f['code'] for f in reply['run'].get('trust_findings', []))}", flush=True)
    return runs


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--models", default="nmp.onnx,silero_vad_16k_op15.onnx,magika.onnx")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--duration", help="of the timed phase of each process, like 2s; default: the default plan")
    args = parser.parse_args()
    models = [m for m in args.models.split(",") if os.path.exists(os.path.join(peers.ROOT, "build", "models", m))]
    if not models:
        print("SKIP rerun_stability: no models in build/models; deploy/fetch models brings them")
        return 77
    runs = repeat_all(models, args)
    for m in models:
        report(m, runs[m])
    count_reasons([r["run"] for replies in runs.values() for r in replies])
    return 0


def count_reasons(every):
    print("verdicts: " + ", ".join(f"{k} {n}" for k, n in collections.Counter(r["trust"] for r in every).most_common()))
    codes = collections.Counter(f"{f['code']} ({f['severity']})" for r in every for f in r.get("trust_findings", []))
    print("reasons: " + (", ".join(f"{k} {n}" for k, n in codes.most_common()) or "none"))


if __name__ == "__main__":
    sys.exit(main())
