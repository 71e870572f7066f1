"""Several arms in one interleaved experiment: order, pairs, ranking, stopping, and every way it can end early."""
import csv
import os
import signal
import time
import unittest

from cli_lib import SANITIZED, CliCase, main, npy, npz
from cli_signal_test import SignalCase

SIZE = ("--iterations", "100", "--warmup", "3", "--cooldown", "0")


class ExperimentCase(CliCase):
    def arms(self, *args, status=0, **more):
        got = self.cli("run", "--runtime", "sim", *SIZE, *args, "--json", **more)
        self.assertEqual(got.status, status, got)
        return got.json

    def table(self, *args, status=0):
        got = self.cli("run", "--runtime", "sim", *SIZE, *args)
        self.assertEqual(got.status, status, got)
        return got


class Differences(ExperimentCase):
    def test_five_per_cent_are_seen(self):
        # inferences are short against the time slices of a busy machine, so that few of them are hit by one
        reply = self.arms("--vary", "latency=40us,42us", "--iterations", "500", "--invocations", "10")
        (versus,) = reply["comparisons"]
        fast, slow = (arm["reply"]["run"]["id"] for arm in reply["arms"])
        self.assertEqual((versus["fast"], versus["slow"], versus["seen"], versus["pairs"]), (fast, slow, True, 10))
        self.assertLess(versus["high"], 1, "the paired interval excludes no difference")
        self.assertIn("latency=40us is 1.0", versus["text"])
        self.assertIn("by 10 interleaved pairs", versus["text"])

    def test_the_same_twice_is_no_difference(self):
        self.write("a.bin", b"a model")
        got = self.table("a.bin", "a.bin", "-O", "latency=40us", "--iterations", "500", "--invocations", "8")
        last = got.out.splitlines()[-1]
        self.assertIn("the same twice: no difference seen between a.bin #", last)
        self.assertIn("% would have been", last)

    def test_three_arms_are_compared_with_the_second_and_with_the_first(self):
        reply = self.arms("--vary", "latency=60us,40us,20us", "--iterations", "500", "--invocations", "6")
        ids = [arm["reply"]["run"]["id"] for arm in reply["arms"]]
        self.assertEqual([(v["fast"], v["slow"]) for v in reply["comparisons"]], [(ids[2], ids[1]), (ids[2], ids[0])])
        self.assertTrue(all(v["seen"] for v in reply["comparisons"]))

    def test_few_rounds_give_no_interval(self):
        got = self.table("--vary", "latency=100us,200us", "--invocations", "2")
        self.assertIn("2 pairs give no interval: needs 6", got.out.splitlines()[-1])

    def test_batches_are_compared_by_items(self):
        got = self.table("--batch", "1,4", "-O", "latency=20us", "-O", "inputs=?x4", "--iterations", "2000", "--invocations", "6")
        self.assertIn("items", got.out.splitlines()[0])
        last = got.out.splitlines()[-1]
        self.assertIn("batch 4 does ", last)
        self.assertIn("as many items a second as batch 1", last)

    def test_wrong_outputs_are_never_ranked(self):
        self.write("x.npy", npy([float(i) for i in range(16)], (1, 16)))
        self.write("y.npz", npz(y0=npy([2.0 * i + 1 for i in range(16)], (1, 16))))
        args = ("--input", "x0=x.npy", "--expect", "y.npz", "--vary", "wrong-outputs=true,false", "--vary", "latency=50us,100us",
                "--invocations", "6")
        got = self.table(*args, status=5)
        rows = [line.split()[0] for line in got.out.splitlines()[1:5]]
        self.assertEqual(rows, ["–", "–", "1", "2"], "wrong ones have no rank, however fast")
        self.assertIn("wrong-outputs=false latency=50us (verified) is ", got.out.splitlines()[-1])
        self.assertIn("fastest verified: wrong-outputs=false latency=50us, ", got.out)
        excluded = [line for line in got.out.splitlines() if line.startswith("excluded: ")]
        self.assertEqual(len(excluded), 2, got)
        self.assertTrue(all(", because its outputs are WRONG: 16 of 16 values" in line for line in excluded), got)


