"""Writes the fashion network as a .tflite file: a flatbuffer made with the `flatbuffers` package, table by table.

Slots, codes and enumeration values are those of the format's schema, version 3. Layout is NHWC, weights are
[out, height, width, in] and [out, in], as the format's kernels want them.
"""

import flatbuffers
import numpy as np

CONV_2D, FULLY_CONNECTED, MAX_POOL_2D, RESHAPE = 3, 9, 17, 22  # BuiltinOperator
OPTIONS = {CONV_2D: 1, MAX_POOL_2D: 5, FULLY_CONNECTED: 8, RESHAPE: 17}  # member of the union of options
FLOAT32, INT32 = 0, 2
SAME, VALID, NO_ACTIVATION, RELU = 0, 1, 0, 1


class Writer:
    def __init__(self):
        self.b = flatbuffers.Builder(1 << 19)
        self.buffers = [self.table()]  # buffer 0 is the empty one, by the format's rule
        self.tensors, self.operators, self.codes = [], [], []

    def table(self, *fields):
        """fields: (slot, "int8" | "int32" | "uint8" | "uint32" | "offset", value); objects inside must be done."""
        self.b.StartObject(1 + max((slot for slot, _, _ in fields), default=0))
        for slot, kind, value in fields:
            if kind == "offset":
                self.b.PrependUOffsetTRelativeSlot(slot, value, 0)
            else:
                {"int8": self.b.PrependInt8Slot, "int32": self.b.PrependInt32Slot, "uint8": self.b.PrependUint8Slot,
                 "uint32": self.b.PrependUint32Slot}[kind](slot, value, 0)
        return self.b.EndObject()

    def ints(self, values):
        return self.b.CreateNumpyVector(np.asarray(values, np.int32))

    def offsets(self, values):
        self.b.StartVector(4, len(values), 4)
        for value in reversed(values):
            self.b.PrependUOffsetTRelative(value)
        return self.b.EndVector()

    def data(self, array):
        raw = np.frombuffer(np.ascontiguousarray(array).tobytes(), np.uint8)
        self.b.StartVector(1, raw.size, 16)  # the schema asks for 16 bytes of alignment
        self.b.head -= raw.size
        self.b.Bytes[self.b.head:self.b.head + raw.size] = raw.tobytes()
        return self.b.EndVector()

    def tensor(self, name, shape, array=None, kind=FLOAT32):
        buffer = 0
        if array is not None:
            content = self.data(array)
            self.buffers.append(self.table((0, "offset", content)))
            buffer = len(self.buffers) - 1
        fields = [(0, "offset", self.ints([1 if d < 0 else d for d in shape])), (1, "int8", kind), (2, "uint32", buffer),
                  (3, "offset", self.b.CreateString(name))]
        if min(shape) < 0:
            fields.append((7, "offset", self.ints(shape)))
        self.tensors.append(self.table(*fields))
        return len(self.tensors) - 1

    def operator(self, code, inputs, output, *options):
        if code not in self.codes:
            self.codes.append(code)
        union = self.table(*options)
        self.operators.append(self.table(
            (0, "uint32", self.codes.index(code)), (1, "offset", self.ints(inputs)), (2, "offset", self.ints([output])),
            (3, "uint8", OPTIONS[code]), (4, "offset", union)))
        return output

    def finish(self, inputs, outputs, name):
        codes = self.offsets([self.table((0, "int8", code), (2, "int32", 1), (3, "int32", code)) for code in self.codes])
        graph = self.table((0, "offset", self.offsets(self.tensors)), (1, "offset", self.ints(inputs)),
                           (2, "offset", self.ints(outputs)), (3, "offset", self.offsets(self.operators)),
                           (4, "offset", self.b.CreateString("main")))
        model = self.table((0, "uint32", 3), (1, "offset", codes), (2, "offset", self.offsets([graph])),
                           (3, "offset", self.b.CreateString(name)), (4, "offset", self.offsets(self.buffers)))
        self.b.Finish(model, b"TFL3")
        return bytes(self.b.Output())


def write(weights, path):
    w = Writer()
    x = image = w.tensor("image", (-1, 28, 28, 1))
    side = 28
    for conv in ("conv1", "conv2"):
        kernel = weights[f"{conv}.weight"].transpose(0, 2, 3, 1)
        filters = w.tensor(f"{conv}.weight", kernel.shape, kernel)
        bias = w.tensor(f"{conv}.bias", kernel.shape[:1], weights[f"{conv}.bias"])
        out = w.tensor(conv, (-1, side, side, kernel.shape[0]))
        x = w.operator(CONV_2D, [x, filters, bias], out, (0, "int8", SAME), (1, "int32", 1), (2, "int32", 1),
                       (3, "int8", RELU), (4, "int32", 1), (5, "int32", 1))
        side //= 2
        out = w.tensor(f"{conv}.pool", (-1, side, side, kernel.shape[0]))
        x = w.operator(MAX_POOL_2D, [x], out, (0, "int8", VALID), (1, "int32", 2), (2, "int32", 2), (3, "int32", 2),
                       (4, "int32", 2), (5, "int8", NO_ACTIVATION))
    features = weights["fc1.weight"].shape[0]
    shape = w.tensor("flat.shape", (2,), np.array([-1, features], np.int32), INT32)
    out = w.tensor("flat", (-1, features))
    x = w.operator(RESHAPE, [x, shape], out, (0, "offset", w.ints([-1, features])))
    # The rows of fc1 count channels first; here the flattened tensor has them last.
    rows = np.arange(features).reshape(-1, side, side).transpose(1, 2, 0).reshape(-1)
    for name, matrix, activation in (("fc1", weights["fc1.weight"][rows], RELU), ("fc2", weights["fc2.weight"], NO_ACTIVATION)):
        kernel = w.tensor(f"{name}.weight", matrix.T.shape, matrix.T)
        bias = w.tensor(f"{name}.bias", matrix.T.shape[:1], weights[f"{name}.bias"])
        out = w.tensor("logits" if name == "fc2" else name, (-1, matrix.shape[1]))
        x = w.operator(FULLY_CONNECTED, [x, kernel, bias], out, (0, "int8", activation))
    with open(path, "wb") as file:
        file.write(w.finish([image], [x], "fashion"))
