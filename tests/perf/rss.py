#!/usr/bin/env python3
"""RssAnon of the worker (less its sample arrays) and of the command line while `null` is being measured: medians
over the life of the first worker, peaks beside them (they include coding and decoding of millions of samples)."""
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.environ.get("IFM_SOURCE_DIR", os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
BUILD = os.environ.get("IFM_BUILD_DIR", os.path.join(ROOT, "build", "release"))


def anon_kb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("RssAnon:"):
                return int(line.split()[1])
    return 0


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(p) for p in file.read().split()]


def main():
    state = tempfile.mkdtemp(prefix="ifm-rss-")
    env = dict(os.environ, XDG_STATE_HOME=state, XDG_CONFIG_HOME=state)
    with tempfile.TemporaryFile("w+") as out:
        cli = subprocess.Popen([os.path.join(BUILD, "bin", "inferometer"), "run", "--runtime", "null",
                                "--invocations", "2", "--duration", "2s", "--iterations", "100000", "--json"],
                               stdout=out, stderr=subprocess.DEVNULL, env=env)
        command_kb, worker_kb, first = [], [], None
        while cli.poll() is None:
            try:
                for pid in children(cli.pid):
                    first = first or pid
                    if pid == first:
                        worker_kb.append(anon_kb(pid))
                        command_kb.append(anon_kb(cli.pid))
            except (FileNotFoundError, ProcessLookupError):
                pass
            time.sleep(0.005)
        out.seek(0)
        result = json.load(out)
    first = result["invocations"][0]
    array_kb = first["own_array_bytes"] / 1024
    steady_kb = first["memory_steady"]["anon_bytes"] / 1024
    print(f"RssAnon with null: worker at the end of the timed loop less its arrays of {array_kb:.0f} kB: {steady_kb:.0f} kB "
          f"(goal <= 2048), peak with coding {max(worker_kb) - array_kb:.0f} kB; command line meanwhile "
          f"{statistics.median(command_kb):.0f} kB (goal <= 3072), peak {max(command_kb)} kB")
    return cli.returncode


if __name__ == "__main__":
    sys.exit(main())
