"""What the tests of the command line share: homes of their own, arrays and bundles made by hand.

Standard library only: .npy and .npz are written here byte by byte, so that the product's reader is not checked
against its own writer.
"""
import hashlib
import io
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
import zipfile

SOURCE = os.environ.get("IFM_SOURCE_DIR") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("IFM_BUILD_DIR") or os.path.join(SOURCE, "build", "release")
CLI = os.path.join(BUILD, "bin", "inferometer")
MODELS = os.path.join(SOURCE, "build", "models")
SANITIZED = os.access(CLI, os.R_OK) and b"__asan_init" in open(CLI, "rb").read()
QUICK = ("--invocations", "2", "--iterations", "20", "--warmup", "3")  # a run of a fraction of a second


def npy(values, shape=None, dtype="<f4"):
    """Bytes of a .npy file, format 1.0."""
    shape = (len(values),) if shape is None else shape
    text = "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }" % (
        dtype, ", ".join(str(n) for n in shape) + ("," if len(shape) == 1 else ""))
    text += " " * (63 - (10 + len(text)) % 64) + "\n"
    code = {"<f4": "f", "<i4": "i", "<f8": "d", "<i8": "q"}[dtype]
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + struct.pack(f"<{len(values)}{code}", *values)


def npz(**arrays):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in arrays.items():
            archive.writestr(name + ".npy", data)
    return out.getvalue()


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class Result:
    def __init__(self, done):
        self.status, self.out, self.err = done.returncode, done.stdout, done.stderr

    @property
    def json(self):
        return json.loads(self.out)

    def __repr__(self):
        return f"status {self.status}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


class CliCase(unittest.TestCase):
    """Each test has a home of its own; nothing of the user's is read or written."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="ifm-cli-test-")
        self.home = os.path.join(self.folder, "home")
        self.work = os.path.join(self.folder, "work")
        self.temp = os.path.join(self.folder, "temp")
        for path in (self.home, self.work, self.temp):
            os.mkdir(path)
        self.env = {k: v for k, v in os.environ.items()
                    if not k.startswith(("XDG_", "INFEROMETER_", "CI", "NO_COLOR", "OMP_"))}
        data = os.environ.get("XDG_DATA_HOME") or os.path.join(os.environ.get("HOME", "/"), ".local", "share")
        self.env.update(HOME=self.home, TMPDIR=self.temp,
                        INFEROMETER_RUNTIME_DIR=os.environ.get("INFEROMETER_RUNTIME_DIR",
                                                               os.path.join(data, "inferometer", "runtimes")))
        self.runs = os.path.join(self.home, ".local", "state", "inferometer", "runs")

    def tearDown(self):
        left = [name for name in os.listdir(self.temp) if name.startswith("inferometer")]  # vendors leave theirs
        shutil.rmtree(self.folder, ignore_errors=True)
        self.assertEqual(left, [], "temporary files were left behind")

    def write(self, name, data):
        path = os.path.join(self.work, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data if isinstance(data, bytes) else data.encode())
        return path

    def cli(self, *args, timeout=120, env=None, cwd=None, wrapper=()):
        return Result(subprocess.run([*wrapper, CLI, *args], capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL,
                                     cwd=cwd or self.work, env={**self.env, **(env or {})}))

    def ok(self, *args, **more):
        got = self.cli(*args, **more)
        self.assertEqual(got.status, 0, got)
        return got

    def fails(self, status, part, *args, **more):
        """Ends with this status and one sentence that has this part; says nothing on stdout."""
        got = self.cli(*args, **more)
        self.assertEqual(got.status, status, got)
        sentences = [line for line in got.err.splitlines() if line.startswith("inferometer: ")]
        self.assertEqual(len(sentences), 1, got)
        self.assertIn(part, sentences[0])
        self.assertEqual(got.out, "")
        return got

    def sim(self, *args, **more):
        return self.cli("run", "--runtime", "sim", "-O", "latency=20us", *args, **more)

    def has_runtime(self, name):
        return any(item["available"] for item in self.ok("runtime", "list", "--json").json["items"] if item["name"] == name)

    def kept(self):
        return sorted(os.listdir(self.runs)) if os.path.isdir(self.runs) else []

    def body(self, run, name):
        with open(os.path.join(self.runs, run, name), encoding="utf-8") as file:
            return json.load(file)


def model(name):
    """Path of a real model, or a skip where it was not fetched."""
    path = os.path.join(MODELS, name)
    if not os.path.exists(path):
        raise unittest.SkipTest(f"{name} is not fetched; run: deploy/fetch models")
    return path


def main():
    if not os.access(CLI, os.X_OK):
        print(f"SKIP: {CLI} is not built")
        sys.exit(77)
    unittest.main(verbosity=2)
