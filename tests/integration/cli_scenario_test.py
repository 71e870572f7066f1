"""Each scenario from the command line: what is issued, what is counted, what the figures say. Nothing here depends on
how fast or how busy the machine is: times are compared with each other, or with bounds no machine can miss."""
import unittest

from cli_lib import CliCase, main

BASE = ("--invocations", "2", "--warmup", "3", "--cooldown", "0", "--samplers", "none", "--daemon", "none", "--json", "--quiet")


class ScenarioCase(CliCase):
    def run_sim(self, *args, latency="500us", status=0):
        got = self.cli("run", "--runtime", "sim", "-O", "sleep=yes", "-O", "latency=" + latency, *args, *BASE)
        self.assertEqual(got.status, status, got)
        body = got.json
        return body, body["scenario"]

    def test_single_has_no_figures_of_a_scenario(self):
        body, scenario = self.run_sim("--iterations", "20")
        self.assertIsNone(scenario)
        self.assertEqual(body["run"]["config"].get("scenario", "single"), "single")

    def test_multi_counts_queries(self):
        body, scenario = self.run_sim("--scenario", "multi", "--streams", "4", "--iterations", "20")
        self.assertEqual((scenario["kind"], scenario["queries"]), ("multi", 40))
        self.assertEqual(body["run"]["config"]["streams"], "4")
        # four inferences, submitted together before one simulated server
        self.assertGreaterEqual(body["summary"]["p50_ns"]["value"], 4 * 500_000)

    def test_costs_of_a_query_are_divided_among_its_inferences(self):
        body, _ = self.run_sim("--scenario", "multi", "--streams", "4", "--iterations", "20")
        for one in body["invocations"]:
            self.assertEqual(one["query_calls"], 4)
            self.assertGreater(one["cpu_ns"], 0)
        self.assertAlmostEqual(body["summary"]["cpu_ns_per_inference"]["value"],
                               sum(one["cpu_ns"] for one in body["invocations"]) / 2 / (20 * 4), delta=2)

    def test_parallel_servers_make_offline_faster(self):
        _, one = self.run_sim("--scenario", "offline", "--streams", "8", "--iterations", "40", latency="10ms")
        _, eight = self.run_sim("--scenario", "offline", "--streams", "8", "--iterations", "40", "-O", "servers=8", latency="10ms")
        self.assertLessEqual(one["achieved_per_s"], 100)
        self.assertGreater(eight["achieved_per_s"], one["achieved_per_s"])

    def test_paced_counts_missed_deadlines_and_keeps_its_ticks(self):
        body, scenario = self.run_sim("--scenario", "paced", "--period", "4ms", "--iterations", "30", latency="6ms")
        self.assertEqual(scenario["period_ns"], 4_000_000)
        self.assertEqual((scenario["missed"], scenario["missed_share"]), (60, 1))
        self.assertTrue(scenario["overloaded"])
        # the last of 30 waited for 29 that were 2 ms too slow each
        self.assertGreaterEqual(body["invocations"][0]["max_ns"], 29 * 2_000_000)

    def test_server_counts_from_the_intended_start(self):
        body, scenario = self.run_sim("--scenario", "server", "--rate", "100", "--bound", "1s@p90", "--iterations", "70")
        self.assertEqual((scenario["kind"], scenario["rate_per_s"], scenario["queries"]), ("server", 100, 140))
        self.assertEqual((scenario["bound_ns"], scenario["bound_percentile"]), (1_000_000_000, 9000))
        if scenario["over_bound"] == 0:
            self.assertTrue(scenario["passed"])
        self.assertEqual(body["run"]["config"]["arrival"], "poisson")
        self.assertGreaterEqual(body["invocations"][0]["lateness_p99_ns"], 0)
        self.assertNotEqual(body["invocations"][0]["p99_ns"], body["invocations"][1]["p99_ns"])  # arrivals of their own

    def test_an_overloaded_server_is_said_to_be_one(self):
        body, scenario = self.run_sim("--scenario", "server", "--rate", "1000", "--arrival", "fixed", "--iterations", "60",
                                      "--bound", "20ms@p99", latency="10ms")
        self.assertTrue(scenario["overloaded"])
        self.assertFalse(scenario["passed"])
        self.assertIn("overloaded", body["trust"]["line"])
        self.assertIn("fell behind", scenario["reason"])
        self.assertLess(scenario["achieved_per_s"], 101)

    def test_sustained_shows_a_knee_where_it_slows_down(self):
        _, flat = self.run_sim("--scenario", "sustained", "--duration", "300ms", latency="3ms")
        self.assertGreaterEqual(flat["first_p50_ns"], 3_000_000)
        _, slower = self.run_sim("--scenario", "sustained", "--duration", "600ms", "-O", "drift=6", latency="3ms")
        self.assertGreater(slower["last_p50_ns"], slower["first_p50_ns"])
        self.assertGreater(slower["knee_ns"], 0)

    def test_contradictions_are_one_sentence(self):
        for part, args in (("--rate", ["--scenario", "server"]), ("--rate", ["--scenario", "paced", "--rate", "5"]),
                           ("--streams", ["--scenario", "paced", "--period", "5ms", "--streams", "4"]),
                           ("bound", ["--scenario", "server", "--rate", "5", "--bound", "soon"]),
                           ("--bound", ["--find-max-qps"])):
            with self.subTest(args=args):
                self.fails(64, part, "run", "--runtime", "sim", *args)

    def test_an_impossible_bound_says_what_can_be_had(self):
        self.fails(4, "one inference alone, without any queue, needs", "run", "--runtime", "sim", "-O", "latency=5ms",
                   "--scenario", "server", "--find-max-qps", "--bound", "1ms@p50", *BASE)

    def test_the_highest_rate_is_sought_and_kept(self):
        got = self.cli("run", "--runtime", "sim", "-O", "latency=1ms", "-O", "sleep=yes", "--scenario", "server", "--find-max-qps",
                       "--bound", "30ms@p50", "--max-time", "12s", "--iterations", "20", *BASE)
        if got.status == 4:  # a machine too busy says so
            self.assertRegex(got.err, "too busy|were over before|five times in a row")
            return
        self.assertEqual(got.status, 0, got)
        capacity = got.json["run"]["capacity"]
        self.assertEqual((capacity["bound_ns"], capacity["percentile"]), (30_000_000, 5000))
        self.assertGreater(capacity["max_per_s"], 0)
        self.assertLess(capacity["max_per_s"], 1500)  # one server, one millisecond each
        self.assertGreater(len(capacity["rates"]), 3)
        self.assertAlmostEqual(float(got.json["run"]["config"]["rate"]), capacity["max_per_s"], delta=1)
        shown = self.ok("show", "@1").out
        self.assertIn("highest rate", shown)


if __name__ == "__main__":
    main()
