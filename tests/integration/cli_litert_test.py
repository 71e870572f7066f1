"""TensorFlow Lite: its providers differ visibly, a delegate is a plug-in, shapes may be open and outputs dynamic, and
what is refused is refused with the library's own reason. Models are written here, nmp comes from deploy/fetch."""
import json
import os
import struct
import subprocess
import sys
import unittest

from cli_lib import BUILD, SANITIZED, SOURCE, CliCase, main, model, npy

sys.path.insert(0, os.path.join(SOURCE, "tests", "lib"))
import tflite_writer  # noqa: E402

WORKER = os.path.join(BUILD, "bin", "inferometer-worker")
DELEGATE = os.path.join(BUILD, "tests", "modules", "litert_delegate.so")
QUICK = ("--invocations", "1", "--iterations", "5", "--warmup", "1", "--cooldown", "0")


class LitertCase(CliCase):
    def setUp(self):
        super().setUp()
        status, events, _ = self.worker(None, action="probe")
        if status == 69:
            self.skipTest(events[-1]["message"])
        self.assertEqual(status, 0, events)
        self.assertEqual(events[0]["providers"], "xnnpack,builtin")

    def worker(self, path, options=None, **spec):
        line = {"v": 1, "runtime": "litert", "iterations": 2, "warmup_iterations": 1, **spec}
        line.update({"model": path} if path else {}, **({"options": options} if options else {}))
        done = subprocess.run([WORKER], input=json.dumps(line) + "\n", capture_output=True, text=True, env=self.env,
                              timeout=60, check=False)
        return done.returncode, [json.loads(text) for text in done.stdout.splitlines()], done.stderr

    def loaded(self, path, options=None, **spec):
        status, events, log = self.worker(path, options, **spec)
        self.assertEqual(status, 0, (events[-1:], log))
        return next(e for e in events if e["event"] == "loaded"), events[-1]

    def refused(self, code, part, path, options=None, **spec):
        status, events, log = self.worker(path, options, **spec)
        self.assertEqual((status, events[-1]["event"]), (code, "error"), (events, log))
        self.assertIn(part, events[-1]["message"])
        self.assertNotIn("\n", events[-1]["message"])

    def placed(self, loaded):
        return {row["provider"]: row["operators"] for row in loaded.get("placement", [])}

    def flips(self, data, places):
        """Each one is a worker of its own: it may find the file fine, refuse it or crash, and never hangs."""
        ends = {}
        for at in places:
            broken = bytearray(data)
            broken[at] ^= 0xFF
            path = self.put("flip", bytes(broken))
            status, events, _ = self.worker(path, iterations=1, max_ns=2_000_000_000)
            ends[status] = ends.get(status, 0) + 1
            if status >= 0:  # else the process crashed, and its parent says so
                self.assertIn(events[-1]["event"], ("result", "error"), (at, status))
                self.assertIn(status, (0, 4, 65, 66, 69), (at, events[-1]))
        return ends

    def put(self, name, data):
        return self.write(name + ".tflite", data)


