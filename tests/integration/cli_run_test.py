"""What a run ends in: numbers, a failure with a reason, WRONG outputs; and the exit status of each."""
import csv
import json
import os
import stat
import subprocess
import unittest

from cli_lib import CLI, QUICK, SANITIZED, CliCase, main, model, npy, npz


class Numbers(CliCase):
    def test_a_run_prints_its_table_and_is_kept(self):
        got = self.sim(*QUICK)
        self.assertEqual(got.status, 0, got)
        for part in ("P50", "no interval: needs >=6 invocations, 4 more", "not enough samples for P99: n=20, needs 459 in each invocation (--iterations 459)",
                     "no reference", "  trust  ", "kept in", "throughput", "peak RSS", "first inference"):
            self.assertIn(part, got.out)
        self.assertIn("plan: sim with sim, 2 invocations of 20 inferences each", got.err)
        (run,) = self.kept()
        self.assertIn(run, got.out)
        self.assertEqual(self.body(run, "run.json")["invocations"], 2)

    def test_six_invocations_have_an_interval(self):
        got = self.sim("--invocations", "6", "--iterations", "20", "--warmup", "3", "--json")
        self.assertEqual(got.status, 0, got)
        p50 = got.json["summary"]["p50_ns"]
        self.assertEqual((p50["k"], p50["needed"]), (6, 0))
        self.assertAlmostEqual(p50["coverage"], 0.96875)
        medians = sorted(i["p50_ns"] for i in got.json["invocations"])
        self.assertEqual((p50["low"], p50["high"]), (medians[0], medians[-1]))
        self.assertEqual(p50["value"], (medians[2] + medians[3]) / 2)

    def test_json_has_the_daemons_shape(self):
        got = self.sim(*QUICK, "--json", "--quiet", "--label", "team=vision", "--commit", "abc")
        self.assertEqual((got.status, got.err), (0, ""))
        reply = got.json
        self.assertEqual(reply["v"], 1)
        self.assertEqual(set(reply), {"v", "run", "closed", "trust", "summary", "invocations", "scenario", "energy"})
        self.assertTrue(reply["closed"])
        self.assertEqual(reply["run"]["labels"], {"team": "vision"})
        self.assertEqual(reply["run"]["commit"], "abc")
        self.assertEqual(set(reply["summary"]), {"p50_ns", "p90_ns", "p99_ns", "throughput_per_s", "load_ns",
                                                 "first_inference_ns", "peak_rss_bytes", "cpu_ns_per_inference",
                                                 "energy_uj_per_inference"})
        self.assertEqual([i["iterations"] for i in reply["invocations"]], [20, 20])

    def test_every_format_is_well_formed(self):
        self.assertEqual(self.sim(*QUICK).status, 0)
        for verb in (("show", "@1"), ("list",), ("compare", "@1", "@1"), ("runtime", "list")):
            json.loads(self.ok(*verb, "--format", "json").out)
            for line in self.ok(*verb, "--format", "ndjson").out.splitlines():
                json.loads(line)
            rows = list(csv.reader(self.ok(*verb, "--format", "csv").out.splitlines()))
            if verb[0] != "runtime":
                self.assertEqual(len({len(row) for row in rows}), 1, rows)
            self.assertIn("|", self.ok(*verb, "--format", "md").out)

    def test_a_result_that_cannot_be_written_is_said(self):
        # was: exit 0 and nothing said, or the device replaced by a file
        command = [CLI, "version"]
        with open("/dev/full", "w") as full:
            got = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
        self.assertEqual((got.returncode, "standard output: No space left" in got.stderr), (74, True), got)
        closed = subprocess.run(["sh", "-c", 'exec "$0" version >&-', command[0]], stderr=subprocess.PIPE, text=True)
        self.assertEqual(closed.returncode, 74, closed)
        self.fails(74, "No space left", "version", "-o", "/dev/full")
        pipe = os.path.join(self.work, "pipe")
        os.mkfifo(pipe)
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        self.ok("version", "-o", pipe)
        self.assertIn(b"inferometer", os.read(reader, 1000))
        os.close(reader)
        self.assertTrue(stat.S_ISFIFO(os.stat(pipe).st_mode), "was: a file in its place")

    def test_output_goes_to_a_file(self):
        got = self.sim(*QUICK, "--json", "-o", "result.json")
        self.assertEqual((got.status, got.out), (0, ""))
        with open(self.work + "/result.json", encoding="utf-8") as file:
            self.assertEqual(json.load(file)["v"], 1)

    def test_no_progress_where_there_is_no_terminal(self):
        got = self.sim(*QUICK)
        self.assertNotIn("\r", got.err)
        self.assertNotIn("\x1b", got.out + got.err)
        self.assertIn("\x1b[1m", self.sim(*QUICK, "--color", "always").out)
        self.assertNotIn("\x1b", self.ok("show", "@1", env={"NO_COLOR": "1"}).out)

    def test_ci_gets_plain_lines(self):
        got = self.cli("run", "--runtime", "sim", "-O", "latency=1ms", "--invocations", "1", "--duration", "11s",
                       env={"CI": "true"})
        self.assertEqual(got.status, 0, got)
        self.assertIn("invocation 1 of 1: timing", got.err)
        self.assertNotIn("\r", got.err)


