"""kill -9 at random points: what was acknowledged is there after the next start, and nothing is half there.

This shows that recovery works; that acknowledged data survive a power cut is shown by the store's own test,
which drops unsynced writes (the page cache outlives a killed process)."""
import http.client
import json
import random
import threading
import time
import unittest

from daemon_lib import JSON, Daemon, invocation, main, run, run_id

ROUNDS = 8
CLIENTS = 4


class Client(threading.Thread):
    """Stores runs of one invocation, in two requests or in one, until the daemon is gone; remembers what was
    acknowledged."""

    def __init__(self, port, bodies):
        super().__init__(daemon=True)
        self.port, self.bodies = port, bodies
        self.acknowledged, self.unknown = [], []

    def put(self, connection, path, body):
        connection.request("PUT", path, body, JSON)
        reply = connection.getresponse()
        reply.read()
        return reply.status

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        while True:
            identity = run_id()
            path, body = f"/api/v1/runs/{identity}", random.choice(self.bodies)
            two = ((path + "/invocations/0", body), (path, json.dumps(run(identity)).encode()))
            whole = json.dumps(run(identity, invocation_bodies=[json.loads(body)])).encode()
            for path, body in random.choice((two, ((path, whole),))):
                try:
                    status = self.put(connection, path, body)
                except (OSError, http.client.HTTPException):
                    self.unknown.append((path, body))
                    return
                if status == 201:
                    self.acknowledged.append((path, body))
                elif status == 503:
                    self.unknown.append((path, body))
                    return
                else:
                    raise AssertionError(f"{path}: {status}")


class KillNine(unittest.TestCase):
    def test_acknowledged_writes_survive(self):
        random.seed(4)
        bodies = [json.dumps(invocation(0, 200, base)).encode() for base in range(10**6, 10**6 + 5)]
        daemon = Daemon("--log-level", "warn")
        total = 0
        try:
            for _ in range(ROUNDS):
                clients = [Client(daemon.port, bodies) for _ in range(CLIENTS)]
                for client in clients:
                    client.start()
                time.sleep(random.uniform(0.02, 0.5))
                daemon.process.kill()
                daemon.wait()
                for client in clients:
                    client.join(30)
                daemon.start()
                for client in clients:
                    total += self.check(daemon, client)
            self.assertEqual(daemon.stop(), 0)
        finally:
            daemon.close()
        print(f"{total} acknowledged writes over {ROUNDS} kills, all there")
        self.assertGreater(total, ROUNDS * CLIENTS)

    def check(self, daemon, client):
        for path, body in client.acknowledged:
            reply = daemon.put(path, body)
            self.assertEqual((reply.status, reply.json["outcome"]), (200, "replayed"), path)
        for path, body in client.unknown:  # in flight: there or not, but whole, and the retry works
            self.assertIn(daemon.put(path, body).status, (200, 201), path)
            self.assertEqual(daemon.put(path, body).status, 200, path)
        return len(client.acknowledged)


if __name__ == "__main__":
    main()
