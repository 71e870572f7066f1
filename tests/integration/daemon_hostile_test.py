"""What samplers, open loops and experiments may send, and what of it is refused: 422 with a pointer, nothing stored."""
import copy
import json
import os

from daemon_lib import SOURCE, DaemonCase, codec_block, main, read, run, run_id


def golden(name):
    return json.loads(read(os.path.join(SOURCE, "schema", "examples", "v1", name + ".json")))


class Hostile(DaemonCase):
    def refuse(self, body, pointer, part, status=422):
        """Alone, and as part of a run."""
        name = "invalid-data" if status == 422 else "too-large"
        identity = run_id()
        reply = self.d.put(f"/api/v1/runs/{identity}/invocations/{body['n']}", body)
        problem = self.problem(reply, status, name, part)
        self.assertEqual(problem["errors"][0]["pointer"], pointer)
        whole = run(identity, 1, invocation_bodies=[{**body, "n": 0}])
        problem = self.problem(self.d.put("/api/v1/runs/" + identity, whole), status, name, part)
        self.assertEqual(problem["errors"][0]["pointer"], "/invocation_bodies/0" + pointer)
        self.assertEqual(self.d.get("/api/v1/runs/" + identity).status, 404)

    def change(self, **changes):
        return {**copy.deepcopy(golden("invocation-traced")), **changes}

    def test_lanes(self):
        body = self.change()
        body["lanes"][0]["t_ns"][2] = 50
        body["lanes"][0]["t_ns"][1] = 100
        self.refuse(body, "/lanes/0/t_ns/2", "times ascend")
        body = self.change()
        body["lanes"][1]["lanes"][1]["values"].append(7)
        self.refuse(body, "/lanes/1/lanes/1/values", "one value for each")
        body = self.change()
        body["lanes"].append(body["lanes"][2])
        self.refuse(body, "/lanes/3/sampler", "earlier group")
        body = self.change()
        body["lanes"][2]["lanes"] *= 2
        self.refuse(body, "/lanes/2/lanes/1/name", "earlier lane")
        body = self.change()
        body["energy"].append(body["energy"][0])
        self.refuse(body, "/energy/2/rail", "stands there already")
        for lanes, pointer in (([{"sampler": "x", "t_ns": [0] * 1025, "lanes": []}], "/lanes/0/t_ns"),
                               ([{"sampler": f"s{i}", "t_ns": []} for i in range(17)], "/lanes"),
                               ([{"sampler": "x", "t_ns": [], "lanes": [{"name": f"l{i}", "unit": "", "values": []}
                                                                       for i in range(33)]}], "/lanes/0/lanes")):
            reply = self.d.put(f"/api/v1/runs/{run_id()}/invocations/3", self.change(lanes=lanes))
            self.assertEqual((reply.status, reply.json["errors"][0]["pointer"]), (422, pointer))

    def test_lanes_near_the_limit_come_back(self):
        """256 KiB of JSON are nearly all lanes; extreme numbers; a run with eight such invocations is closed and shown."""
        values = [(-1) ** i * (2**63 - 1 - i) for i in range(1000)]
        group = {"sampler": "x", "t_ns": list(range(1000)),
                 "lanes": [{"name": f"lane_{i}", "unit": "n", "kind": "gauge", "scope": "host", "values": values} for i in range(11)]}
        body = self.change(lanes=[group])
        self.assertLess(230000, len(json.dumps(body, separators=(",", ":"))))
        identity = run_id()
        for n in range(8):
            reply = self.d.put(f"/api/v1/runs/{identity}/invocations/{n}", json.dumps({**body, "n": n}, separators=(",", ":")))
            self.assertEqual(reply.status, 201, reply.body)
        self.assertEqual(self.d.put("/api/v1/runs/" + identity, run(identity, 8)).status, 201)
        lanes = self.d.get(f"/api/v1/runs/{identity}/lanes?invocation=7").json
        self.assertEqual(lanes["groups"][0]["lanes"][10]["values"], values)
        whole = self.d.get("/api/v1/runs/" + identity)
        self.assertLess(len(whole.body), 60000)
        self.assertEqual(self.d.get(f"/api/v1/runs/{identity}/invocations/7").json["lanes"][0]["lanes"], group["lanes"])

    def test_open_loops_and_batches(self):
        body = copy.deepcopy(golden("run-experiment")["invocation_bodies"][0])
        late = copy.deepcopy(body)
        late["samples"][0]["lateness"] = codec_block([0] * 199)
        self.refuse(late, "/samples/0/lateness", "one value for each")
        late["samples"][0]["lateness"] = codec_block([0] * 199 + [-1])
        self.refuse(late, "/samples/0/lateness", "-1 ns")
        late["samples"][0]["lateness"] = "AAAA"
        self.refuse(late, "/samples/0/lateness", "one value for each")
        del late["samples"][0]["lateness"]
        self.refuse(late, "/samples/0/gaps", "not within")
        self.refuse(self.change(batch_calls=2), "/iterations", "there are 400")

    def test_experiments(self):
        for experiment, pointer in (({"id": "x"}, "/experiment/id"),
                                    ({"id": run_id(), "arms": 2, "arm": 2}, "/experiment/arm"),
                                    ({"id": run_id()}, "/experiment/arm")):
            reply = self.d.put(f"/api/v1/runs/{(identity := run_id())}", run(identity, 0, experiment=experiment))
            self.problem(reply, 422, "invalid-data")
            self.assertEqual(reply.json["errors"][0]["pointer"], pointer)

    def test_a_claimed_verdict_counts_for_nothing(self):
        """In both ways to arrive; what cannot be read again once the verdict is in it is refused."""
        finding = {"code": "made_up", "severity": "note", "text": "Trust me."}
        for whole in (True, False):
            identity = run_id()
            body = self.change(n=0, suspended_ns=2000000000)
            claim = run(identity, 1, trust="trusted", trust_reasons=["because"], trust_findings=[finding])
            if whole:
                claim["invocation_bodies"] = [body]
            else:
                self.assertEqual(self.d.put(f"/api/v1/runs/{identity}/invocations/0", body).status, 201)
            self.assertEqual(self.d.put("/api/v1/runs/" + identity, claim).status, 201)
            shown = self.d.get("/api/v1/runs/" + identity).json
            self.assertEqual((shown["trust"]["state"], shown["run"]["trust"]), ("untrusted", "untrusted"))
            self.assertIn("suspended", shown["trust"]["line"])
            self.assertNotIn("made_up", json.dumps(shown))
            rows = self.d.get("/api/v1/runs?trust=untrusted&id_prefix=" + identity).json["items"]
            self.assertEqual([row["trust_line"] for row in rows], [shown["trust"]["line"]])
            self.assertEqual(self.d.put("/api/v1/runs/" + identity, claim).headers["Idempotency-Replayed"], "true")
        identity = run_id()
        large = run(identity, 0, config={f"k{i:03}": "x" * 1000 for i in range(255)})
        left = 256 * 1024 - 4 - len(json.dumps(large, separators=(",", ":")))
        for i in range(255):
            large["config"][f"k{i:03}"] += "x" * (left // 255)
        reply = self.d.put("/api/v1/runs/" + identity, json.dumps(large, separators=(",", ":")))
        self.problem(reply, 413, "too-large", "as it is stored")


if __name__ == "__main__":
    main()