class Providers(LitertCase):
    def test_xnnpack_is_the_default_and_said_so(self):
        path = self.put("found", tflite_writer.found())
        plain, _ = self.loaded(path)
        asked, _ = self.loaded(path, {"provider": "xnnpack"})
        builtin, _ = self.loaded(path, {"provider": "builtin"})
        self.assertIn("provider=xnnpack", plain["effective"])
        self.assertEqual(plain["effective"], asked["effective"])
        self.assertIn("provider=builtin", builtin["effective"])
        self.assertEqual(self.placed(plain), {"xnnpack": 1, "builtin": 2})
        self.assertEqual(self.placed(builtin), {"builtin": 3})

    def test_precision_is_that_of_the_tensors(self):
        loaded, _ = self.loaded(self.put("add", tflite_writer.add()))
        self.assertEqual(loaded["precision"], "float32")

    def test_providers_are_arms_of_one_table(self):
        path = self.put("tiny", tflite_writer.tiny())
        got = self.ok("run", path, "--vary", "provider=xnnpack,builtin", *QUICK)
        self.assertIn("xnnpack", got.out)
        self.assertIn("builtin", got.out)
        keys = {self.body(run, "run.json")["config_key"] for run in self.kept()}
        self.assertEqual(len(keys), 2)

    def test_the_profile_says_who_computed(self):
        path = self.put("found", tflite_writer.found())
        status, events, log = self.worker(path, action="profile", iterations=4)
        self.assertEqual(status, 0, log)
        rows = {row["type"]: row for row in events[-1]["profile"]["ops"]}
        self.assertEqual(rows["GREATER"]["provider"], "builtin")
        self.assertEqual(rows["GREATER"]["name"], "over")
        self.assertEqual(rows["GREATER"]["shapes"], "4 1")
        self.assertEqual([row["provider"] for kind, row in rows.items() if "Add" in kind], ["xnnpack"])
        self.assertEqual({row["calls"] for row in rows.values()}, {4})

    def test_strict_refuses_what_is_not_taken_whole(self):
        found, add = self.put("found", tflite_writer.found()), self.put("add", tflite_writer.add())
        self.refused(69, "xnnpack takes 1 of 3 operators, the first that it leaves makes 'over'", found, {"strict": "true"})
        self.loaded(found, {"strict": "true", "provider": "builtin"})
        self.loaded(add, {"strict": "true"})
        self.fails(69, "takes 1 of 3 operators", "run", found, "-O", "strict=true", *QUICK)


class Delegates(LitertCase):
    def options(self, *more, **other):
        runtimes = self.env["INFEROMETER_RUNTIME_DIR"]
        folder = os.path.join(runtimes, "litert")
        newest = sorted(os.listdir(folder), key=lambda v: [int(n) if n.isdigit() else 0 for n in v.split(".")])[-1]
        with open(os.path.join(folder, newest, "runtime.json"), encoding="utf-8") as file:
            library = os.path.join(folder, newest, json.load(file)["library"])
        return {"delegate": DELEGATE, "delegate-option": ",".join(["library=" + library, *more]), **other}

    def outputs(self, options):
        """The sums of 1, 2, 3, 4 and 1 are held against what this delegate makes of them."""
        path = self.put("add", tflite_writer.add())
        values = self.write("x.npy", npy([1, 2, 3, 4], (1, 4)))
        right = self.write("y.npy", npy([2, 3, 4, 5], (1, 4)))
        return self.loaded(path, options, inputs=[{"name": "x", "file": values}], expect=[{"output": "y", "file": right}])

    def test_a_delegate_takes_what_it_can_and_computes_it(self):
        loaded, result = self.outputs(self.options())
        self.assertIn("provider=litert_delegate", loaded["effective"])
        self.assertNotIn("precision=", loaded["effective"])  # what it computes in is not known
        self.assertEqual(self.placed(loaded)["litert_delegate"], 1)
        self.assertEqual(result["verification"]["state"], "verified")

    def test_a_wrong_delegate_is_seen_to_be_wrong(self):
        _, result = self.outputs(self.options("wrong=yes"))
        self.assertEqual(result["verification"]["state"], "wrong")

    def test_what_it_leaves_goes_to_the_provider(self):
        loaded, _ = self.outputs(self.options("act=none"))
        self.assertEqual(self.placed(loaded), {"xnnpack": 1})
        loaded, _ = self.outputs(self.options("act=none", provider="builtin"))
        self.assertEqual(self.placed(loaded), {"builtin": 1})

    def test_refusals_carry_the_delegates_own_words(self):
        path = self.put("add", tflite_writer.add())
        self.refused(69, "the test delegate has no such device", path, self.options("act=refuse"))
        self.refused(65, "the test delegate fails", path, self.options("act=fail"))
        self.refused(69, "does not know", path, self.options("colour=red"))
        self.refused(69, "takes 0 of 1 operators", path, self.options("act=none", strict="true"))
        self.refused(65, "not KEY=VALUE", path, {"delegate": DELEGATE, "delegate-option": "nothing"})
        self.refused(69, "cannot be loaded", path, {"delegate": "/nonexistent/libdelegate.so"})
        self.refused(69, "is no delegate", path, {"delegate": os.path.join(BUILD, "lib", "inferometer", "ifm_rt_null.so")})