class Failures(CliCase):
    def failed(self, failure, status, *options):
        got = self.sim("--invocations", "3", "--iterations", "20", "--warmup", "3", "--json", *options)
        self.assertEqual(got.status, status, got)
        self.assertIn("the first two invocations failed the same way", got.err)
        reply = got.json
        self.assertEqual(reply["run"]["status"], "failed")
        self.assertEqual([i["failure"] for i in reply["invocations"]], [failure, failure])
        self.assertEqual(len(self.kept()), 1, "a failed measurement is a result: it is kept")
        return reply["invocations"][0]

    @unittest.skipIf(SANITIZED, "a sanitizer turns signals into exits and needs its memory")
    def test_crash(self):
        one = self.failed("crash", 4, "-O", "crash-at=10")
        self.assertEqual(one["signal"], 11)
        self.assertIn("during the timed inferences", one["failure_text"])

    def test_abort(self):
        self.assertEqual(self.failed("abort", 4, "-O", "abort-at=10")["signal"], 6)

    @unittest.skipIf(SANITIZED, "a sanitizer needs its memory")
    def test_killed_by_the_kernel_out_of_memory(self):
        """No limit of ours: the kernel ends the worker in a memory cgroup, and the reason says so."""
        group = f"/sys/fs/cgroup/memory/inferometer-test-{os.getpid()}"
        try:
            os.mkdir(group)
            with open(f"{group}/memory.limit_in_bytes", "w", encoding="ascii") as file:
                file.write("60000000")
        except OSError as error:
            self.skipTest(f"no memory cgroup can be made here ({error})")
        self.addCleanup(os.rmdir, group)
        with open("/proc/vmstat", encoding="ascii") as file:
            if "oom_kill " not in file.read():
                self.skipTest("this kernel does not count OOM kills")
        inside = ["sh", "-c", f'echo $$ > {group}/cgroup.procs && exec "$0" "$@"']
        got = self.cli("run", "--runtime", "sim", "-O", "oom-at=10", "--invocations", "2", "--iterations", "20",
                       "--warmup", "3", "--json", wrapper=inside)
        self.assertEqual(got.status, 4, got)
        one = got.json["invocations"][0]
        self.assertEqual((one["failure"], one["signal"]), ("out_of_memory", 9))
        self.assertIn("by the kernel", one["failure_text"])

    def test_hang(self):
        one = self.failed("hang", 4, "-O", "hang-at=10", "--timeout", "2s")
        self.assertIn("did not end within 2 s", one["failure_text"])
        self.assertIn("--timeout", one["failure_text"])

    def test_hang_with_a_limit_below_a_second(self):
        one = self.failed("hang", 4, "-O", "hang-at=10", "--timeout", "700ms")
        self.assertIn("did not end within 0.7 s", one["failure_text"], "was: 1 s")

    def test_exit_without_an_end_mark(self):
        self.assertEqual(self.failed("exit", 4, "-O", "exit-at=10", "-O", "exit-status=3")["exit_status"], 3)

    def test_exit_0_without_an_end_mark(self):
        one = self.failed("exit", 4, "-O", "exit-at=10", "-O", "exit-status=0")
        self.assertIn("without its end mark", one["failure_text"])

    def test_an_error_of_the_runtime(self):
        self.assertIn("as asked by fail-at", self.failed("error", 4, "-O", "fail-at=10")["failure_text"])

    @unittest.skipIf(SANITIZED, "a sanitizer turns signals into exits and needs its memory")
    def test_over_the_memory_limit(self):
        one = self.failed("out_of_memory", 6, "-O", "oom-at=10", "--memory-limit", "200MB")
        self.assertIn("limit 200000000 bytes", one["failure_text"])

    @unittest.skipIf(SANITIZED, "a sanitizer turns signals into exits and needs its memory")
    def test_a_limit_that_not_even_the_runtime_module_fits(self):
        one = self.failed("out_of_memory", 6, "--memory-limit", "1")  # was: 78, "module cannot be loaded"
        self.assertIn("limit 1 bytes", one["failure_text"])

    @unittest.skipIf(SANITIZED, "a sanitizer turns signals into exits and needs its memory")
    def test_the_table_names_each_failure(self):
        got = self.sim("--invocations", "3", "--iterations", "20", "--warmup", "3", "-O", "crash-at=2")
        self.assertEqual(got.status, 4)
        self.assertIn("no invocation succeeded, 2 failed, 1 of 3 planned not made", got.out)
        self.assertIn("invocation 0 failed (crash)", got.out)


