"""The fashion network in the formats, precisions and quantizations that its bundle holds; one function each.

Every maker takes (weights, calibration images, path) and writes the file(s) of one variant; packages that only some
need are imported inside, so that a missing one leaves out its variants and nothing else. MAKERS says name, file,
format, precision, recipe in words.
"""

import contextlib
import io
import os

import numpy as np

OPSET = 17


# -- ONNX ------------------------------------------------------------------------------------------
def onnx_graph(weights, tiny=False):
    from onnx import TensorProto, helper, numpy_helper
    nodes, names = [], sorted(weights)

    def node(op, inputs, output, **attributes):
        nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    if tiny:
        shape = numpy_helper.from_array(np.array([0, -1], np.int64), "shape")
        flat = node("Reshape", ["image", "shape"], "flat")
        node("Add", [node("MatMul", [flat, "fc.weight"], "fc.product"), "fc.bias"], "logits")
        extra = [shape]
    else:
        x = "image"
        for conv in ("conv1", "conv2"):
            x = node("Conv", [x, f"{conv}.weight", f"{conv}.bias"], conv, kernel_shape=[3, 3], pads=[1, 1, 1, 1])
            x = node("MaxPool", [node("Relu", [x], f"{conv}.relu")], f"{conv}.pool", kernel_shape=[2, 2], strides=[2, 2])
        x = node("Flatten", [x], "flat", axis=1)
        x = node("Add", [node("MatMul", [x, "fc1.weight"], "fc1.product"), "fc1.bias"], "fc1")
        x = node("Relu", [x], "fc1.relu")
        node("Add", [node("MatMul", [x, "fc2.weight"], "fc2.product"), "fc2.bias"], "logits")
        extra = []
    graph = helper.make_graph(
        nodes, "fashion-tiny" if tiny else "fashion",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 1, 28, 28])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 10])],
        extra + [numpy_helper.from_array(weights[name], name) for name in names])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8,
                              producer_name="inferometer-prepare")
    return model


