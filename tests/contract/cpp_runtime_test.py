#!/usr/bin/env python3
"""Contract of a runtime whose module is compiled when it is installed: cpp_runtime_test.py NAME SUITE.
Makes the tiny models of cpp_models.py, runs the suite of every runtime on them, then what only this one has, through
worker processes: known answers, shapes, placement, damaged files. Skips where the runtime or torch is not installed."""
import json
import os
import random
import struct
import subprocess
import sys
import tempfile

ROOT = os.environ.get("IFM_SOURCE_DIR") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("IFM_BUILD_DIR") or os.path.join(ROOT, "build", "release")
WORKER = os.path.join(BUILD, "bin", "inferometer-worker")
NAME = sys.argv[1]
SANITIZED = b"__asan_init" in open(sys.argv[2], "rb").read()
FOLDER = ""
# What a worker may end with: usage, data, file, unavailable, software, or a signal, which the executor words.
EXITS = {4, 64, 65, 66, 69, 70, 78}


def skip(why):
    print(f"SKIP: {why}")
    sys.exit(77)


def path(name):
    return os.path.join(FOLDER, name)


def npy(name, values, shape, code="f", descr="<f4"):
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {tuple(shape)!r}, }}"
    text += " " * (63 - (10 + len(text)) % 64) + "\n"
    with open(path(name), "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() +
                   struct.pack(f"<{len(values)}{code}", *values))
    return path(name)


def worker(model, action="measure", **more):
    """Exit status and events of one worker process; a hang is an error."""
    spec = {"v": 1, "runtime": NAME, "model": path(model), "action": action, "iterations": 5, "warmup_iterations": 1,
            "warmup_max_ns": 1000000,            **more}
    done = subprocess.run([WORKER], input=json.dumps(spec) + "\n", capture_output=True, text=True, timeout=60, cwd=FOLDER,
                          errors="replace", check=False)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def of(events, kind):
    return next((e for e in events if e["event"] == kind), None)


def good(model, **more):
    status, events = worker(model, **more)
    result = of(events, "result")
    assert status == 0 and result, f"{model}: status {status}, {of(events, 'error')}"
    return events


def fails(part, model, **more):
    """Ends with one sentence that has this part."""
    status, events = worker(model, **more)
    error = of(events, "error")
    assert status in EXITS and error, f"{model} {more}: status {status}, {events}"
    text = error["message"]
    assert part.lower() in text.lower() and "\n" not in text and len(text) > 10, f"{model}: {text!r} has no {part!r}"


def known_answer(model, name, output, low=0.0):
    """relu(x) * 2 + 1, known without a reference implementation; and a wrong reference is found."""
    x = [-1.0, 0.0, 1.0, 2.0, 3.0, low]
    inputs = [{"name": name, "file": npy("x.npy", x, (2, 3))}]
    y = [max(v, 0) * 2 + 1 for v in x]
    expect = {"output": output, "file": npy("y.npy", y, (2, 3))}
    result = of(good(model, inputs=inputs, expect=[expect]), "result")
    assert result["verification"]["state"] == "verified", result["verification"]
    expect["file"] = npy("wrong.npy", [v + 1 for v in y], (2, 3))
    _, events = worker(model, inputs=inputs, expect=[expect])
    assert of(events, "result")["verification"]["state"] == "wrong", events


