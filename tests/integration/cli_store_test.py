"""What is kept, how it is found again, what a daemon gets, and what it never gets."""
import http.server
import json
import os
import shutil
import socket
import threading
import unittest

from cli_lib import QUICK, CliCase, main, npy, npz
from daemon_lib import DAEMON, Daemon

SIX = ("--invocations", "6", "--iterations", "60", "--warmup", "3")


class Find(CliCase):
    def setUp(self):
        super().setUp()
        for _ in range(2):
            self.assertEqual(self.sim(*QUICK, "-q").status, 0)
        self.first, self.second = self.kept()

    def test_every_name_of_a_run(self):
        folder = os.path.join(self.runs, self.second)
        for name in (self.second, self.second[:30], "@1", folder, folder + "/run.json"):
            with self.subTest(name):
                self.assertEqual(self.ok("show", name, "--json").json["run"]["id"], self.second)
        self.assertEqual(self.ok("show", "@2", "--json").json["run"]["id"], self.first)
        self.assertEqual(self.ok("show", "run.json", "--json", cwd=folder).json["run"]["id"], self.second)

    def test_names_that_are_none(self):
        got = self.fails(64, "fits 2 runs", "show", "0")
        self.assertIn(self.first, got.err)
        self.assertIn(self.second, got.err)
        self.fails(66, "2 are kept here", "show", "@3")
        self.fails(64, "@1 is the latest", "show", "@x")
        self.fails(66, "`inferometer list`", "show", "zzz")
        self.fails(66, "no such file", "show", "./nothing")
        self.fails(64, "address of a run", "show", "http://127.0.0.1:1/other")

    def test_show_computes_the_same_again(self):
        for _ in range(2):
            a, b = self.ok("show", "@1", "--json").json, self.ok("show", "@1", "--json").json
            self.assertEqual(a, b)

    def test_list(self):
        items = self.ok("list", "--json").json["items"]
        self.assertEqual([item["id"] for item in items], [self.second, self.first])
        self.assertEqual({item["state"] for item in items}, {"finished"})
        os.unlink(os.path.join(self.runs, self.first, "row.json"))  # a cache: made again
        self.assertEqual(self.ok("list", "--json").json["items"], items)
        self.assertEqual(len(self.ok("list", "-n", "1", "--json").json["items"]), 1)
        self.assertEqual(self.ok("list", "--model", "other").out, "")

    def test_damaged_runs_do_not_stop_the_list(self):
        path = os.path.join(self.runs, self.first)
        os.unlink(path + "/row.json")
        with open(path + "/run.json", "w", encoding="utf-8") as file:
            file.write("{")
        got = self.ok("list", "--json")
        self.assertEqual([item["id"] for item in got.json["items"]], [self.second])
        self.assertIn(self.first, got.err)
        self.fails(65, "run.json", "show", self.first)

    def test_a_missing_or_unreadable_invocation_is_said(self):
        path = os.path.join(self.runs, self.first, "invocation-0001.json")
        os.rename(path, path + ".away")  # was: shown as a run of one invocation, exit 0
        self.fails(65, "invocation-0001.json is missing: the run has 2 invocations", "show", self.first)
        os.mkdir(path)
        self.fails(65, "invocation-0001.json", "show", self.first)
        os.rmdir(path)
        os.rename(path + ".away", path)
        self.ok("show", self.first)

    def test_a_corrupt_sample_block(self):
        path = os.path.join(self.runs, self.first, "invocation-0000.json")
        body = self.body(self.first, "invocation-0000.json")
        steady = [block for block in body["samples"] if block["phase"] == "steady"][0]
        steady["block"] = "SVMB" + steady["block"][4:12] + "AAAA"
        with open(path, "w", encoding="utf-8") as file:
            json.dump(body, file)
        self.fails(65, "invocation", "show", self.first)