class Order(ExperimentCase):
    def invocations(self, reply):
        return [(one["order"], arm, one["n"]) for arm, run in enumerate(self.bodies(reply)) for one in run]

    def bodies(self, reply):
        for arm in reply["arms"]:
            run = arm["reply"]["run"]
            yield [self.body(run["id"], f"invocation-{n:04}.json") for n in range(run["invocations"])]

    def test_each_round_measures_each_arm_once_in_a_stored_order(self):
        args = ("--vary", "latency=10us,20us,30us", "--invocations", "6", "--order-seed", "42")
        reply = self.arms(*args)
        made = sorted(self.invocations(reply))
        self.assertEqual([order for order, _, _ in made], list(range(18)))
        for n in range(6):
            self.assertEqual(sorted(arm for _, arm, k in made if k == n), [0, 1, 2])
            self.assertEqual({k for _, _, k in made[3 * n:3 * n + 3]}, {n}, "rounds follow each other")
        self.assertGreater(len({tuple(arm for _, arm, k in made if k == n) for n in range(6)}), 1, "the order changes")
        self.assertEqual([arm for _, arm, _ in made], [arm for _, arm, _ in sorted(self.invocations(self.arms(*args)))])
        runs = [arm["reply"]["run"]["experiment"] for arm in reply["arms"]]
        self.assertEqual({(e["id"], e["seed"], e["arms"]) for e in runs}, {(reply["experiment"]["id"], 42, 3)})
        self.assertEqual([e.get("arm", 0) for e in runs], [0, 1, 2])
        self.assertEqual(len(self.kept()), 6, "each arm is a run of its own")

    def test_a_single_run_is_in_no_experiment(self):
        got = self.sim(*SIZE, "--invocations", "2", "--json").json
        self.assertNotIn("experiment", got["run"])
        self.assertNotIn("order", self.body(got["run"]["id"], "invocation-0000.json"))

    def test_every_format(self):
        args = ("--vary", "latency=10us,20us", "--invocations", "2")
        self.assertEqual(len(self.table(*args, "--format", "ndjson").out.splitlines()), 2)
        rows = list(csv.reader(self.table(*args, "--format", "csv").out.splitlines()))
        self.assertEqual((len(rows), len({len(row) for row in rows})), (3, 1))
        lines = self.table(*args, "--format", "md").out.splitlines()
        self.assertEqual(len({line.count("|") for line in lines[:4]}), 1)
        self.assertIn("no interval", lines[-1])

    def test_the_plan_names_arms_and_time(self):
        err = self.table("--vary", "latency=10us,20us", "--invocations", "2").err
        self.assertIn("plan: 2 arms, interleaved in random order", err)
        self.assertIn("latency=20us", err)
        self.assertIn("in all", err)
        self.assertIn("the first round took", err)

    def test_too_many_arms(self):
        self.fails(64, "81 combinations", "run", "--runtime", "sim", "--batch", "1,2,3,4,5,6,7,8,9", "--threads", "1,2,3,4,5,6,7,8,9")