def onnx_float32(weights, _, path, tiny=False):
    import onnx
    model = onnx_graph(weights, tiny)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def onnx_float16(weights, _, path):
    """Weights and arithmetic in half precision; the interface stays float32, with a cast at either end."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper
    model = onnx_graph(weights)
    graph = model.graph
    halves = [numpy_helper.from_array(numpy_helper.to_array(t).astype(np.float16), t.name) for t in graph.initializer]
    del graph.initializer[:]
    graph.initializer.extend(halves)
    for node in graph.node:
        node.input[:] = ["image.half" if name == "image" else name for name in node.input]
        node.output[:] = ["logits.half" if name == "logits" else name for name in node.output]
    graph.node.insert(0, helper.make_node("Cast", ["image"], ["image.half"], name="cast.in", to=TensorProto.FLOAT16))
    graph.node.append(helper.make_node("Cast", ["logits.half"], ["logits"], name="cast.out", to=TensorProto.FLOAT))
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def base_file(weights, path):
    base = f"{path}.base"
    onnx_float32(weights, None, base)
    return base


def onnx_dynamic(operators):
    def make(weights, _, path):
        from onnxruntime.quantization import QuantType, quantize_dynamic
        base = base_file(weights, path)
        # One scale for unsigned weights: what ConvInteger kernels take.
        quantize_dynamic(base, path, weight_type=QuantType.QUInt8 if "Conv" in operators else QuantType.QInt8,
                         op_types_to_quantize=list(operators))
        os.remove(base)
    return make


def onnx_static(activations):
    def make(weights, images, path):
        from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

        class Reader(CalibrationDataReader):
            def __init__(self):
                self.batches = iter(np.array_split(images, 10))

            def get_next(self):
                batch = next(self.batches, None)
                return None if batch is None else {"image": batch}

        base = base_file(weights, path)
        kind = {"uint8": QuantType.QUInt8, "int8": QuantType.QInt8, "uint16": QuantType.QUInt16}[activations]
        quantize_static(base, path, Reader(), quant_format=QuantFormat.QDQ, activation_type=kind,
                        weight_type=QuantType.QInt8, per_channel=activations != "uint16")
        os.remove(base)
    return make


def onnx_weights_only(bits):
    def make(weights, _, path):
        import onnx
        from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer
        quantizer = MatMulNBitsQuantizer(onnx_graph(weights), bits=bits, block_size=32, is_symmetric=True)
        quantizer.process()
        onnx.save(quantizer.model.model, path)
    return make


# -- OpenVINO --------------------------------------------------------------------------------------
def openvino_ir(half):
    def make(weights, _, path):
        import openvino
        base = base_file(weights, path)
        model = openvino.Core().read_model(base)
        openvino.save_model(model, path, compress_to_fp16=half)
        os.remove(base)
    return make


# -- TFLite ----------------------------------------------------------------------------------------
def tflite_float32(weights, _, path):
    """Written as a flatbuffer by hand: this network needs five kinds of operator. NHWC, as the format wants it."""
    from fashion_tflite import write
    write(weights, path)


# -- PyTorch ---------------------------------------------------------------------------------------
def torch_module(weights):
    import torch

    class Fashion(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = torch.nn.Conv2d(1, weights["conv1.bias"].size, 3, padding=1)
            self.conv2 = torch.nn.Conv2d(weights["conv1.bias"].size, weights["conv2.bias"].size, 3, padding=1)
            self.fc1 = torch.nn.Linear(*weights["fc1.weight"].shape)
            self.fc2 = torch.nn.Linear(*weights["fc2.weight"].shape)
            self.pool = torch.nn.MaxPool2d(2)

        def forward(self, image):
            x = self.pool(torch.relu(self.conv1(image)))
            x = self.pool(torch.relu(self.conv2(x)))
            x = torch.relu(self.fc1(torch.flatten(x, 1)))
            return self.fc2(x)

    module = Fashion().eval()
    state = {name: torch.from_numpy(np.ascontiguousarray(array.T if name in ("fc1.weight", "fc2.weight") else array))
             for name, array in weights.items()}
    module.load_state_dict(state)
    return module


def torchscript(weights, images, path):
    import torch
    with torch.no_grad():
        torch.jit.trace(torch_module(weights), torch.from_numpy(images[:1])).save(path)


def exported(weights, images):
    import torch
    return torch.export.export(torch_module(weights), (torch.from_numpy(images[:1].copy()),))


def aotinductor(weights, images, path):
    import torch
    with torch.no_grad():
        # One image: a dynamic batch would be compiled for two or more, the exporter takes 1 for a constant.
        torch._inductor.aoti_compile_and_package(exported(weights, images), package_path=path)


def executorch(backend):
    """"portable": every operator by the reference kernels; "xnnpack": what that backend takes is handed to it."""
    def make(weights, images, path):
        import torch
        from executorch.exir import to_edge_transform_and_lower
        partitioner = []
        program = exported(weights, images)
        if backend != "portable":
            from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
            partitioner = [XnnpackPartitioner()]
        if backend == "xnnpack-int8":
            from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import (
                XNNPACKQuantizer, get_symmetric_quantization_config)
            from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
            quantizer = XNNPACKQuantizer().set_global(get_symmetric_quantization_config(is_per_channel=True))
            prepared = prepare_pt2e(program.module(), quantizer)
            with torch.no_grad():
                for image in images[:200]:
                    prepared(torch.from_numpy(image[None]))
            program = torch.export.export(convert_pt2e(prepared), (torch.from_numpy(images[:1].copy()),))
        lowered = to_edge_transform_and_lower(program, partitioner=partitioner).to_executorch()
        with open(path, "wb") as file:
            file.write(lowered.buffer)
    return make


# name, file, format, precision, recipe, maker
MAKERS = (
    ("onnx-fp32", "fashion.onnx", "onnx", "float32", "written operator by operator, opset 17", onnx_float32),
    ("onnx-fp16", "fashion_fp16.onnx", "onnx", "float16", "weights and arithmetic in half precision, casts at both ends",
     onnx_float16),
    ("onnx-int8-dynamic", "fashion_int8_dynamic.onnx", "onnx", "int8", "quantize_dynamic, MatMul only",
     onnx_dynamic(("MatMul",))),
    ("onnx-int8-dynamic-conv", "fashion_int8_dynamic_conv.onnx", "onnx", "int8", "quantize_dynamic, MatMul and Conv",
     onnx_dynamic(("MatMul", "Conv"))),
    ("onnx-int8-qdq", "fashion_int8_qdq.onnx", "onnx", "int8", "quantize_static, QDQ, 500 training images, per channel",
     onnx_static("uint8")),
    ("onnx-int4", "fashion_int4.onnx", "onnx", "int4", "MatMulNBits, 4 bits, blocks of 32", onnx_weights_only(4)),
    ("onnx-int2", "fashion_int2.onnx", "onnx", "int2", "MatMulNBits, 2 bits, blocks of 32", onnx_weights_only(2)),
    ("onnx-a16w8", "fashion_a16w8.onnx", "onnx", "int8", "quantize_static, QDQ, 16-bit activations, 8-bit weights",
     onnx_static("uint16")),
    ("openvino-fp32", "fashion.xml", "openvino", "float32", "openvino.save_model of onnx-fp32", openvino_ir(False)),
    ("openvino-fp16", "fashion_fp16.xml", "openvino", "float16", "openvino.save_model, weights in half precision",
     openvino_ir(True)),
    ("tflite-fp32", "fashion.tflite", "tflite", "float32", "written operator by operator, NHWC", tflite_float32),
    ("torchscript-fp32", "fashion.pt", "torchscript", "float32", "torch.jit.trace", torchscript),
    ("pt2-fp32", "fashion.pt2", "pt2", "float32", "AOTInductor: compiled for the processor it was made on", aotinductor),
    ("executorch-portable", "fashion_portable.pte", "pte", "float32", "to_edge, no backend", executorch("portable")),
    ("executorch-xnnpack", "fashion_xnnpack.pte", "pte", "float32", "to_edge, lowered to XNNPACK", executorch("xnnpack")),
    ("executorch-int8", "fashion_int8.pte", "pte", "int8", "PT2E, per channel, lowered to XNNPACK",
     executorch("xnnpack-int8")),
)


@contextlib.contextmanager
def quiet():
    """Converters print progress; what they print is shown only when they fail."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
        yield text