class Compare(CliCase):
    def test_twice_as_slow_is_a_regression(self):
        for _ in range(5):  # an untrusted run decides nothing, and other programs may make it one
            for latency in ("200us", "400us"):
                self.ok("run", "--runtime", "sim", "-q", *SIX, "-O", "latency=" + latency)
            if all(item["trust"] != "untrusted" for item in self.ok("list", "-n", "2", "--json").json["items"]):
                break
        else:
            self.skipTest("the machine is too busy for a run that is trusted")
        got = self.ok("compare", "@2", "@1")
        self.assertIn("sequential, not interleaved", got.out)
        self.assertIn("configuration: latency is 200us in A, 400us in B", got.out)
        reply = self.ok("compare", "@2", "@1", "--json").json
        p50 = reply["metrics"][0]
        self.assertEqual((p50["metric"], p50["verdict"], reply["verdict"]), ("p50_ns", "regression", "regression"))
        self.assertLess(1.1, p50["low"], "the machine may be busy, but not so busy")
        self.assertEqual(self.cli("compare", "@2", "@1", "--fail-above", "p50:5%").status, 1)
        self.assertEqual(self.cli("compare", "@2", "@1", "--fail-above", "p50:900%").status, 0)
        self.assertEqual(self.ok("compare", "@1", "@2", "--json").json["verdict"], "improvement")
        self.assertIn(self.ok("compare", "@1", "@1", "--json").json["verdict"], ("equivalent", "inconclusive"))

    def test_too_few_invocations_are_inconclusive(self):
        self.assertEqual(self.sim(*QUICK, "-q").status, 0)
        self.assertEqual(self.cli("compare", "@1", "@1", "--fail-above", "p50:5%").status, 3)
        self.assertEqual(self.cli("compare", "@1", "@1", "--fail-above", "p50:5%", "--strict").status, 1)

    def test_limits(self):
        self.assertEqual(self.sim(*QUICK, "-q").status, 0)
        self.fails(64, "did you mean p50?", "compare", "@1", "@1", "--fail-above", "p5:5%")
        for bad in ("p50", "p50:", "p50:x", "p50:-3%", "p50:5%x", "p50:nan"):
            self.fails(64, "METRIC:PERCENT", "compare", "@1", "@1", "--fail-above", bad)

    def test_another_device_is_not_compared(self):
        self.ok("run", "--runtime", "sim", "-O", "latency=200us", "-q", *SIX)
        (first,) = self.kept()
        other = os.path.join(self.work, "other")
        shutil.copytree(os.path.join(self.runs, first), other)
        body = self.body(first, "run.json")
        body["device_key"] = "0" * 64
        for fact in body["device_facts"]:
            if fact["name"] == "kernel":
                fact["value"] = "Other 1.0"
        with open(other + "/run.json", "w", encoding="utf-8") as file:
            json.dump(body, file)
        got = self.cli("compare", "@1", other + "/run.json", "--fail-above", "p50:5%", "--json")
        self.assertEqual(got.status, 3, got)
        self.assertFalse(got.json["comparable"])
        self.assertIn("kernel", got.json["reason"])
        self.assertEqual([(d["kind"], d["field"], d["b"]) for d in got.json["differences"]], [("device", "kernel", "Other 1.0")])
        self.assertEqual({m["verdict"] for m in got.json["metrics"]}, {"inconclusive"})


