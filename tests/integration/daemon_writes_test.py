"""PUT of invocations and runs: the life cycle, and every kind of body that must be refused in one sentence."""
import base64
import gzip
import json
import socket
import struct
import time
import unittest

from daemon_lib import (JSON, DaemonCase, codec_block, invocation, latencies, main, read, run, run_id, whole_run,
                        zstd_raw)

MIB = 1024 * 1024


def block_of(head, payload):
    return base64.b64encode(head + payload).decode()


def chunked(body, size=1000):
    pieces = [body[i:i + size] for i in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in pieces) + b"0\r\n\r\n"


class LifeCycle(DaemonCase):
    def test_put_get_replay_conflict(self):
        identity = run_id()
        path, first = f"/api/v1/runs/{identity}", invocation(0, 1000)
        reply = self.d.put(path + "/invocations/0", first)
        self.assertEqual((reply.status, reply.json), (201, {"run": identity, "n": 0, "outcome": "created"}))
        self.assertIsNone(reply.headers["Idempotency-Replayed"])
        reply = self.d.put(path + "/invocations/0", first)
        self.assertEqual((reply.status, reply.json["outcome"]), (200, "replayed"))
        self.assertEqual(reply.headers["Idempotency-Replayed"], "true")
        self.problem(self.d.put(path + "/invocations/0", invocation(0, 999)), 409, "conflict")
        self.problem(self.d.put(path, run(identity, 2)), 409, "conflict")
        self.assertEqual(self.d.get(path).json["run"], None)
        self.assertEqual(self.d.put(path + "/invocations/1", invocation(1, 1000)).status, 201)
        reply = self.d.put(path, run(identity, 2))
        self.assertEqual((reply.status, reply.json), (201, {"run": identity, "outcome": "created"}))
        self.assertEqual(reply.headers["Location"], "/runs/" + identity)
        reply = self.d.put(path, run(identity, 2))
        self.assertEqual((reply.status, reply.headers["Idempotency-Replayed"]), (200, "true"))
        self.problem(self.d.put(path, run(identity, 2, model="other")), 409, "conflict")
        self.assertEqual(self.d.put(path + "/invocations/1", invocation(1, 1000)).status, 200)
        self.problem(self.d.put(path + "/invocations/2", invocation(2, 1000)), 409, "conflict", "closed")
        self.check_what_is_stored(identity)

    def test_a_run_carries_its_invocations(self):
        identity = run_id()
        path, body = f"/api/v1/runs/{identity}", whole_run(identity, 2)
        reply = self.d.put(path, body)
        self.assertEqual((reply.status, reply.json), (201, {"run": identity, "outcome": "created"}))
        self.assertEqual(reply.headers["Location"], "/runs/" + identity)
        reply = self.d.put(path, body)
        self.assertEqual((reply.status, reply.headers["Idempotency-Replayed"]), (200, "true"))
        self.problem(self.d.put(path, whole_run(identity, 2, model="other")), 409, "conflict")
        self.problem(self.d.put(path, run(identity, 2)), 409, "conflict")
        self.assertNotIn("invocation_bodies", self.d.get(path).json["run"])
        self.check_what_is_stored(identity)

    def test_what_is_carried_completes_what_is_stored(self):
        identity = run_id()
        path, bodies = f"/api/v1/runs/{identity}", [invocation(n, 1000) for n in range(2)]
        self.assertEqual(self.d.put(path + "/invocations/1", bodies[1]).status, 201)
        got = self.problem(self.d.put(path, run(identity, 2, invocation_bodies=bodies)), 409, "conflict", "leave it out of")
        self.assertEqual(got["errors"][0]["pointer"], "/invocation_bodies/1/n")
        self.problem(self.d.put(path, run(identity, 3, invocation_bodies=bodies[:1])), 409, "conflict", "says 3 invocations")
        self.assertFalse(self.d.get(path).json["closed"])
        self.assertEqual(self.d.put(path, run(identity, 2, invocation_bodies=bodies[:1])).status, 201)
        self.check_what_is_stored(identity)

    def check_what_is_stored(self, identity):
        got = self.d.get("/api/v1/runs/" + identity).json
        self.assertEqual((got["closed"], got["run"]["id"], len(got["invocations"])), (True, identity, 2))
        values = sorted(latencies(1000, 1000000, 1))
        row = got["invocations"][0]
        self.assertEqual((row["p50_ns"], row["min_ns"], row["max_ns"]), (values[499], values[0], values[-1]))
        self.assertEqual((row["p90_ns"], row["p99_ns"]), (values[899], values[989]))
        sent = self.d.get(f"/api/v1/runs/{identity}/invocations/1").json
        self.assertEqual(sent["iterations"], 1000)
        self.assertEqual(sent["samples"][0]["block"], invocation(1, 1000)["samples"][0]["block"])
        counts = self.d.get(f"/api/v1/runs/{identity}/histogram").json
        self.assertEqual(counts["n"], 2000)
        self.assertEqual(sum(counts["counts"]) + counts["below"] + counts["above"], 2000)
        columns = self.d.get(f"/api/v1/runs/{identity}/samples?buckets=10&invocation=0").json["invocations"]
        self.assertEqual((len(columns), sum(columns[0]["steady"]["n"])), (1, 1000))
        self.assertEqual(min(columns[0]["steady"]["min"]), values[0])
        listed = self.d.get("/api/v1/runs?id_prefix=" + identity).json["items"]
        self.assertEqual([row["id"] for row in listed], [identity])

    def test_plain_latencies_are_the_same_as_blocks(self):
        a, b = run_id(), run_id()
        values = latencies(1000)
        plain = {"v": 1, "n": 0, "started_at": "2026-11-24T22:51:43Z", "status": "ok", "latency_ns": values}
        self.assertEqual(self.d.put(f"/api/v1/runs/{a}/invocations/0", plain).status, 201)
        self.assertEqual(self.d.put(f"/api/v1/runs/{b}/invocations/0", invocation(0, 1000)).status, 201)
        rows = [self.d.get(f"/api/v1/runs/{i}").json["invocations"][0] for i in (a, b)]
        for key in ("p50_ns", "p90_ns", "p99_ns", "min_ns", "max_ns", "mean_ns", "iterations"):
            self.assertEqual(rows[0][key], rows[1][key], key)

    def test_unknown_fields_are_ignored_and_part_of_the_hash(self):
        identity = run_id()
        path = f"/api/v1/runs/{identity}/invocations/0"
        self.assertEqual(self.d.put(path, invocation(0, 10, from_the_future={"a": [1]})).status, 201)
        self.problem(self.d.put(path, invocation(0, 10)), 409, "conflict")

    def test_many_invocations_in_any_order(self):
        identity = run_id()
        for n in (3, 0, 2, 1):
            self.assertEqual(self.d.put(f"/api/v1/runs/{identity}/invocations/{n}", invocation(n, 20)).status, 201)
        self.assertEqual(self.d.put(f"/api/v1/runs/{identity}", run(identity, 4)).status, 201)
        self.assertEqual([i["n"] for i in self.d.get("/api/v1/runs/" + identity).json["invocations"]], [0, 1, 2, 3])


