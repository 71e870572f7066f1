#!/usr/bin/env python3
"""Verdicts on ONNX files agree with onnx.checker: on good models, on the package's own test models, and on broken ones of
every kind of rule. Skips where the onnx package is not to be had."""

import copy
import glob
import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import model_lib  # noqa: E402

sys.path.extend(glob.glob(os.path.join(model_lib.SOURCE, "build/deps/python/*")))
try:
    import onnx
    from onnx import TensorProto as T
    from onnx import checker
    from onnx import helper as h
except ImportError as reason:
    print(f"skipped: the onnx package is not here ({reason})")
    sys.exit(77)


def base(ir=8):
    w = h.make_tensor("w", T.FLOAT, [4, 3], [0.0] * 12)
    nodes = [h.make_node("MatMul", ["x", "w"], ["a"], name="n0"), h.make_node("Relu", ["a"], ["y"])]
    graph = h.make_graph(nodes, "g", [h.make_tensor_value_info("x", T.FLOAT, ["N", 4])],
                         [h.make_tensor_value_info("y", T.FLOAT, ["N", 3])], [w])
    return h.make_model(graph, opset_imports=[h.make_opsetid("", 17)], ir_version=ir)


def reverse(m):
    nodes = [copy.deepcopy(node) for node in m.graph.node][::-1]
    del m.graph.node[:]
    m.graph.node.extend(nodes)


def attribute(m, op="LeakyRelu", **change):
    m.graph.node[1].op_type = op
    a = h.make_attribute("alpha", 1.0)
    for key, value in change.items():
        a.ClearField(key) if value is None else setattr(a, key, value)
    m.graph.node[1].attribute.append(a)


def raw(m, size, **change):
    w = m.graph.initializer[0]
    w.ClearField("float_data")
    w.raw_data = b"\0" * size
    for key, value in change.items():
        setattr(w, key, value)


def external(m, location):
    w = m.graph.initializer[0]
    w.ClearField("float_data")
    w.data_location = 1
    if location:
        w.external_data.add(key="location", value=location)


def branch(m, name="t", out="p", body="p"):
    def graph(label, made):
        return h.make_graph([h.make_node("Relu", ["x"], [made])], label, [], [h.make_tensor_value_info(made, T.FLOAT, None)])
    m.graph.node.append(h.make_node("If", ["c"], [out], then_branch=graph(name, body), else_branch=graph("e", "q")))
    m.graph.input.append(h.make_tensor_value_info("c", T.BOOL, []))


def function(m, op="Relu", reads="i", domain="", times=1, imported=True, name="F"):
    f = h.make_function("loc", name, ["i"], ["o"], [h.make_node(op, [reads], ["o"], domain=domain)], [h.make_opsetid("", 17)])
    m.functions.extend([f] * times)
    if imported:
        m.opset_import.append(h.make_opsetid("loc", 1))
    m.graph.node[1].op_type, m.graph.node[1].domain = "F", "loc"


def sparse(m, indices, dims=(4, 3), name="w"):
    values = h.make_tensor(name, T.FLOAT, [2], [1.0, 2.0])
    del m.graph.initializer[:]
    m.graph.sparse_initializer.append(h.make_sparse_tensor(values, h.make_tensor("i", T.INT64, [len(indices)], indices), dims))


def put(path, value):
    """Sets a field by its path: "graph.node.0.op_type"."""
    def change(m):
        *way, last = path.split(".")
        for part in way:
            m = m[int(part)] if part.isdigit() else getattr(m, part)
        if value is None:
            m.ClearField(last)
        elif last.isdigit():
            m[int(last)] = value
        else:
            setattr(m, last, value)
    return change


def twice(path):
    def change(m):
        for part in path.split("."):
            m = getattr(m, part)
        m.append(m[0])
    return change


def nothing(_):
    pass


