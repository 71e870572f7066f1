"""The daemon as an HTTP server: addresses, hosts, origins, limits, caching, coding, log."""
import gzip
import json
import re
import socket
import time
import unittest

from daemon_lib import JSON, SANITIZED, Daemon, DaemonCase, invocation, main, run, run_id, store_run

SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Addresses(DaemonCase):
    def test_security_headers_are_on_every_reply(self):
        for path in ("/", "/api/v1/runs", "/nothing", "/livez", "/api/v1/runs?zzz=1"):
            headers = self.d.get(path).headers
            for name, value in SECURITY.items():
                self.assertEqual(headers[name], value, path)
            self.assertIn("default-src 'none'", headers["Content-Security-Policy"])
            self.assertNotIn("unsafe", headers["Content-Security-Policy"])
            self.assertRegex(headers["X-Request-Id"], "^[0-9a-f]{8}-[0-9a-f]+$")

    def test_unknown_addresses(self):
        self.problem(self.d.get("/api/v1/nothing"), 404, "not-found", "/openapi.json")
        self.problem(self.d.get("/api/v1/runs/xyz"), 404, "not-found", "UUID")
        self.problem(self.d.get("/api/v1/runs/" + run_id()), 404, "not-found")
        reply = self.d.get("/nothing", Accept="text/html,*/*;q=0.8")
        self.assertEqual((reply.status, reply.headers["Content-Type"]), (404, "text/plain; charset=utf-8"))

    def test_other_methods_are_405_with_allow(self):
        identity = run_id()
        for method in ("POST", "DELETE", "PATCH", "OPTIONS", "TRACE", "FROBNICATE"):
            reply = self.d.request(method, "/api/v1/runs/" + identity)
            self.problem(reply, 405, "method-not-allowed")
            self.assertEqual(reply.headers["Allow"], "PUT, GET, HEAD")

    def test_unknown_parameter_names_the_nearest(self):
        self.problem(self.d.get("/api/v1/runs?runtme=x"), 400, "bad-request", "did you mean “runtime”")
        self.problem(self.d.get("/api/v1/runs?status=complet"), 400, "bad-request", "did you mean complete")
        self.problem(self.d.get("/api/v1/runs?limit=0"), 400, "bad-request", "1 to 200")
        self.problem(self.d.get("/api/v1/runs?limit=201"), 400, "bad-request")
        self.problem(self.d.get("/api/v1/runs?limit=9x"), 400, "bad-request")
        self.problem(self.d.get("/api/v1/runs?limit=99999999999999999999"), 400, "bad-request")
        self.problem(self.d.get("/api/v1/runs?since=yesterday"), 400, "bad-request", "RFC 3339")
        self.problem(self.d.get("/api/v1/runs?cursor=rubbish"), 400, "bad-request")
        self.problem(self.d.get("/api/v1/runs?limit=1&limit=2"), 400, "bad-request", "twice")
        self.problem(self.d.get("/api/v1/runs?label.a=1&label.b=2"), 400, "bad-request", "one label")
        self.problem(self.d.get("/api/v1/compare?a=1"), 400, "bad-request", "a must be")
        for delta in ("0", "-1", "10", "inf", "nan", "0x1", "x", ""):
            identity = self.stored()
            self.problem(self.d.get(f"/api/v1/compare?a={identity}&b={identity}&delta={delta}"), 400, "bad-request")

    @classmethod
    def stored(cls):
        if not hasattr(cls, "stored_id"):
            cls.stored_id = store_run(cls.d)
        return cls.stored_id

    def test_traversal_leads_nowhere(self):
        for path in ("/../../etc/passwd", "/..%2f..%2fetc%2fpasswd", "/%2e%2e/%2e%2e/etc/passwd", "/api/v1/../../etc",
                     "/api/v1/schemas/..%2fopenapi.json", "/api/v1/schemas/%2e%2e", "/index.html/../x", "//etc/passwd",
                     "/api/v1/runs/..%2f..%2f..%2fetc%2fpasswd", "/.\\..\\etc", "/runs/x/../../etc"):
            for head in (f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",):
                reply = self.d.raw(head.encode())
                self.assertRegex(reply, rb"^HTTP/1\.1 404 ", path)
                self.assertNotIn(b"root:", reply)
        # one segment that only looks like a way up: a page of the dashboard, whose script finds no such run
        self.assertEqual(self.d.get("/runs/..%2f..%2fetc").status, 200)

    def test_broken_targets_are_400(self):
        for target in (b"/%", b"/%zz", b"/%00", b"/a%00b", b"/api/v1/runs?model=%00", b"/%ff", b"http://localhost/", b"*",
                       b"/a\x80", b"/api/v1/runs?model=%c3"):
            reply = self.d.raw(b"GET " + target + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            self.assertRegex(reply, rb"^HTTP/1\.1 400 ", target)
            self.assertIn(b"application/problem+json", reply)
        reply = self.d.raw(b"GET /a\x00b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        self.assertNotRegex(reply, rb"^HTTP/1\.1 2")

    def test_head_is_get_without_the_body(self):
        got, head = self.d.get("/api/v1/runs"), self.d.request("HEAD", "/api/v1/runs")
        self.assertEqual((head.status, head.body), (200, b""))
        for name in ("Content-Length", "Content-Type", "ETag"):
            self.assertEqual(head.headers[name], got.headers[name])
        self.assertEqual(self.d.request("HEAD", "/api/v1/nothing").status, 404)

    def test_pages_answer_with_one_shell(self):
        bodies = {self.d.get(path).body for path in ("/", "/runs/" + run_id(), "/compare?a=1&b=2", "/api", "/?whatever=1")}
        self.assertEqual(len(bodies), 1)
        self.assertIn(b"<!doctype html>", bodies.pop().lower())

    def test_the_daemon_tells_about_itself(self):
        self.assertEqual(self.d.get("/livez").json, {"status": "ok"})
        self.assertEqual(self.d.get("/readyz").json["status"], "ready")
        version = self.d.get("/version").json
        self.assertEqual((version["api"], self.d.get("/api/v1/version").json), ("v1", version))
        document = self.d.get("/openapi.json").json
        self.assertTrue(document["openapi"].startswith("3.1"))
        self.assertEqual(self.d.get("/api/v1/openapi.json").json, document)
        for name in re.findall(r'"(/api/v1/schemas/[a-z]+[.]schema[.]json)"', json.dumps(document)):
            self.assertEqual(self.d.get(name).json["type"], "object", name)
        self.problem(self.d.get("/api/v1/schemas/none.schema.json"), 404, "not-found")


class WhoMayTalk(DaemonCase):
    OPTIONS = ("--host", "bench.example.com")

    def status(self, host, method="GET", origin=None):
        headers = {"Host": host, **({"Origin": origin} if origin else {}), **(JSON if method == "PUT" else {})}
        return self.d.request(method, "/api/v1/runs" if method == "GET" else "/api/v1/runs/" + run_id(),
                              b"{}" if method == "PUT" else None, headers)

    def test_foreign_hosts_are_421(self):
        for host in ("localhost", "127.0.0.1:1", "[::1]", "bench.example.com:80", "LOCALHOST"):
            self.assertEqual(self.status(host).status, 200, host)
        for host in ("example.com", "localhost.example.com", "127.0.0.1.example.com", "10.0.0.1", ""):
            self.problem(self.status(host), 421, "misdirected-request", "--host")
        self.assertEqual(self.d.request("GET", "/", headers={"Host": "example.com"}).status, 421)
        reply = self.d.raw(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
        self.assertRegex(reply, rb"^HTTP/1\.1 421 ")
        reply = self.d.raw(b"GET / HTTP/1.0\r\n\r\n")
        self.assertRegex(reply, rb"^HTTP/1\.[01] 421 ")

    def test_foreign_origins_may_read_nothing_and_write_nothing(self):
        host = f"localhost:{self.d.port}"
        for origin in ("https://example.com", "null", "http://localhost:1", f"http://127.0.0.1:{self.d.port}"):
            self.problem(self.status(host, "PUT", origin), 403, "permission")
            reply = self.status(host, "GET", origin)
            self.assertEqual(reply.status, 200)
            self.assertIsNone(reply.headers["Access-Control-Allow-Origin"])
        self.problem(self.status(host, "PUT", "http://" + host), 422, "invalid-data")  # its own page: only the body is wrong
        preflight = self.d.request("OPTIONS", "/api/v1/runs/" + run_id(), headers={
            "Origin": "https://example.com", "Access-Control-Request-Method": "PUT"})
        self.assertIn(preflight.status, (403, 405))
        self.assertIsNone(preflight.headers["Access-Control-Allow-Methods"])


class Caching(DaemonCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ids = [store_run(cls.d, 2) for _ in range(5)]

    def paths(self):
        a, b = self.ids[:2]
        yield from (f"/api/v1/runs/{a}", f"/api/v1/runs/{a}/invocations/0", f"/api/v1/runs/{a}/samples",
                    f"/api/v1/runs/{a}/histogram", f"/api/v1/compare?a={a}&b={b}", "/api/v1/runs", "/openapi.json")

    def test_etag_and_304(self):
        for path in self.paths():
            first = self.d.get(path)
            tag = first.headers["ETag"]
            self.assertEqual(first.status, 200, path)
            self.assertRegex(tag, r'^(W/)?"[^"]+"$')
            self.assertEqual(tag.startswith("W/"), path == "/api/v1/runs")
            again = self.d.get(path, If_None_Match=tag)
            self.assertEqual((again.status, again.body, again.headers["ETag"]), (304, b"", tag), path)
            self.assertEqual(again.headers["Vary"], "Accept-Encoding")
            self.assertEqual(self.d.get(path, If_None_Match='"other"').status, 200)
            self.assertEqual(self.d.request("HEAD", path, headers={"If-None-Match": tag}).status, 304)

    def test_gzip(self):
        for path in self.paths():
            plain, coded = self.d.get(path), self.d.get(path, Accept_Encoding="gzip")
            if len(plain.body) <= 1024:
                self.assertIsNone(coded.headers["Content-Encoding"])
                continue
            self.assertEqual(coded.headers["Content-Encoding"], "gzip", path)
            self.assertEqual(coded.headers["Vary"], "Accept-Encoding")
            self.assertEqual(plain.headers["Vary"], "Accept-Encoding")
            self.assertLess(len(coded.body), len(plain.body))
            self.assertEqual(gzip.decompress(coded.body), plain.body)
            if not coded.headers["ETag"].startswith("W/"):
                self.assertNotEqual(coded.headers["ETag"], plain.headers["ETag"])
            self.assertEqual(self.d.get(path, If_None_Match=coded.headers["ETag"], Accept_Encoding="gzip").status, 304)
            self.assertIsNone(self.d.get(path, Accept_Encoding="gzip;q=0").headers["Content-Encoding"])

    def test_validators_change_with_what_they_validate(self):
        listed, identity = self.d.get("/api/v1/runs").headers["ETag"], run_id()
        self.assertEqual(self.d.put(f"/api/v1/runs/{identity}/invocations/0", invocation()).status, 201)
        opened = self.d.get("/api/v1/runs/" + identity)
        self.assertEqual(opened.json["closed"], False)
        self.assertEqual(self.d.put("/api/v1/runs/" + identity, run(identity)).status, 201)
        closed = self.d.get("/api/v1/runs/" + identity, If_None_Match=opened.headers["ETag"])
        self.assertEqual((closed.status, closed.json["closed"]), (200, True))
        self.assertEqual(self.d.get("/api/v1/runs", If_None_Match=listed).status, 200)

    def test_pages_of_the_list_follow_the_link(self):
        everything = [row["id"] for row in self.d.get("/api/v1/runs?limit=200&model=nmp").json["items"]]
        seen, path = [], "/api/v1/runs?limit=2&model=nmp"
        while path:
            reply = self.d.get(path)
            seen += [row["id"] for row in reply.json["items"]]
            link = reply.headers["Link"]
            self.assertEqual(bool(link), reply.json["next_cursor"] is not None)
            if link:
                self.assertTrue(link.endswith('>; rel="next"'))
                self.assertIn("model=nmp", link)
                self.assertEqual(link.count("cursor="), 1)
            path = link and link[1:link.index(">")]
        self.assertEqual(seen, everything)
        self.assertEqual(len(set(seen)), len(seen))
        self.assertGreaterEqual(len(seen), 5)

    def test_a_label_makes_no_link(self):
        store_run(self.d, labels={"next_cursor": "x"}, commit="labelled")
        reply = self.d.get("/api/v1/runs?commit=labelled")
        self.assertEqual((len(reply.json["items"]), reply.headers["Link"]), (1, None))


class Limits(DaemonCase):
    OPTIONS = ("--request-timeout", "1s")

    def test_long_addresses_and_large_headers(self):
        self.problem(self.d.get("/" + "a" * 8200), 414, "address-too-long")
        self.problem(self.d.get("/livez", X_Padding="a" * 17000), 431, "headers-too-large")
        self.assertEqual(self.d.get("/" + "a" * 8000).status, 404)
        reply = self.d.raw(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 200000 + b"\r\n\r\n")
        self.assertRegex(reply, rb"^HTTP/1\.1 4(13|31) |^$")

    def test_ambiguous_framing_is_refused(self):
        for head in (b"Content-Length: 2\r\nTransfer-Encoding: chunked", b"Content-Length: 2\r\nContent-Length: 2",
                     b"Host: example.com", b"Content-Length: x", b"Content-Length: -1"):
            reply = self.d.raw(b"PUT /api/v1/runs/" + run_id().encode() + b" HTTP/1.1\r\nHost: localhost\r\n" + head +
                               b"\r\nContent-Type: application/json\r\n\r\n{}")
            self.assertRegex(reply, rb"^HTTP/1\.1 400 ", head)
        reply = self.d.raw(b"PUT / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n")
        self.assertRegex(reply, rb"^HTTP/1\.1 501 ")

    def test_a_get_with_a_body_does_not_smuggle(self):
        inner = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
        reply = self.d.raw(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(inner) + inner +
                           b"GET /version HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        self.assertEqual(reply.count(b"HTTP/1.1 200"), 2)
        self.assertNotIn(b'"status":"ok"', reply)

    def slow(self, first, later, seconds):
        """Sends a byte at a time, far more often than any inactivity limit; returns how long it lived."""
        begin = time.monotonic()
        with socket.create_connection(("127.0.0.1", self.d.port), timeout=5) as connection:
            try:
                connection.sendall(first)
                while time.monotonic() - begin < seconds:
                    connection.sendall(later)
                    time.sleep(0.1)
                    connection.setblocking(False)
                    try:
                        if connection.recv(1000) == b"":
                            break
                    except BlockingIOError:
                        pass
                    connection.settimeout(5)
            except (BrokenPipeError, ConnectionResetError):
                pass
        return time.monotonic() - begin

    def test_slow_senders_are_cut_off_although_never_idle(self):
        put = b"PUT /api/v1/runs/" + run_id().encode() + b" HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        for first, later in ((b"GE", b"T"), (b"GET / HTTP/1.1\r\nX-Slow: ", b"a"),
                             (put + b"Content-Length: 1000\r\n\r\n", b" "),
                             (put + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n")):
            self.assertLess(self.slow(first, later, 20), 15, first)
        self.assertEqual(self.d.get("/livez").status, 200)

    def test_many_connections_at_once(self):
        connections = [socket.create_connection(("127.0.0.1", self.d.port), timeout=10) for _ in range(200)]
        try:
            for connection in connections:
                connection.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
            for connection in connections:
                self.assertTrue(connection.recv(4096).startswith(b"HTTP/1.1 200"))
        finally:
            for connection in connections:
                connection.close()


class Bodies(DaemonCase):
    def test_large_bodies_at_once_have_a_budget(self):
        """Thirty clients hold all but the last byte of 8 MiB back: the daemon keeps 128 MiB and refuses the rest."""
        size, clients = 8 * 1024 * 1024, []
        for _ in range(30):
            connection = socket.create_connection(("127.0.0.1", self.d.port), timeout=30)
            connection.sendall(f"PUT /api/v1/runs/{run_id()} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                               f"Content-Type: application/json\r\nContent-Length: {size}\r\n\r\n".encode())
            connection.sendall(b" " * (size - 1))
            clients.append(connection)
        if not SANITIZED:
            self.assertLess(self.d.rss_bytes(), 300e6)
        self.assertEqual(self.d.get("/readyz").status, 200)
        statuses = []
        for connection in clients:
            connection.sendall(b" ")
            reply = b""
            while part := connection.recv(65536):
                reply += part
            statuses.append(int(reply.split()[1]))
            if statuses[-1] == 503:
                self.assertIn(b"Retry-After: 1", reply)
            connection.close()
        self.assertIn(503, statuses)
        self.assertGreaterEqual(statuses.count(413) + statuses.count(400), 14)
        self.assertEqual(self.d.put("/api/v1/runs/" + run_id(), b"{}").status, 422, "the budget is given back")


class Log(unittest.TestCase):
    def test_one_line_for_each_request(self):
        daemon = Daemon("--log-format", "json")
        try:
            identity = store_run(daemon)
            daemon.get(f"/api/v1/runs/{identity}?secret=1")
            daemon.raw(b"GET /\x1b[31m%1b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            asked = daemon.get("/livez").headers["X-Request-Id"]
            self.assertEqual(daemon.stop(), 0)
            text = daemon.log_text()
            self.assertNotIn("\x1b", text)
            self.assertNotIn("secret", text)
            lines = [json.loads(line) for line in text.splitlines()]
            requests = [line for line in lines if line.get("msg") in ("request", "slow request")]
            self.assertEqual(len(requests), 5)
            self.assertEqual(requests[0]["route"], "/api/v1/runs/{uuid}/invocations/{n}")
            self.assertEqual((requests[0]["method"], requests[0]["status"]), ("PUT", "201"))
            self.assertIn(asked, {line["id"] for line in requests})
            for line in requests:
                self.assertGreaterEqual(float(line["ms"]), 0)
                self.assertGreater(int(line["bytes"]), 0)
        finally:
            daemon.close()


if __name__ == "__main__":
    main()