class Refused(DaemonCase):
    def setUp(self):
        self.identity = run_id()
        self.path = f"/api/v1/runs/{self.identity}/invocations/0"

    def tearDown(self):
        """Nothing half-written: what was refused is not there."""
        self.assertEqual(self.d.get("/api/v1/runs/" + self.identity).status, 404)
        self.assertEqual(self.d.get("/readyz").status, 200)

    def refused(self, body, status, name, part="", pointer=None, path=None):
        got = self.problem(self.d.put(path or self.path, body), status, name, part)
        if pointer is not None:
            self.assertEqual(got["errors"][0]["pointer"], pointer)
        return got

    def test_not_json(self):
        for body in ("", "{", "[]", "null", "1", '"x"', "{}x", "{'v':1}", '{"v":NaN}', '{"v":01}', '{"v":1,}', "\x00", "{}\x00",
                     "<xml/>", '{"v":1e999}'):
            got = self.d.put(self.path, body)
            self.assertIn(got.status, (400, 422), body)
            self.problem(got, got.status, got.json["type"].rpartition("/")[2])

    def test_bytes_that_are_not_utf8(self):
        self.refused(b'{"v":1,"n":0,"failure_text":"\xff"}', 400, "bad-request", "UTF-8")
        self.refused(b'{"v":1,"n":0,"failure_text":"\xed\xa0\x80"}', 400, "bad-request")
        self.refused(b'{"v":1,"n":0,"failure_text":"\\ud800"}', 400, "bad-request")

    def test_duplicate_keys(self):
        self.refused('{"v":1,"n":0,"n":0}', 400, "bad-request")

    def test_depth_bomb(self):
        for deep in (17, 1000, 1000000):
            self.refused('{"x":' + "[" * deep + "]" * deep + "}", 400, "bad-request", "deeper than 16")

    def test_eight_megabytes_of_nested_empty_objects(self):
        body = '{"x":[' + "{}," * (8 * MIB // 3 - 10) + "{}]}"
        before = self.d.rss_bytes()
        self.refused(body, 413, "too-large")
        self.assertLess(self.d.rss_bytes() - before, 40 * MIB)

    def test_missing_and_wrong_fields(self):
        for field in ("v", "n", "started_at", "status"):
            body = invocation(0, 10)
            del body[field]
            got = self.refused(body, 422, "invalid-data", field)
            self.assertIn("errors", got)
        for changes, pointer in (({"n": 1}, "/n"), ({"n": "0"}, "/n"), ({"v": 0}, "/v"), ({"status": "fine"}, "/status"),
                                 ({"started_at": "soon"}, "/started_at"), ({"load_ns": -1}, "/load_ns"),
                                 ({"load_ns": 1.5}, "/load_ns"), ({"load_ns": 10**18}, "/load_ns"),
                                 ({"deterministic": 1}, "/deterministic"), ({"warnings": "x"}, "/warnings"),
                                 ({"failure_text": "x" * 5000}, "/failure_text"), ({"warnings": ["x"] * 5000}, "/warnings"),
                                 ({"memory_steady": []}, "/memory_steady"), ({"samples": {}}, "/samples")):
            self.refused({**invocation(0, 10), **changes}, 422, "invalid-data", pointer=pointer)

    def test_numbers_that_are_none(self):
        for text in ("NaN", "Infinity", "-Infinity", "1e400", "-"):
            self.assertIn(self.d.put(self.path, json.dumps(invocation(0, 10)).replace("48000000", text)).status, (400, 422))
        for latency in (-1, 3600000000001, 2**63 - 1):
            self.refused(invocation(0, 3, samples=[{"phase": "steady", "first": 0, "count": 3,
                                                    "block": codec_block([1, latency, 2], 1)}]), 422, "invalid-data")
            plain = {"v": 1, "n": 0, "started_at": "2026-11-24T22:51:43Z", "status": "ok", "latency_ns": [1, latency]}
            self.refused(plain, 422, "invalid-data")

    def test_damaged_blocks(self):
        good = base64.b64decode(codec_block([1000, 1001, 1002]))
        head = b"IS\x01\x01" + struct.pack("<Iq", 3, 1000)
        bad = {
            "not base64": "***", "no padding": base64.b64encode(good).decode().rstrip("=")[:-1] + "é",
            "empty": "", "short": base64.b64encode(good[:10]).decode(), "magic": block_of(b"XX", good[2:]),
            "version": block_of(b"IS\x09", good[3:]), "width 0": block_of(b"IS\x01\x00", good[4:]),
            "width 9": block_of(b"IS\x01\x09", good[4:]), "cut frame": block_of(good[:-1], b""),
            "more behind": block_of(good, b"x"), "no frame": block_of(head, b"abcdefgh"),
            "count 0": block_of(b"IS\x01\x01" + struct.pack("<Iq", 0, 1), zstd_raw(b"")),
            "huge count": block_of(b"IS\x01\x08" + struct.pack("<Iq", 2**32 - 1, 1), zstd_raw(b"\0" * 8)),
            "other length": block_of(head, zstd_raw(b"\0" * 4)),
            "frame that claims 2 GiB": block_of(head, struct.pack("<IBI", 0xFD2FB528, 0xA0, 2**31) + b"\x03\0\0" + b"\0"),
        }
        for name, block in bad.items():
            with self.subTest(name):
                got = self.refused(invocation(0, 3, samples=[{"phase": "steady", "first": 0, "count": 3, "block": block}]),
                                   422, "invalid-data")
                self.assertTrue(got["errors"][0]["pointer"].startswith("/samples/0/"))

    def test_samples_that_do_not_fit_together(self):
        block = codec_block([1000, 1001, 1002])
        def piece(**changes):
            return {"phase": "steady", "first": 0, "count": 3, "block": block, **changes}
        for samples in ([piece(count=4)], [piece(first=1)], [piece(), piece()], [piece(), piece(first=2)],
                        [piece(), piece(phase="warmup")], [piece(gaps=codec_block([1, 2]))],
                        [piece(gaps=codec_block([1, -2, 1], 1))], [piece(phase="middle")], [piece(first=-1)]):
            self.refused(invocation(0, 3 * len(samples), samples=samples), 422, "invalid-data")
        self.refused(invocation(0, 4, samples=[piece()]), 422, "invalid-data")
        self.refused(invocation(0, 3, samples=[]), 422, "invalid-data")
        self.refused(invocation(0, 3, samples=[piece()], latency_ns=[1, 2, 3]), 422, "invalid-data")

    def test_what_a_run_carries_is_checked_like_what_comes_alone(self):
        path, good = f"/api/v1/runs/{self.identity}", invocation(0, 10)
        bad_block = {"phase": "steady", "first": 0, "count": 10, "block": codec_block([5] * 10)[:-8]}
        for second, status, name, part, pointer in (
                (invocation(1, 10, samples=[bad_block]), 422, "invalid-data", "", "/invocation_bodies/1/samples/0/"),
                (invocation(1, 10, iterations=11), 422, "invalid-data", "11", "/invocation_bodies/1/iterations"),
                (invocation(1, 10, samples=[]), 422, "invalid-data", "", "/invocation_bodies/1/samples"),
                ({**invocation(1, 10), "latency_ns": [1]}, 422, "invalid-data", "", "/invocation_bodies/1/latency_ns"),
                (invocation(1, 10, load_ns=-1), 422, "invalid-data", "", "/invocation_bodies/1/load_ns"),
                (invocation(0, 10), 422, "invalid-data", "earlier one", "/invocation_bodies/1/n"),
                (invocation(1000, 10), 422, "invalid-data", "", "/invocation_bodies/1/n"),
                ([], 422, "invalid-data", "an object", "/invocation_bodies/1"),
                (invocation(2, 10), 409, "conflict", "last number 2", "/invocations"),
                (invocation(1, 10, failure_text="x" * 300000), 413, "too-large", "outside its sample blocks", None)):
            got = self.refused(run(self.identity, 2, invocation_bodies=[good, second]), status, name, part, path=path)
            if pointer:
                self.assertTrue(got["errors"][0]["pointer"].startswith(pointer), got)
        self.refused(run(self.identity, 3, invocation_bodies=[good]), 409, "conflict", "says 3 invocations", path=path)
        self.refused(run(self.identity, 1, invocation_bodies={}), 422, "invalid-data", pointer="/invocation_bodies", path=path)
        self.refused(run(self.identity, 1001, invocation_bodies=[{}] * 1001), 422, "invalid-data", path=path)

    def test_numbers_in_address_and_body(self):
        self.refused(invocation(1000, 10), 422, "invalid-data", path=f"/api/v1/runs/{self.identity}/invocations/1000")
        self.refused(run(run_id()), 422, "invalid-data", "address", "/id", f"/api/v1/runs/{self.identity}")
        self.refused(run(self.identity, config_key="x"), 422, "invalid-data", pointer="/config_key", path=f"/api/v1/runs/{self.identity}")
        self.refused(run(self.identity, labels={"a": 1}), 422, "invalid-data", path=f"/api/v1/runs/{self.identity}")
        self.refused(run(self.identity, 1), 409, "conflict", path=f"/api/v1/runs/{self.identity}")

    def test_media_type_coding_and_length(self):
        body = json.dumps(invocation(0, 10)).encode()
        for kind in (None, "", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonp"):
            reply = self.d.request("PUT", self.path, body, {"Content-Type": kind} if kind is not None else {})
            self.problem(reply, 415, "unsupported-media-type", "application/json")
            self.assertEqual(reply.headers["Accept-Encoding"], "gzip")
        for coding in ("br", "deflate", "zstd", "gzip, gzip"):
            self.problem(self.d.put(self.path, body, {"Content-Encoding": coding}), 415, "unsupported-media-type", "gzip")
        head = f"PUT {self.path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
        reply = self.d.raw(head.encode())
        self.assertRegex(reply, rb"^HTTP/1\.1 411 ")
        self.assertIn(b"/problems/length-required", reply)

    def test_too_large_is_413_before_it_is_sent(self):
        head = (f"PUT {self.path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                f"Content-Length: {8 * MIB + 1}\r\n")
        for expect in ("", "Expect: 100-continue\r\n"):
            reply = self.d.raw((head + expect + "\r\n").encode())
            self.assertRegex(reply, rb"^HTTP/1\.1 413 ")
            self.assertNotIn(b"100 Continue", reply)
            self.assertIn(b"Connection: close", reply)
        for length in ("99999999999999999", "99999999999999999999999999"):
            head2 = head.replace(str(8 * MIB + 1), length)
            self.assertRegex(self.d.raw((head2 + "\r\n").encode()), rb"^HTTP/1\.1 413 ")

    def test_too_large_in_chunks_is_413_after_draining(self):
        head = (f"PUT {self.path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n")
        reply = self.d.raw(head.encode() + chunked(b" " * (9 * MIB), 65536))
        self.assertRegex(reply, rb"^HTTP/1\.1 413 ")
        reply = self.d.raw(head.encode() + chunked(b" " * (40 * MIB), 65536))
        self.assertTrue(reply == b"" or b" 413 " in reply[:30])

    def test_expect_gets_its_error_without_sending(self):
        reply = self.d.raw(f"PUT {self.path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n"
                           "Content-Length: 1000\r\nExpect: 100-continue\r\n\r\n".encode())
        self.assertRegex(reply, rb"^HTTP/1\.1 415 ")

    def test_gzip_that_is_none(self):
        body = gzip.compress(json.dumps(invocation(0, 10)).encode())
        for bad in (b"", b"plain", body[:-1], body[:20], body + b"x", body + body, body[:-8] + b"\0" * 8):
            self.problem(self.d.put(self.path, bad, {"Content-Encoding": "gzip"}), 400, "bad-request", "gzip")

    def test_gzip_bomb(self):
        bomb = gzip.compress(b" " * (200 * MIB), 9)
        self.assertLess(len(bomb), MIB)
        before = self.d.rss_bytes()
        self.problem(self.d.put(self.path, bomb, {"Content-Encoding": "gzip"}), 413, "too-large")
        self.assertLess(self.d.rss_bytes() - before, 40 * MIB)

    def test_cut_off_bodies_leave_nothing(self):
        body = json.dumps(invocation(0, 10)).encode()
        head = f"PUT {self.path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        for send in (f"Content-Length: {len(body)}\r\n\r\n".encode() + body[:-1],
                     b"Transfer-Encoding: chunked\r\n\r\n" + chunked(body)[:-2 - 5],
                     b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + body):
            for _ in range(3):  # its end may come with its last bytes or after them
                reply = self.d.raw(head.encode() + send, shut=True)
                self.assertNotRegex(reply, rb"^HTTP/1\.1 20[01]")
        begin = time.monotonic()
        while time.monotonic() - begin < 20:
            if not self.open_connections():
                break
            time.sleep(0.2)
        self.assertEqual(self.open_connections(), 0)

    def open_connections(self):
        port = f":{self.d.port:04X}"
        rows = [line.split() for line in read("/proc/net/tcp").splitlines()[1:]]
        return sum(row[1].endswith(port) and row[3] in ("01", "08") for row in rows)

    def test_text_that_would_fool_a_terminal(self):
        reply = self.d.put(self.path, json.dumps(invocation(0, 10, status="\u001b[31m\u202e\n")))
        self.problem(reply, 422, "invalid-data")
        self.assertNotIn(b"\x1b", reply.body)


class Ways(DaemonCase):
    """The same body in every way it may be sent."""

    def test_chunked_gzip_and_both(self):
        body = json.dumps(invocation(0, 1000)).encode()
        identity = run_id()
        path = f"/api/v1/runs/{identity}/invocations/0"
        self.assertEqual(self.d.put(path, gzip.compress(body), {"Content-Encoding": "gzip"}).status, 201)
        # idempotency is by the decoded body: each other way is a replay
        self.assertEqual(self.d.put(path, body).status, 200)
        self.assertEqual(self.d.put(path, gzip.compress(body, 1), {"Content-Encoding": "X-GZIP"}).status, 200)
        self.assertEqual(self.d.put(path, body, {"Content-Type": "application/json; charset=utf-8"}).status, 200)
        head = f"PUT {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n"
        for extra, data in (("", body), ("Content-Encoding: gzip\r\n", gzip.compress(body))):
            for size in (1, 7, 100000):
                sent = head + extra + "Transfer-Encoding: chunked\r\n\r\n"
                self.assertRegex(self.d.raw(sent.encode() + chunked(data, size)), rb"^HTTP/1\.1 200 ")
        sent = head + f"Content-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n"
        self.assertRegex(self.d.raw(sent.encode() + body), rb"^HTTP/1\.1 100 Continue\r\n\r\nHTTP/1\.1 200 ")

    def test_one_connection_for_many_requests(self):
        body = json.dumps(invocation(0, 10)).encode()
        with socket.create_connection(("127.0.0.1", self.d.port), timeout=10) as connection:
            stream = connection.makefile("rb")
            for i in range(50):
                path = f"/api/v1/runs/{run_id()}/invocations/0"
                kind = "text/plain" if i % 5 == 4 else "application/json"  # an error does not end it
                connection.sendall(f"PUT {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n"
                                   f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
                status, length = stream.readline(), 0
                self.assertTrue(status.startswith(b"HTTP/1.1 415" if i % 5 == 4 else b"HTTP/1.1 201"), status)
                while (line := stream.readline()) != b"\r\n":
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                stream.read(length)

    def test_large_bodies_pass(self):
        count = 65536
        values = [1000000 + i * 7919 % 60000 for i in range(count)]
        block = codec_block(values)
        pieces = [{"phase": "steady", "first": i * count, "count": count, "block": block} for i in range(40)]
        body = json.dumps({**invocation(0, 10), "iterations": 40 * count, "samples": pieces, "steady_ns": 10**12}).encode()
        self.assertGreater(len(body), 5 * MIB)
        self.assertLess(len(body), 8 * MIB)
        identity = run_id()
        path = f"/api/v1/runs/{identity}/invocations/0"
        self.assertEqual(self.d.put(path, body).status, 201)
        self.assertEqual(self.d.get(path).json["samples"][39]["block"], pieces[39]["block"])
        self.assertEqual(self.d.get(f"/api/v1/runs/{identity}/histogram").json["n"], 40 * count)
        self.assertEqual(self.d.get("/api/v1/runs/" + identity).json["invocations"][0]["p50_ns"],
                         sorted(values)[count // 2 - 1])


if __name__ == "__main__":
    main()
