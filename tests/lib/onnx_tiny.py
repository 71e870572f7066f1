#!/usr/bin/python3
"""Writes a small ONNX model, a convolution 3x3 and an addition, for an emulator that takes seconds for a real one:
onnx_tiny.py FILE. Standard library only."""
import struct
import sys


def varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def number(field, n):
    return varint(field << 3) + varint(n)


def nested(field, *parts):
    data = b"".join(p.encode() if isinstance(p, str) else p for p in parts)
    return varint(field << 3 | 2) + varint(len(data)) + data


def value(name, *dims):
    shape = b"".join(nested(1, number(1, d) if isinstance(d, int) else nested(2, d)) for d in dims)
    return nested(1, name) + nested(2, nested(1, number(1, 1), nested(2, shape)))


def initializer(name, dims, values):
    return nested(5, *(number(1, d) for d in dims), number(2, 1), nested(8, name), nested(9, struct.pack(f"<{len(values)}f", *values)))


def node(op, inputs, output, *attributes):
    return nested(1, *(nested(1, i) for i in inputs), nested(2, output), nested(4, op), *attributes)


def model():
    weights = [((i * 37) % 101 - 50) / 100 for i in range(8 * 4 * 3 * 3)]
    pads = nested(5, nested(1, "pads"), *(number(8, 1) for _ in range(4)), number(20, 7))
    graph = (node("Conv", ["image", "weights"], "features", pads) + node("Add", ["features", "one"], "out") + nested(2, "tiny") +
             initializer("weights", [8, 4, 3, 3], weights) + initializer("one", [1], [1.0]) +
             nested(11, value("image", "n", 4, 16, 16)) + nested(12, value("out", "n", 8, 16, 16)))
    return number(1, 8) + nested(2, "a test") + nested(7, graph) + nested(8, nested(1, ""), number(2, 17))


if __name__ == "__main__":
    with open(sys.argv[1], "wb") as file:
        file.write(model())