class Verification(CliCase):
    """sim computes y = 2x + 1."""

    def setUp(self):
        super().setUp()
        self.x = self.write("x.npy", npy([float(i) for i in range(16)], (1, 16)))
        self.y = self.write("y.npz", npz(y0=npy([2.0 * i + 1 for i in range(16)], (1, 16))))

    def test_right_outputs_are_verified(self):
        got = self.sim(*QUICK, "--input", "x0=x.npy", "--expect", "y.npz")
        self.assertEqual(got.status, 0, got)
        self.assertIn("verified (1 output", got.out)
        self.assertIn("x0 float32[1,16] from file", got.out)

    def test_wrong_outputs_end_with_5(self):
        got = self.sim(*QUICK, "--input", "x0=x.npy", "--expect", "y.npz", "-O", "wrong-outputs=true")
        self.assertEqual(got.status, 5, got)
        self.assertIn("WRONG", got.out)
        self.assertIn("y0: ", got.out)
        self.assertIn("WRONG", self.ok("list").out)
        self.assertEqual(self.body(self.kept()[0], "run.json")["verification"], "wrong")

    def test_tolerances_can_be_typed(self):
        got = self.sim(*QUICK, "--input", "x0=x.npy", "--expect", "y.npz", "-O", "wrong-outputs=true", "--atol", "1.5")
        self.assertEqual(got.status, 0, got)

    def test_wrong_speed_counts_for_nothing(self):
        self.assertEqual(self.sim(*QUICK, "--input", "x0=x.npy", "--expect", "y.npz").status, 0)
        self.assertEqual(self.sim(*QUICK, "--input", "x0=x.npy", "--expect", "y.npz", "-O", "wrong-outputs=true").status, 5)
        got = self.cli("compare", "@2", "@1", "--fail-above", "p50:900%")
        self.assertEqual(got.status, 5, got)
        self.assertIn("the outputs of B are WRONG", got.out)


class RealModel(CliCase):
    def test_onnxruntime_measures_a_real_model(self):
        path = model("silero_vad_16k_op15.onnx")
        if not self.has_runtime("onnxruntime"):
            self.skipTest("ONNX Runtime is not installed; run: deploy/fetch onnxruntime")
        got = self.cli("run", path, *QUICK, "--threads", "1", "--shape", "input:1x576", "--json")
        self.assertEqual(got.status, 0, got)
        run = got.json["run"]
        self.assertEqual((run["runtime"], run["provider"], run["config"]["threads"]),
                         ("onnxruntime", "CPUExecutionProvider", "1"))
        self.assertEqual(run["model"], "silero_vad_16k_op15")
        assumed = [text for tensor in run["inputs"] for text in tensor.get("assumed", [])]
        self.assertTrue(assumed)
        self.assertIn("assumed for input", got.err)
        got = self.ok("inspect", path)
        self.assertIn("state  float32[2, batch, 128]", got.out)
        self.assertIn("7ed98ddbad84ccac4cd0aeb3099049280713df825c610a8ed34543318f1b2c49", got.out)


if __name__ == "__main__":
    main()
