"""The peers that benchmarks measure beside ours: each a function that runs one fresh process and returns its P50 in
ns, and what they need, unpacked from the pinned wheels in the cache (deploy/fetch onnxruntime bundle peers)."""
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import zipfile

ROOT = os.environ.get("IFM_SOURCE_DIR", os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
BUILD = os.environ.get("IFM_BUILD_DIR", os.path.join(ROOT, "build", "release"))
PYTHON = "/usr/bin/python3"

SESSION = r"""
import json, sys, time
import numpy as np, onnxruntime as ort
path, threads, amount = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
shapes = dict((s.split(":")[0], [int(d) for d in s.split(":")[1].split("x")]) for s in sys.argv[5:])
options = ort.SessionOptions()
options.intra_op_num_threads = threads
session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
kinds = {"tensor(float)": np.float32, "tensor(int64)": np.int64, "tensor(int32)": np.int32}
rng = np.random.default_rng(1)
inputs = {}
for i in session.get_inputs():
    shape = shapes.get(i.name, [d if isinstance(d, int) and d > 0 else 1 for d in i.shape])
    kind = kinds[i.type]
    inputs[i.name] = (rng.random(shape) if kind is np.float32 else rng.integers(0, 2, shape)).astype(kind)
"""
# The loop of the guide: warm up, time each call, take the median. A whole number is a count, 3.0 is seconds.
LOOP = SESSION + r"""
counted = "." not in sys.argv[3]
for _ in range(max(10, int(amount) // 10 if counted else 10)):
    session.run(None, inputs)
times, end = [], time.perf_counter() + amount
while len(times) < amount if counted else time.perf_counter() < end:
    start = time.perf_counter()
    session.run(None, inputs)
    times.append(time.perf_counter() - start)
times.sort()
print(json.dumps({"p50_ns": times[(len(times) + 1) // 2 - 1] * 1e9}))
"""
# The same loop with the Python packages of other vendors: what differs is `call`, made from path, threads and shape.
TIMING = r"""
import json, sys, time
path, threads, amount, shape = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), [int(d) for d in sys.argv[4].split("x")]
call, version = make(path, threads, shape)
for _ in range(max(10, amount // 10)):
    call()
times = []
for _ in range(amount):
    start = time.perf_counter()
    call()
    times.append(time.perf_counter() - start)
times.sort()
print(json.dumps({"p50_ns": times[(len(times) + 1) // 2 - 1] * 1e9, "version": version}))
"""
TFLITE = r"""
def make(path, threads, shape):
    import numpy as np
    try:
        import ai_edge_litert
        from ai_edge_litert.interpreter import Interpreter
        version = "ai-edge-litert " + getattr(ai_edge_litert, "__version__", "")
    except ImportError:
        import tflite_runtime
        from tflite_runtime.interpreter import Interpreter
        version = "tflite-runtime " + tflite_runtime.__version__
    net = Interpreter(model_path=path, num_threads=threads)  # XNNPACK is on by itself
    entry = net.get_input_details()[0]
    net.resize_tensor_input(entry["index"], shape)
    net.allocate_tensors()
    net.set_tensor(entry["index"], np.random.default_rng(1).random(shape, dtype=np.float32))
    return net.invoke, version
""" + TIMING
# The very library that our run loads, called from Python: the Python package of that version is not to be had.
TFLITE_C = r"""
def make(path, threads, shape):
    import ctypes as c
    import random
    library = sys.argv[5]
    lib = c.CDLL(library)
    for name in ("ModelCreateFromFile", "InterpreterOptionsCreate", "InterpreterCreate", "InterpreterGetInputTensor",
                 "TensorData", "XNNPackDelegateCreate", "Version"):
        getattr(lib, "TfLite" + name).restype = c.c_char_p if name == "Version" else c.c_void_p
    class Options(c.Structure):  # larger than any version's
        _fields_ = [("num_threads", c.c_int32), ("rest", c.c_char * 508)]
    lib.TfLiteXNNPackDelegateOptionsDefault.restype = Options
    xnnpack = lib.TfLiteXNNPackDelegateOptionsDefault()
    xnnpack.num_threads = threads
    model = c.c_void_p(lib.TfLiteModelCreateFromFile(path.encode()))
    options = c.c_void_p(lib.TfLiteInterpreterOptionsCreate())
    lib.TfLiteInterpreterOptionsSetNumThreads(options, threads)
    lib.TfLiteInterpreterOptionsAddDelegate(options, c.c_void_p(lib.TfLiteXNNPackDelegateCreate(c.byref(xnnpack))))
    net = c.c_void_p(lib.TfLiteInterpreterCreate(model, options))
    sizes = (c.c_int * len(shape))(*shape)
    if lib.TfLiteInterpreterResizeInputTensor(net, 0, sizes, len(shape)) or lib.TfLiteInterpreterAllocateTensors(net):
        sys.exit("the interpreter refuses the shape")
    count = 1
    for size in shape:
        count *= size
    data = (c.c_float * count)(*(random.random() for _ in range(count)))
    tensor = c.c_void_p(lib.TfLiteInterpreterGetInputTensor(net, 0))
    c.memmove(c.c_void_p(lib.TfLiteTensorData(tensor)), data, count * 4)
    invoke = lib.TfLiteInterpreterInvoke
    return (lambda: invoke(net)), "the same library, TFLite " + lib.TfLiteVersion().decode()
""" + TIMING
TORCH = r"""
def make(path, threads, shape):
    import torch
    torch.set_num_threads(threads)
    net, x = torch.jit.load(path), torch.rand(shape)
    guard = torch.inference_mode()
    guard.__enter__()
    return lambda: net(x), "torch " + torch.__version__
""" + TIMING
EXECUTORCH = r"""
def make(path, threads, shape):
    import torch
    from executorch.extension.pybindings import portable_lib
    from importlib.metadata import version
    portable_lib._unsafe_reset_threadpool(threads)
    net, x = portable_lib._load_for_executorch(path), [torch.rand(shape)]
    return lambda: net.forward(x), "executorch " + version("executorch")
""" + TIMING
LOADGEN = SESSION + r"""
import mlperf_loadgen as lg
for _ in range(10):
    session.run(None, inputs)
def issue(samples):
    for query in samples:
        session.run(None, inputs)
        lg.QuerySamplesComplete([lg.QuerySampleResponse(query.id, 0, 0)])
sut = lg.ConstructSUT(issue, lambda: None)
library = lg.ConstructQSL(1, 1, lambda indices: None, lambda indices: None)
settings = lg.TestSettings()
settings.scenario, settings.mode = lg.TestScenario.SingleStream, lg.TestMode.PerformanceOnly
settings.min_duration_ms = settings.max_duration_ms = int(amount * 1000)
settings.min_query_count = 10
log = lg.LogSettings()
log.log_output.outdir = sys.argv[4]
log.log_output.copy_summary_to_stdout = False
lg.StartTestWithLogSettings(sut, library, settings, log)
"""
BENCHMARK_APP = ("import sys\nfrom openvino.tools.benchmark.main import main\nsys.argv[0] = 'benchmark_app'\nmain()\n")


def unpack(folder, names):
    """Unpacks the pinned wheels of `names` for this machine and Python; returns the names that are not there."""
    cache = os.path.join(os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")), "inferometer", "deps")
    machine, tag, missing = platform.machine(), subprocess.run(
        [PYTHON, "-c", "import sys; print('cp%d%d' % sys.version_info[:2])"], capture_output=True, text=True,
        check=True).stdout.strip(), set(names)
    with open(os.path.join(ROOT, "deploy", "deps.lock"), encoding="utf-8") as lock:
        for line in lock:
            row = line.rstrip("\n").split("|")
            if len(row) < 7 or row[2] not in names or row[1] != "pip":
                continue
            ours = row[4] == "any" or (row[4].split("-")[0] == machine and f"-{tag}-" in row[6])
            wheel = os.path.join(cache, row[5], row[6])
            if ours and os.path.exists(wheel):
                zipfile.ZipFile(wheel).extractall(folder)
                missing.discard(row[2])
    return missing


def python(site, code, *words):
    out = subprocess.run([PYTHON, "-c", code, *map(str, words)], capture_output=True, text=True,
                         env=dict(os.environ, PYTHONPATH=site))
    if out.returncode:
        sys.exit(f"a peer failed: {out.stderr.strip().splitlines()[-1] if out.stderr.strip() else out.returncode}")
    return out.stdout


def loop_p50(site, model, threads, amount, shapes=()):
    return json.loads(python(site, LOOP, model, threads, amount, "-", *shapes))["p50_ns"]


def torch_runner():
    """The command that runs a script with torch on this machine; the script follows."""
    own = os.environ.get("IFM_TORCH_RUN", "").split()
    return own or [PYTHON, os.path.join(ROOT, "agents", "prepare", "torch_cpu.py")]


def installed_library(name):
    """Path of the newest installed library of a runtime, as the worker finds it; or None."""
    data = os.environ.get("XDG_DATA_HOME") or os.path.join(os.path.expanduser("~"), ".local", "share")
    root = os.environ.get("INFEROMETER_RUNTIME_DIR") or os.path.join(data, "inferometer", "runtimes")
    number = lambda version: [int(n) for n in re.findall(r"\d+", version)]
    folder = os.path.join(root, name)
    for version in sorted(os.listdir(folder) if os.path.isdir(folder) else [], key=number, reverse=True):
        described = os.path.join(folder, version, "runtime.json")
        if os.path.exists(described):
            with open(described, encoding="utf-8") as file:
                return os.path.join(folder, version, json.load(file)["library"])
    return None


def vendor_loop(code, model, threads, amount, shape, site=None, library=None):
    """P50 and version of one fresh process: TFLITE (needs a site), TFLITE_C (a library), TORCH or EXECUTORCH; or None
    and why not."""
    with tempfile.NamedTemporaryFile("w", suffix=".py") as script:
        script.write(code)
        script.flush()
        command = [PYTHON] if site or library else torch_runner()
        env = dict(os.environ, PYTHONPATH=site) if site else None
        done = subprocess.run([*command, script.name, model, str(threads), str(amount), shape, library or ""],
                              capture_output=True, text=True, env=env, check=False)
    if done.returncode:
        said = (done.stdout + done.stderr).strip().splitlines()
        return None, said[-1] if said else f"the peer ended with {done.returncode}"
    reply = json.loads(done.stdout.strip().splitlines()[-1])
    return reply["p50_ns"], reply["version"]


def loadgen_p50(site, model, threads, seconds, shapes=()):
    with tempfile.TemporaryDirectory(prefix="ifm-loadgen-") as folder:
        python(site, LOADGEN, model, threads, float(seconds), folder, *shapes)
        with open(os.path.join(folder, "mlperf_log_summary.txt"), encoding="utf-8") as summary:
            return float(re.search(r"50\.00 percentile latency \(ns\)\s*:\s*(\d+)", summary.read()).group(1))


def benchmark_app_p50(site, model, threads, seconds, shapes=()):
    shape = ["-shape", ",".join("{}[{}]".format(s.rsplit(":", 1)[0], s.rsplit(":", 1)[1].replace("x", ",")) for s in shapes)] if shapes else []
    out = python(site, BENCHMARK_APP, "-m", model, "-d", "CPU", "-hint", "none", "-nireq", 1, "-nstreams", 1,
                 "-nthreads", threads, "-t", max(1, round(seconds)), "-infer_precision", "f32", "-api", "sync", *shape)
    return float(re.search(r"Median:\s+([\d.]+) ms", out).group(1)) * 1e6


def ours(model, threads, *options, shapes=(), runtime="onnxruntime"):
    """The JSON of one run of ours."""
    command = [os.path.join(BUILD, "bin", "inferometer"), "run", model, "--runtime", runtime, "--threads",
               str(threads), "--json", "--quiet", "--daemon", "none", *map(str, options)]
    for shape in shapes:
        command += ["--shape", shape]
    out = subprocess.run(command, capture_output=True, text=True)
    if not out.stdout:
        sys.exit(f"our run failed: {out.stderr.strip()}")
    return json.loads(out.stdout)
