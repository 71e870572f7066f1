"""Bad input: the exact exit status, one sentence that names the thing and the remedy, nothing kept."""
import os
import unittest

from cli_lib import BUILD, QUICK, CliCase, main, model, npy, npz


class Words(CliCase):
    def test_unknown_verb(self):
        self.fails(64, "did you mean run?", "rum", "x.onnx")
        self.fails(64, "did you mean compare?", "help", "compair")
        self.fails(64, "`inferometer help` lists them", "zzzzzz")

    def test_unknown_option(self):
        self.fails(64, "did you mean --threads?", "run", "x.onnx", "--theads", "2")
        self.fails(64, "did you mean --limit?", "list", "--limt", "3")

    def test_option_values(self):
        for args, part in ((("--threads", "999999"), "from 0 to 1024"), (("--batch", "1048576"), "from 0 to 1000000"), (("--iterations", "-5"), "from 0 to 20000000"),
                           (("--iterations", "1e99"), "whole number"), (("--duration", "1y"), "duration like"),
                           (("--invocations", "1001"), "from 0 to 1000"), (("--memory-limit", "1x"), "size like"),
                           (("--format", "jsn"), "human|json|ndjson|csv|md"), (("--label", "x"), "KEY=VALUE"),
                           (("--rtol", "nan"), "rtol"), (("--atol", "-3"), "must not be negative"),
                           (("--quick", "--iterations", "3"), "--quick"), (("--duration", "9s", "--maximum", "2s"), "--maximum"),
                           (("--daemon", "ftp://x"), "not a daemon's address")):
            with self.subTest(args):
                self.fails(64, part, "run", "--runtime", "null", *args)
        self.assertEqual(self.kept(), [])

    def test_arguments(self):
        self.fails(64, "name a MODEL", "run")
        self.fails(66, "cannot read the model a.onnx", "run", "a.onnx", "b.onnx")
        self.fails(64, "two RUNs", "compare", "@1")
        self.fails(64, "did you mean install?", "runtime", "instal", "x")

    def test_help_works_everywhere(self):
        for verb in ("run", "list", "show", "compare", "push", "inspect", "runtime", "version", "help"):
            got = self.ok("help", verb)
            self.assertTrue(got.out.startswith("  inferometer "), "examples come first")
            self.assertIn("exit status:", got.out)
            self.assertEqual(self.ok(verb, "--help").out, got.out)
        self.assertIn("daemon: none configured", self.ok().out)
        self.assertIn("inferometer 0.", self.ok("--version").out)