class Shapes(LitertCase):
    def test_an_open_dimension_takes_a_batch(self):
        path = self.put("tiny", tflite_writer.tiny())
        for provider in ("xnnpack", "builtin"):
            _, result = self.loaded(path, {"provider": provider}, batch=3)
            self.assertEqual(result["outputs"][0]["dims"], [3, 16, 16, 8])

    def test_an_output_has_the_size_of_its_values(self):
        path = self.put("found", tflite_writer.found())
        for provider in ("xnnpack", "builtin"):
            for values, indices in (([0, 5, 0, 7], [1, 3]), ([5, 5, 5, 5], [0, 1, 2, 3]), ([0, 0, 0, 0], [])):
                file = self.write("x.npy", npy(values))
                right = self.write("found.npy", npy(indices, (len(indices), 1), "<i8"))
                loaded, result = self.loaded(path, {"provider": provider}, inputs=[{"name": "x", "file": file}],
                                             expect=[{"output": "found", "file": right}])
                self.assertEqual(result["outputs"][0]["dims"], [len(indices), 1])
                self.assertEqual(loaded["outputs"][0]["model_dims"], [-1, -1])
                self.assertEqual(result["verification"]["state"], "verified", (provider, values))

    def test_inputs_of_another_type_or_shape_are_refused(self):
        path = self.put("add", tflite_writer.add())
        for name, data, part in (("double", npy([1, 2, 3, 4], (1, 4), "<f8"), "float64"),
                                 ("rank", npy([1, 2, 3, 4]), "wants float32"), ("wide", npy([1] * 5, (1, 5)), "1x5")):
            file = self.write(name + ".npy", data)
            self.refused(65, part, path, inputs=[{"name": "x", "file": file}])


class BadFiles(LitertCase):
    def test_a_refusal_names_the_librarys_reason(self):
        self.refused(65, "NoSuchOperator", self.put("custom", tflite_writer.custom()))
        self.refused(65, "schema version 4", self.put("newer", tflite_writer.add(version=4)))
        whole = tflite_writer.add()
        self.refused(65, "cannot read the model", self.put("cut", whole[:200]))
        self.refused(65, "cannot read the model", self.put("empty", b""))
        self.refused(65, "cannot read the model", self.put("other", b"\x08\x08\x12\x04onnx" * 20))
        self.refused(65, "version '99'", self.put("newer_op", tflite_writer.add(op_version=99)))

    @unittest.skipIf(SANITIZED, "the vendor's library reads what it should not")
    def test_every_flipped_byte_of_a_small_model_ends(self):
        data = tflite_writer.found()
        ends = self.flips(data, range(0, len(data), 5))
        self.assertIn(65, ends)


class RealModel(LitertCase):
    def test_nmp_computes_what_its_bundle_says(self):
        bundle = os.path.join(SOURCE, "build", "bundles", "nmp")
        if not os.path.exists(bundle):
            self.skipTest("no bundle: run agents/prepare/nmp_bundle.py")
        for provider in ("xnnpack", "builtin"):
            self.ok("run", bundle, "--variant", "tflite-fp32", "--provider", provider, *QUICK)
        for run in self.kept():
            self.assertEqual(self.body(run, "run.json")["verification"], "verified")

    @unittest.skipIf(SANITIZED, "the vendor's library reads what it should not")
    def test_flipped_bytes_of_nmp_end(self):
        with open(model("nmp.tflite"), "rb") as file:
            data = file.read()
        step = int(os.environ.get("IFM_FLIP_STEP", 64 * 160))  # 64: three thousand, twenty minutes
        ends = self.flips(data, range(0, len(data), step))
        self.assertIn(0, ends)  # a weight is another number


if __name__ == "__main__":
    main()
