"""What the daemon's tests share: a daemon of their own on an ephemeral port, requests, message bodies.

Standard library only. Codec blocks are made here by hand (a zstd frame of raw blocks), so that the daemon's
decoder is not checked against its own encoder.
"""
import atexit
import base64
import http.client
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import uuid

SOURCE = os.environ.get("IFM_SOURCE_DIR") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("IFM_BUILD_DIR") or os.path.join(SOURCE, "build", "release")
WRAPPER = os.environ.get("IFM_DAEMON_WRAPPER", "").split()  # "setarch -R" for the thread sanitizer
DAEMON = os.path.join(BUILD, "bin", "inferometerd")
# A sanitizer keeps shadow memory, so that what a process holds says nothing.
SANITIZED = os.access(DAEMON, os.R_OK) and re.search(b"__[at]san_init", open(DAEMON, "rb").read()) is not None
JSON = {"Content-Type": "application/json"}


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body.decode("utf-8"))


class Daemon:
    """A running inferometerd; stops and is removed with close()."""

    def __init__(self, *options, data=None):
        self.folder = tempfile.mkdtemp(prefix="ifm-daemon-")
        self.data = data or os.path.join(self.folder, "data")
        self.log_path = os.path.join(self.folder, "log")
        self.options = options
        self.process = None
        atexit.register(self.close)  # also when a test dies on the way
        self.start()

    def start(self):
        port_file = os.path.join(self.folder, "port")
        if os.path.exists(port_file):
            os.unlink(port_file)
        self.log = open(self.log_path, "ab")
        self.process = subprocess.Popen(
            [*WRAPPER, DAEMON, "--data", self.data, "--port", "0", "--port-file", port_file, *self.options],
            stdout=subprocess.PIPE, stderr=self.log)
        self.line = self.process.stdout.readline().decode()
        if not self.line.startswith("listening on http://"):
            self.process.wait()
            raise RuntimeError("the daemon did not start: " + self.log_text())
        self.port = int(read(port_file))

    def log_text(self):
        return read(self.log_path)

    def request(self, method, path, body=None, headers=None, timeout=60):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            reply = connection.getresponse()
            return Reply(reply.status, reply.headers, reply.read())
        finally:
            connection.close()

    def put(self, path, body, headers=None):
        if not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        return self.request("PUT", path, body, {**JSON, **(headers or {})})

    def get(self, path, **headers):
        return self.request("GET", path, headers={k.replace("_", "-"): v for k, v in headers.items()})

    def raw(self, data, timeout=10, shut=False):
        """Sends bytes as they are and reads until the daemon closes the connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as connection:
            try:
                connection.sendall(data)
                if shut:
                    connection.shutdown(socket.SHUT_WR)
            except (BrokenPipeError, ConnectionResetError):
                pass
            out = b""
            try:
                while True:
                    part = connection.recv(65536)
                    if not part:
                        return out
                    out += part
            except (ConnectionResetError, socket.timeout):
                return out

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, timeout=30):
        status = self.process.wait(timeout)
        self.process.stdout.close()
        self.log.close()
        return status

    def stop(self):
        self.signal(signal.SIGTERM)
        return self.wait()

    def rss_bytes(self):
        for line in read(f"/proc/{self.process.pid}/status").splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class DaemonCase(unittest.TestCase):
    """One daemon for all tests of a class."""
    OPTIONS = ()

    @classmethod
    def setUpClass(cls):
        cls.d = Daemon(*cls.OPTIONS)

    @classmethod
    def tearDownClass(cls):
        status = cls.d.stop()
        cls.d.close()
        if status != 0:
            raise AssertionError(f"the daemon ended with {status} on SIGTERM: {cls.d.log_text()[-2000:]}")

    def problem(self, reply, status, name, part=""):
        """The reply is problem+json of this kind, and its sentence has this part."""
        self.assertEqual(reply.status, status, reply.body[:500])
        self.assertEqual(reply.headers["Content-Type"], "application/problem+json")
        body = reply.json
        self.assertEqual(body["type"], "/problems/" + name)
        self.assertEqual(body["status"], status)
        self.assertEqual(body["request_id"], reply.headers["X-Request-Id"])
        self.assertIn(part, body["detail"])
        return body


def run_id():
    """UUID version 7, as the command line makes them."""
    raw = bytearray(struct.pack(">Q", int(time.time() * 1000))[2:] + os.urandom(10))
    raw[6] = raw[6] & 0x0F | 0x70
    raw[8] = raw[8] & 0x3F | 0x80
    return str(uuid.UUID(bytes=bytes(raw)))


def zstd_raw(data):
    """A zstd frame without compression: blocks of type 0, at most 128 KiB each."""
    out = struct.pack("<IBI", 0xFD2FB528, 0xA0, len(data))
    pieces = [data[i:i + 131072] for i in range(0, len(data), 131072)] or [b""]
    for i, piece in enumerate(pieces):
        last = 1 if i == len(pieces) - 1 else 0
        out += struct.pack("<I", last | len(piece) << 3)[:3] + piece
    return out


def codec_block(values, median=None):
    """schema: codec block of int64 values, base64."""
    median = sorted(values)[len(values) // 2] if median is None else median
    codes = [((v - median) << 1) ^ ((v - median) >> 63) for v in values]
    width = max(1, (max(codes).bit_length() + 7) // 8)
    planes = b"".join(bytes(code >> 8 * j & 0xFF for code in codes) for j in range(width))
    head = b"IS" + bytes([1, width]) + struct.pack("<Iq", len(values), median)
    return base64.b64encode(head + zstd_raw(planes)).decode()


def latencies(count, base=1000000, seed=1):
    x, out = seed * 2654435761 % 2**32, []
    for _ in range(count):
        x = (x * 1664525 + 1013904223) % 2**32
        out.append(base + (x >> 16) % 5000)
    return out


def invocation(n=0, count=1000, base=1000000, **changes):
    values = latencies(count, base, n + 1)
    body = {
        "v": 1, "n": n, "started_at": "2026-11-24T22:51:43.123Z", "status": "ok", "failure": "none",
        "step": "close", "spawn_ns": 9000000, "load_ns": 48000000, "first_inference_ns": 3000000,
        "iterations": count, "steady_ns": sum(values) + 10 * count, "cpu_ns": 2 * sum(values),
        "end_reason": "complete", "deterministic": True, "memory_steady": {"peak_rss_bytes": 49000000},
        "verification": {"state": "verified", "outputs": []}, "warnings": [],
        "samples": [{"phase": "steady", "first": 0, "count": count, "block": codec_block(values),
                     "gaps": codec_block([10] * count)}],
    }
    body.update(changes)
    return body


def run(identity, invocations=1, **changes):
    body = json.loads(read(os.path.join(SOURCE, "schema", "examples", "v1", "run.json")))
    body.update(id=identity, planned=invocations, invocations=invocations)
    body.update(changes)
    return body


def whole_run(identity, count=1, base=1000000, samples=1000, **changes):
    """A run that carries its invocations: one request."""
    return run(identity, count, **{"invocation_bodies": [invocation(n, samples, base) for n in range(count)], **changes})


def store_run(daemon, count=1, identity=None, base=1000000, samples=1000, **changes):
    """PUTs a whole run; every reply must be 201."""
    identity = identity or run_id()
    for n in range(count):
        reply = daemon.put(f"/api/v1/runs/{identity}/invocations/{n}", invocation(n, samples, base))
        assert reply.status == 201, reply.body
    reply = daemon.put(f"/api/v1/runs/{identity}", run(identity, count, **changes))
    assert reply.status == 201, reply.body
    return identity


def main():
    if not os.access(DAEMON, os.X_OK):
        print(f"SKIP: {DAEMON} is not built")
        sys.exit(77)
    unittest.main(verbosity=2)
