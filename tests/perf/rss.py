#!/usr/bin/env python3
"""RssAnon of the worker (less its sample array) and of the command line while `null` is being measured."""
import json
import os
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
        worker_peak = cli_peak = 0
        while cli.poll() is None:
            try:
                cli_peak = max(cli_peak, anon_kb(cli.pid))
                for pid in children(cli.pid):
                    worker_peak = max(worker_peak, anon_kb(pid))
            except (FileNotFoundError, ProcessLookupError):
                pass
            time.sleep(0.005)
        out.seek(0)
        result = json.load(out)
    array_kb = max(i["own_array_bytes"] for i in result["invocations"]) // 1024
    print(f"RssAnon with null: worker {worker_peak} kB, less its array of {array_kb} kB = {worker_peak - array_kb} kB "
          f"(goal <= 2048); command line {cli_peak} kB (goal <= 3072)")
    return cli.returncode


if __name__ == "__main__":
    sys.exit(main())