class Stopping(ExperimentCase):
    def test_until_stops_as_soon_as_it_may(self):
        got = self.cli("run", "--runtime", "sim", *SIZE, "-O", "latency=40us", "--iterations", "500", "--until", "p50:50%", "--json")
        self.assertEqual(got.status, 0, got)
        self.assertEqual((got.json["run"]["invocations"], got.json["run"]["planned"]), (6, 6))
        self.assertEqual(got.json["run"]["config"]["until"], "p50:50%")
        self.assertIn("6 to 50 invocations", got.err)

    def test_until_does_not_change_the_configuration_key(self):
        keys = {self.sim(*SIZE, "--invocations", "6", "--json", *more).json["run"]["config_key"] for more in ((), ("--until", "p50:90%"))}
        self.assertEqual(len(keys), 1)

    def test_an_impossible_target_ends_at_the_maximum_and_says_what_it_would_take(self):
        got = self.cli("run", "--runtime", "sim", *SIZE, "-O", "latency=100us", "-O", "between-sd=0.3", "-O", "distribution=normal",
                       "--until", "p50:0.01%", "--max-invocations", "11", "--json")
        self.assertEqual(got.status, 0, got)
        self.assertEqual(got.json["run"]["invocations"], 11)
        self.assertIn("would take about", got.err)
        self.assertIn("target not reached: P50 is within", got.err)
        self.assertIn("invocations would reach it", got.err)

    def test_a_percentile_of_too_few_samples_is_no_target(self):
        self.fails(64, "--until p99 needs 459 inferences", "run", "--runtime", "sim", "--iterations", "100", "--until", "p99:5%")
        got = self.cli("run", "--runtime", "sim", "-O", "latency=1ms", "--duration", "30ms", "--warmup", "3", "--until", "p99:5%", "--json")
        self.assertEqual(got.status, 0, got)
        self.assertEqual(got.json["run"]["invocations"], 6)
        self.assertIn("not enough samples for P99: n=", got.err)
        self.assertIn("(--iterations 459)", got.err)

    def test_the_maximum_of_time_is_honoured(self):
        reply = self.arms("--vary", "latency=1ms,2ms", "--invocations", "100", "--max-time", "3s")
        self.assertEqual(reply["experiment"]["end"], "max_time")
        self.assertLess(reply["experiment"]["invocations"], 30)
        self.assertGreater(reply["experiment"]["invocations"], 0)
        got = self.cli("run", "--runtime", "sim", "-O", "latency=100ms", "--iterations", "100", "--max-time", "1s")
        self.assertEqual(got.status, 4, got)
        self.assertIn("--max-time was over before the first invocation ended", got.err)

    def test_what_is_required(self):
        noisy = ("-O", "latency=50us", "-O", "outliers=0.2", "--invocations", "6")
        got = self.table(*noisy, "--require", "trusted", status=3)
        self.assertIn("a trusted run was required, and this one is caution: ", got.err)
        self.assertIn("outliers", got.err)
        self.write("x.npy", npy([float(i) for i in range(16)], (1, 16)))
        self.write("y.npz", npz(y0=npy([2.0 * i + 1 for i in range(16)], (1, 16))))
        self.table("--input", "x0=x.npy", "--expect", "y.npz", "--invocations", "2", "--require", "verified")
        self.fails(64, "--require verified needs a reference", "run", "--runtime", "sim", "--require", "verified")
        self.fails(64, "--require wants", "run", "--runtime", "sim", "--require", "fast")


