"""Every row of daemon/routes/routes.c is in openapi.json and the other way round; every one is asked for here,
and every reply, good or bad, is validated against what openapi.json says of it."""
import base64
import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
from daemon_lib import JSON, SOURCE, Daemon, invocation, main, read, run, run_id, store_run  # noqa: E402
import unittest  # noqa: E402

try:
    import jsonschema
except ImportError:
    print("SKIP: python3-jsonschema is not installed")
    sys.exit(77)

SCHEMAS = os.path.join(SOURCE, "schema")
ROW = re.compile(r'\{ "([A-Z]+)", (API )?"([^"]+)", ifm_routes_\w+, (NULL|"\w+"),')


def routes():
    text = read(os.path.join(SOURCE, "daemon", "routes", "routes.c"))
    return {(method, ("/api/v1" if api else "") + path) for method, api, path, _ in ROW.findall(text)}


class Api:
    """openapi.json with its neighbours; remembers which operations were used."""

    def __init__(self):
        self.document = json.loads(read(os.path.join(SCHEMAS, "openapi.json")))
        base = "http://localhost/schema/"
        self.base = base + "openapi.json"
        store = {self.base: self.document}
        for name in os.listdir(SCHEMAS):
            if name.endswith(".schema.json"):
                schema = json.loads(read(os.path.join(SCHEMAS, name)))
                schema["$id"] = base + name
                store[base + name] = schema
        self.resolver = jsonschema.RefResolver(self.base, self.document, store=store)
        self.used, self.statuses = set(), set()

    def follow(self, node):
        while "$ref" in node:
            node = self.resolver.resolve(node["$ref"])[1]
        return node

    def operations(self):
        for path, item in self.document["paths"].items():
            for method in self.follow(item):
                if method in ("get", "put", "post", "patch", "delete"):
                    yield method.upper(), path

    def template(self, method, path):
        path = path.partition("?")[0]
        for template in self.document["paths"]:
            pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template))
            if re.fullmatch(pattern, path) and method.lower() in self.follow(self.document["paths"][template]):
                return template
        return None

    def check(self, method, path, reply):
        template = self.template("GET" if method == "HEAD" else method, path)
        if template is None:
            response = self.document["components"]["responses"]["Problem"]
        else:
            self.used.add((method, template))
            operation = self.follow(self.document["paths"][template])[("get" if method == "HEAD" else method).lower()]
            responses = operation["responses"]
            response = self.follow(responses.get(str(reply.status)) or responses["default"])
            if str(reply.status) not in responses:
                assert reply.status >= 400, (method, path, reply.status)
        self.statuses.add(reply.status)
        kind = (reply.headers["Content-Type"] or "").partition(";")[0]
        if "content" not in response or method == "HEAD":
            assert reply.body == b"", (method, path)
            return
        assert kind in response["content"], (method, path, reply.status, kind)
        schema = response["content"][kind]["schema"]
        instance = reply.json if kind.endswith("json") else reply.body.decode()
        validator = jsonschema.Draft202012Validator(schema, resolver=self.resolver)
        errors = sorted(validator.iter_errors(instance), key=lambda e: list(e.path))
        assert not errors, f"{method} {path} {reply.status}: {list(errors[0].path)}: {errors[0].message[:600]}"


