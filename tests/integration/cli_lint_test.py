#!/usr/bin/python3
"""inferometer lint: for every rule a model that it finds something in, and one where it does not."""
import io
import json
import os
import re
import struct
import sys
import zipfile

from cli_lib import SOURCE, CliCase, main, sha256
from onnx_lib import FLOAT, INT8, INT64, UINT8, add, external, field, model, node, tensor, value_info, varint

sys.path.insert(0, os.path.join(SOURCE, "tests", "lib"))
import tflite_writer  # noqa: E402

F64 = 11


def x(*dims, kind=FLOAT, name="x"):
    return value_info(name, kind, dims or ("batch", 4))


def y(*dims, kind=FLOAT, name="y"):
    return x(*dims, kind=kind, name=name)


def relu(**more):
    return model([node("Relu", ["x"], ["y"])], [x()], [y()], **more)


def one_op(op, dims=("batch", 3, 8, 8), **more):
    return model([node(op, ["x"], ["y"], **more)], [x(*dims)], [y(*dims)])


def transpose(*perm):
    made = field(1, "x") + field(2, "y") + field(3, "t") + field(4, "Transpose")
    made += field(5, field(1, "perm") + b"".join(field(8, p) for p in perm) + field(20, 7))
    return model([made], [x("batch", 3, 8, 8)], [y("batch", 8, 8, 3)])


def conv(*after, inputs=("x", "w")):
    weights = tensor("w", FLOAT, [3, 3, 1, 1], [1.0] * 9)
    vectors = [tensor(n, FLOAT, [3], [1.0] * 3) for n in ("a", "b", "c", "d")] if after else []
    nodes = [node("Conv", list(inputs), ["f" if after else "y"])] + list(after)
    return model(nodes, [x("batch", 3, 8, 8)], [y("batch", 3, 8, 8)], [weights, *vectors])


def qdq(quantized_output):
    """x -> Q -> DQ -> Conv -> (Q -> DQ ->) y; otherwise Conv -> Sigmoid -> y."""
    constants = [tensor("s", FLOAT, [], [0.1]), tensor("z", UINT8, [], [0]), tensor("w", FLOAT, [3, 3, 1, 1], [1.0] * 9)]
    nodes = [node("QuantizeLinear", ["x", "s", "z"], ["q"]), node("DequantizeLinear", ["q", "s", "z"], ["d"]),
             node("Conv", ["d", "w"], ["f"])]
    if quantized_output:
        nodes += [node("QuantizeLinear", ["f", "s", "z"], ["g"]), node("DequantizeLinear", ["g", "s", "z"], ["y"])]
    else:
        nodes += [node("Sigmoid", ["f"], ["y"])]
    return model(nodes, [x("batch", 3, 8, 8)], [y("batch", 3, 8, 8)], constants)


def dropout(training):
    constants = [tensor("r", FLOAT, [], [0.5]), field(2, 9) + field(8, "t") + field(9, bytes([training]))]
    return model([node("Dropout", ["x", "r", "t"], ["y"])], [x()], [y()], constants)


def raw(name, kind, dims, data):
    return b"".join(field(1, d) for d in dims) + field(2, kind) + field(8, name) + field(9, data)


def weights(count, data):
    return model([node("Add", ["x", "w"], ["y"])], [x("batch", count)], [y("batch", count)],
                 [raw("w", FLOAT, [count], data)])


def conv_integer():
    return model([node("ConvInteger", ["x", "w"], ["y"])], [x("batch", 3, 8, 8, kind=UINT8)],
                 [y("batch", 3, 8, 8, kind=6)], [tensor("w", INT8, [3, 3, 1, 1], [1] * 9)])


def qlinear():
    constants = [tensor("s", FLOAT, [], [0.1]), tensor("z", UINT8, [], [0]), tensor("w", UINT8, [3, 3, 1, 1], [1] * 9)]
    return model([node("QLinearConv", ["x", "s", "z", "w", "s", "z", "s", "z"], ["y"])],
                 [x("batch", 3, 8, 8, kind=UINT8)], [y("batch", 3, 8, 8, kind=UINT8)], constants)


