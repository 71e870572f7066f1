"""Ctrl-C keeps what is finished, a kill loses at most the invocation under way, a terminal is cleaned up."""
import json
import os
import pty
import select
import signal
import subprocess
import time
import unittest

from cli_lib import CLI, CliCase, main

LONG = ("run", "--runtime", "sim", "-O", "latency=1ms", "--invocations", "30", "--duration", "700ms", "--warmup", "3")


class SignalCase(CliCase):
    def start(self, *args, **more):
        process = subprocess.Popen([CLI, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=self.work,
                                   env=self.env, stdin=subprocess.DEVNULL, **more)
        self.addCleanup(lambda: process.poll() is None and process.kill())
        return process

    def wait_for_invocations(self, count):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            for run in self.kept():
                names = [n for n in os.listdir(os.path.join(self.runs, run)) if n.startswith("invocation-")]
                if len([n for n in names if n.endswith(".json")]) >= count:
                    return run
            time.sleep(0.02)
        self.fail("no invocation was kept")

    @staticmethod
    def children(pid):
        try:
            with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
                return [int(word) for word in file.read().split()]
        except FileNotFoundError:
            return []

    def wait_for_end_of(self, pids):
        deadline = time.monotonic() + 20
        while any(os.path.exists(f"/proc/{pid}") for pid in pids):
            self.assertLess(time.monotonic(), deadline, "a worker outlived its parent")
            time.sleep(0.02)


class Signals(SignalCase):
    def interrupted(self, number, status):
        process = self.start(*LONG, "-q")
        run = self.wait_for_invocations(2)
        workers = self.children(process.pid)
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
        self.assertEqual(process.returncode, status, err)
        self.wait_for_end_of(workers)
        self.assertIn("planned not made", out)
        self.assertIn(run, out)
        body = self.body(run, "run.json")
        self.assertEqual((body["status"], body["planned"]), ("interrupted", 30))
        self.assertGreaterEqual(body["invocations"], 2)
        for n in range(body["invocations"]):
            self.assertEqual(self.body(run, f"invocation-{n:04}.json")["status"], "ok")
        self.assertFalse(os.path.exists(os.path.join(self.runs, run, f"invocation-{body['invocations']:04}.json")))

    def test_ctrl_c(self):
        self.interrupted(signal.SIGINT, 130)

    def test_terminate(self):
        self.interrupted(signal.SIGTERM, 143)

    def test_before_the_first_invocation_ends_nothing_is_kept(self):
        process = self.start("run", "--runtime", "sim", "-O", "latency=1ms", "--invocations", "2", "--duration", "60s")
        deadline = time.monotonic() + 20
        while not self.children(process.pid) and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
        self.assertEqual((process.returncode, out), (130, ""), err)
        self.assertIn("nothing to keep", err)
        self.assertEqual(self.kept(), [])

    def test_kill_loses_at_most_the_invocation_under_way(self):
        process = self.start(*LONG, "-q")
        run = self.wait_for_invocations(2)
        workers = self.children(process.pid)
        items = json.loads(self.ok("list", "--json").out)["items"]
        self.assertEqual([item["state"] for item in items], ["running"])
        process.kill()
        process.communicate()
        self.wait_for_end_of(workers)
        self.assertIn("unfinished", self.ok("list").out)
        shown = self.ok("show", "@1", "--json").json
        self.assertFalse(shown["closed"])
        self.assertGreaterEqual(len(shown["invocations"]), 2)
        self.assertGreater(shown["summary"]["p50_ns"]["value"], 900000)
        self.assertEqual(shown["run"]["id"], run)


class Terminal(SignalCase):
    def test_progress_and_ctrl_c_on_a_terminal(self):
        """The whole foreground group gets Ctrl-C; the worker has a session of its own, so only we act on it."""
        pid, fd = pty.fork()
        if pid == 0:
            os.chdir(self.work)
            os.execve(CLI, [CLI, *LONG], {**self.env, "TERM": "xterm"})
        run = self.wait_for_invocations(2)
        os.write(fd, b"\x03")
        text, status = b"", None
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if select.select([fd], [], [], 0.2)[0]:
                try:
                    part = os.read(fd, 65536)
                except OSError:
                    break
                if not part:
                    break
                text += part
        _, status = os.waitpid(pid, 0)
        os.close(fd)
        text = text.decode()
        self.assertEqual(os.waitstatus_to_exitcode(status), 130, text)
        self.assertIn("[2/30] timing", text)
        self.assertIn("the first invocation took", text)
        self.assertIn(run, text)
        self.assertIn("\r\x1b[K", text.split("P50")[0][-400:], "the progress line is wiped before the table")


if __name__ == "__main__":
    main()
