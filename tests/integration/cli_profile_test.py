"""profile: operators, the perturbation beside them, a trace that a viewer takes, and a run that is kept."""
import csv
import io
import json
import os
import stat

from cli_lib import CliCase, main, model
from daemon_lib import DAEMON, Daemon

FAST = ("--invocations", "1", "--duration", "0s", "--warmup", "3", "--iterations", "20", "--daemon", "none", "-q")
SIM = ("profile", "--runtime", "sim", "-O", "latency=500us", *FAST)


class Profile(CliCase):
    def check_trace(self, path):
        """What a viewer needs: complete events with names, threads and times, none of which overlap on a thread."""
        with open(path, encoding="utf-8") as file:
            trace = json.load(file)
        slices = [e for e in trace["traceEvents"] if e["ph"] == "X"]
        names = {(e["pid"], e["tid"]): e["args"]["name"] for e in trace["traceEvents"]
                 if e["ph"] == "M" and e["name"] == "thread_name"}
        self.assertEqual({e["ph"] for e in trace["traceEvents"]}, {"X", "M"})
        free = {}
        for event in slices:
            self.assertTrue(event["name"] and event["ts"] >= 0 and event["dur"] >= 0, event)
            thread = (event["pid"], event["tid"])
            self.assertIn(thread, names)
            self.assertGreaterEqual(event["ts"] + 1e-6, free.get(thread, 0), event)
            free[thread] = event["ts"] + event["dur"]
        return trace, slices, names

    def test_the_operators_of_sim(self):
        got = self.ok(*SIM, "--json", "--trace", "t.json")
        profile = got.json["profile"]
        self.assertEqual(profile["inferences"], 20)
        self.assertEqual([(op["name"], op["calls"]) for op in profile["ops"]],
                         [("stem/conv", 20), ("head/matmul", 40), ("head/softmax", 20), ("stem/relu", 80)])
        self.assertAlmostEqual(profile["fallback_share"], 0.15 / 0.95, places=3)
        self.assertAlmostEqual(profile["perturbation"], profile["p50_ns"] / profile["unprofiled_p50_ns"])
        self.assertEqual(profile["unattributed_ns"], profile["p50_ns"] - profile["attributed_ns"])
        run = self.body(got.json["run"], "run.json")
        self.assertEqual(run["profile"]["ops"][0]["name"], "stem/conv")
        trace, slices, names = self.check_trace(os.path.join(self.work, "t.json"))
        self.assertEqual(sorted(names.values()), ["fallback", "inference", "simulated"])
        self.assertEqual([e["name"] for e in slices], ["inference", "stem/conv", "head/matmul", "head/softmax", "stem/relu"])
        self.assertEqual(trace["otherData"]["run"], got.json["run"])

    def test_a_kept_profile_again(self):
        got = self.ok(*SIM, "--json")
        again = self.ok("profile", "@1", "--json", "--trace", "again.json")
        self.assertEqual(again.json, got.json)
        self.check_trace(os.path.join(self.work, "again.json"))
        self.assertEqual(len(self.kept()), 1)
        self.assertEqual(self.sim("--invocations", "1", "--iterations", "9", "--warmup", "3", "-q").status, 0)
        self.fails(65, "has no profile", "profile", "@1")

    def test_a_trace_into_a_pipe(self):
        """A device or a pipe is written to. A rename would have put a file in its place: as root, of /dev/null."""
        pipe = os.path.join(self.work, "pipe")
        os.mkfifo(pipe)
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        self.ok(*SIM, "--trace", "pipe")
        self.assertTrue(stat.S_ISFIFO(os.stat(pipe).st_mode))
        self.assertIn("traceEvents", json.loads(os.read(reader, 65536)))

    def test_what_people_read(self):
        text = self.ok(*SIM, "-O", "profile-factor=3", "--top", "2").out
        for part in ("stem/conv", "(2 others)", "DISTORTED", "perturbation", "unattributed", "fallback       15.8 %", "latency "):
            self.assertIn(part, text)
        rows = list(csv.DictReader(io.StringIO(self.ok(*SIM, "--format", "csv").out)))
        self.assertEqual(len(rows), 4)
        self.assertAlmostEqual(sum(float(row["share"]) for row in rows), 1)
        self.assertIn("| stem/conv | Conv |", self.ok(*SIM, "--format", "md").out)

    def test_what_cannot_be_profiled_is_no_run(self):
        self.fails(69, "null has no operator profile", "profile", "--runtime", "null", *FAST)
        self.fails(4, "as asked by fail-at", *SIM, "-O", "fail-at=15")
        self.fails(66, "nothing.onnx", "profile", "nothing.onnx")
        self.fails(64, "one model", *SIM, "--threads", "1,2")
        self.assertEqual(self.kept(), [])

    def test_a_daemon_shows_it(self):
        if not os.access(DAEMON, os.X_OK):
            self.skipTest("the daemon is not built")
        daemon = Daemon()
        self.addCleanup(daemon.close)
        got = self.ok(*SIM, "--daemon", f"http://127.0.0.1:{daemon.port}", "--json")
        body = json.loads(daemon.request("GET", f"/api/v1/runs/{got.json['run']}/ops").body)
        self.assertEqual(body["profile"]["ops"][0]["name"], "stem/conv")
        self.assertAlmostEqual(body["profile"]["perturbation"], got.json["profile"]["perturbation"])
        self.assertEqual(body["profile"]["unattributed_ns"], got.json["profile"]["unattributed_ns"])

    def test_onnx_runtime(self):
        got = self.ok("profile", model("silero_vad_16k_op15.onnx"), "--shape", "input:1x576",
                      "--shape", "state:2x1x128", "--threads", "1", *FAST, "--json", "--trace", "t.json")
        profile = got.json["profile"]
        self.assertGreater(len(profile["ops"]), 10)
        self.assertEqual({op["provider"] for op in profile["ops"]}, {"CPUExecutionProvider"})
        self.assertEqual(profile["fallback_share"], 0)
        self.assertEqual(max(op["calls"] for op in profile["ops"]) % 20, 0)
        self.assertTrue(any("x" in (op["shapes"] or "") for op in profile["ops"]))
        self.check_trace(os.path.join(self.work, "t.json"))


if __name__ == "__main__":
    main()
