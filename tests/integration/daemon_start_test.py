"""Starting and stopping: one clear sentence and the right exit status for everything that can be wrong."""
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
import unittest

from daemon_lib import DAEMON, WRAPPER, Daemon, invocation, main, read, run, run_id, store_run


def try_start(*options, env=None):
    return subprocess.run([*WRAPPER, DAEMON, *options], capture_output=True, text=True, timeout=20,
                          env={**os.environ, **(env or {})})


class Start(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="ifm-start-")
        self.data = os.path.join(self.folder, "data")

    def tearDown(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def fails(self, status, part, *options, env=None):
        got = try_start("--data", self.data, "--port", "0", *options, env=env)
        self.assertEqual(got.returncode, status, got.stderr)
        self.assertIn(part, got.stderr)
        self.assertEqual(len(got.stderr.strip().splitlines()), 1, got.stderr)
        self.assertEqual(got.stdout, "")

    def test_help_and_version(self):
        text = try_start("--help").stdout
        for word in ("--data", "--port", "--listen", "--host", "--port-file", "--log-format", "--check-config", "Examples"):
            self.assertIn(word, text)
        got = try_start("--version")
        self.assertEqual((got.returncode, got.stdout.startswith("inferometerd ")), (0, True))

    def test_wrong_options(self):
        self.fails(64, "did you mean --port", "--prot", "1")
        self.fails(64, "port", "--port", "70000")
        self.fails(64, "port", "--port", "http")
        self.fails(64, "is not an address", "--listen", "localhost")
        self.fails(64, "is no option", "extra")
        self.fails(64, "log-level", "--log-level", "loud")

    def test_port_in_use_names_the_remedy(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen(1)
            port = taken.getsockname()[1]
            self.fails(69, f"port {port} of 127.0.0.1 is in use", "--port", str(port))
            self.fails(69, "--port N", "--port", str(port))
        self.assertFalse(os.path.exists(self.data), "a daemon that cannot listen made a database")

    def test_address_of_another_machine(self):
        self.fails(69, "is not an address of this machine", "--listen", "192.0.2.1")

    def test_data_folder_that_is_a_file(self):
        with open(self.data, "w") as file:
            file.write("x")
        got = try_start("--data", self.data, "--port", "0")
        self.assertIn(got.returncode, (74, 77, 78))
        self.assertIn(self.data, got.stderr)
        self.fails(got.returncode, "", "--check-config")
        self.assertEqual(read(self.data), "x")

    def test_data_folder_below_a_file(self):
        with open(self.data, "w") as file:
            file.write("x")
        for below in ("/below", "/far/below"):
            got = try_start("--data", self.data + below, "--port", "0")
            self.assertIn(got.returncode, (74, 77, 78))
            self.assertIn(self.data, got.stderr)
            self.assertIn("--data", got.stderr)

    def test_read_only_data_folder(self):
        if os.geteuid() == 0:
            self.skipTest("root may write everywhere")
        os.mkdir(self.data, 0o500)
        got = try_start("--data", self.data, "--port", "0")
        self.assertEqual(got.returncode, 77)
        self.assertIn(self.data, got.stderr)

    def test_read_only_file_system(self):
        """Root's way to the same: a folder of /proc or /sys, where nobody can create a file."""
        got = try_start("--data", "/proc/self/inferometer", "--port", "0")
        self.assertIn(got.returncode, (74, 77, 78))
        self.assertIn("/proc/self/inferometer", got.stderr)

    def test_database_of_a_newer_version(self):
        daemon = Daemon(data=self.data)
        self.assertEqual(daemon.stop(), 0)
        daemon.close()
        path = os.path.join(self.data, "inferometer.db")
        base = sqlite3.connect(path)
        base.execute("PRAGMA user_version = 9999")
        base.close()
        before = read(path)
        self.fails(78, "9999")
        self.assertEqual(read(path), before)

    def test_a_file_that_is_no_database(self):
        os.mkdir(self.data)
        with open(os.path.join(self.data, "inferometer.db"), "wb") as file:
            file.write(b"this is no database" * 1000)
        got = try_start("--data", self.data, "--port", "0")
        self.assertIn(got.returncode, (65, 74, 78))
        self.assertIn("inferometer.db", got.stderr)

    def test_two_daemons_on_one_folder(self):
        daemon = Daemon(data=self.data)
        try:
            got = try_start("--data", self.data, "--port", "0")
            self.assertNotEqual(got.returncode, 0)
            self.assertIn(self.data, got.stderr)
        finally:
            self.assertEqual(daemon.stop(), 0)
            daemon.close()

    def test_no_home(self):
        env = {k: v for k, v in os.environ.items() if k not in ("HOME", "XDG_DATA_HOME")}
        got = subprocess.run([*WRAPPER, DAEMON, "--port", "0"], capture_output=True, text=True, env=env, timeout=20)
        self.assertEqual(got.returncode, 78)
        self.assertIn("--data", got.stderr)

    def test_default_folder_is_made_and_private(self):
        env = {"XDG_DATA_HOME": os.path.join(self.folder, "a/b")}
        got = subprocess.run([*WRAPPER, DAEMON, "--port", "0", "--check-config"], capture_output=True, text=True,
                             env={**os.environ, **env}, timeout=20)
        self.assertEqual((got.returncode, got.stdout), (0, "configuration ok\n"), got.stderr)
        self.assertEqual(os.stat(os.path.join(self.folder, "a/b/inferometer/data")).st_mode & 0o777, 0o700)

    def test_port_file_that_cannot_be_written(self):
        self.fails(66, "cannot write --port-file", "--port-file", os.path.join(self.folder, "none", "port"))


class Run(unittest.TestCase):
    def test_says_when_it_listens_and_stops_with_0(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            daemon = Daemon()
            try:
                self.assertEqual(daemon.line, f"listening on http://127.0.0.1:{daemon.port}\n")
                store_run(daemon)
                daemon.signal(signal.SIGHUP)  # has nothing to read again, and must not kill it
                time.sleep(0.1)
                self.assertEqual(daemon.get("/livez").status, 200)
                daemon.signal(number)
                self.assertEqual(daemon.wait(), 0)
                names = os.listdir(daemon.data)
                self.assertNotIn("inferometer.db-wal", names, "the log was not checkpointed")
            finally:
                daemon.close()

    def test_ipv6(self):
        try:
            with socket.socket(socket.AF_INET6) as probe:
                probe.bind(("::1", 0))
        except OSError:
            self.skipTest("this machine has no IPv6 loopback")
        daemon = Daemon("--listen", "::1")
        try:
            self.assertEqual(daemon.line, f"listening on http://[::1]:{daemon.port}\n")
            with socket.create_connection(("::1", daemon.port), timeout=10) as connection:
                connection.sendall(f"GET /livez HTTP/1.1\r\nHost: [::1]:{daemon.port}\r\n\r\n".encode())
                self.assertTrue(connection.recv(4096).startswith(b"HTTP/1.1 200"))
            self.assertEqual(daemon.stop(), 0)
        finally:
            daemon.close()

    def test_tells_the_supervisor(self):
        folder = tempfile.mkdtemp(prefix="ifm-notify-")
        path = os.path.join(folder, "socket")
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        listener.bind(path)
        listener.settimeout(10)
        os.environ["NOTIFY_SOCKET"] = path
        try:
            daemon = Daemon()
        finally:
            del os.environ["NOTIFY_SOCKET"]
        try:
            self.assertIn(b"READY=1", listener.recv(1000))
            self.assertEqual(daemon.stop(), 0)
            self.assertIn(b"STOPPING=1", listener.recv(1000))
        finally:
            daemon.close()
            listener.close()
            shutil.rmtree(folder)

    def test_a_slow_request_is_waited_for_and_then_left(self):
        """A body that never ends holds the daemon for at most ten seconds; a second signal ends it at once."""
        daemon = Daemon()
        try:
            begun = socket.create_connection(("127.0.0.1", daemon.port), timeout=30)
            begun.sendall(f"PUT /api/v1/runs/{run_id()}/invocations/0 HTTP/1.1\r\nHost: localhost\r\n"
                          "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{".encode())
            time.sleep(0.3)
            daemon.signal(signal.SIGTERM)
            time.sleep(0.3)
            self.assertIsNone(daemon.process.poll())
            with self.assertRaises(OSError):
                socket.create_connection(("127.0.0.1", daemon.port), timeout=2)
            daemon.signal(signal.SIGTERM)
            self.assertEqual(daemon.wait(5), 128 + signal.SIGTERM)
            begun.close()
        finally:
            daemon.close()

    def test_an_idle_connection_does_not_hold_it(self):
        daemon = Daemon()
        try:
            idle = socket.create_connection(("127.0.0.1", daemon.port), timeout=30)
            idle.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self.assertTrue(idle.recv(4096).startswith(b"HTTP/1.1 200"))
            begin = time.monotonic()
            self.assertEqual(daemon.stop(), 0)
            self.assertLess(time.monotonic() - begin, 8)
            idle.close()
        finally:
            daemon.close()

    def test_disk_full_is_507_and_nothing_is_lost(self):
        if os.geteuid() != 0:
            self.skipTest("only root can mount a small file system")
        folder = tempfile.mkdtemp(prefix="ifm-full-")
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], capture_output=True).returncode:
            os.rmdir(folder)
            self.skipTest("tmpfs cannot be mounted here")
        daemon = None
        try:
            daemon = Daemon(data=os.path.join(folder, "data"))
            stored, statuses = [], set()
            for _ in range(400):
                identity = run_id()
                reply = daemon.put(f"/api/v1/runs/{identity}/invocations/0", invocation(0, 20000))
                statuses.add(reply.status)
                if reply.status != 201:
                    self.assertEqual(reply.json["type"], "/problems/disk-full")
                    break
                stored.append(identity)
            self.assertEqual(statuses, {201, 507})
            self.assertEqual(daemon.get("/livez").status, 200)
            for identity in stored:
                self.assertEqual(daemon.get("/api/v1/runs/" + identity).status, 200)
            self.assertEqual(daemon.get("/api/v1/runs/" + identity + "/invocations/0").status, 200 if stored[-1] == identity else 404)
            daemon.stop()
        finally:
            if daemon:
                daemon.close()
            subprocess.run(["umount", folder])
            os.rmdir(folder)


if __name__ == "__main__":
    main()
