"""OpenVINO: precision asked back, shapes that are open, IR files, and files with a byte turned over."""
import json
import os
import re
import subprocess

import onnx_lib as onnx
from cli_lib import BUILD, SANITIZED, SOURCE, CliCase, main, model, npy, npz

ONE = ("--runtime", "openvino", "--invocations", "1", "--iterations", "20", "--warmup", "2", "--daemon", "none", "-q")
WORKER = os.path.join(BUILD, "bin", "inferometer-worker")
DEEPBIND = "OpenVINO opens a library of its own with RTLD_DEEPBIND, which the address sanitizer refuses"
SANE = (0, 4, 6, 65, 66, 69)  # of a worker: fine, failed, memory, bad model, file, not to be had
# y = x + w, as OpenVINO's own format writes it: x f32 [?,4], w f32 [4] in the file of weights
IR = """<?xml version="1.0"?>
<net name="small" version="11"><layers>
<layer id="0" name="x" type="Parameter" version="opset1"><data shape="{batch},4" element_type="f32"/>
<output><port id="0" precision="FP32" names="x"><dim>{dim}</dim><dim>4</dim></port></output></layer>
<layer id="1" name="w" type="Const" version="opset1"><data element_type="f32" shape="1,4" offset="0" size="16"/>
<output><port id="0" precision="FP32"><dim>1</dim><dim>4</dim></port></output></layer>
<layer id="2" name="sum" type="Add" version="opset1"><data auto_broadcast="numpy"/>
<input><port id="0" precision="FP32"><dim>{dim}</dim><dim>4</dim></port><port id="1" precision="FP32"><dim>1</dim><dim>4</dim></port></input>
<output><port id="2" precision="FP32" names="y"><dim>{dim}</dim><dim>4</dim></port></output></layer>
<layer id="3" name="result" type="Result" version="opset1">
<input><port id="0" precision="FP32"><dim>{dim}</dim><dim>4</dim></port></input></layer>
</layers><edges><edge from-layer="0" from-port="0" to-layer="2" to-port="0"/><edge from-layer="1" from-port="0" to-layer="2" to-port="1"/>
<edge from-layer="2" from-port="2" to-layer="3" to-port="0"/></edges></net>
"""