class Models(CliCase):
    def test_missing_file(self):
        self.fails(66, "cannot read the model nothing.onnx", "run", "nothing.onnx")
        self.fails(66, "cannot read the model nothing.onnx", "inspect", "nothing.onnx")

    def test_not_a_file(self):
        self.fails(65, "not a plain file", "run", "/dev/null")
        self.fails(65, "without manifest.json", "run", ".")

    def test_unknown_format(self):
        self.write("model.xyz", b"?")
        self.fails(64, "choose one with --runtime", "run", "model.xyz")

    def test_unknown_runtime(self):
        self.write("m.onnx", b"?")
        self.fails(64, "did you mean onnxruntime?", "run", "m.onnx", "--runtime", "onnxruntim")
        got = self.fails(64, "there are: ", "run", "m.onnx", "--runtime", "zzz")
        for name in ("litert", "null", "onnxruntime", "openvino", "sim"):
            self.assertIn(name, got.err)
        self.fails(69, "tensorrt is planned", "run", "m.onnx", "--runtime", "trt")

    def test_missing_vendor_library(self):
        self.write("m.onnx", b"?")
        got = self.fails(69, "onnxruntime", "run", "m.onnx", env={"INFEROMETER_RUNTIME_DIR": self.temp})
        self.assertIn("install", got.err)
        self.assertEqual(self.kept(), [])
        self.assertIn("missing", self.ok("runtime", "list", env={"INFEROMETER_RUNTIME_DIR": self.temp}).out)

    def test_corrupt_model(self):
        with open(model("nmp.onnx"), "rb") as file:
            data = file.read()
        for name, bad in (("empty", b""), ("text", b"this is no model"), ("cut", data[:len(data) // 2])):
            self.write(name + ".onnx", bad)
            self.fails(65, "", "run", name + ".onnx", "--quiet")
        self.assertEqual(self.kept(), [], "a file that is no model is no measurement")

    def test_runtime_options(self):
        path = model("nmp.onnx")
        self.fails(64, "did you mean graph-optimization?", "run", path, "-O", "graph-optimisation=all", "-q")
        self.fails(64, "graph-optimization wants one of", "run", path, "-O", "graph-optimization=al", "-q")
        self.fails(64, "did you mean", "run", "--runtime", "sim", "-O", "latencie=3us", "-q")
        self.fails(69, "cannot use provider", "run", path, "--provider", "CUDAExecutionProvider", "-q")
        self.assertEqual(self.kept(), [])

    def test_missing_worker(self):
        self.fails(78, "worker program", "run", "--runtime", "null", "-q", env={"INFEROMETER_WORKER": "/nowhere/worker"})
        self.fails(78, "no runtime modules", "runtime", "list", env={"INFEROMETER_MODULE_DIR": self.temp})
        self.assertEqual(self.kept(), [])

    def test_a_worker_that_is_another_program(self):
        got = self.cli("run", "--runtime", "null", *QUICK, "-q", env={"INFEROMETER_WORKER": "/bin/true"})
        self.assertEqual(got.status, 4, got)
        self.assertIn("ended without its end mark before it said hello", got.out)
        stand_in = self.write("worker", "#!/bin/sh\necho not json\n")
        os.chmod(stand_in, 0o755)
        got = self.cli("run", "--runtime", "null", *QUICK, "-q", env={"INFEROMETER_WORKER": stand_in})
        self.assertEqual(got.status, 4, got)
        self.assertIn("(protocol)", got.out)


class Inputs(CliCase):
    def sim_fails(self, status, part, *args):
        self.fails(status, part, "run", "--runtime", "sim", "-q", *QUICK, *args)
        self.assertEqual(self.kept(), [])

    def test_what_is_typed(self):
        self.sim_fails(64, "NAME=FILE.npy", "--input", "x0")
        self.sim_fails(64, "positive numbers", "--shape", "x0:1xa")
        self.sim_fails(64, "positive numbers", "--shape", "x0:0x3")
        self.sim_fails(64, "positive numbers", "--shape", "x0:1x1x1x1x1x1x1x1x1")
        self.sim_fails(64, "NAME:1x3x224x224", "--shape", "1x3")
        self.sim_fails(64, "LOW..HIGH", "--range", "x0:5")
        self.sim_fails(64, "LOW..HIGH", "--range", "x0:5..1")
        self.sim_fails(64, "--expect", "--rtol", "1e-3")

    def test_files(self):
        self.write("text.npy", "hello")
        self.write("long.npy", npy([1.0] * 17, (1, 17)))
        self.write("ints.npy", npy([1] * 16, (1, 16), "<i4"))
        self.write("cut.npy", npy([1.0] * 16, (1, 16))[:-5])
        self.write("good.npy", npy([1.0] * 16, (1, 16)))
        self.sim_fails(66, "no.npy for input x0", "--input", "x0=no.npy")
        self.sim_fails(65, "not a .npy file", "--input", "x0=text.npy")
        os.mkfifo(os.path.join(self.work, "pipe"))  # was: waited for ever
        self.sim_fails(65, "not a plain file", "--input", "x0=pipe")
        self.sim_fails(65, "not a plain file", "--expect", "pipe")
        self.sim_fails(65, "", "--input", "x0=cut.npy")
        self.sim_fails(65, "x0", "--input", "x0=long.npy")
        self.sim_fails(65, "x0", "--input", "x0=ints.npy")
        self.sim_fails(65, "it has", "--input", "nope=good.npy")
        # was: 69, as if something were not available
        fortran = npy([1.0] * 16, (1, 16)).replace(b"'fortran_order': False", b"'fortran_order': True ")
        self.write("fortran.npy", fortran)
        self.sim_fails(65, "ascontiguousarray", "--input", "x0=fortran.npy")
        self.write("objects.npy", npy([1.0] * 16, (1, 16)).replace(b"'<f4'", b"'|O8'"))
        self.sim_fails(65, "element type", "--input", "x0=objects.npy")
        self.write("fortran.npz", npz(y0=fortran))
        self.sim_fails(65, "ascontiguousarray", "--expect", "fortran.npz")

    def test_references(self):
        self.write("text.npz", "hello")
        self.write("none.npz", npz())
        self.write("other.npz", npz(zz=npy([1.0])))
        self.write("shape.npz", npz(y0=npy([1.0] * 3)))
        self.sim_fails(66, "no.npz", "--expect", "no.npz")
        self.sim_fails(65, "cannot be unpacked", "--expect", "text.npz")
        self.sim_fails(65, "no arrays", "--expect", "none.npz")
        self.sim_fails(65, "zz", "--expect", "other.npz")
        got = self.sim(*QUICK, "-q", "--expect", "shape.npz")
        self.assertEqual(got.status, 5, got)
        self.assertIn("WRONG", got.out)


if __name__ == "__main__":
    main()