def damaged(model, flips):
    """Truncated at several places and with bytes changed: an exit with a sentence, or a signal; never a hang."""
    data = open(path(model), "rb").read()
    order = random.Random(5)
    kinds = {}
    cases = [data[:n] for n in (0, 1, 40, len(data) // 2, len(data) - 1)]
    for _ in range(flips):
        at = order.randrange(len(data))
        cases.append(data[:at] + bytes([data[at] ^ (1 << order.randrange(8))]) + data[at + 1:])
    extra = {"inputs": [{"name": "x", "dims": [2, 3]}]} if NAME == "libtorch" else {}
    for i, case in enumerate(cases):
        with open(path("damaged"), "wb") as file:
            file.write(case)
        status, events = worker("damaged", **extra)
        if SANITIZED and status == 1 and not of(events, "error"):
            status = -6  # the sanitizer reports a crash inside the vendor's library and exits by itself
        kinds[status] = kinds.get(status, 0) + 1
        assert status == 0 or status < 0 or of(events, "error"), f"case {i}: status {status} without a sentence"
        assert status <= 0 or status in EXITS, f"case {i}: status {status}, {events}"
        assert i >= 5 or status > 0, f"truncated case {i} ended with {status}"
    crashes = sum(n for status, n in kinds.items() if status < 0)
    print(f"{model}: {len(cases)} damaged files, exits {kinds}")
    assert crashes <= len(cases) // 4, f"{crashes} of {len(cases)} damaged files crash the vendor's library"


def executorch():
    known_answer("affine.pte", "input0", "output0")
    # Tensors that were exported with bounds: the largest by default, smaller when told, never larger.
    shape = lambda events: of(events, "loaded")["inputs"][0]["dims"]
    assert shape(good("bounded.pte")) == [8, 3]
    assert shape(good("bounded.pte", inputs=[{"name": "input0", "dims": [3, 3]}])) == [3, 3]
    fails("resize a bounded", "bounded.pte", inputs=[{"name": "input0", "dims": [9, 3]}])
    fails("the model wants", "net.pte", inputs=[{"name": "input0", "dims": [1, 1, 28, 27]}])
    fails("the model wants", "net.pte", inputs=[{"name": "input0", "file": npy("i.npy", [0] * 784, (1, 1, 28, 28), "i", "<i4")}])
    # Where it computes was decided at export.
    fails("when a program is exported", "net.pte", options={"provider": "xnnpack"})
    good("net-xnnpack.pte", options={"provider": "xnnpack", "strict": "true"})
    fails("needs --provider", "net-xnnpack.pte", options={"strict": "true"})
    profile = good_profile("net.pte")
    assert {op["type"] for op in profile["ops"]} >= {"aten::convolution.out", "aten::addmm.out"}, profile
    good_profile("net.pte", options={"etdump": path("trace.etdump")})
    assert os.path.getsize(path("trace.etdump")) > 1000
    profile = good_profile("net-xnnpack.pte")
    assert {op["provider"] for op in profile["ops"]} == {"xnnpack"}, profile
    with open(path("stranger.pte"), "wb") as file:  # an operator that no library has
        file.write(open(path("affine.pte"), "rb").read().replace(b"aten::relu", b"aten::rexu"))
    fails("aten::rexu", "stranger.pte")
    with open(path("older.pte"), "wb") as file:  # a version of the format that nobody has
        data = open(path("affine.pte"), "rb").read()
        file.write(data[:4] + b"ET99" + data[8:])
    fails("program", "older.pte")
    damaged("affine.pte", 150)


def good_profile(model, **more):
    status, events = worker(model, action="profile", **more)
    result = of(events, "result")
    assert status == 0 and result and result.get("profile"), f"{model}: {status} {of(events, 'error')}"
    return result["profile"]


def libtorch():
    known_answer("affine.pt", "x", "output0")
    image = [{"name": "x", "dims": [1, 1, 28, 28]}]
    fails("--shape x:", "net.pt")
    fails("multiplied", "net.pt", inputs=[{"name": "x", "dims": [1, 1, 28, 20]}])
    whole = npy("i.npy", [0] * 784, (1, 1, 28, 28), "i", "<i4")
    fails("type", "net.pt", inputs=[{"name": "x", "file": whole}])
    names = [t["name"] for t in of(good("named.pt", inputs=[{"name": "x", "dims": [2, 3]}]), "result")["outputs"]]
    assert sorted(names) == ["sum", "twice"], names
    sr = {"name": "sr", "low": 3, "high": 3}
    outputs = of(good("two.pt", inputs=[{"name": "x", "dims": [2, 3]}, sr]), "result")["outputs"]
    assert [t["dtype"] for t in outputs] == ["float32", "int64"], outputs
    ops = {op["type"] for op in good_profile("net.pt", inputs=image)["ops"]}
    assert ops & {"aten::conv2d", "aten::thnn_conv2d", "aten::mkldnn_convolution", "aten::_convolution"}, ops
    for how in ("freeze", "inference"):
        good("net.pt", inputs=image, options={"optimize": how})
    fails("no provider", "net.pt", inputs=image, options={"provider": "cuda"})
    fails("zip", "x.npy")
    if os.path.exists(path("net.pt2")):
        image = [{"name": "input0", "dims": [1, 1, 28, 28]}]
        good("net.pt2", inputs=image)
        fails("unmatched dim", "net.pt2", inputs=[{"name": "input0", "dims": [1, 1, 28, 20]}])
    damaged("affine.pt", 12)


def make_models():
    kinds = ["executorch"] if NAME == "executorch" else ["libtorch", "aot"]
    script = os.path.join(ROOT, "tests", "contract", "cpp_models.py")
    runner = os.environ.get("IFM_TORCH_RUN", "").split() or ["/usr/bin/python3", os.path.join(ROOT, "agents", "prepare", "torch_cpu.py")]
    if not os.path.exists(runner[-1]):
        skip("the models are made with PyTorch, and agents/prepare/torch_cpu.py is not there")
    done = subprocess.run([*runner, script, FOLDER, *kinds], capture_output=True, text=True, timeout=200, check=False)
    if done.returncode in (69, 77):
        skip((done.stdout + done.stderr).strip().splitlines()[-1].removeprefix("SKIP: "))
    assert done.returncode == 0, done.stderr[-2000:]


def main():
    global FOLDER
    probe = subprocess.run([WORKER], input=json.dumps({"v": 1, "runtime": NAME, "action": "probe"}) + "\n", capture_output=True,
                           text=True, timeout=60, check=False)
    if probe.returncode != 0:
        print(probe.stdout.strip()[-300:])
        skip(f"{NAME} is not here; run: inferometer runtime install {NAME}")
    with tempfile.TemporaryDirectory(prefix="ifm-cpp-") as FOLDER:
        make_models()
        suite = subprocess.run([sys.argv[2]], env={**os.environ, "IFM_MODEL_DIR": FOLDER}, check=False)
        if suite.returncode != 0:
            sys.exit(suite.returncode)
        {"executorch": executorch, "libtorch": libtorch}[NAME]()
    print(f"{NAME}: all as it should be")


if __name__ == "__main__":
    main()
