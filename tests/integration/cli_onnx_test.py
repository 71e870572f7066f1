"""ONNX Runtime and OpenVINO as a user meets them: providers, strictness, formats, models that are broken."""
import os

import onnx_lib as onnx
from cli_lib import BUILD, SANITIZED, CliCase, main, npy, npz

ONE = ("--invocations", "1", "--iterations", "20", "--warmup", "2", "--daemon", "none", "-q")
OPERATOR = os.path.join(BUILD, "tests", "ifm_custom_op.so")


class Onnx(CliCase):
    def need(self, runtime):
        got = self.cli("run", self.write("probe.onnx", onnx.add()), "--runtime", runtime, *ONE)
        if "install it with" in got.err:
            self.skipTest(got.err.strip().splitlines()[-1])

    def one(self, path, *more):
        return self.ok("run", path, *ONE, "--json", *more).json["run"]

    def verified(self, data, inputs, expected, *more):
        """Runs bytes of a model; the outputs must be the expected ones."""
        args = [word for name, values in inputs.items() for word in ("--input", f"{name}={self.write(name + '.npy', values)}")]
        run = self.one(self.write("small.onnx", data), *args, "--expect", self.write("expect.npz", npz(**expected)), *more)
        self.assertEqual(run["verification"], "verified")
        return run