def flipped(data, count):
    """The same file with one byte turned over, at positions all over it."""
    step = max(1, len(data) // count)
    for at in range(step // 2, len(data), step):
        yield at, data[:at] + bytes([data[at] ^ 0xff]) + data[at + 1:]


def fastest_type():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        words = file.read().split()
    return "bfloat16" if "avx512_bf16" in words or "amx_bf16" in words else "float32"


class Openvino(CliCase):
    def setUp(self):
        super().setUp()
        if SANITIZED:
            self.skipTest(DEEPBIND)
        got = self.cli("run", self.write("probe.onnx", onnx.add()), *ONE)
        if "install it with" in got.err:
            self.skipTest(got.err.strip().splitlines()[-1])
        self.assertEqual(got.status, 0, got)

    def one(self, path, *more):
        return self.ok("run", path, *ONE, "--json", *more).json["run"]

    def ir(self, batch="?", dim="-1"):
        self.write("small.bin", npy([1, 2, 3, 4])[-16:])
        return self.write("small.xml", IR.format(batch=batch, dim=dim))

    def test_precision_is_asked_back(self):
        """Nobody is told that the default may be bf16; asking for f32 always works."""
        path = self.write("add.onnx", onnx.add())
        silent = self.one(path)["config"]
        self.assertEqual(silent["precision"], fastest_type())
        asked = self.one(path, "-O", "inference-precision=f32")["config"]
        self.assertEqual((asked["precision"], asked["inference-precision"]), ("float32", "f32"))
        for key in ("threads", "streams", "devices", "hint", "provider"):
            self.assertIn(key, silent)
        self.assertEqual(silent["provider"], "CPU")

    def test_options_reach_the_compiled_model(self):
        path = self.write("add.onnx", onnx.add())
        config = self.one(path, "--threads", "1", "-O", "streams=1", "-O", "hint=throughput", "-O",
                          "property=ENABLE_CPU_PINNING=NO")["config"]
        self.assertEqual((config["threads"], config["streams"], config["hint"], config["pinning"]), ("1", "1", "THROUGHPUT", "NO"))
        self.fails(65, "Unsupported property FOO", "run", path, *ONE, "-O", "property=FOO=1")
        self.fails(65, "not KEY=VALUE", "run", path, *ONE, "-O", "property=FOO")
        self.fails(65, "not registered", "run", path, *ONE, "--provider", "xpu")
        if not os.path.exists("/dev/dri/renderD128"):
            self.fails(69, "it offers CPU", "run", path, *ONE, "--provider", "gpu")

    def test_ir_with_open_and_with_fixed_shapes(self):
        x, expect = npy([1, 1, 1, 1, 2, 2, 2, 2], (2, 4)), npz(y=npy([2, 3, 4, 5, 3, 4, 5, 6], (2, 4)))
        words = ("--input", "x=" + self.write("x.npy", x), "--expect", self.write("expect.npz", expect))
        for path in (self.ir(), self.ir("2", "2")):
            run = self.one(path, *words)
            self.assertEqual((run["verification"], run["format"], run["outputs"][0]["dims"]), ("verified", "xml", [2, 4]))
        for option in ("reshape=true", "reshape=false"):
            self.assertEqual(self.one(self.ir(), *words, "-O", option)["verification"], "verified")
        self.assertEqual(self.one(self.ir(), "--batch", "3")["inputs"][0]["dims"], [3, 4])

    def test_weights_that_are_missing_or_short(self):
        path = self.ir("2", "2")
        self.write("small.bin", b"\0" * 7)
        self.fails(65, "cannot read the model", "run", path, *ONE)
        os.unlink(os.path.join(self.work, "small.bin"))
        self.fails(65, "cannot read the model", "run", path, *ONE)

    def test_sixteen_bit_activations(self):
        """A graph optimization of ONNX Runtime computes them with 8 bits where the processor is faster that way, without
        a word: the same file, three answers, and only a reference tells which one is right."""
        step, out = 8 / 65535, 64 / 65535
        weights = [(7 * k + 5 * n) % 101 - 50 for k in range(16) for n in range(10)]
        x = [-3.7 + 0.47 * k for k in range(16)]
        exact = [out * round(sum(step * round(x[k] / step) * weights[10 * k + n] / 64 for k in range(16)) / out) for n in range(10)]
        scalar = [("xs", onnx.FLOAT, step), ("xz", onnx.UINT16, 32768), ("ys", onnx.FLOAT, out), ("yz", onnx.UINT16, 32768),
                  ("ws", onnx.FLOAT, 1 / 64), ("wz", onnx.INT8, 0)]
        nodes = [onnx.node("QuantizeLinear", ["x", "xs", "xz"], ["a"]), onnx.node("DequantizeLinear", ["a", "xs", "xz"], ["b"]),
                 onnx.node("DequantizeLinear", ["w", "ws", "wz"], ["c"]), onnx.node("MatMul", ["b", "c"], ["d"]),
                 onnx.node("QuantizeLinear", ["d", "ys", "yz"], ["e"]), onnx.node("DequantizeLinear", ["e", "ys", "yz"], ["y"])]
        data = onnx.model(nodes, [onnx.value_info("x", onnx.FLOAT, [1, 16])], [onnx.value_info("y", onnx.FLOAT, [1, 10])],
                          [onnx.tensor("w", onnx.INT8, [16, 10], weights)] +
                          [onnx.tensor(name, kind, [], [value]) for name, kind, value in scalar], opset=21)
        words = (self.write("a16w8.onnx", data), "--input", "x=" + self.write("x.npy", npy(x, (1, 16))), "--expect",
                 self.write("expect.npz", npz(y=npy(exact, (1, 10)))), "--rtol", "0.0001", "--atol", str(2.1 * out))
        self.assertEqual(self.one(*words)["verification"], "verified")
        ort = ("--runtime", "onnxruntime", *ONE[2:])
        got = self.cli("run", *words, *ort, "-O", "graph-optimization=disable")
        if "install it with" in got.err:
            self.skipTest(got.err.strip().splitlines()[-1])
        self.assertEqual(got.status, 0, got)
        got = self.cli("run", *words, *ort)
        self.assertEqual((got.status, "WRONG" in got.out), (5, True) if got.status else (0, False), got)

    def test_a_quantized_model_that_is_computed_wrong_is_never_fast(self):
        """Convolutions with 16-bit activations: numbers that have nothing to do with the reference, and no error."""
        bundle = os.path.join(SOURCE, "build", "bundles", "fashion")
        if not os.path.exists(bundle):
            self.skipTest("the bundle fashion is not there; make it with agents/prepare")
        got = self.cli("run", bundle, "--variant", "onnx-fp32,onnx-a16w8", *ONE)
        self.assertEqual(got.status, 5, got)
        rows = {line.split()[1]: line for line in got.out.splitlines() if re.match(r"  [0-9\u2013]  ", line)}
        self.assertIn("WRONG", rows["onnx-a16w8"])
        self.assertTrue(rows["onnx-a16w8"].startswith("  \u2013"), got)
        self.assertNotIn("WRONG", rows["onnx-fp32"])

    def test_an_output_without_elements_is_no_result(self):
        data = onnx.model([onnx.node("Slice", ["x", "from", "to"], ["y"])], [onnx.value_info("x", onnx.FLOAT, [2, 4])],
                          [onnx.value_info("y", onnx.FLOAT, ["n", 4])],
                          [onnx.tensor("from", onnx.INT64, [1], [2]), onnx.tensor("to", onnx.INT64, [1], [2])])
        path = self.write("empty.onnx", data)
        expect = self.write("expect.npz", npz(y=npy([1, 2, 3, 4], (1, 4))))
        for runtime in ("openvino", "onnxruntime"):
            got = self.cli("run", path, "--expect", expect, "--runtime", runtime, *ONE[2:])
            if "install it with" not in got.err:
                self.assertEqual((got.status, "WRONG" in got.out), (5, True), got)

    def test_several_inferences_at_once(self):
        for words in (("--scenario", "offline", "--streams", "8", "-O", "requests=3"),
                      ("--scenario", "multi", "--streams", "4", "-O", "hint=throughput"),
                      ("--scenario", "server", "--rate", "200")):
            run = self.one(self.write("add.onnx", onnx.add()), *words)
            self.assertEqual(run["status"], "complete")

    def test_a_profile_names_the_implementation(self):
        path = self.write("add.onnx", onnx.add(dims=(1, 1000000)))
        ops = self.ok("profile", path, "--runtime", "openvino", "--iterations", "10", "--json").json["profile"]["ops"]
        self.assertTrue(any(re.fullmatch(r"\w+ \w*f(32|16)", op["type"]) and op["provider"] == "CPU" for op in ops), ops)


class Flips(CliCase):
    """A turned byte may change numbers, be refused or even crash a vendor's library, which ends that worker alone:
    nothing hangs, and what is said is one sentence."""

    def survives(self, runtime, name, data, count, beside=None):
        if SANITIZED and runtime == "openvino":
            self.skipTest(DEEPBIND)
        for at, bad in flipped(data, count):
            if beside:
                self.write(*beside)
            path = self.write(name, bad)
            spec = {"v": 1, "action": "measure", "runtime": runtime, "model": path, "warmup_iterations": 1,
                    "iterations": 2, "max_ns": 1000000000, "memory_limit_bytes": 2000000000}
            done = subprocess.run([WORKER], input=json.dumps(spec) + "\n", capture_output=True, text=True, errors="replace",
                                  timeout=60, env=self.env, cwd=self.work)
            if done.returncode < 0:
                continue
            self.assertIn(done.returncode, SANE, (at, done.stderr[-500:]))
            last = json.loads(done.stdout.splitlines()[-1])
            if last["event"] == "error" and last["exit_status"] == 69:
                self.skipTest(last["message"])
            self.assertEqual(last["event"], "result" if done.returncode == 0 else "error", (at, last))
            if last["event"] == "error":
                self.assertGreater(len(last["message"]), 10)
                self.assertNotIn("\n", last["message"])

    def test_onnx(self):
        with open(model("nmp.onnx"), "rb") as file:
            data = file.read()
        self.survives("onnxruntime", "bad.onnx", data, 7)
        self.survives("openvino", "bad.onnx", data, 4)
        self.survives("onnxruntime", "bad.onnx", onnx.add(), 25)
        self.survives("openvino", "bad.onnx", onnx.add(), 8)

    def test_ir(self):
        data = IR.format(batch="2", dim="2").encode()
        self.survives("openvino", "small.xml", data, 20, ("small.bin", npy([1, 2, 3, 4])[-16:]))

    def test_tflite(self):
        with open(model("nmp.tflite"), "rb") as file:
            self.survives("openvino", "bad.tflite", file.read(), 4)


if __name__ == "__main__":
    main()