class Contract(unittest.TestCase):
    def setUp(self):
        self.api, self.daemon = Api(), Daemon()

    def tearDown(self):
        self.assertEqual(self.daemon.stop(), 0)
        self.daemon.close()

    def ask(self, method, path, body=None, **headers):
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        headers = {**(JSON if body is not None else {}), **{k.replace("_", "-"): v for k, v in headers.items()}}
        reply = self.daemon.request(method, path, body, headers)
        self.api.check(method, path, reply)
        return reply

    def fill(self):
        a = store_run(self.daemon, 7, base=1000000)
        b = store_run(self.daemon, 7, base=1100000, config={"threads": "1"}, labels={})
        other = store_run(self.daemon, 1, device_key="d" * 64, variant="x", variant_sha256="e" * 64, config_key="1" * 64)
        bare = run_id()
        plain = {"v": 1, "n": 0, "started_at": "2026-11-24T22:51:43Z", "status": "ok", "latency_ns": [5, 6, 7]}
        failed = json.loads(read(os.path.join(SCHEMAS, "examples", "v1", "invocation-failed.json")))
        self.ask("PUT", f"/api/v1/runs/{bare}/invocations/0", plain)
        self.ask("PUT", f"/api/v1/runs/{bare}/invocations/1", {**failed, "n": 1})
        closing = run(bare, 2, status="failed")
        for key in [k for k in closing if k not in required("run")]:
            del closing[key]
        self.ask("PUT", f"/api/v1/runs/{bare}", closing)
        example = run_id()
        body = json.loads(read(os.path.join(SCHEMAS, "examples", "v1", "invocation.json")))
        self.ask("PUT", f"/api/v1/runs/{example}/invocations/0", body)
        whole = json.loads(read(os.path.join(SCHEMAS, "examples", "v1", "run-whole.json")))
        self.assertEqual(self.ask("PUT", f"/api/v1/runs/{whole['id']}", whole).status, 201)
        return a, b, other, bare, example

    def golden(self, name):
        return json.loads(read(os.path.join(SCHEMAS, "examples", "v1", name + ".json")))

    def fill_experiment(self):
        """An open loop with a profile and a search for the highest rate, its neighbour in the experiment, and a run whose
        invocations came alone, with lanes and energy, and in batches."""
        arm = self.golden("run-experiment")
        self.assertEqual(self.ask("PUT", "/api/v1/runs/" + arm["id"], arm).status, 201)
        neighbour = {**arm, "id": run_id(), "experiment": {**arm["experiment"], "arm": 0}}
        self.assertEqual(self.ask("PUT", "/api/v1/runs/" + neighbour["id"], neighbour).status, 201)
        traced = run_id()
        for n, name in enumerate(("invocation-traced", "invocation-batched")):
            body = {**self.golden(name), "n": n}
            self.assertEqual(self.ask("PUT", f"/api/v1/runs/{traced}/invocations/{n}", body).status, 201)
        self.assertEqual(self.ask("PUT", "/api/v1/runs/" + traced, run(traced, 2)).status, 201)
        return arm["id"], neighbour["id"], traced

    def test_every_reply_is_as_described(self):
        a, b, other, bare, opened = self.fill()
        arm, neighbour, traced = self.fill_experiment()
        for identity in (a, b, other, bare, opened, arm, traced):
            for rest in ("", "/samples", "/samples?phase=steady&buckets=7", "/samples?phase=warmup&invocation=0", "/histogram",
                         "/histogram?bins=3&low_ns=1000&high_ns=2000", "/histogram?invocation=0", "/invocations/0",
                         "/invocations/1", "/invocations/500", "/samples?invocation=900", "/samples?phase=x", "/lanes", "/lanes?invocation=1",
                         "/lanes?invocation=x", "/ops", "/windows", "/windows?width_ns=1&invocation=0", "/windows?width_ns=0",
                         "/samples?from=1000&to=2000000", "/samples?from=5&to=5"):
                self.ask("GET", f"/api/v1/runs/{identity}{rest}")
            for second in (a, b, other, bare, opened, neighbour):
                self.ask("GET", f"/api/v1/compare?a={identity}&b={second}&delta=0.05")
        for query in ("", "?limit=2", "?model=nmp&status=complete", "?model=none", "?label.branch=main", "?q=onnx", "?since=2020-01-01",
                      "?until=2020-01-01", "?id_prefix=" + a[:5], "?commit=8f2c1d0&format=onnx&trust=not_assessed&limit=200",
                      "?limit=x", "?modle=x", "?device_key=" + "d" * 64, "?verification=wrong,verified",
                      "?experiment=019ab8c0-0000-7222-8333-444455556666", "?experiment=x", "?scenario=server", "?scenario=servr"):
            self.ask("GET", "/api/v1/runs" + query)
        self.ask("PUT", f"/api/v1/runs/{a}/invocations/0", invocation(0, 1000, 1000000))
        self.ask("PUT", f"/api/v1/runs/{a}", run(a, 7))
        self.bad_requests(a)
        self.everything_else(a)
        self.assertEqual(self.api.used & routes(), routes(), "not asked for here")
        for status in (200, 201, 304, 400, 403, 404, 405, 409, 411, 413, 414, 415, 421, 422, 431):
            self.assertIn(status, self.api.statuses)

    def test_what_is_shown_is_what_the_daemon_found(self):
        arm, neighbour, traced = self.fill_experiment()
        shown = self.ask("GET", "/api/v1/runs/" + arm).json
        self.assertEqual(shown["scenario"]["kind"], "server")
        self.assertEqual(shown["scenario"]["queries"], 200)
        self.assertEqual(shown["run"]["trust"], shown["trust"]["state"])
        self.assertNotIn("Completions fell behind the schedule.; Offer", json.dumps(shown))  # the client's own words
        self.assertNotIn("ops", shown["run"]["profile"])
        self.assertEqual(shown["run"]["capacity"]["max_per_s"], 512.5)
        self.assertEqual(len(self.ask("GET", f"/api/v1/runs/{arm}/ops").json["profile"]["ops"]), 2)
        compared = self.ask("GET", f"/api/v1/compare?a={arm}&b={neighbour}").json
        self.assertEqual((compared["interleaved"], compared["pairs"]), (True, 1))
        self.assertEqual(compared["caption"], "interleaved, 1 pair")
        rows = self.ask("GET", "/api/v1/runs?experiment=019ab8c0-0000-7222-8333-444455556666&scenario=server").json["items"]
        self.assertEqual({row["id"] for row in rows}, {arm, neighbour})
        shown = self.ask("GET", "/api/v1/runs/" + traced).json
        first, second = shown["invocations"]
        self.assertEqual((first["order"], first["cold"]["level"], first["energy"][0]["rail"]), (11, "C0", "package_0"))
        self.assertEqual(shown["summary"]["energy_uj_per_inference"]["value"], 4700000 / 200)
        self.assertEqual((shown["energy"]["gross_uj"], shown["energy"]["few"]), (23500, True))  # 0.3 s is no window
        self.assertEqual(shown["energy"]["net_uj"], (4700000 - 6 * 300000) / 200)
        self.assertIn("package_0", shown["energy"]["coverage"])
        self.assertEqual((second["sample_calls"], second["sample_count"], second["iterations"]), (50, 120, 6000))
        self.assertEqual(shown["scenario"], None)
        lanes = self.ask("GET", f"/api/v1/runs/{traced}/lanes").json
        self.assertEqual([group["sampler"] for group in lanes["groups"]], ["proc", "thermal", "rapl"])
        sent = self.golden("invocation-traced")["lanes"]
        self.assertEqual(lanes["groups"][0]["lanes"][0]["values"], sent[0]["lanes"][0]["values"])
        self.assertEqual(self.ask("GET", f"/api/v1/runs/{traced}/lanes?invocation=1").json["groups"], [])
        windows = self.ask("GET", f"/api/v1/runs/{arm}/windows?width_ns=100000000").json
        self.assertEqual((sum(windows["n"]), len(windows["t_ns"])), (200, 4))
        self.assertEqual(len(windows["lateness_p99_ns"]), 4)
        batched = self.ask("GET", f"/api/v1/runs/{traced}/windows?invocation=1&width_ns=100000000").json
        self.assertEqual((batched["n"], batched["p50_ns"]), ([120], [2001]))  # 100,050 ns for 50 calls

    def close_checked(self, **changes):
        """The run with outputs checked, accuracy and library under an id of its own."""
        body = {**self.golden("run-checked"), "id": run_id(), **changes}
        self.assertEqual(self.ask("PUT", "/api/v1/runs/" + body["id"], body).status, 201)
        return body["id"]

    def row(self, identity):
        return self.ask("GET", "/api/v1/runs?id_prefix=" + identity).json["items"][0]

    def test_what_was_checked_is_shown(self):
        sent = self.golden("run-checked")
        one = self.close_checked(library={**sent["library"], "path": "/home/somebody/lib/libopenvino_c.so"})
        reply = self.ask("GET", "/api/v1/runs/" + one)
        for hidden in ("correct_bits", "somebody"):
            self.assertNotIn(hidden, reply.body.decode())
        shown = reply.json["run"]
        for field in ("precision", "variant_precision", "variant_made_by", "deployed_bytes", "placement"):
            self.assertEqual(shown[field], sent[field], field)
        self.assertEqual(shown["library"]["sha256"], "9" * 64)
        self.assertEqual([check["name"] for check in shown["checks"]], ["input set 2", "cross-check"])
        accuracy = shown["accuracy"]
        self.assertEqual((accuracy["samples"], accuracy["correct"], accuracy["value"]), (20, 17, 0.85))
        self.assertAlmostEqual(accuracy["low"], 0.639581, 5)  # Wilson's interval of 17 among 20
        self.assertAlmostEqual(accuracy["high"], 0.947631, 5)
        output = reply.json["invocations"][0]["verification"]["outputs"][0]
        self.assertEqual((output["rule"], output["psnr_db"], output["mean_abs"]), ("bfloat16", 52.9, 0.0009))
        self.assertEqual(self.row(one)["verification"], "cross_checked")
        self.assertEqual(self.ask("GET", "/api/v1/runs/" + self.close_checked(external=True)).json["run"]["external"], True)

    def test_a_wrong_check_makes_the_run_wrong(self):
        checks = self.golden("run-checked")["checks"]
        checks[0]["verification"]["state"] = "wrong"
        one, other = self.close_checked(checks=checks), self.close_checked()
        self.assertEqual(self.row(one)["verification"], "wrong")
        self.assertEqual(self.ask("GET", "/api/v1/runs/" + one).json["run"]["verification"], "wrong")
        compared = self.ask("GET", f"/api/v1/compare?a={one}&b={other}").json
        self.assertEqual((compared["comparable"], compared["verdict"]), (False, "inconclusive"))
        self.assertIn("the outputs of A are WRONG", compared["reason"])

    def test_emulated_timings_are_no_results(self):
        one, other = self.close_checked(emulator="qemu-aarch64"), self.close_checked()
        self.assertEqual(self.row(one)["trust"], "untrusted")
        self.assertIn("emulated", [finding["code"] for finding in self.ask("GET", "/api/v1/runs/" + one).json["trust"]["findings"]])
        compared = self.ask("GET", f"/api/v1/compare?a={other}&b={one}").json
        self.assertEqual({m["verdict"] for m in compared["metrics"]}, {"inconclusive"})
        self.assertIn("B ran under an emulator (qemu-aarch64): its timings are no results", compared["reason"])

    def test_accuracies_are_held_against_each_other(self):
        def accuracy(right, samples=20, labels="7" * 64, **more):
            bits = sum(1 << i for i in right).to_bytes((samples + 7) // 8, "little")
            return {"samples": samples, "correct": len(right), "labels_sha256": labels,
                    "correct_bits": base64.b64encode(bits).decode(), **more}

        a = self.close_checked(accuracy=accuracy(range(0, 12)), precision="float32")
        b = self.close_checked(accuracy=accuracy(range(2, 20)))
        compared = self.ask("GET", f"/api/v1/compare?a={a}&b={b}").json
        self.assertEqual(compared["precision"], "A computed in float32, B in bfloat16")
        self.assertEqual(compared["caption"], "sequential, not interleaved; A computed in float32, B in bfloat16")
        found = compared["accuracy"]
        self.assertEqual((found["only_a"], found["only_b"], found["a"]["value"]), (2, 8, 0.6))
        self.assertAlmostEqual(found["difference"], 0.3)
        self.assertAlmostEqual(found["p"], 2 * 56 / 1024)  # at most 2 heads of 10: 1 + 10 + 45
        self.assertIn("no difference shown", found["text"])
        for what, expected in (
            (accuracy(range(18), labels="8" * 64), (None, None)),        # other labels
            (accuracy(range(18), samples=24), (None, None)),              # other samples
            (accuracy(range(18), correct_bits="AAA="), (0.3, None)),      # bits of another number
            (accuracy(range(18), correct_bits=""), (0.3, None)),
        ):
            found = self.ask("GET", f"/api/v1/compare?a={a}&b={self.close_checked(accuracy=what)}").json["accuracy"]
            self.assertEqual(found["p"], expected[1])
            if expected[0] is None:
                self.assertEqual(found["difference"], None)
            else:
                self.assertAlmostEqual(found["difference"], expected[0])
        for claim in (accuracy(range(18), correct=21), {"samples": 0}):  # more right than there were; nothing
            one = self.close_checked(accuracy=claim)
            self.assertEqual(self.ask("GET", f"/api/v1/compare?a={a}&b={one}").json["accuracy"], None)
            self.assertEqual(self.ask("GET", "/api/v1/runs/" + one).json["run"].get("accuracy", {}).get("value"), None)
        hostile = accuracy(range(18), output='"correct_bits":"x"}{"samples":9,')
        shown = self.ask("GET", "/api/v1/runs/" + self.close_checked(accuracy=hostile, labels={"accuracy": '{"samples":1'})).json["run"]
        self.assertEqual((shown["accuracy"]["output"], shown["accuracy"]["value"]), (hostile["output"], 0.9))
        self.assertNotIn("correct_bits", shown["accuracy"])

    def bad_requests(self, stored):
        new = f"/api/v1/runs/{run_id()}"
        self.ask("PUT", f"/api/v1/runs/{stored}", run(stored, 7, model="other"))
        self.ask("PUT", new, b"{")
        self.ask("PUT", new, b"{}")
        self.ask("PUT", new + "/invocations/0", invocation(0, 10, status="x"))
        self.ask("PUT", new + "/invocations/0", b'{"x":"' + b"a" * 300000 + b'"}')
        self.ask("PUT", new, b"{}", Content_Type="text/plain")
        self.ask("PUT", new, b"{}", Host="example.com")
        self.ask("PUT", new, b"{}", Origin="https://example.com")
        self.ask("PUT", new, b"{}", Content_Encoding="br")
        self.ask("GET", "/api/v1/runs?q=" + "a" * 9000)
        self.ask("GET", "/livez", X="a" * 17000)
        self.ask("GET", "/%zz")
        self.ask("DELETE", new)
        self.ask("POST", "/api/v1/runs", {})
        self.ask("GET", new)
        self.ask("GET", "/api/v1/runs/x")
        self.ask("GET", "/api/v1/nothing")
        reply = self.daemon.raw(f"PUT {new} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        self.assertIn(b" 411 ", reply)
        self.api.statuses.add(411)

    def everything_else(self, stored):
        for path in ("/livez", "/healthz", "/readyz", "/version", "/api/v1/version", "/openapi.json", "/api/v1/openapi.json",
                     "/api/v1/schemas/run.schema.json", "/api/v1/schemas/none.schema.json", "/", "/runs/" + stored, "/compare",
                     "/api", "/api/v1/runs", "/api/v1/runs/" + stored, "/problems/conflict"):
            first = self.ask("GET", path)
            self.ask("HEAD", path)
            if first.headers["ETag"]:
                self.assertEqual(self.ask("GET", path, If_None_Match=first.headers["ETag"]).status, 304)

    def test_every_problem_has_a_page(self):
        """Those of the error map, and those that only HTTP has: the addresses that problems name as their type."""
        names = re.findall(r'X\(IFM_ERR_\w+, -\d+, "([a-z-]+)"', read(os.path.join(SOURCE, "core", "err.h")))
        self.assertGreater(len(names), 20)
        for name in names + ["length-required", "address-too-long", "headers-too-large"]:
            page = self.ask("GET", "/problems/" + name)
            self.assertIn(f"<h1>{name}</h1>".encode(), page.body)
        self.assertEqual(self.ask("GET", "/problems/nothing").status, 404)
        problem = self.daemon.get("/api/v1/runs?limit=x").json
        self.assertEqual(self.ask("GET", problem["type"]).status, 200)

    def test_table_and_document_name_the_same(self):
        self.assertGreater(len(routes()), 15)
        self.assertEqual(routes(), set(self.api.operations()))

    def test_parameters_are_the_same(self):
        """Each query parameter of the document passes; the daemon refuses one that is not there."""
        a = store_run(self.daemon)
        for method, path in self.api.operations():
            item = self.api.follow(self.api.document["paths"][path])
            names = [p["name"] for p in map(self.api.follow, item[method.lower()].get("parameters", [])) if p["in"] == "query"]
            address = path.replace("{uuid}", a).replace("{n}", "0").replace("{name}", "run.schema.json")
            for name in names:
                reply = self.daemon.get(f"{address}?{name}=1")
                self.assertNotIn(b"there is no query parameter", reply.body)
            if path.startswith("/api/v1") and method == "GET":
                self.assertIn(b"there is no query parameter", self.daemon.get(address + "?zzzzzzzz=1").body, path)

    def test_what_is_served_is_what_is_in_the_tree(self):
        served = json.dumps(self.daemon.get("/openapi.json").json, sort_keys=True).replace("/api/v1/schemas/", "")
        self.assertEqual(json.loads(served), json.loads(json.dumps(self.api.document).replace("/api/v1/schemas/", "")))
        for name in os.listdir(SCHEMAS):
            if name.endswith(".schema.json"):
                self.assertEqual(self.daemon.get("/api/v1/schemas/" + name).json, json.loads(read(os.path.join(SCHEMAS, name))))


def required(name):
    return json.loads(read(os.path.join(SCHEMAS, name + ".schema.json")))["required"]


if __name__ == "__main__":
    main()
