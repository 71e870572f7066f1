"""A runtime or a model that reaches for the network, another program or another process is stopped and becomes a
result with a sentence; so does one that crashes under the filter. Nothing of that without the filter."""
import json
import os
import subprocess
import unittest

from cli_lib import BUILD, MODELS, SANITIZED, CliCase, main

WORKER = os.path.join(BUILD, "bin", "inferometer-worker")
MODULES = os.path.join(BUILD, "tests", "modules")
QUICK = ("--invocations", "1", "--iterations", "20", "--warmup", "3")
EPERM = "Operation not permitted"


class IsolationCase(CliCase):
    def worker(self, runtime="hostile", **spec):
        line = json.dumps({"v": 1, "runtime": runtime, "iterations": 3, "warmup_iterations": 1, **spec})
        env = dict(self.env, **({"INFEROMETER_MODULE_DIR": MODULES} if runtime == "hostile" else {}))
        done = subprocess.run([WORKER], input=line + "\n", capture_output=True, text=True, env=env, timeout=120, check=False)
        events = [json.loads(text) for text in done.stdout.splitlines()]
        return done.returncode, events[-1], done.stderr

    def setUp(self):
        super().setUp()
        status, end, log = self.worker(options={"act": "none"})
        self.assertEqual(status, 0, log)
        if not end.get("sandboxed"):
            self.skipTest("the kernel refuses system call filters: " + str(end.get("warnings")))

    def test_what_is_not_allowed_is_stopped_wherever_it_is_tried(self):
        acts = ["connect", "unix", "pair", "exec", "memory", "bpf", "keys", "mount", "namespace", "perf", "uring"]
        for act in acts + ([] if SANITIZED else ["ptrace"]):
            for at in ("open", "run", "thread"):
                with self.subTest(act=act, at=at):
                    status, end, _ = self.worker(options={"act": act, "at": at})
                    self.assertEqual(end["event"], "error")
                    self.assertIn("the runtime was stopped: " + EPERM, end["message"])
                    self.assertEqual(end["step"], "first" if at == "run" else "load")
                    self.assertEqual(status, end["exit_status"])

    def test_threads_and_memory_go_on_working(self):
        for at in ("open", "run", "thread"):
            status, end, _ = self.worker(options={"act": "threads", "at": at})
            self.assertEqual((status, end["sandboxed"]), (0, True))

    def test_without_the_filter_nothing_is_stopped(self):
        for act in ("connect", "pair", "exec"):
            with self.subTest(act=act):
                status, end, _ = self.worker(options={"act": act, "at": "run"}, no_sandbox=True)
                self.assertEqual(status, 0, end)
                self.assertFalse(end.get("sandboxed", False))

    def test_a_real_runtime_works_with_several_threads(self):
        model = os.path.join(MODELS, "nmp.onnx")
        if not os.path.exists(model):
            self.skipTest("no models here: run deploy/fetch models")
        status, end, log = self.worker("onnxruntime", model=model, options={"threads": "4"})
        if status == 69:
            self.skipTest("onnxruntime is not installed: " + end["message"])
        self.assertEqual(status, 0, log)
        self.assertTrue(end["sandboxed"])

    def test_a_stopped_model_and_a_crash_are_results_of_the_command_line(self):
        path = self.write("any.bin", b"a model that only this runtime can read")
        self.env["INFEROMETER_MODULE_DIR"] = MODULES
        self.env["INFEROMETER_WORKER"] = WORKER
        stopped = self.cli("run", path, "--runtime", "hostile", "-O", "act=connect", *QUICK)
        self.assertIn(EPERM, stopped.out + stopped.err)
        self.assertNotEqual(stopped.status, 0)
        crash = self.cli("run", path, "--runtime", "hostile", "-O", "act=crash", "-O", "at=run", *QUICK)
        self.assertEqual(crash.status, 4, crash)
        body = self.invocation()
        self.assertEqual(body["status"], "failed")
        if not SANITIZED:  # a sanitizer turns the signal into its own exit
            self.assertIn("crashed", crash.out + crash.err)
            self.assertEqual((body["failure"], body["signal"]), ("crash", 11))
        self.assertEqual(body["step"], "first")

    def invocation(self):
        run = sorted(os.listdir(self.runs))[-1]
        with open(os.path.join(self.runs, run, "invocation-0000.json"), encoding="utf-8") as file:
            return json.load(file)


if __name__ == "__main__":
    main()
