"""Timings under an emulator are marked and never shown as results: by a worker that is told so, and, where the ARM
worker is built (tests/run.sh arm64), by one that finds it out."""
import json
import os
import shutil
import subprocess
import unittest

from cli_lib import BUILD, SOURCE, CliCase, main

ROOT = os.path.join(SOURCE, "build", "deps", "arm64")
ARM = os.path.join(SOURCE, "build", "linux-arm64")
QEMU = shutil.which("qemu-aarch64-static")
QUICK = ("--invocations", "2", "--iterations", "20", "--warmup", "1", "--cooldown", "0")


class Marked(CliCase):
    marked = {"INFEROMETER_EMULATOR": "test-emulator"}
    name = "test-emulator"

    def measure(self, *args, **more):
        return self.ok("run", "--runtime", "sim", *args, *QUICK, env=self.marked, **more)

    def test_a_run_says_emulated_where_a_time_would_stand(self):
        got = self.measure()
        for label in ("P50", "P99", "throughput", "load", "first inference", "CPU/inference"):
            line = next(line for line in got.out.splitlines() if line.strip().startswith(label))
            self.assertIn("emulated", line)
            self.assertNotRegex(line, r"\d (ns|µs|ms|s|/s)\b")
        self.assertIn(self.name, got.out)
        run = self.kept()[0]
        body = self.body(run, "run.json")
        self.assertEqual((body["emulator"], body["config"]["emulator"], body["trust"]), (self.name, self.name, "untrusted"))
        self.assertEqual(body["trust_findings"][0]["code"], "emulated")
        self.assertEqual(self.body(run, "invocation-0000.json")["emulator"], self.name)
        self.assertIn("emulated", self.ok("show", run).out)
        self.assertIn("| P50 | emulated |", self.ok("show", run, "--format", "md").out)

    def test_compare_makes_no_verdict_of_it(self):
        self.measure()
        self.ok("run", "--runtime", "sim", *QUICK)
        runs = self.kept()
        for pair in (runs, runs[::-1], [runs[0], runs[0]]):
            got = self.ok("compare", *pair)
            self.assertIn("not comparable: ", got.out)
            self.assertIn(self.name, got.out)
            self.assertIn("emulated", got.out)
        gate = self.cli("compare", *runs, "--fail-above", "p50:5%")
        self.assertEqual(gate.status, 3, gate)  # neither within the limit nor beyond it

    def test_a_table_ranks_none_of_them(self):
        got = self.ok("run", "--runtime", "sim", "--vary", "latency=100us,200us", *QUICK[2:], "--invocations", "6", env=self.marked)
        rows = [line for line in got.out.splitlines() if "  latency=" in line and "no reference" in line]
        self.assertEqual(len(rows), 2)
        for row in rows:
            self.assertEqual(row.count("emulated"), 2 if "(few)" in row else 4)  # P50 and throughput; P90 and P99
            self.assertNotRegex(row, r"\d (ns|µs|ms|s|/s)\b")
            self.assertTrue(row.strip().startswith("–"), row)
        self.assertNotIn("faster than", got.out)
        self.assertNotIn("fastest", got.out)

    def test_an_honest_run_is_not_marked(self):
        got = self.ok("run", "--runtime", "sim", *QUICK)
        self.assertNotIn("emulated", got.out)
        self.assertNotIn("emulator", self.body(self.kept()[0], "run.json"))


class Arm(Marked):
    """The same by a worker that nobody told."""
    marked = None
    name = "qemu-aarch64-static"

    def setUp(self):
        super().setUp()
        if not QEMU or not os.path.exists(os.path.join(ARM, "bin", "inferometer-worker")):
            self.skipTest("the ARM worker or its emulator is not here; tests/run.sh arm64 brings both")
        worker = self.write("worker", f"#!/bin/sh\nexport INFEROMETER_RUNTIME_DIR={ROOT}/runtimes\n"
                                      f"export INFEROMETER_MODULE_DIR={ARM}/lib/inferometer\n"
                                      f"exec {QEMU} -L {ROOT}/emulated {ARM}/bin/inferometer-worker \"$@\"\n")
        os.chmod(worker, 0o755)
        self.marked = {"INFEROMETER_WORKER": worker}

    def test_outputs_are_those_of_this_machine(self):
        """Speed means nothing there, numbers do: the ARM build is checked against the outputs of this one."""
        for runtime, name in (("litert", "tiny.tflite"), ("onnxruntime", "tiny.onnx")):
            path = os.path.join(ARM, "models", name)
            outputs = os.path.join(self.work, runtime)
            os.mkdir(outputs)
            with self.subTest(runtime=runtime):
                spec = {"v": 1, "runtime": runtime, "model": path, "iterations": 1, "warmup_iterations": 1, "seed": 5,
                        "outputs_folder": outputs}
                self.compare_outputs(spec, outputs)

    def compare_outputs(self, spec, outputs):
        def worker(program, **more):
            done = subprocess.run([program], input=json.dumps({**spec, **more}) + "\n", capture_output=True, text=True,
                                  env=self.env, timeout=120, check=False)
            return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]
        status, events = worker(os.path.join(BUILD, "bin", "inferometer-worker"))
        if status == 69:
            self.skipTest(events[-1]["message"])
        written = sorted(os.listdir(outputs))
        if not written:
            self.skipTest("this worker writes no outputs")
        expect = [{"output": "out", "file": os.path.join(outputs, written[0])}]
        status, events = worker(self.marked["INFEROMETER_WORKER"], expect=expect, outputs_folder=None)
        self.assertEqual(status, 0, events[-1])
        self.assertEqual(events[0]["emulator"], self.name)
        self.assertEqual(events[-1]["verification"]["state"], "verified")


if __name__ == "__main__":
    main()
