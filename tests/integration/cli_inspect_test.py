#!/usr/bin/env python3
"""`inspect` reads model files without a runtime: numbers of models that are known, and files that are broken."""

import os
import shutil
import tempfile

from cli_lib import MODELS, SOURCE, CliCase, main


class Inspect(CliCase):
    def model(self, name):
        path = os.path.join(MODELS, name)
        if not os.path.exists(path):
            self.skipTest(f"build/models/{name} is not there; run deploy/fetch models")
        return path

    def test_onnx_numbers(self):
        got = self.ok("inspect", self.model("magika.onnx"), "--json").json
        self.assertEqual(("onnx", 3163737, True), (got["format"], got["bytes"], got["valid"]))
        self.assertEqual([("bytes", "int32", 2048)], [(t["name"], t["dtype"], t["dims"][1]) for t in got["inputs"]])
        self.assertEqual(-1, got["inputs"][0]["dims"][0])
        self.assertEqual(got["parameters"], sum(row["elements"] for row in got["weights"]))
        self.assertEqual(got["nodes"], sum(row["count"] for row in got["operators"]))
        self.assertEqual([], got["problems"])

    def test_tflite_numbers(self):
        got = self.ok("inspect", self.model("nmp.tflite"), "--json", "--nodes").json
        self.assertEqual(("tflite", 222, 222), (got["format"], got["nodes"], len(got["node_list"])))
        self.assertEqual(524079648, got["macs"])

    def test_people_see_operators_and_validity(self):
        text = self.ok("inspect", self.model("nmp.onnx")).out
        self.assertIn("opset ai.onnx", text)
        self.assertIn("Conv ", text)
        self.assertIn("no fault found", text)

    def test_broken_files(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in ("nmp.onnx", "nmp.tflite"):
                with open(self.model(name), "rb") as file:
                    data = file.read()
                for size in (1, 100, len(data) // 2, len(data) - 1):
                    path = os.path.join(folder, f"{size}-{name}")
                    with open(path, "wb") as file:
                        file.write(data[:size])
                    self.assertIn(self.cli("inspect", path).status, (65, 69), path)
            path = os.path.join(folder, "empty.onnx")
            with open(path, "wb") as file:
                file.write(b"\x08\x08")  # a format version and nothing else
            got = self.cli("inspect", path)
            self.assertEqual(65, got.status, got)
            self.assertIn("inferometer: empty.onnx is not valid: ", got.err)
            path = os.path.join(folder, "wrong.onnx")
            shutil.copy(self.model("nmp.tflite"), path)
            self.assertEqual("tflite", self.ok("inspect", path, "--json").json["format"], "content decides")
            path = os.path.join(folder, "text.onnx")
            with open(path, "w", encoding="utf-8") as file:
                file.write("not a model\n")
            self.assertIn(self.cli("inspect", path).status, (65, 69))

    def test_bundle(self):
        bundle = os.path.join(SOURCE, "build/bundles/nmp")
        if not os.path.isdir(bundle):
            self.skipTest("build/bundles/nmp is not there")
        got = self.ok("inspect", bundle, "--json").json
        self.assertEqual(["onnx", "tflite"], [item["format"] for item in got])
        self.fails(64, "no variant", "inspect", bundle, "--variant", "nothing")


if __name__ == "__main__":
    main()