class Details(ExperimentCase):
    def test_what_an_invocation_says_of_itself(self):
        got = self.table("-O", "latency=50us", "--invocations", "2", "-v")
        for part in ("warm-up 3 in", "fixed", "MSER would drop", "outliers", "peak RSS  load", "PSS", "USS", "faults minor+major",
                     "switches involuntary", "CPU/inference", "clock ", "sampler proc: ", "config key"):
            self.assertIn(part, got.out)
        if not SANITIZED:  # a sanitizer needs system calls that no model does
            self.assertIn("  sandboxed", got.out)
        off = self.table("-O", "latency=50us", "--invocations", "1", "--no-sandbox", "--samplers", "none", "-v")
        self.assertIn("not sandboxed", off.out)
        self.assertNotIn("sampler proc", off.out)
        self.assertIn("sandbox = off", off.out)

    def test_allocations_are_counted_in_a_process_of_their_own(self):
        run = self.arms("-O", "latency=50us", "--invocations", "1")["run"]
        self.assertNotIn("allocations", run, "not in runs whose size was set")
        run = self.arms("-O", "latency=50us", "--invocations", "1", "--count-allocations")["run"]
        if not run.get("allocations"):
            self.skipTest("the worker cannot count allocations here")
        self.assertEqual(run["allocations"]["inferences"], 100)
        self.assertIn("allocations     0 an inference", self.ok("show", "@1").out)

    def test_scenarios_are_settings_and_have_figures(self):
        got = self.cli("run", "--runtime", "sim", "-O", "latency=100us", "--invocations", "1", "--duration", "200ms", "--warmup", "3",
                       "--scenario", "server", "--rate", "100", "--bound", "50ms@p99", "--cooldown", "0")
        self.assertEqual(got.status, 0, got)
        self.assertIn("server          100.0 /s offered", got.out)
        self.assertIn("bound 50.00 ms", got.out)
        reply = self.ok("show", "@1", "--json").json
        self.assertEqual({k: reply["run"]["config"][k] for k in ("scenario", "rate", "arrival", "bound_ns", "bound_percentile")},
                         {"scenario": "server", "rate": "100", "arrival": "poisson", "bound_ns": "50000000", "bound_percentile": "9900"})
        self.assertEqual((reply["scenario"]["kind"], reply["scenario"]["rate_per_s"]), ("server", 100))
        self.assertIsNotNone(reply["invocations"][0]["lateness_p99_ns"])
        self.assertEqual(self.ok("list", "--json").json["items"][0]["scenario"], "server")
        got = self.table("-O", "latency=100us", "--invocations", "1", "--scenario", "paced", "--period", "1ms", "--iterations", "20")
        self.assertIn("paced           every 1.000 ms", got.out)

    def test_a_sustained_run_shows_its_windows(self):
        got = self.cli("run", "--runtime", "sim", "-O", "latency=100us", "--scenario", "sustained", "--invocations", "1", "--duration", "600ms",
                       "--window", "200ms", "--warmup", "3", "--cooldown", "0")
        self.assertEqual(got.status, 0, got)
        self.assertIn("sustained       P50 ", got.out)
        self.assertIn("from 200.0 ms: P50 ", got.out)
        self.assertIn("from 0 ns: P50 ", self.ok("show", "@1").out)

    def test_a_warm_up_that_does_not_settle_is_cut_off(self):
        got = self.cli("run", "--runtime", "sim", "-O", "latency=1ms", "-O", "drift=5", "--invocations", "1", "--iterations", "20",
                       "--warmup-max", "700ms", "--json")
        self.assertEqual(got.status, 0, got)
        self.assertEqual(got.json["invocations"][0]["warmup_end"], "cap")
        self.assertLess(got.json["invocations"][0]["warmup_ns"], 5e9)


class Contradictions(CliCase):
    def test_one_sentence_each(self):
        for args, part in ((("--rate", "10"), "--rate belongs to --scenario server"), (("--until", "p50:1%", "--quick"), "contradict"),
                           (("--period", "33ms"), "--period belongs to --scenario paced"),
                           (("--scenario", "multi", "--period", "33ms"), "--scenario paced"),
                           (("--streams", "4"), "--streams belongs"), (("--window", "1s"), "--window belongs"), (("--arrival", "fixed"), "--arrival belongs"),
                           (("--scenario", "server"), "needs --rate"), (("--bound", "10ms@p99"), "--bound belongs"),
                           (("--find-max-qps",), "needs --bound"), (("--find-max-qps", "--bound", "1ms@p99", "--scenario", "paced"), "server"),
                           (("--scenario", "server", "--rate", "5", "--bound", "x"), "bound"),
                           (("--cold", "C0"), "--cold C0 drops a model file"), (("--cold", "C3"), "C1|C0|C2"),
                           (("--cooldown", "x"), "--cooldown wants"), (("--cpus", "3-1"), "--cpus wants"), (("--cpus", "x"), "--cpus wants"),
                           (("--until", "p50"), "METRIC:PERCENT"), (("--until", "p51:1%"), "did you mean"),
                           (("--until", "p50:1%", "--max-invocations", "3"), "at least 6"),
                           (("--invocations", "9", "--max-invocations", "8"), "--max-invocations"),
                           (("--duration", "9s", "--max-time", "2s"), "--max-time"), (("--threads", "1,x"), "--threads wants"),
                           (("--vary", "latency"), "--vary wants"), (("--count-allocations", "--no-allocations"), "contradict"),
                           (("--warmup", "3", "--warmup-max", "1s"), "--warmup fixes"),
                           (("--energy-idle", "1s", "--samplers", "none"), "--samplers none"), (("--variant", "a,b"), "name a MODEL")):
            with self.subTest(args):
                if args[0] == "--variant":
                    self.fails(64, part, "run", *args)
                else:
                    self.fails(64, part, "run", "--runtime", "sim", *args)
        self.write("m.onnx", b"?")
        self.fails(64, "chooses from a bundle", "run", "m.onnx", "--runtime", "sim", "--variant", "a")
        self.fails(64, "--name names one model", "run", "m.onnx", "m.onnx", "--runtime", "sim", "--name", "x")
        self.assertEqual(self.kept(), [])

    def test_libraries_and_versions_that_are_not_there(self):
        self.write("m.onnx", b"?")
        self.fails(69, "version 0.0.1 of onnxruntime is not installed", "run", "m.onnx", "--runtime", "onnxruntime@0.0.1")
        self.fails(66, "cannot read the library", "run", "m.onnx", "--runtime", "onnxruntime=/nowhere/lib.so")


