#!/usr/bin/env python3
"""The same model, threads and machine: our worker against the plain Python loop, interleaved pairs of fresh
processes. Prints the paired ratio of P50 (ours / Python) with its 95 % Hodges-Lehmann interval.

  python_pairs.py --model FILE [--shape NAME:1x576] [--pairs 12] [--iterations 2000] [--threads 1]

The Python package is unpacked from the very wheel that the worker's library comes from (deploy/deps.lock)."""
import argparse
import math
import os
import random
import statistics
import sys
import tempfile

import peers

ROOT = peers.ROOT


def python_p50(site, args):
    return peers.loop_p50(site, args.model, args.threads, args.iterations, args.shape)


def our_p50(args):
    reply = peers.ours(args.model, args.threads, "--invocations", 1, "--iterations", args.iterations, "--duration",
                       "0s", "--warmup", max(10, args.iterations // 10), shapes=args.shape)
    return reply["summary"]["p50_ns"]["value"]


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
        if peers.unpack(site, {"onnxruntime", "numpy"}):
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