CASES = {
    "good": nothing, "no IR version": put("ir_version", None), "IR version 99": put("ir_version", 99),
    "no opset": lambda m: m.opset_import.pop(), "opset 0": put("opset_import.0.version", 0),
    "opset of the future": put("opset_import.0.version", 99), "opset by its long name": put("opset_import.0.domain", "ai.onnx"),
    "graph without name": put("graph.name", ""), "no graph": put("graph", None),
    "no operator": put("graph.node.0.op_type", ""), "unknown operator": put("graph.node.0.op_type", "Foo"),
    "domain not imported": put("graph.node.0.domain", "com.x"), "node of domain ai.onnx": put("graph.node.0.domain", "ai.onnx"),
    "foreign domain": lambda m: (put("graph.node.0.domain", "com.x")(m), m.opset_import.append(h.make_opsetid("com.x", 1))),
    "missing input": put("graph.node.0.input.0", "zz"), "empty input": put("graph.node.0.input.0", ""), "not sorted": reverse,
    "output twice": put("graph.node.1.output.0", "a"), "output is an input": put("graph.node.1.output.0", "x"),
    "output is made by none": put("graph.output.0.name", "q"), "output is an initializer": put("graph.output.0.name", "w"),
    "input twice": twice("graph.input"), "initializer twice": twice("graph.initializer"),
    "initializer without name": put("graph.initializer.0.name", ""), "input without name": put("graph.input.0.name", ""),
    "input without type": put("graph.input.0.type", None), "input without shape": put("graph.input.0.type.tensor_type.shape", None),
    "output without shape": put("graph.output.0.type.tensor_type.shape", None),
    "unknown type of an input": put("graph.input.0.type.tensor_type.elem_type", 99),
    "undefined tensor type": put("graph.initializer.0.data_type", 0), "unknown tensor type": put("graph.initializer.0.data_type", 99),
    "tensor too short": put("graph.initializer.0.dims.0", 5), "tensor without data": put("graph.initializer.0.float_data", None),
    "raw tensor": lambda m: raw(m, 48), "raw tensor too short": lambda m: raw(m, 47), "raw tensor longer": lambda m: raw(m, 49),
    "two data fields": put("graph.initializer.0.raw_data", b"\0" * 48), "wrong data field": put("graph.initializer.0.data_type", T.INT64),
    "negative dimension": put("graph.initializer.0.dims.0", -4), "no elements but data": put("graph.initializer.0.dims.0", 0),
    "texts as raw bytes": lambda m: raw(m, 1, data_type=T.STRING), "external without place": lambda m: external(m, None),
    "external not there": lambda m: external(m, "none.bin"), "external above": lambda m: external(m, "../none.bin"),
    "external absolute": lambda m: external(m, "/etc/passwd"), "unknown attribute": lambda m: attribute(m, "Relu"),
    "attribute": attribute, "attribute of wrong type": lambda m: attribute(m, f=None, i=1, type=2),
    "attribute twice": lambda m: (attribute(m), attribute(m)), "attribute tells another type": lambda m: attribute(m, type=2),
    "attribute without type": lambda m: attribute(m, type=None), "attribute without value": lambda m: attribute(m, f=None),
    "attribute with two values": lambda m: attribute(m, i=3), "attribute without name": lambda m: attribute(m, name=""),
    "required attribute missing": put("graph.node.1.op_type", "Cast"), "too many inputs": lambda m: m.graph.node[1].input.append("x"),
    "too few inputs": lambda m: m.graph.node[1].input.pop(), "too many outputs": lambda m: m.graph.node[1].output.append("r"),
    "empty output": put("graph.node.1.output.0", ""), "withdrawn operator": put("graph.node.1.op_type", "Upsample"),
    "operator newer than opset": lambda m: (put("opset_import.0.version", 5)(m), put("graph.node.1.op_type", "Mish")(m)),
    "same node names": put("graph.node.1.name", "n0"), "metadata twice": lambda m: m.metadata_props.extend(
        [onnx.StringStringEntryProto(key="a", value="b")] * 2),
    "branches": lambda m: branch(m), "branch without name": lambda m: branch(m, ""), "branch hides a name": lambda m: branch(m, body="a"),
    "branch has its owner's output": lambda m: branch(m, out="p", body="p"),
    "function": lambda m: function(m), "function with an unknown operator": lambda m: function(m, "Zork"),
    "function reads what is not there": lambda m: function(m, reads="k"), "function twice": lambda m: function(m, times=2),
    "function's domain not imported": lambda m: function(m, imported=False), "function without name": lambda m: function(m, name=""),
    "sparse": lambda m: sparse(m, [0, 5]), "sparse not sorted": lambda m: sparse(m, [5, 0]), "sparse too far": lambda m: sparse(m, [0, 50]),
    "sparse with too few indices": lambda m: sparse(m, [0]), "sparse without name": lambda m: sparse(m, [0, 5], name=""),
    "sparse without shape": lambda m: sparse(m, [0, 5], ()),
}


def verdict(path):
    try:
        checker.check_model(path)
        return True, ""
    except (checker.ValidationError, onnx.onnx_cpp2py_export.checker.ValidationError) as reason:
        return False, str(reason).split("\n")[0]


def compare(name, path):
    good, why = verdict(path)
    told = model_lib.facts(path)
    ours = "error" not in told and not told["problems"]
    if ours != good:
        print(f"{name}: onnx.checker says {'good' if good else why}, we say {told.get('error') or told['problems'] or 'good'}")
    return ours == good, good


# Multiply-accumulates as their papers and other counters give them; the files declare no inner shape.
MACS = {"light_resnet50": 4089184256, "light_vgg19": 19632062464, "light_squeezenet": 349151936, "light_bvlc_alexnet": 654560384}


def check_macs(folder):
    for name, expected in MACS.items():
        told = model_lib.facts(os.path.join(folder, "light", name + ".onnx"))
        assert told["macs"] == expected and not told["macs_unknown"], f"{name}: {told['macs']} MACs, {expected} expected"
        assert told["activation_bytes"] > 1000000, f"{name}: {told['activation_bytes']} bytes of activations"
    print(f"MACs of {len(MACS)} known networks agree")


def main():
    model_lib.need_program()
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, change) in enumerate(CASES.items()):
            model = base()
            change(model)
            path = os.path.join(folder, f"{number}.onnx")
            with open(path, "wb") as file:
                file.write(model.SerializeToString())
            results.append(compare(name, path))
    shipped = os.path.join(os.path.dirname(onnx.__file__), "backend/test/data")
    for path in sorted(glob.glob(f"{shipped}/**/*.onnx", recursive=True))[:150]:
        results.append(compare(path, path))
    for path in sorted(glob.glob(os.path.join(model_lib.SOURCE, "build/models/*.onnx"))):
        results.append(compare(path, path))
    check_macs(shipped)
    good = sum(one for _, one in results)
    print(f"{len(results)} models: {good} good, {len(results) - good} broken; {sum(not same for same, _ in results)} verdicts differ")
    assert len(results) - good >= 20 and good >= 20
    assert all(same for same, _ in results)


if __name__ == "__main__":
    main()
