"""--runtime exec: other people's programs, told by what they print; whatever they print."""
import json
import os

from cli_lib import CliCase, main
from daemon_lib import DAEMON, Daemon

PAIRS = ("--invocations", "6", "--cooldown", "0s", "--daemon", "none", "-q")
TWO = ("--invocations", "2", "--cooldown", "0s", "--daemon", "none", "-q")
# Prints given numbers, so that nothing here depends on this machine: base, a little spread, one slow warm-up.
BENCH = """#!/bin/sh
echo 'loading the model ...'
echo '{"event":"ready"}'
echo '{"latency_ns":999999,"warmup":true}'
i=0
while [ $i -lt 60 ]; do
    echo "{\\"latency_ns\\":$(($1 + i % 5))}"
    i=$((i + 1))
done
"""


class Exec(CliCase):
    def setUp(self):
        super().setUp()
        self.bench = self.write("bench", BENCH)
        os.chmod(self.bench, 0o755)

    def exec(self, script, *more):
        return self.cli("run", "--runtime", "exec", *TWO, *more, "--", "/bin/sh", "-c", script)

    def failed(self, script, failure, part, *more, status=4):
        got = self.exec(script, *more)
        self.assertEqual(got.status, status, got)
        first = self.body(self.kept()[-1], "invocation-0000.json")
        self.assertEqual((first["status"], first["failure"]), ("failed", failure))
        self.assertIn(part, first["failure_text"])
        return first

    # -- What it measures ---------------------------------------------------------------------------
    def test_a_program_is_a_run(self):
        got = self.ok("run", "--runtime", "exec", "--json", *PAIRS, "--", "./bench", "200000").json["run"]
        self.assertEqual((got["runtime"], got["provider"], got["external"], got["variant"], got["format"]),
                         ("exec", "external", True, "bench", "program"))
        self.assertEqual(got["variant_bytes"], len(BENCH))
        self.assertEqual(got["verification"], "no_reference")
        self.assertEqual(got["config"]["arguments"], "200000")
        self.assertNotIn(self.folder, json.dumps(got))
        first = self.body(self.kept()[0], "invocation-0000.json")
        self.assertEqual((first["iterations"], first["warmup_iterations"], first["first_inference_ns"]), (60, 1, 999999))
        self.assertEqual(first["steady_ns"], sum(200000 + i % 5 for i in range(60)))
        self.assertFalse(first.get("sandboxed", False))

    def test_the_peak_is_the_programs_own(self):
        """Not that of the process it was forked from, which wait would report for a small one."""
        script = "exec /usr/bin/python3 -c \"a = b'x' * %d; print('{\\\"latency_ns\\\":5}')\""
        for size, low, high in ((50000000, 50e6, 75e6), (1, 0, 15e6)):
            self.assertEqual(self.exec(script % size).status, 0)
            peak = self.body(self.kept()[-1], "invocation-0000.json")["memory_steady"]["peak_rss_bytes"]
            self.assertTrue(low <= peak <= high, peak)

    def test_tables_say_external(self):
        self.assertRegex(self.ok("run", "--runtime", "exec", *TWO, "--", "./bench", "200000").out.splitlines()[0],
                         r"^bench · exec .*· external")
        self.assertIn("exec", self.ok("list").out)

    def test_two_programs_are_measured_interleaved(self):
        got = self.ok("run", "--runtime", "exec", *PAIRS, "--program", "./bench 200000", "--program", "./bench '240000'")
        self.assertRegex(got.out, r"200000 is 1\.2\d*x faster than 240000")
        self.assertIn("6 interleaved pairs", got.out)
        slow, fast = sorted(self.kept(), key=lambda run: -int(self.body(run, "run.json")["config"]["arguments"]))
        orders = [self.body(run, f"invocation-{n:04}.json")["order"] for run in (fast, slow) for n in range(6)]
        self.assertEqual(sorted(orders), list(range(12)))
        self.assertEqual(self.cli("compare", fast, slow, "--fail-above", "p50:5%").status, 1)
        self.assertEqual(self.cli("compare", slow, fast, "--fail-above", "p50:5%").status, 0)

    def test_words_after_the_dashes_and_programs_together(self):
        self.ok("run", "--runtime", "exec", *TWO, "--program", "./bench 240000", "--", "./bench", "200000")
        self.assertEqual(len(self.kept()), 2)

    def test_long_arguments_stay_apart(self):
        self.ok("run", "--runtime", "exec", *TWO, "--program", "./bench 200000 " + "x" * 3000 + "1", "--program",
                "./bench 200000 " + "x" * 3000 + "2")
        configs = [self.body(run, "run.json")["config"]["arguments"] for run in self.kept()]
        self.assertEqual(len(set(configs)), 2)
        self.assertTrue(all(len(text) < 1000 and "sha256:" in text for text in configs), configs)

    def test_a_table_of_programs_says_external(self):
        got = self.ok("run", "--runtime", "exec", *TWO, "--program", "./bench 240000", "--program", "./bench 200000")
        self.assertEqual(got.out.count(" external "), 2, got)

    def test_warmup_by_number_and_a_name(self):
        self.write("plain", '#!/bin/sh\nfor n in 900 100 101 102; do echo "{\\"latency_ns\\":$n}"; done\n')
        os.chmod(os.path.join(self.work, "plain"), 0o755)
        got = self.ok("run", "--runtime", "exec", *TWO, "--warmup", "1", "--name", "mine", "--json", "--", "./plain").json
        self.assertEqual(got["run"]["model"], "mine")
        self.assertEqual(self.body(self.kept()[0], "invocation-0000.json")["iterations"], 3)

    def test_a_daemon_takes_it(self):
        if not os.access(DAEMON, os.X_OK):
            self.skipTest("the daemon is not built")
        daemon = Daemon()
        self.addCleanup(daemon.close)
        self.ok("run", "--runtime", "exec", *TWO, "--", "./bench", "200000")
        self.ok("push", "--daemon", f"http://127.0.0.1:{daemon.port}")
        there = json.loads(daemon.request("GET", f"/api/v1/runs/{self.kept()[0]}").body)
        run = there.get("run", there)
        self.assertEqual((run["runtime"], run["provider"], run["external"]), ("exec", "external", True))
        self.assertNotIn(self.folder, json.dumps(there))

    def test_rerun_takes_the_arms_own_command(self):
        self.ok("run", "--runtime", "exec", *PAIRS, "--program", "./bench 200000", "--program", "./bench '240000'", "--", "./bench", "(2 + 8)")
        for run in self.kept():
            arguments = self.body(run, "run.json")["config"]["arguments"]
            got = self.cli("rerun", run, "--daemon", "none", cwd=self.folder)
            self.assertNotIn("not comparable", got.out + got.err)
            self.assertEqual(self.body(self.kept()[-1], "run.json")["config"]["arguments"], arguments)
        self.assertEqual(len(self.kept()), 6)

    def test_a_command_that_came_with_a_run_is_not_started(self):
        self.ok("run", "--runtime", "exec", *TWO, "--", "/bin/sh", "-c", "echo >>started; echo '{\"latency_ns\":5}'")
        run = self.kept()[0]
        elsewhere = os.path.join(self.work, "from-elsewhere")
        os.rename(os.path.join(self.runs, run), elsewhere)
        os.unlink(os.path.join(self.work, "started"))
        self.fails(65, "is not started", "rerun", elsewhere, "--daemon", "none")
        self.assertFalse(os.path.exists(os.path.join(self.work, "started")))

    def test_there_is_no_operator_profile(self):
        self.fails(64, "no operator profile", "profile", "--runtime", "exec", "./bench")

    def test_what_the_program_decides_itself_is_refused(self):
        for option in (("--threads", "2"), ("--batch", "4"), ("--provider", "cpu"), ("--iterations", "9"), ("--duration", "1s"),
                       ("--scenario", "multi"), ("--cold", "C2"), ("--vary", "a=1,2"), ("--samplers", "proc"), ("--shape", "x:1")):
            self.fails(64, option[0], "run", "--runtime", "exec", *TWO, *option, "--", "./bench", "1")
        self.fails(64, "belongs to --runtime exec", "run", "--runtime", "null", *TWO, "--program", "./bench 1")
        self.fails(64, "name a program", "run", "--runtime", "exec", *TWO)
        self.fails(64, "quote is left open", "run", "--runtime", "exec", *TWO, "--program", "./bench 'x")
        self.assertEqual(self.kept(), [])

    def test_a_program_that_is_not_there_or_none(self):
        self.fails(66, "there is no program ./nothing", "run", "--runtime", "exec", *TWO, "--", "./nothing")
        self.fails(66, "there is no program no-such-program", "run", "--runtime", "exec", *TWO, "--", "no-such-program")
        self.write("data", "no program")
        got = self.cli("run", "--runtime", "exec", *TWO, "--", "./data")
        self.assertNotEqual(got.status, 0)
        self.assertIn("can be started", got.err)
        self.write("broken", "\x7fELF and then nothing")
        os.chmod(os.path.join(self.work, "broken"), 0o755)
        self.assertIn("cannot start", self.cli("run", "--runtime", "exec", *TWO, "--", "./broken").err)

    # -- What goes wrong ----------------------------------------------------------------------------
    def test_ends_badly(self):
        self.assertEqual(self.failed("echo why >&2; exit 3", "exit", "exit status 3")["exit_status"], 3)
        self.failed("echo '{\"latency_ns\":5}'; kill -SEGV $$", "crash", "signal 11")
        self.failed("kill -ABRT $$", "abort", "aborted")
        self.failed("sleep 60", "hang", "did not end within", "--timeout", "300ms")

    def test_an_orphan_does_not_hold_the_run_up(self):
        got = self.exec("sleep 60 & echo '{\"latency_ns\":5}'")
        self.assertEqual(got.status, 0, got)

    def test_output_that_is_no_measurement(self):
        self.failed("echo hello", "error", "printed no line")
        self.failed(":", "error", "printed no line")
        self.failed("echo '{\"latency_ns\":1,\"warmup\":true}'", "error", "warm-up alone")
        self.failed("echo '{\"latency_ns\":-1}'", "error", "line 1")
        self.failed("echo '{\"latency_ns\":1e300}'", "error", "line 1")
        self.failed("echo x; echo '{\"latency_ns\":\"5\"}'", "error", "line 2")
        self.failed("printf '{\"latency_ns\":5}\\n{\"latency_ns\":'", "error", "line 2")
        self.failed("echo '{\"latency_ns\":5}'; echo '{\"latency_ns\":5,\"warmup\":true}'", "error", "line 2")
        self.failed("printf '{\"latency_ns\":5,\"x\":\"%05000d\"}' 0", "error", "longer than")

    def test_floods_end(self):
        self.failed("yes", "error", "more than 67108864 bytes")
        self.failed("seq 100005; echo '{\"latency_ns\":5}'", "error", "more than 100000 lines")
        got = self.exec("head -c 300000 /dev/urandom; echo; echo '{\"latency_ns\":5}'")
        self.assertIn(got.status, (0, 4), got)
        self.failed("yes >&2", "hang", "did not end", "--timeout", "300ms")

    def test_a_memory_limit_holds(self):
        script = "exec /usr/bin/python3 -c \"a = bytearray(200000000); print('{\\\"latency_ns\\\":5}')\""
        self.failed(script, "out_of_memory", "memory", "--memory-limit", "60MB", status=6)


if __name__ == "__main__":
    main()