class Failures(ExperimentCase):
    @unittest.skipIf(SANITIZED, "a sanitizer turns signals into exits and needs its memory")
    def test_an_arm_that_crashes_does_not_stop_the_others(self):
        reply = self.arms("--vary", "crash-at=0,10", "-O", "latency=20us", "--invocations", "6", status=4)
        good, bad = (arm["reply"] for arm in reply["arms"])
        self.assertEqual((good["run"]["status"], good["run"]["invocations"]), ("complete", 6))
        self.assertEqual((bad["run"]["status"], bad["run"]["invocations"]), ("failed", 2))
        self.assertEqual({one["failure"] for one in bad["invocations"]}, {"crash"})
        self.assertEqual(reply["comparisons"], [])
        body = self.body(bad["run"]["id"], "invocation-0000.json")
        self.assertNotIn("iterations", body, "what was not measured is absent, not 0")
        got = self.cli("run", "--runtime", "sim", *SIZE, "--vary", "crash-at=0,10", "-O", "latency=20us", "--invocations", "3")
        self.assertEqual(got.status, 4)
        self.assertIn("crash-at=10: the first two invocations failed the same way", got.err)
        self.assertIn("nothing to compare: only crash-at=0", got.out.splitlines()[-1])

    @unittest.skipIf(SANITIZED, "a sanitizer needs its memory")
    def test_more_memory_than_allowed_ends_with_6_also_where_no_kernel_steps_in(self):
        got = self.table("-O", "latency=20us", "--invocations", "2", "--memory-limit", "4MB", status=6)
        self.assertIn("memory_limit", got.out)

    def test_an_arm_that_is_refused_is_left_out(self):
        reply = self.arms("--vary", "inputs=1x16,nonsense", "-O", "latency=20us", "--invocations", "2", status=65)
        self.assertEqual([arm["name"] for arm in reply["arms"]], ["inputs=1x16"])
        (left,) = reply["experiment"]["left_out"]
        self.assertIn("not a shape", left["reason"])
        self.assertEqual(len(self.kept()), 1)
        self.fails(65, "not a shape", "run", "--runtime", "sim", *SIZE, "--vary", "inputs=no,nonsense", "-q")
        self.assertEqual(len(self.kept()), 1)

    def test_a_full_disk_keeps_what_is_finished(self):
        state = os.path.join(self.folder, "small")
        os.mkdir(state)
        inside = ("unshare", "-rm", "sh", "-c", f'mount -t tmpfs -o size=96k none {state} 2>/dev/null || exit 77; '
                  f'"$0" "$@"; status=$?; ls {state}/inferometer/runs/*/invocation-0000.json >&2; exit $status')
        got = self.cli("run", "--runtime", "sim", "-O", "latency=5us", "-O", "distribution=normal", "-O", "sd=0.5", "--iterations", "2000", "--warmup", "3",
                       "--batch", "1,2", "-O", "inputs=?x4", "--invocations", "40", "-q", "--cooldown", "0", wrapper=inside, env={"XDG_STATE_HOME": state})
        if got.status == 77 or "unshare" in got.err:
            self.skipTest("no file system of its own can be made here")
        self.assertEqual(got.status, 74, got)
        sentences = [line for line in got.err.splitlines() if line.startswith("inferometer: ")]
        self.assertEqual(len(sentences), 1, got)
        self.assertIn("No space left", sentences[0])
        self.assertIn("before that are kept", sentences[0])
        self.assertIn("invocation-0000.json", got.err)


