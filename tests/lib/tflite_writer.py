#!/usr/bin/python3
"""Writes small TFLite models byte by byte, for tests: tflite_writer.py NAME FILE. Standard library only, so that no
reader of the product is checked against its own writer. The numbers of fields are those of the published schema."""
import struct
import sys

FLOAT32, INT32, INT64, BOOL = 0, 2, 4, 6
ADD, CONV_2D, RELU, GREATER, WHERE, CUSTOM = 0, 3, 19, 61, 109, 32
SIZES = {"b": 1, "i": 4, "I": 4, "f": 4, "q": 8}


class Writer:
    """Tables in front of what they point to: every offset of a flatbuffer goes forward."""

    def __init__(self):
        self.out = bytearray()

    def align(self, n, ahead=0):
        while (len(self.out) + ahead) % n:
            self.out.append(0)

    def point(self, place):
        struct.pack_into("<I", self.out, place, len(self.out) - place)

    def table(self, fields, place):
        """fields: {number: (code, value) or str, bytes, list}. The vtable stands right before its table."""
        fields = {k: v for k, v in fields.items() if v is not None}
        offsets, size = {}, 4
        for number, value in sorted(fields.items()):
            width = SIZES[value[0]] if isinstance(value, tuple) else 4
            size += -size % width
            offsets[number] = size
            size += width
        slots = max(fields, default=-1) + 1
        vtable = struct.pack("<HH", 4 + 2 * slots, size) + b"".join(
            struct.pack("<H", offsets.get(n, 0)) for n in range(slots))
        self.align(4, len(vtable))
        self.out += vtable
        self.point(place)
        start = len(self.out)
        self.out += struct.pack("<i", len(vtable)) + bytes(size - 4)
        for number, value in fields.items():
            if isinstance(value, tuple):
                struct.pack_into("<" + value[0], self.out, start + offsets[number], value[1])
        for number, value in sorted(fields.items()):
            if not isinstance(value, tuple):
                self.child(value, start + offsets[number])

    def child(self, value, place):
        if isinstance(value, dict):
            self.table(value, place)
            return
        data = value.encode() if isinstance(value, str) else value
        if isinstance(data, (bytes, bytearray)):
            self.align(16, 4)
            self.point(place)
            self.out += struct.pack("<I", len(data)) + data + b"\0"
            return
        self.align(4)
        self.point(place)
        self.out += struct.pack("<I", len(data))
        if data and isinstance(data[0], dict):
            first = len(self.out)
            self.out += bytes(4 * len(data))
            for i, item in enumerate(data):
                self.table(item, first + 4 * i)
        else:
            self.out += struct.pack(f"<{len(data)}i", *data)


def tensor(name, shape, kind=FLOAT32, buffer=0, signature=None):
    return {0: list(shape), 1: ("b", kind), 2: ("I", buffer), 3: name, 7: signature and list(signature)}


def operator(code, inputs, outputs, options_type=None, options=None):
    return {0: ("I", code), 1: inputs, 2: outputs, 3: options_type and ("b", options_type), 4: options}


def model(codes, tensors, operators, inputs, outputs, buffers=(), version=3, op_version=1):
    """codes: builtin numbers or names of custom operators."""
    def code(c):
        return {0: ("b", CUSTOM), 1: c, 2: ("i", 1), 3: ("i", CUSTOM)} if isinstance(c, str) else \
            {0: ("b", c), 2: ("i", op_version), 3: ("i", c)}
    w = Writer()
    w.out += bytes(4) + b"TFL3"
    w.table({0: ("I", version), 1: [code(c) for c in codes],
             2: [{0: tensors, 1: inputs, 2: outputs, 3: operators, 4: "main"}], 3: "a test",
             4: [{}] + [{0: b} for b in buffers]}, 0)
    return bytes(w.out)


def floats(*values):
    return struct.pack(f"<{len(values)}f", *values)


def add(version=3, op_version=1):
    """y = x + 1 over [n, 4], n open."""
    return model([ADD], [tensor("x", [1, 4], signature=[-1, 4]), tensor("one", [4], buffer=1),
                         tensor("y", [1, 4], signature=[-1, 4])],
                 [operator(0, [0, 1], [2])], [0], [2], [floats(1, 1, 1, 1)], version, op_version)


def found():
    """Indices where x + 1 > 2: their number is known only after an inference. XNNPACK takes the addition alone."""
    return model([ADD, GREATER, WHERE],
                 [tensor("x", [4]), tensor("one", [4], buffer=1), tensor("y", [4]), tensor("two", [1], buffer=2),
                  tensor("over", [4], BOOL), tensor("found", [0, 1], INT64)],
                 [operator(0, [0, 1], [2]), operator(1, [2, 3], [4]), operator(2, [4], [5])], [0], [5, 2],
                 [floats(1, 1, 1, 1), floats(2)])


def custom():
    """An operator that nobody has."""
    return model(["NoSuchOperator"], [tensor("x", [4]), tensor("y", [4])], [operator(0, [0], [1])], [0], [1])


def tiny():
    """A convolution 3x3 of 8 channels over 1x16x16x4, then an addition: what every provider can take."""
    weights = floats(*(((i * 37) % 101 - 50) / 100 for i in range(8 * 3 * 3 * 4)))
    return model([CONV_2D, ADD],
                 [tensor("image", [1, 16, 16, 4], signature=[-1, 16, 16, 4]), tensor("weights", [8, 3, 3, 4], buffer=1),
                  tensor("bias", [8], buffer=2), tensor("features", [1, 16, 16, 8], signature=[-1, 16, 16, 8]),
                  tensor("one", [1], buffer=3), tensor("out", [1, 16, 16, 8], signature=[-1, 16, 16, 8])],
                 [operator(0, [0, 1, 2], [3], 1, {0: ("b", 0), 1: ("i", 1), 2: ("i", 1)}), operator(1, [3, 4], [5])],
                 [0], [5], [weights, floats(*range(8)), floats(1)])


if __name__ == "__main__":
    with open(sys.argv[2], "wb") as file:
        file.write({"add": add, "found": found, "custom": custom, "tiny": tiny}[sys.argv[1]]())