class Providers(Onnx):
    def setUp(self):
        super().setUp()
        self.need("onnxruntime")
        self.path = self.write("add.onnx", onnx.add())

    def test_short_and_full_names_are_the_same_provider(self):
        keys = {self.one(self.path, *words)["provider"] for words in
                ((), ("--provider", "cpu"), ("--provider", "CPU"), ("--provider", "CPUExecutionProvider"))}
        self.assertEqual(keys, {"CPUExecutionProvider"})

    def test_a_provider_that_is_not_there_says_what_is_and_where_to_get_it(self):
        got = self.cli("run", self.path, "--provider", "cuda", *ONE)
        if got.status == 0:
            self.skipTest("this ONNX Runtime has CUDA")
        self.fails(69, "it offers CPUExecutionProvider", "run", self.path, "--provider", "cuda", *ONE)
        self.fails(69, "onnxruntime-gpu", "run", self.path, "--provider", "TensorRT", *ONE)
        self.fails(69, "cannot use provider nonsense", "run", self.path, "--provider", "nonsense", *ONE)

    def test_strict_refuses_what_falls_back_in_silence(self):
        """The Azure provider takes no operator: everything runs on the CPU, and nobody is told."""
        got = self.cli("run", self.path, "--provider", "azure", *ONE)
        if got.status:
            self.skipTest("this ONNX Runtime has no provider that refuses an addition")
        self.fails(65, "fallback to CPU", "run", self.path, "--provider", "azure", "--strict", *ONE)
        self.one(self.path, "--strict")

    def test_options_of_a_provider_need_one(self):
        self.fails(65, "beside the CPU's", "run", self.path, "-O", "provider-option=a=1", *ONE)
        self.fails(69, "cannot be loaded", "run", self.path, "--provider", "openvino", "-O", "provider-library=/nothing.so", *ONE)

    def test_custom_operators(self):
        data = onnx.model([onnx.node("Double", ["x"], ["y"], "ifm.test")], [onnx.value_info("x", onnx.FLOAT, [3])],
                          [onnx.value_info("y", onnx.FLOAT, [3])], domains=(("ifm.test", 1),))
        self.fails(65, "ifm.test", "run", self.write("double.onnx", data), *ONE)
        if not os.path.exists(OPERATOR):
            self.skipTest(f"{OPERATOR} is not built")
        self.verified(data, {"x": npy([1, 2, 3])}, {"y": npy([2, 4, 6])}, "--custom-ops", OPERATOR)
        self.fails(65, "nothing.so", "run", self.path, "--custom-ops", "/nothing.so", *ONE)

    def test_a_library_that_is_another_one(self):
        if not os.path.exists(OPERATOR):
            self.skipTest(f"{OPERATOR} is not built")
        self.fails(69, "is not ONNX Runtime", "run", self.path, "--runtime", "onnxruntime=" + OPERATOR, *ONE)
        self.fails(69, "is not OpenVINO's C library", "run", self.path, "--runtime", "openvino=" + OPERATOR, *ONE)
        self.fails(69, "cannot be loaded", "run", self.path, "--runtime", "openvino=" + self.write("no.so", "no library"), *ONE)

    def test_free_dimensions_and_the_optimized_model(self):
        run = self.one(self.path, "-O", "free-dimension=batch=3", "-O", "optimized-model=" + os.path.join(self.work, "fast.onnx"))
        self.assertEqual(run["inputs"][0]["dims"], [3, 4])
        again = self.one(os.path.join(self.work, "fast.onnx"))
        self.assertEqual([t["name"] for t in again["outputs"]], ["y"])

    def test_ort_format(self):
        """The library writes it by the name of the file, and reads what it wrote."""
        target = os.path.join(self.work, "small.ort")
        self.one(self.path, "-O", "optimized-model=" + target)
        with open(target, "rb") as file:
            data = file.read()
        self.assertEqual(data[4:8], b"ORTM")
        run = self.one(target)
        self.assertEqual((run["runtime"], run["format"]), ("onnxruntime", "ort"))
        self.fails(65, "cannot open the model", "run", self.write("cut.ort", data[:len(data) // 2]), *ONE)


class Broken(Onnx):
    """One sentence and the right exit status, whatever is wrong with a file."""
    def setUp(self):
        super().setUp()
        self.runtime = "onnxruntime"
        self.need(self.runtime)
        self.before = self.kept()

    def refused(self, data, part, name="bad.onnx"):
        got = self.fails(65, part, "run", self.write(name, data), "--runtime", self.runtime, *ONE)
        self.assertEqual(self.kept(), self.before)
        return got

    def test_opset_of_the_future(self):
        self.refused(onnx.add(opset=999), "opset")

    def test_operator_that_nobody_knows(self):
        self.refused(onnx.model([onnx.node("Bogus", ["x"], ["y"])], [onnx.value_info("x", onnx.FLOAT, [1])],
                                [onnx.value_info("y", onnx.FLOAT, [1])]), "Bogus")

    def test_cut_and_empty(self):
        data = onnx.add()
        self.refused(data[:len(data) - 20], "model")
        self.refused(b"", "model")
        self.refused(b"this is not a model", "model")

    def external(self, location):
        return onnx.model([onnx.node("Add", ["x", "w"], ["y"])], [onnx.value_info("x", onnx.FLOAT, [4])],
                          [onnx.value_info("y", onnx.FLOAT, [4])], [onnx.external("w", onnx.FLOAT, [4], location)])

    def test_weights_that_are_missing_or_short(self):
        self.refused(self.external("weights.bin"), "weights.bin")
        self.write("weights.bin", b"\0" * 15)
        self.refused(self.external("weights.bin"), "")
        self.write("weights.bin", b"\0" * 16)
        self.ok("run", self.write("good.onnx", self.external("weights.bin")), "--runtime", self.runtime, *ONE)

    def test_input_of_another_type_or_shape(self):
        path = self.write("add.onnx", onnx.add())
        self.fails(65, "float32", "run", path, "--runtime", self.runtime, "--input",
                   "x=" + self.write("x.npy", npy([1, 2, 3, 4], (1, 4), "<f8")), *ONE)
        self.fails(65, "x4", "run", path, "--runtime", self.runtime, "--input", "x=" + self.write("x.npy", npy([1, 2], (1, 2))), *ONE)


class BrokenForOpenvino(Broken):
    def setUp(self):
        CliCase.setUp(self)
        if SANITIZED:
            self.skipTest("OpenVINO opens a library of its own with RTLD_DEEPBIND, which the address sanitizer refuses")
        self.runtime = "openvino"
        self.need(self.runtime)
        self.before = self.kept()

    def test_opset_of_the_future(self):
        """It reads on with the newest operators that it knows, and does not say so: outputs must be checked."""
        got = self.cli("run", self.write("new.onnx", onnx.add(opset=999)), "--runtime", "openvino", *ONE)
        self.assertIn(got.status, (0, 65), got)


if __name__ == "__main__":
    main()
