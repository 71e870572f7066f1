#!/usr/bin/env python3
"""What the readers tell agrees with the Python package of each format, on every model at hand: `model_agree_test.py
[FILE…]` takes further files. A package that is absent skips its format, with the reason; every model is read at least."""

import glob
import json
import os
import subprocess
import sys

import model_lib as lib

ROOT = lib.SOURCE
PYTHON = os.path.join(ROOT, "build/deps/python")
sys.path += glob.glob(os.path.join(PYTHON, "*"))
RUNTIMES = os.environ.get("INFEROMETER_RUNTIME_DIR", os.path.expanduser("~/.local/share/inferometer/runtimes"))
compared, skipped = 0, {}


def same(path, told, expected):
    global compared
    for key, value in expected.items():
        assert told.get(key) == value, f"{path}: {key}: we say {told.get(key)}, the package says {value}"
    compared += 1
    print(f"  {os.path.basename(path)}: " + ", ".join(f"{k} {v}" for k, v in expected.items() if k != "ops"))


def product(sizes):
    out = 1
    for size in sizes:
        out *= int(size)
    return out


def tflite(path):
    import tflite as schema
    names = {value: key for key, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
    with open(path, "rb") as file:
        model = schema.Model.GetRootAs(file.read(), 0)
    parameters = size = nodes = 0
    ops = {}
    for s in range(model.SubgraphsLength()):
        graph = model.Subgraphs(s)
        for t in range(graph.TensorsLength()):
            tensor = graph.Tensors(t)
            buffer = model.Buffers(tensor.Buffer())
            if buffer.DataLength() and not tensor.IsVariable():
                parameters += product(tensor.Shape(i) for i in range(tensor.ShapeLength()))
                size += buffer.DataLength()
        for o in range(graph.OperatorsLength()):
            code = model.OperatorCodes(graph.Operators(o).OpcodeIndex())
            number = max(code.DeprecatedBuiltinCode(), code.BuiltinCode())
            name = code.CustomCode().decode() if number == 32 else names[number]
            ops[name] = ops.get(name, 0) + 1
            nodes += 1
    return {"parameters": parameters, "weight_bytes": size, "nodes": nodes, "ops": ops}


def ort(path):
    sys.path += glob.glob(os.path.join(PYTHON, "onnxruntime/onnxruntime/tools/ort_format_model"))
    import onnxruntime
    sys.path.append(os.path.join(os.path.dirname(onnxruntime.__file__), "tools/ort_format_model"))
    from ort_flatbuffers_py.fbs.InferenceSession import InferenceSession
    with open(path, "rb") as file:
        graph = InferenceSession.GetRootAs(file.read(), 0).Model().Graph()
    parameters = nodes = 0
    ops = {}

    def walk(part):
        nonlocal parameters, nodes
        for i in range(part.InitializersLength()):
            parameters += product(part.Initializers(i).Dims(d) for d in range(part.Initializers(i).DimsLength()))
        for i in range(part.NodesLength()):
            node = part.Nodes(i)
            nodes += 1
            ops[node.OpType().decode()] = ops.get(node.OpType().decode(), 0) + 1
            for a in range(node.AttributesLength()):
                if node.Attributes(a).G():
                    walk(node.Attributes(a).G())
    walk(graph)
    return {"parameters": parameters, "nodes": nodes, "ops": ops}


def openvino(path):
    import openvino as package
    model = package.Core().read_model(path)
    parameters = size = 0
    ops = {}
    for op in model.get_ops():
        kind = op.get_type_name()
        if kind == "Constant":
            parameters += product(op.get_output_shape(0))
            size += op.get_byte_size() if hasattr(op, "get_byte_size") else op.data.nbytes
        elif kind not in ("Parameter", "Result"):
            kind = "ReLU" if kind == "Relu" else kind  # as the file writes it
            ops[kind] = ops.get(kind, 0) + 1
    return {"parameters": parameters, "weight_bytes": size, "nodes": sum(ops.values()), "ops": ops}


# torch and executorch are imported in a process of their own: they load half a gigabyte, and other protobufs.
CHILD = r'''
import os, sys, json
sys.setdlopenflags(os.RTLD_LAZY | os.RTLD_GLOBAL)
import torch
kind, path = sys.argv[1:]
if kind == "torchscript":
    model = torch.jit.load(path, map_location="cpu")
    out = {"parameters": sum(p.numel() for p in model.parameters()), "buffers": sum(p.numel() for p in model.buffers())}
elif kind == "pt2":
    try:
        model = torch.export.load(path)
    except Exception as error:
        print("SKIP no exported program: " + str(error)[:80].replace("\n", " ")); sys.exit(0)
    nodes = [n for n in model.graph.nodes if n.op == "call_function"]
    out = {"parameters": sum(p.numel() for p in model.parameters()), "nodes": len(nodes)}
else:
    from executorch.exir._serialize._program import deserialize_pte_binary
    with open(path, "rb") as file:
        read = deserialize_pte_binary(file.read())
    program = getattr(read, "program", read)
    calls = [i for p in program.execution_plan for c in p.chains for i in c.instructions
             if type(i.instr_args).__name__ in ("KernelCall", "DelegateCall")]
    count = 0
    for plan in program.execution_plan:
        for value in plan.values:
            if type(value.val).__name__ == "Tensor" and value.val.data_buffer_idx and value.val.allocation_info is None:
                n = 1
                for s in value.val.sizes: n *= s
                count += n
    out = {"parameters": count, "nodes": len(calls)}
print("FACTS " + json.dumps(out))
'''


def torch(kind):
    def ask(path):
        home = sorted(glob.glob(os.path.join(RUNTIMES, "libtorch/*"))) + sorted(glob.glob(os.path.join(RUNTIMES, "executorch/*")))
        folders = home + glob.glob(os.path.join(PYTHON, "*")) + [p for p in os.environ.get("PYTHONPATH", "").split(":") if p]
        stubs = [os.path.join(h, "stubs") for h in home] + glob.glob(os.path.join(RUNTIMES, "libtorch/*/nvidia/cu*/lib"))
        environment = dict(os.environ, PYTHONPATH=":".join(folders),
                           LD_LIBRARY_PATH=":".join(stubs + [os.environ.get("LD_LIBRARY_PATH", "")]))
        run = subprocess.run([sys.executable, "-c", CHILD, kind, path], capture_output=True, text=True, env=environment, timeout=120)
        for line in run.stdout.splitlines():
            if line.startswith("FACTS "):
                return json.loads(line[6:])
            if line.startswith("SKIP "):
                raise ImportError(line[5:])
        raise ImportError((run.stderr.strip().splitlines() or ["no answer"])[-1][:120])
    return ask


PACKAGES = {"tflite": tflite, "ort": ort, "openvino": openvino, "torchscript": torch("torchscript"), "pt2": torch("pt2"),
            "executorch": torch("executorch")}
ENDINGS = (".tflite", ".ort", ".xml", ".pt", ".jit", ".pt2", ".pte")


def main():
    lib.need_program()
    files = [f for f in glob.glob(os.path.join(ROOT, "build/models/*")) + glob.glob(os.path.join(ROOT, "build/bundles/*/variants/*/*"))
             if f.endswith(ENDINGS)]
    files += sys.argv[1:]
    if not files:
        print("skipped: no models are here: run deploy/fetch models and agents/prepare")
        sys.exit(77)
    for path in sorted(files):
        told = lib.facts(path)
        assert "error" not in told, f"{path}: {told}"
        assert not told["problems"], f"{path}: {told['problems']}"
        if told["format"] in skipped:
            continue
        try:
            expected = PACKAGES[told["format"]](path)
        except ImportError as reason:
            print(f"  {os.path.basename(path)}: not compared: {reason}")
            continue
        same(path, told, expected)
    print(f"{len(files)} models read, {compared} of them compared with their package")


main()