def custom(domain):
    return model([node("Strange", ["x"], ["y"], domain=domain)], [x()], [y()], domains=[(domain, 1)])


def imports(domain):
    """An operator of ai.onnx.ml, whose opset is imported or not."""
    return model([node("Binarizer", ["x"], ["y"], domain="ai.onnx.ml")], [x()], [y()], domains=[(domain, 3)] if domain else ())


def sparse(case, name, size):
    """A model whose one initializer has this many bytes, all holes."""
    def length(number, n):
        return varint(number << 3 | 2) + varint(n)
    front = field(1, node("Add", ["x", "w"], ["y"])) + field(2, "large")
    back = field(11, x("batch", size // 4)) + field(12, y("batch", size // 4))
    start = field(1, size // 4) + field(2, FLOAT) + field(8, "w") + length(9, size)
    inner = length(5, len(start) + size) + start
    begin = field(1, 8) + length(7, len(front) + len(inner) + size + len(back)) + front + inner
    end = back + field(8, field(1, "") + field(2, 17))
    path = os.path.join(case.work, name)
    with open(path, "wb") as file:
        file.write(begin)
        file.seek(len(begin) + size)
        file.write(end)
    return name


def torchscript():
    """The smallest archive that torch.jit.save might have made: a module without anything."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("m/data.pkl", b"\x80\x02c__torch__\nM\nq\x00)\x81}b.")
        archive.writestr("m/constants.pkl", b"\x80\x02).")
        archive.writestr("m/version", b"3\n")
        archive.writestr("m/code/__torch__.py", b"class M(Module):\n  __parameters__ = []\n  __buffers__ = []\n"
                                               b"  def forward(self: __torch__.M,\n    x: Tensor) -> Tensor:\n    return x\n")
    return out.getvalue()


def openvino(kind, width):
    """A constant and a result; the weights stand beside it."""
    return f"""<?xml version="1.0"?><net name="n" version="11"><layers>
<layer id="0" name="c" type="Const" version="opset1"><data element_type="{kind}" shape="4" offset="0" size="{4 * width}"/>
<output><port id="0" precision="{'FP32' if kind == 'f32' else 'FP16'}"><dim>4</dim></port></output></layer>
<layer id="1" name="r" type="Result" version="opset1"><input><port id="0"><dim>4</dim></port></input></layer>
</layers><edges><edge from-layer="0" from-port="0" to-layer="1" to-port="0"/></edges></net>"""


BIG = os.urandom(11_000_000)
# rule: target, (name, content that triggers it), (name, content that does not)
CASES = {
    "missing-opset": ("any", ("a.onnx", imports("")), ("b.onnx", imports("ai.onnx.ml"))),
    "custom-ops": ("any", ("a.onnx", custom("my.company")), ("b.onnx", relu())),
    "format-target": ("microcontroller", ("a.onnx", relu()), ("b.tflite", tflite_writer.add())),
    "engine-not-portable": ("any", ("a.engine", b"ftrt" + struct.pack("<IIII", 1, 2, 3, 4) + bytes(240)), ("b.onnx", relu())),
    "torchscript-phone": ("phone", ("a.pt", torchscript()), ("b.onnx", relu())),
    "pickle": ("any", ("a.pt", torchscript()), ("b.onnx", relu())),
    "fixed-batch": ("server", ("a.onnx", add(dims=(1, 4))), ("b.onnx", relu())),
    "missing-dynamic-axes": ("any", ("a.onnx", model([node("Relu", ["x"], ["y"])], [x("batch", 4)], [y(1, 4)])), ("b.onnx", relu())),
    "dynamic-shapes": ("tensorrt", ("a.onnx", relu()), ("b.onnx", add(dims=(1, 4)))),
    "unnamed-dims": ("any", ("a.onnx", add(dims=("", 4))), ("b.onnx", relu())),
    "old-opset": ("any", ("a.onnx", add(opset=13)), ("b.onnx", add(opset=17))),
    "int64-input": ("phone", ("a.onnx", model([node("Identity", ["x"], ["y"])], [x(kind=INT64)], [y(kind=INT64)])), ("b.onnx", relu())),
    "float64": ("any", ("a.onnx", model([node("Relu", ["x"], ["y"])], [x(kind=F64)], [y(kind=F64)])), ("b.onnx", relu())),
    "int8-sensitive": ("any", ("a.onnx", qdq(True)), ("b.onnx", conv())),
    "qdq-not-fused": ("any", ("a.onnx", qdq(False)), ("b.onnx", qdq(True))),
    "dynamic-quantized-conv": ("any", ("a.onnx", conv_integer()), ("b.onnx", qdq(True))),
    "qoperator-format": ("tensorrt", ("a.onnx", qlinear()), ("b.onnx", qdq(True))),
    "fallback-prone": ("phone", ("a.onnx", model([node("NonZero", ["x"], ["y"])], [x()], [y(2, "n", kind=INT64)])), ("b.onnx", relu())),
    "training-mode": ("any", ("a.onnx", dropout(1)), ("b.onnx", dropout(0))),
    "nondeterministic": ("any", ("a.onnx", one_op("RandomNormalLike")), ("b.onnx", relu())),
    "left-over": ("any", ("a.onnx", one_op("Identity")), ("b.onnx", relu())),
    "unfused-batchnorm": ("any", ("a.onnx", conv(node("BatchNormalization", ["f", "a", "b", "c", "d"], ["y"]))),
                          ("b.onnx", conv(node("Relu", ["f"], ["y"])))),
    "layout-transposes": ("any", ("a.onnx", transpose(0, 2, 3, 1)), ("b.onnx", transpose(0, 1, 3, 2))),
    "unused-initialiser": ("any", ("a.onnx", relu(initializers=[tensor("spare", FLOAT, [1], [1.0])])), ("b.onnx", relu())),
    "external-data": ("any", ("a.onnx", model([node("Add", ["x", "w"], ["y"])], [x()], [y()], [external("w", FLOAT, [1], "w.bin")])),
                      ("b.onnx", relu())),
    "float-weights": ("phone", ("a.onnx", weights(2_750_000, BIG)), ("b.onnx", relu())),
    "browser-size": ("browser", ("a.onnx", weights(2_750_000, BIG)), ("b.onnx", weights(2_750_000, bytes(11_000_000)))),
    "phone-memory": ("phone", ("a.onnx", add(dims=(1, 400_000_000))), ("b.onnx", relu())),
    "unpinned-precision": ("any", ("a.xml", openvino("f32", 4)), ("b.xml", openvino("f16", 2))),
    "coreml-simulator": ("coreml", ("a.onnx", relu()), None),  # a remark of the target: any other target is without it
    "huge-initialiser": ("any", 256_000_000, ("b.onnx", relu())),
    "protobuf-limit": ("any", 2_200_000_000, ("b.onnx", relu())),
}


class Rules(CliCase):
    def lint(self, name, target, *more):
        got = self.cli("lint", name, "--target", target, "--json", *more)
        self.assertIn(got.status, (0, 1, 65), got)
        return {item["code"]: item for item in got.json["items"]}

    def test_every_rule_has_a_model_that_shows_it_and_one_that_does_not(self):
        listed = [line.split()[0] for line in self.ok("lint", "--list").out.splitlines()]
        self.assertEqual(sorted(listed), sorted(CASES))
        self.write("w.bin", bytes(8))
        for name in ("a.bin", "b.bin"):
            self.write(name, bytes(16))
        for code, (target, bad, good) in CASES.items():
            more = ("--budget", "10MB") if code == "browser-size" else ()
            with self.subTest(code):
                bad = sparse(self, "a.onnx", bad) if isinstance(bad, int) else os.path.basename(self.write(*bad))
                found = self.lint(bad, target, *more)
                self.assertIn(code, found, found)
                self.assertTrue(found[code]["text"] and found[code]["remedy"] and found[code]["seen"], found[code])
                self.assertEqual(list(self.lint(bad, target, "--rule", code, *more)), [c for c in found if c == code or
                                 c not in listed])
                self.assertNotIn(code, self.lint(bad, target, "--ignore", code, *more))
                other = os.path.basename(self.write(*good)) if good else bad
                self.assertNotIn(code, self.lint(other, target if good else "any", *more))
                os.unlink(os.path.join(self.work, bad))

    def test_the_page_has_the_table(self):
        with open(os.path.join(SOURCE, "docs", "lint.md"), encoding="utf-8") as file:
            self.assertIn(self.ok("lint", "--list", "--format", "md").out, file.read())


class Command(CliCase):
    def test_exit_status(self):
        self.write("a.onnx", add(opset=13))
        self.write("note.onnx", one_op("Identity"))
        self.assertEqual(self.cli("lint", "a.onnx").status, 0)
        self.assertEqual(self.cli("lint", "a.onnx", "--fail-on", "warning").status, 1)
        self.assertEqual(self.cli("lint", "a.onnx", "--fail-on", "warning", "--ignore", "old-opset").status, 0)
        self.assertEqual(self.cli("lint", "note.onnx", "--fail-on", "warning").status, 0)
        self.assertEqual(self.cli("lint", "note.onnx", "--fail-on", "note").status, 1)
        self.write("broken.onnx", model([node("Relu", ["nobody"], ["y"])], [x()], [y()]))
        self.assertEqual(self.cli("lint", "broken.onnx").status, 65)
        self.write("cut.onnx", add()[:40])
        self.fails(65, "cut.onnx", "lint", "cut.onnx")
        self.fails(66, "none.onnx", "lint", "none.onnx")
        self.fails(64, "did you mean old-opset?", "lint", "a.onnx", "--rule", "old-opsets")

    def test_runtimes_that_refuse_the_model_are_named(self):
        self.write("good.onnx", relu())
        self.write("odd.onnx", custom("my.company"))
        got = self.ok("lint", "good.onnx", "--dry-load")
        if "loaded by" not in got.out:
            self.skipTest("no runtime for ONNX is installed; run: deploy/fetch onnxruntime")
        self.assertNotIn("not-loadable", got.out)
        items = {i["code"]: i for i in self.ok("lint", "odd.onnx", "--dry-load", "--json").json["items"]}
        self.assertIn("Strange", items["not-loadable"]["seen"])
        self.assertNotIn("not-loadable", self.ok("lint", "odd.onnx").out)

    def test_formats(self):
        self.write("a.onnx", add(opset=13, dims=(1, 4)))
        text = self.ok("lint", "a.onnx", "--target", "server").out
        self.assertRegex(text, r"(?m)^warning  old-opset: .* \(opset 13\)$")
        self.assertRegex(text, r"(?m)^0 errors, 2 warnings, 0 notes$")
        self.assertTrue(self.ok("lint", "a.onnx", "--format", "md").out.startswith("| model |"))
        self.assertTrue(self.ok("lint", "a.onnx", "--format", "csv").out.startswith("model,severity,"))
        for line in self.ok("lint", "a.onnx", "--format", "ndjson").out.splitlines():
            self.assertIn("code", json.loads(line))

    def test_a_bundle_shows_each_variant(self):
        parts = {"one": add(opset=13), "two": add(opset=17)}
        for name, data in parts.items():
            self.write(f"b/variants/{name}/m.onnx", data)
        self.write("b/manifest.json", json.dumps({"v": 1, "model": "m", "variants": [
            {"name": n, "path": f"variants/{n}/m.onnx", "format": "onnx", "sha256": sha256(d)} for n, d in parts.items()]}))
        items = self.ok("lint", "b", "--json").json["items"]
        self.assertEqual([i["model"] for i in items if i["code"] == "old-opset"], ["one"])
        self.assertEqual(self.ok("lint", "b", "--variant", "two", "--json", "--rule", "old-opset").json["items"], [])
        self.fails(64, "no variant", "lint", "b", "--variant", "three")

    def test_names_that_a_model_chose_do_no_harm(self):
        self.write("a.onnx", model([node("Bad\x1b[2J|\n", ["x"], ["y"], domain="d|\n\x07")], [x()], [y()], domains=[("d|\n\x07", 1)]))
        text = self.cli("lint", "a.onnx").out
        self.assertIsNone(re.search("[\x00-\x09\x0b-\x1f]", text), text)


if __name__ == "__main__":
    main()
