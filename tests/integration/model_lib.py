"""What the tests of the model readers share: the facts that a file's reader tells, and small zip archives with flaws."""

import os
import resource
import struct
import subprocess
import sys
import zlib

SOURCE = os.environ.get("IFM_SOURCE_DIR", ".")
BUILD = os.environ.get("IFM_BUILD_DIR", os.path.join(SOURCE, "build/dev"))
PROGRAM = os.path.join(BUILD, "tests/test_fuzz_model_mutants")
NUMBERS = ("nodes", "subgraphs", "parameters", "buffers", "weight_bytes", "macs", "macs_unknown", "activation_bytes",
           "quantized", "peak_kb", "anonymous_kb")


def need_program():
    if not os.path.exists(PROGRAM):
        print(f"skipped: {PROGRAM} is not built")
        sys.exit(77)


def limits():
    resource.setrlimit(resource.RLIMIT_CPU, (20, 20))


def facts(path):
    """What is told of a file; {"error": sentence, "code": number} where it is refused."""
    run = subprocess.run([PROGRAM, "--facts", path], capture_output=True, text=True, errors="replace", timeout=60,
                         preexec_fn=limits)
    assert run.returncode in (0, 1), f"{path}: ended with {run.returncode}: {run.stderr[-2000:]}"
    out = {"ops": {}, "types": {}, "inputs": [], "outputs": [], "metadata": {}, "problems": []}
    for line in run.stdout.splitlines():
        word, _, rest = line.partition(" ")
        if word == "error":
            return {"code": int(rest.split(" ", 1)[0]), "error": rest.split(" ", 1)[1]}
        if word in NUMBERS:
            out[word] = None if rest == "null" else int(rest)
        elif word == "op":
            name, count = rest.rsplit(" ", 1)
            out["ops"][name] = int(count)
        elif word == "type":
            name, *numbers = rest.rsplit(" ", 3)
            out["types"][name] = [int(n) for n in numbers]
        elif word in ("input", "output"):
            out[word + "s"].append(rest)
        elif word == "metadata":
            key, _, value = rest.partition(" = ")
            out["metadata"][key] = value
        elif word == "problem":
            out["problems"].append(rest)
        else:
            out[word] = rest
    return out


class Zip:
    """Writes archives by hand, so that they can be wrong, or have holes where weights would be."""

    def __init__(self, path):
        self.file, self.central, self.count = open(path, "wb"), b"", 0

    def add(self, name, data=b"", hole=0, method=0, size=None, local_name=None, attributes=0, at=None, flags=0):
        name, local = name.encode(), (local_name or name).encode()
        stored = len(data) + hole
        size = stored if size is None else size
        crc = zlib.crc32(data) if method == 0 else 0
        offset = self.file.tell() if at is None else at
        wide = max(stored, size, offset) >= 0xFFFFFFFF
        small = (0xFFFFFFFF, 0xFFFFFFFF) if wide else (stored, size)
        extra = struct.pack("<HHQQQ", 1, 24, size, stored, offset) if wide else b""
        if at is None:
            self.file.write(struct.pack("<IHHHHHIIIHH", 0x04034B50, 45, flags, method, 0, 0, crc, *small, len(local), 0)
                            + local + data)
            self.file.seek(hole, 1)
        self.central += struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 3 << 8 | 45, 45, flags, method, 0, 0, crc, *small,
                                    len(name), len(extra), 0, 0, 0, attributes, 0xFFFFFFFF if wide else offset) + name + extra
        self.count += 1
        return offset

    def close(self):
        at = self.file.tell()
        self.file.write(self.central)
        record = self.file.tell()
        self.file.write(struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, self.count, self.count, len(self.central), at))
        self.file.write(struct.pack("<IIQI", 0x07064B50, 0, record, 1))
        self.file.write(struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, min(self.count, 0xFFFF), min(self.count, 0xFFFF),
                                    min(len(self.central), 0xFFFFFFFF), min(at, 0xFFFFFFFF), 0))
        self.file.close()


def torch_pickle(key="0", elements=4):
    """data.pkl of a module M with one parameter `w`, as torch.jit writes it (protocol 2)."""
    text = lambda s: b"X" + struct.pack("<I", len(s)) + s.encode()
    tensor = (b"ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") + b"ctorch\nFloatStorage\n" + text(key) + text("cpu")
              + b"\x8a\x08" + struct.pack("<q", elements) + b"tQK\0\x8a\x08" + struct.pack("<q", elements)
              + b"\x85K\x01\x85\x89ccollections\nOrderedDict\n)RtR")
    return b"\x80\x02c__torch__\nM\n)\x81}(" + text("w") + tensor + b"ub."


CODE = b'''class M(Module):
  __parameters__ = ["w", ]
  __buffers__ = []
  w : Tensor
  def forward(self: __torch__.M,
    x: Tensor) -> Tensor:
    w = self.w
    return torch.add(x, w)
'''


def torchscript(path, pickle=None, code=CODE, hole=0, extra=()):
    archive = Zip(path)
    archive.add("m/data.pkl", torch_pickle() if pickle is None else pickle)
    archive.add("m/code/__torch__.py", code)
    archive.add("m/version", b"3\n")
    archive.add("m/data/0", b"" if hole else b"\0" * 16, hole=hole)
    for arguments in extra:
        archive.add(**arguments)
    archive.close()