class Stub:
    """A daemon that answers with a list of statuses, one a request, and keeps what it was sent."""

    def __init__(self, *statuses):
        stub, self.bodies, self.statuses = self, [], list(statuses)

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_PUT(self):
                stub.bodies.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(stub.statuses.pop(0) if stub.statuses else 201)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Push(CliCase):
    def stub(self, *statuses):
        stub = Stub(*statuses)
        self.addCleanup(stub.close)
        return stub

    def test_unreachable_daemon_costs_one_warning(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{free.getsockname()[1]}"
        got = self.sim(*QUICK, "-q", "--daemon", url)
        self.assertEqual(got.status, 0, got)
        self.assertEqual(len(got.err.strip().splitlines()), 1, got)
        self.assertIn("`inferometer push` sends it later", got.err)
        self.fails(69, "cannot be reached", "push", "--daemon", url)
        self.fails(78, "no daemon is configured", "push")

    def test_what_fails_for_a_moment_is_tried_again(self):
        self.assertEqual(self.sim(*QUICK, "-q").status, 0)
        stub = self.stub(503, 500, 201)
        self.ok("push", "--daemon", stub.url)
        (run,) = self.kept()
        self.assertEqual([path for path, _ in stub.bodies], [f"/api/v1/runs/{run}"] * 3)
        self.assertEqual(len({body for _, body in stub.bodies}), 1)
        self.assertIn("sent", self.ok("list").out)
        self.ok("push", "--daemon", stub.url)
        self.assertEqual(len(stub.bodies), 3, "what is sent is not sent again")
        self.ok("push", "@1", "--daemon", stub.url)
        self.assertEqual(len(stub.bodies), 4, "unless it is named")
        self.assertEqual(stub.bodies[3][1], stub.bodies[0][1], "by the same bytes: a daemon knows it as a repeat")

    def test_one_request_holds_the_files_as_they_are(self):
        self.assertEqual(self.sim(*QUICK, "-q").status, 0)
        stub = self.stub()
        self.ok("push", "--daemon", stub.url)
        (run,) = self.kept()
        ((_, text),) = stub.bodies
        whole = json.loads(text)
        self.assertEqual(whole.pop("invocation_bodies"), [self.body(run, f"invocation-000{n}.json") for n in range(2)])
        self.assertEqual(whole, self.body(run, "run.json"))

    def test_a_daemon_that_does_not_take_it_whole(self):
        self.assertEqual(self.sim(*QUICK, "-q").status, 0)
        (run,) = self.kept()
        path = f"/api/v1/runs/{run}"
        for status in (409, 413):
            stub = self.stub(status)
            self.ok("push", "@1", "--daemon", stub.url)
            self.assertEqual([p for p, _ in stub.bodies], [path, path + "/invocations/0", path + "/invocations/1", path])
            self.assertNotIn(b"invocation_bodies", stub.bodies[3][1])

    def test_what_is_too_large_for_one_request_goes_in_parts(self):
        self.assertEqual(self.sim(*QUICK, "-q").status, 0)
        (run,) = self.kept()
        body = self.body(run, "invocation-0000.json")
        path = os.path.join(self.runs, run, "invocation-0000.json")
        one = [block for block in body["samples"] if block["phase"] == "steady"][0]
        for changes in ({"padding": "x" * 200000}, {"samples": [{**one, "block": "A" * (5 << 20)}]}):
            with open(path, "w", encoding="utf-8") as file:
                json.dump({**body, **changes}, file)
            stub = self.stub()
            self.ok("push", "@1", "--daemon", stub.url)
            self.assertEqual(len(stub.bodies), 3)
            self.assertEqual(json.loads(stub.bodies[0][1]), {**body, **changes})

    def test_a_refusal_is_said_and_the_run_stays(self):
        self.assertEqual(self.sim(*QUICK, "-q").status, 0)
        got = self.cli("push", "--daemon", self.stub(409, 409).url)
        self.assertEqual(got.status, 65, got)
        self.assertIn("answered 409", got.err)
        self.assertIn("1 refused", got.err)

    def test_bodies_hold_nothing_of_this_machine(self):
        """Neither $HOME nor the working folder nor any absolute path, nor bytes of model and inputs."""
        stub = self.stub()
        self.write("secret-folder/model-file.onnx", b"SECRET MODEL BYTES")
        x = self.write("secret-folder/x.npy", npy([1.25] * 16, (1, 16)))
        self.write("secret-folder/y.npz", npz(y0=npy([3.5] * 16, (1, 16))))
        model = os.path.join(self.work, "secret-folder", "model-file.onnx")
        env = {"SECRET_VARIABLE": "secret-value", "OMP_NUM_THREADS": "1", "INFEROMETER_DAEMON": stub.url}
        got = self.cli("run", model, "--runtime", "sim", *QUICK, "--input", "x0=" + x, "--expect",
                       "secret-folder/y.npz", env=env)
        self.assertEqual(got.status, 0, got)
        self.assertIn(f"{stub.url}/runs/", got.out)
        crash = self.cli("run", model, "--runtime", "sim", "-O", "crash-at=2", "-O", "chatter=true", *QUICK, env=env)
        self.assertEqual(crash.status, 4, crash)
        self.assertEqual(len(stub.bodies), 2)
        for path, body in stub.bodies:
            for part in (self.folder, "secret-", "secret-value", "SECRET", "/tmp", "/home", "/root"):
                self.assertNotIn(part, body.decode(), path)
        run = json.loads(stub.bodies[0][1])
        self.assertEqual(len(run["invocation_bodies"]), 2)
        self.assertEqual(run["variant"], "model-file.onnx")
        self.assertEqual(run["config"]["env.OMP_NUM_THREADS"], "1")
        self.assertIn("inferometer run model-file.onnx --runtime sim", run["command"])


@unittest.skipUnless(os.access(DAEMON, os.X_OK), "inferometerd is not built")
class RealDaemon(CliCase):
    def setUp(self):
        super().setUp()
        self.daemon = Daemon()
        self.addCleanup(self.daemon.close)
        self.url = f"http://127.0.0.1:{self.daemon.port}"

    def test_a_run_goes_to_the_daemon_and_comes_back(self):
        os.makedirs(os.path.join(self.home, ".config", "inferometer"))
        with open(os.path.join(self.home, ".config", "inferometer", "config.json"), "w", encoding="utf-8") as file:
            json.dump({"daemon": self.url + "/"}, file)
        got = self.sim(*SIX, "-q", "-O", "distribution=lognormal")
        self.assertEqual(got.status, 0, got)
        (run,) = self.kept()
        self.assertIn(f"open            {self.url}/runs/{run}", got.out)
        here = self.ok("show", "@1", "--json").json
        there = self.ok("show", f"{self.url}/runs/{run}", "--json").json
        self.assertEqual(here, there)
        reply = self.daemon.get(f"/api/v1/runs/{run}").json
        self.assertEqual(reply.keys() | {"v"}, here.keys())
        for part in ("summary", "trust", "scenario", "energy", "invocations"):
            self.assertEqual(reply[part], here[part], "two computations from the same samples agree")
        self.assertGreater(len(here["invocations"][0]), 45)
        row = self.daemon.get("/api/v1/runs").json["items"][0]
        kept = self.ok("list", "--json").json["items"][0]
        self.assertAlmostEqual(row.pop("throughput_per_s"), kept["throughput_per_s"], 3)
        self.assertEqual(row, {key: kept[key] for key in row}, "a row here is a row there")
        compared = self.ok("compare", f"{self.url}/runs/{run}", "@1", "--json").json
        self.assertEqual(compared["metrics"][0]["a"], compared["metrics"][0]["b"])
        self.assertEqual(compared["differences"], [])

    def test_the_runs_of_an_experiment_stay_together(self):
        got = self.cli("run", "--runtime", "sim", "--vary", "latency=100us,200us", *SIX, "--json", "-q", "--daemon", self.url)
        self.assertEqual(got.status, 0, got)
        experiment = got.json["experiment"]["id"]
        a, b = (arm["reply"]["run"]["id"] for arm in got.json["arms"])
        rows = self.daemon.get(f"/api/v1/runs?experiment={experiment}").json["items"]
        self.assertEqual({row["id"] for row in rows}, {a, b})
        for arm in got.json["arms"]:
            reply = self.daemon.get(f"/api/v1/runs/{arm['reply']['run']['id']}").json
            self.assertEqual(reply["invocations"], arm["reply"]["invocations"])
        compared = self.daemon.get(f"/api/v1/compare?a={a}&b={b}").json
        self.assertEqual((compared["interleaved"], compared["pairs"]), (True, 6))
        (versus,) = got.json["comparisons"]
        here = 1 / versus["ratio"] if versus["fast"] == a else versus["ratio"]
        self.assertAlmostEqual(compared["metrics"][0]["ratio"], here, 9)

    def test_a_run_that_came_in_parts_is_known_again(self):
        self.assertEqual(self.sim(*QUICK, "-q").status, 0)
        (run,) = self.kept()
        path = f"/api/v1/runs/{run}"
        with open(os.path.join(self.runs, run, "invocation-0001.json"), "rb") as file:
            self.assertEqual(self.daemon.put(path + "/invocations/1", file.read()).status, 201)
        self.ok("push", "@1", "--daemon", self.url)
        self.assertTrue(self.daemon.get(path).json["closed"])
        self.ok("push", "@1", "--daemon", self.url)

    def test_every_outcome_is_taken(self):
        for options in (("-O", "crash-at=2"), ("-O", "exit-at=2"), ("-O", "nan-outputs=true")):
            self.sim(*QUICK, "-q", *options)
        self.cli("run", "--runtime", "null", "--invocations", "1", "--iterations", "1000", "--warmup", "10", "-q")
        self.ok("push", "--daemon", self.url)
        self.assertIn("0 sent", self.ok("push", "--daemon", self.url).err)
        self.fails(66, "404", "show", f"{self.url}/runs/00000000-0000-7000-8000-000000000000")


if __name__ == "__main__":
    main()
