"""Small ONNX models, written byte by byte: the field numbers are those of onnx.proto. Standard library only."""
import struct

FLOAT, UINT8, INT8, UINT16, INT64 = 1, 2, 3, 4, 7
WIDTHS = {FLOAT: "f", UINT8: "B", INT8: "b", UINT16: "H", INT64: "q"}


def varint(number):
    out = b""
    number &= (1 << 64) - 1
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def field(number, value):
    """An integer, a float, or bytes, text or a message."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def value_info(name, kind, dims):
    shape = b"".join(field(1, field(2, d) if isinstance(d, str) else field(1, d)) for d in dims)
    return field(1, name) + field(2, field(1, field(1, kind) + field(2, shape)))


def tensor(name, kind, dims, values):
    return (b"".join(field(1, d) for d in dims) + field(2, kind) + field(8, name) +
            field(9, struct.pack(f"<{len(values)}{WIDTHS[kind]}", *values)))


def external(name, kind, dims, location):
    """Its bytes lie in another file."""
    entry = field(1, "location") + field(2, location)
    return b"".join(field(1, d) for d in dims) + field(2, kind) + field(8, name) + field(13, entry) + field(14, 1)


def node(op, inputs, outputs, domain="", **attributes):
    """Attributes: integers alone."""
    out = b"".join(field(1, name) for name in inputs) + b"".join(field(2, name) for name in outputs)
    out += field(3, outputs[0] + "_node") + field(4, op)
    for name, value in attributes.items():
        out += field(5, field(1, name) + field(3, value) + field(20, 2))
    return out + (field(7, domain) if domain else b"")


def model(nodes, inputs, outputs, initializers=(), opset=17, domains=()):
    graph = b"".join(field(1, n) for n in nodes) + field(2, "small") + b"".join(field(5, t) for t in initializers)
    graph += b"".join(field(11, v) for v in inputs) + b"".join(field(12, v) for v in outputs)
    opsets = field(8, field(1, "") + field(2, opset)) + b"".join(field(8, field(1, d) + field(2, v)) for d, v in domains)
    return field(1, 8) + field(7, graph) + opsets


def add(opset=17, dims=("batch", 4)):
    """y = x + 1"""
    return model([node("Add", ["x", "one"], ["y"])], [value_info("x", FLOAT, dims)], [value_info("y", FLOAT, dims)],
                 [tensor("one", FLOAT, [1], [1.0])], opset)