class Interrupted(SignalCase):
    def test_ctrl_c_keeps_finished_rounds(self):
        process = self.start("run", "--runtime", "sim", "--vary", "latency=1ms,2ms", "--invocations", "50", "--iterations", "100",
                             "--warmup", "3", "--cooldown", "0", "-q")
        self.wait_for_invocations(2)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
        self.assertEqual(process.returncode, 130, err)
        self.assertIn("interrupted after", out)
        self.assertEqual(len(self.kept()), 2)
        for run in self.kept():
            body = self.body(run, "run.json")
            self.assertEqual(body["status"], "interrupted")
            for n in range(body["invocations"]):
                self.assertEqual(self.body(run, f"invocation-{n:04}.json")["status"], "ok")

    def interrupt_when(self, ready, *args):
        process = self.start("run", "--runtime", "sim", "--invocations", "1", *args)
        deadline = time.monotonic() + 30
        while not ready(process) and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
        self.assertEqual(process.returncode, 130, err)
        return out, err

    def test_ctrl_c_while_loading_warming_up_and_searching(self):
        for args in (("-O", "load-time=60s"), ("-O", "latency=1ms", "-O", "drift=5", "--warmup-max", "60s"),
                     ("-O", "latency=1ms", "--scenario", "server", "--find-max-qps", "--bound", "5ms@p99")):
            with self.subTest(args):
                out, err = self.interrupt_when(lambda process: self.children(process.pid), *args)
                self.assertIn("nothing to keep", err)
                self.assertEqual((out, self.kept()), ("", []))

    def test_ctrl_c_in_the_count_of_allocations_keeps_the_run(self):
        first = lambda _: any("invocation-0000.json" in os.listdir(os.path.join(self.runs, run)) for run in self.kept())
        self.interrupt_when(first, "-O", "load-time=2s", "--iterations", "20", "--warmup", "3", "--count-allocations")
        (run,) = self.kept()
        self.assertEqual((self.body(run, "run.json")["status"], self.body(run, "run.json")["invocations"]), ("complete", 1))

    def test_a_warm_machine_is_waited_for(self):
        zone = self.write("tree/sys/class/thermal/thermal_zone0/temp", "40000\n")
        process = self.start("run", "--runtime", "sim", "-O", "latency=20us", "--invocations", "2", "--iterations", "50", "--warmup", "3",
                             "--cooldown", "500ms", "--sysroot", os.path.join(self.work, "tree"), "-q")
        run = self.wait_for_invocations(1)
        with open(zone, "w", encoding="ascii") as file:
            file.write("60000\n")
        time.sleep(1.5)
        self.assertIsNone(process.poll())
        self.assertFalse(os.path.exists(os.path.join(self.runs, run, "invocation-0001.json")), "20 degrees more than at the start")
        with open(zone, "w", encoding="ascii") as file:
            file.write("41000\n")
        process.communicate(timeout=30)
        self.assertEqual(process.returncode, 0)
        self.assertEqual(self.body(run, "run.json")["invocations"], 2)

    def test_ctrl_c_in_a_pause(self):
        process = self.start("run", "--runtime", "sim", "-O", "latency=20us", "--invocations", "5", "--iterations", "50", "--warmup", "3",
                             "--cooldown", "60s", "-q")
        run = self.wait_for_invocations(1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
        self.assertEqual(process.returncode, 130, err)
        self.assertEqual(self.body(run, "run.json")["invocations"], 1)
        self.assertIn("4 of 5 planned not made", out)


if __name__ == "__main__":
    main()
