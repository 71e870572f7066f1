"""compare: pairs of one experiment, runs one after the other, sides that must not decide anything."""
import csv
import io
import json
import os

from cli_lib import CliCase, main
from daemon_lib import DAEMON, Daemon

FAST = ("--invocations", "6", "--iterations", "60", "--warmup", "3", "--cooldown", "0s", "--daemon", "none", "-q")


class Compare(CliCase):
    def setUp(self):
        super().setUp()
        got = self.cli("run", "--runtime", "sim", "-O", "sd=0.001", "--vary", "latency=200us,240us", *FAST)
        self.assertEqual(got.status, 0, got)
        runs = {self.body(run, "run.json")["config"]["latency"]: run for run in self.kept()}
        self.slow, self.fast = runs["240us"], runs["200us"]
        for run, base in ((self.slow, 240000), (self.fast, 200000)):
            self.quiet(run, base)

    def quiet(self, run, base):
        """Latencies and conditions of an idle machine in place of this one's, so that verdicts do not depend on it."""
        for n in range(6):
            self.change(run, f"invocation-{n:04}.json", lambda body: body.update(
                samples=[], latency_ns=[base + 37 * n + i % 5 for i in range(60)], lanes=[], involuntary_switches=0,
                steady_ns=60 * base, cpu_ns=60 * base, suspended_ns=0, clock_ratio=1.0))

    def change(self, run, name, edit):
        path = os.path.join(self.runs, run, name)
        body = self.body(run, name)
        edit(body)
        with open(path, "w", encoding="utf-8") as file:
            json.dump(body, file)

    def change_all(self, run, edit):
        for n in range(6):
            self.change(run, f"invocation-{n:04}.json", edit)

    def test_arms_of_one_experiment_are_paired(self):
        got = self.ok("compare", self.fast, self.slow, "--json").json
        self.assertEqual((got["interleaved"], got["pairs"], got["caption"]), (True, 6, "interleaved, 6 pairs"))
        p50 = got["metrics"][0]
        self.assertEqual((p50["metric"], p50["verdict"]), ("p50_ns", "regression"))
        self.assertTrue(1.1 < p50["low"] <= p50["ratio"] <= p50["high"] < 1.4, p50)
        self.assertIsNotNone(p50["detectable"])
        text = self.ok("compare", self.fast, self.slow).out
        self.assertIn("interleaved, 6 pairs; a change is more than 2 %", text)
        self.assertIn("configuration: latency is 200us in A, 240us in B", text)

    def test_a_failed_round_is_no_pair(self):
        """The values of different rounds are not set against each other."""
        self.change(self.slow, "invocation-0002.json", lambda body: body.update(
            status="failed", failure="crash", failure_text="crashed", latency_ns=[]))
        got = self.ok("compare", self.fast, self.slow, "--json").json
        self.assertEqual((got["pairs"], got["caption"]), (5, "interleaved, 5 pairs"))

    def test_limits(self):
        self.assertEqual(self.cli("compare", self.fast, self.slow, "--fail-above", "p50:5%").status, 1)
        self.assertEqual(self.cli("compare", self.fast, self.slow, "--fail-above", "p50:60%").status, 0)
        self.assertEqual(self.cli("compare", self.slow, self.fast, "--fail-above", "p50:5%").status, 0)
        self.fails(64, "--fail-above wants", "compare", self.slow, self.fast, "--fail-above", "")  # no gate is no gate that holds

    def test_runs_of_different_experiments_are_sequential(self):
        self.assertEqual(self.sim("-O", "latency=240us", "-O", "sd=0.001", *FAST).status, 0)
        got = self.ok("compare", self.fast, "@1", "--json").json
        self.assertEqual((got["interleaved"], got["pairs"], got["caption"]), (False, None, "sequential, not interleaved"))
        self.assertIn("sequential, not interleaved", self.ok("compare", self.fast, "@1", "--format", "md").out)

    def test_an_untrusted_side_decides_nothing(self):
        self.change_all(self.slow, lambda body: body.update(clock_ratio=1.05, steady_ns=10**9))
        got = self.cli("compare", self.fast, self.slow, "--json", "--fail-above", "p50:5%")
        self.assertEqual(got.status, 3, got)
        self.assertRegex(got.json["capped"], "^B is untrusted: .*clock_mismatch")
        self.assertEqual({m["verdict"] for m in got.json["metrics"]}, {"inconclusive"})
        self.assertEqual((got.json["comparable"], got.json["reason"]), (False, got.json["capped"]))
        text = self.ok("compare", self.fast, self.slow).out
        self.assertIn("no verdict: B is untrusted", text)
        self.assertIn("+2", text)  # the numbers are shown all the same
        self.assertEqual(self.cli("compare", self.fast, self.slow, "--fail-above", "p50:5%", "--strict").status, 1)

    def test_another_device_is_named_field_by_field(self):
        def other(body):
            body["device_key"] = "0" * 64
            for fact in body["device_facts"]:
                if fact["name"] == "cpu_count":
                    fact["value"] = "64"
        self.change(self.slow, "run.json", other)
        got = self.cli("compare", self.fast, self.slow, "--fail-above", "p50:5%")
        self.assertEqual(got.status, 3, got)
        self.assertRegex(got.out, "device: cpu_count is .* in A, 64 in B")
        self.assertIn("not comparable: they were measured on different devices: cpu_count", got.out)

    def test_a_daemon_says_the_same(self):
        if not os.access(DAEMON, os.X_OK):
            self.skipTest("the daemon is not built")
        daemon = Daemon()
        self.addCleanup(daemon.close)
        self.ok("push", "--daemon", f"http://127.0.0.1:{daemon.port}")
        here = self.ok("compare", self.fast, self.slow, "--json").json
        there = json.loads(daemon.request("GET", f"/api/v1/compare?a={self.fast}&b={self.slow}").body)
        for member in ("interleaved", "pairs", "caption", "comparable", "reason", "capped", "differences", "metrics", "verdict"):
            self.assertEqual(here[member], there.get(member), member)
        url = f"http://127.0.0.1:{daemon.port}/runs/"
        remote = self.ok("compare", url + self.fast, url + self.slow, "--json").json
        self.assertEqual(remote["metrics"], here["metrics"])

    def test_every_format_says_what_would_have_been_seen(self):
        rows = list(csv.DictReader(io.StringIO(self.ok("compare", self.fast, self.fast, "--format", "csv").out)))
        self.assertEqual(rows[0]["metric"], "p50_ns")
        self.assertEqual(float(rows[0]["ratio"]), 1.0)
        self.assertGreaterEqual(float(rows[0]["detectable"]), 0.0)
        self.assertIn("sequential", self.ok("compare", self.fast, self.fast).out)  # a run is no pair of itself
        self.assertIn("would have been seen", self.ok("compare", self.fast, self.fast).out)
        self.assertIn("| trust |", self.ok("compare", self.fast, self.slow, "--format", "md").out)


if __name__ == "__main__":
    main()
