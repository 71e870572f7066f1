"""rerun: the same spec again, and one of three answers."""
import json
import os
import shutil

from cli_lib import CliCase, main
from daemon_lib import DAEMON, Daemon

FAST = ("--invocations", "6", "--iterations", "60", "--warmup", "3", "--cooldown", "0s", "--daemon", "none", "-q")
SIM = ("run", "--runtime", "sim", "-O", "latency=200us", *FAST)


class Rerun(CliCase):
    def change(self, run, name, edit):
        path = os.path.join(self.runs, run, name)
        body = self.body(run, name)
        edit(body)
        with open(path, "w", encoding="utf-8") as file:
            json.dump(body, file)

    def text_of(self, *path):
        with open(os.path.join(*path), encoding="utf-8") as file:
            return file.read()

    def again(self, name="@1", *args, **more):
        return self.cli("rerun", name, "--daemon", "none", "-q", "--json", *args, **more)

    def answer(self, got, status, answer):
        """Sim is repeatable to a percent; on a machine so busy that the runs say so, another answer is none."""
        said = got.json["sentence"]
        if (got.status, got.json["answer"]) != (status, answer) and (" is caution" in said or " is untrusted" in said):
            self.skipTest(said)
        self.assertEqual((got.status, got.json["answer"]), (status, answer), got.json["sentence"])
        return got.json

    def test_the_same_again_agrees(self):
        self.ok(*SIM, "--label", "team=vision audio")
        stored = self.kept()[0]
        got = self.again("@1", "--within", "20")
        reply = self.answer(got, 0, "agrees")
        self.assertEqual(reply["stored"], stored)
        self.assertIn(reply["rerun"], self.kept())
        self.assertEqual(reply["differences"], [])
        self.assertRegex(reply["sentence"], r"^agrees: P50 [+-].* %")
        run = self.body(reply["rerun"], "run.json")
        self.assertEqual(run["labels"], {"team": "vision audio"})
        self.assertEqual(run["config_key"], self.body(stored, "run.json")["config_key"])
        self.assertTrue(run["command"].startswith("inferometer run "), run["command"])
        again = self.again(reply["rerun"], "--within", "20")  # a repetition can be repeated
        self.assertEqual(again.json["differences"], [])

    def test_other_numbers_differ(self):
        self.ok(*SIM)
        run = self.kept()[0]
        for n in range(6):
            self.change(run, f"invocation-{n:04}.json", lambda body: body.update(samples=[], latency_ns=[400000 + n] * 60))
        reply = self.answer(self.again(), 1, "differs")
        self.assertRegex(reply["sentence"], r"^differs by -\d+\.\d % \[.*\] in P50")

    def test_another_device_is_named(self):
        self.ok(*SIM)

        def other(body):
            body["device_key"] = "0" * 64
            for fact in body["device_facts"]:
                if fact["name"] == "cpu_count":
                    fact["value"] = "64"
        self.change(self.kept()[0], "run.json", other)
        got = self.cli("rerun", "@1", "--daemon", "none")
        self.assertEqual(got.status, 3, got)
        self.assertRegex(got.out, "not comparable: device cpu_count was 64 and is")
        self.assertIn("another device", got.err)  # before the time is spent

    def test_another_configuration_is_named(self):
        self.ok(*SIM)
        self.change(self.kept()[0], "local.json", lambda note: note["argv"].extend(["-O", "latency=220us"]))
        got = self.again()
        self.assertEqual((got.status, got.json["answer"]), (3, "not_comparable"))
        self.assertIn("configuration latency was 200us and is 220us", got.json["sentence"])

    def test_too_few_invocations(self):
        self.ok(*SIM, "--invocations", "2")
        got = self.again()
        self.assertEqual(got.status, 3, got)
        self.assertIn("too few invocations", got.json["sentence"])

    def test_an_arm_of_an_experiment_is_measured_alone(self):
        self.ok("run", "--runtime", "sim,null", "--vary", "latency=200us,300us", *FAST[:-1], "--runtime", "sim", "-q")
        runs = {self.body(run, "run.json")["config"]["latency"]: run for run in self.kept()}
        before = set(self.kept())
        reply = self.again(runs["300us"], "--within", "20").json
        new = set(self.kept()) - before
        self.assertEqual(new, {reply["rerun"]})
        self.assertEqual(self.body(reply["rerun"], "run.json")["config"]["latency"], "300us")
        self.assertEqual(reply["differences"], [])

    def test_where_the_model_is(self):
        path = self.write("models/m.bin", b"a model of a kind")
        self.ok("run", "models/m.bin", *SIM[1:])
        run = self.kept()[0]
        elsewhere = os.path.join(self.folder, "home")
        self.assertEqual(self.again(run, cwd=elsewhere).json["differences"], [])  # from the note
        moved = self.write("moved.bin", b"a model of a kind")
        os.unlink(path)
        self.fails(66, "name it with --model PATH", "rerun", run)
        self.fails(66, "nowhere", "rerun", run, "--model", "nowhere")
        self.fails(65, "another file than the one measured", "rerun", run, "--model", self.write("other.bin", b"another"))
        self.assertEqual(self.again(run, "--model", "moved.bin", cwd=os.path.dirname(moved)).json["differences"], [])

    def test_the_note_stays_here(self):
        self.ok("run", self.write("secret-folder/m.bin", b"x"), *SIM[1:])
        run = self.kept()[0]
        self.assertIn("secret-folder", json.dumps(self.body(run, "local.json")))
        for name in os.listdir(os.path.join(self.runs, run)):
            if name.endswith(".json") and name != "local.json":
                self.assertNotIn("secret-folder", json.dumps(self.body(run, name)), name)

    def test_a_folder_from_elsewhere_brings_no_words(self):
        """A note beside a run that was not made here could name a library to load. The run's own command counts."""
        self.ok(*SIM)
        other = os.path.join(self.work, "other")
        shutil.copytree(os.path.join(self.runs, self.kept()[0]), other)
        note = json.loads(self.text_of(other, "local.json"))
        note["argv"].extend(["--runtime", "sim=" + self.write("evil.so", b"x")])
        self.write("other/local.json", json.dumps(note))
        self.assertEqual(self.again(other, "--within", "20").json["differences"], [])

    def test_what_is_measured_again_is_said(self):
        self.ok(*SIM)
        got = self.cli("rerun", "@1", "--daemon", "none", "--within", "20")
        self.assertIn("measuring again: inferometer run --runtime sim --option latency=200us", got.err)

    def test_a_daemons_run(self):
        if not os.access(DAEMON, os.X_OK):
            self.skipTest("the daemon is not built")
        daemon = Daemon()
        self.addCleanup(daemon.close)
        base = f"http://127.0.0.1:{daemon.port}"
        model = self.write("m.bin", b"a model of a kind")
        self.ok("run", model, *SIM[1:], "--daemon", base)
        run = self.kept()[0]
        elsewhere = {"XDG_STATE_HOME": os.path.join(self.folder, "other")}
        got = self.again(f"{base}/runs/{run}", "--model", model, env=elsewhere)
        self.assertEqual(got.json["differences"], [], got)
        self.assertEqual(got.json["stored"], run)
        other = self.cli("rerun", f"{base}/runs/{run}", "--daemon", "none", env=elsewhere, cwd=self.home)
        self.assertEqual(other.status, 66, other)

    def test_wrong_words(self):
        self.fails(64, "name one RUN", "rerun")
        self.fails(66, "there is no run", "rerun", "@1")
        self.ok(*SIM, "--invocations", "1")
        self.fails(64, "--within", "rerun", "@1", "--within", "0")
        self.change(self.kept()[0], "local.json", lambda note: note.update(argv=["profile"]))
        self.fails(65, "not made by `run`", "rerun", "@1")


if __name__ == "__main__":
    main()
