"""SIGTERM while requests are in flight, and mixed load: what was acknowledged is stored, nothing hangs."""
import http.client
import json
import random
import socket
import struct
import threading
import time
import unittest

from daemon_lib import JSON, Daemon, invocation, main, run, run_id

CLIENTS = 8


class Worker(threading.Thread):
    def __init__(self, port, act):
        super().__init__(daemon=True)
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self.act, self.stop, self.done, self.failure = act, False, [], None

    def call(self, method, path, body=None, headers=None):
        self.connection.request(method, path, body, headers or {})
        reply = self.connection.getresponse()
        return reply.status, reply.read()

    def run(self):
        try:
            while not self.stop:
                self.act(self)
        except (OSError, http.client.HTTPException) as failure:
            self.failure = failure
        finally:
            self.connection.close()


BODY = json.dumps(invocation(0, 1000)).encode()


def write(worker):
    identity = run_id()
    path = f"/api/v1/runs/{identity}"
    for target, body in ((path + "/invocations/0", BODY), (path, json.dumps(run(identity)).encode())):
        status, _ = worker.call("PUT", target, body, JSON)
        if status == 201:
            worker.done.append((target, body))
        elif status == 503:
            raise http.client.HTTPException("stopping")
        else:
            raise AssertionError(f"{target}: {status}")


def read_all(worker):
    status, body = worker.call("GET", "/api/v1/runs?limit=20")
    assert status == 200
    rows = json.loads(body)["items"]
    for row in random.sample(rows, min(3, len(rows))):
        for path in ("", "/samples?buckets=50", "/histogram", "/invocations/0"):
            status, body = worker.call("GET", f"/api/v1/runs/{row['id']}{path}", headers={"Accept-Encoding": "gzip"})
            assert status == 200, (status, path, body[:300])
    if len(rows) > 1:
        status, _ = worker.call("GET", f"/api/v1/compare?a={rows[0]['id']}&b={rows[1]['id']}")
        assert status == 200
    for path in ("/livez", "/readyz", "/nothing"):
        worker.call("GET", path)


class Load(unittest.TestCase):
    def test_sigterm_with_requests_in_flight(self):
        for pause in (0.05, 0.3, 0.6):
            daemon = Daemon("--log-level", "warn")
            try:
                workers = [Worker(daemon.port, write) for _ in range(CLIENTS)]
                for worker in workers:
                    worker.start()
                time.sleep(pause)
                self.assertEqual(daemon.stop(), 0)
                for worker in workers:
                    worker.join(30)
                    self.assertFalse(worker.is_alive())
                daemon.start()
                count = 0
                for worker in workers:
                    for path, body in worker.done:
                        self.assertEqual(daemon.put(path, body).status, 200, path)
                        count += 1
                self.assertGreater(count, 0)
                print(f"{count} acknowledged before SIGTERM, all there")
                self.assertEqual(daemon.stop(), 0)
            finally:
                daemon.close()

    def test_clients_that_leave_before_the_answer(self):
        """Their writes are done, and the daemon does not wait for them at its end."""
        daemon = Daemon("--log-level", "warn")
        try:
            for _ in range(200):
                head = (f"PUT /api/v1/runs/{run_id()}/invocations/0 HTTP/1.1\r\nHost: localhost\r\n"
                        f"Content-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n")
                with socket.create_connection(("127.0.0.1", daemon.port), timeout=10) as connection:
                    connection.sendall(head.encode() + BODY)
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    if random.random() < 0.5:
                        time.sleep(0.0005)
            self.assertEqual(daemon.get("/readyz").status, 200)
            self.assertEqual(daemon.stop(), 0, daemon.log_text())
        finally:
            daemon.close()

    def test_reads_and_writes_together(self):
        daemon = Daemon("--log-level", "warn")
        try:
            workers = [Worker(daemon.port, write if i % 2 else read_all) for i in range(CLIENTS)]
            for worker in workers:
                worker.start()
            time.sleep(4)
            for worker in workers:
                worker.stop = True
            for worker in workers:
                worker.join(30)
                self.assertFalse(worker.is_alive())
                self.assertIsNone(worker.failure)
            self.assertGreater(sum(len(w.done) for w in workers), 10)
            rss = daemon.rss_bytes()
            print(f"daemon RSS {rss / 1e6:.1f} MB")
            self.assertEqual(daemon.stop(), 0)
        finally:
            daemon.close()


if __name__ == "__main__":
    main()
