#!/usr/bin/env python3
"""Models of 2 GB (files with holes) are told of from their headers: little memory of our own, weights never read. Asserts
memory, prints time."""

import os
import shutil
import sys
import tempfile
import time

import model_lib as lib

GIGABYTES_2 = (2 << 30) + 4096
LIMIT_KB = 50 << 10


def told_of(name, path, elements):
    begin = time.monotonic()
    told = lib.facts(path)
    spent = time.monotonic() - begin
    assert "error" not in told, told
    assert not told["problems"], told["problems"]
    assert told["parameters"] == elements, (told["parameters"], elements)
    assert told["weight_bytes"] == elements * 4
    if "asan" not in os.path.basename(lib.BUILD) and "r6" not in os.path.basename(lib.BUILD):
        assert told["peak_kb"] < LIMIT_KB, f"{name}: {told['peak_kb']} kB"
    print(f"  {name}: {os.path.getsize(path) / 2**30:.2f} GB, {spent * 1000:.0f} ms with the start of the process, "
          f"peak {told['peak_kb']} kB, anonymous {told['anonymous_kb']} kB")


def torchscript(folder):
    path = os.path.join(folder, "large.pt")
    elements = 5 << 28  # 5 GB: past the sizes of 32 bits
    lib.torchscript(path, pickle=lib.torch_pickle(elements=elements), hole=elements * 4)
    told_of("TorchScript, zip64", path, elements)
    os.remove(path)


def openvino(folder):
    path = os.path.join(folder, "large.xml")
    elements = GIGABYTES_2 // 4
    with open(path, "w", encoding="utf-8") as file:
        file.write(f'<?xml version="1.0"?>\n<net name="large" version="11"><layers><layer id="0" name="w" type="Const" '
                   f'version="opset1"><data element_type="f32" shape="{elements}" offset="0" size="{elements * 4}"/><output>'
                   f'<port id="0" precision="FP32"><dim>{elements}</dim></port></output></layer></layers></net>')
    with open(os.path.join(folder, "large.bin"), "wb") as file:
        file.truncate(GIGABYTES_2)
    told_of("OpenVINO IR", path, elements)


def tflite(folder):
    """A flatbuffer by hand: one tensor whose bytes lie behind the flatbuffer, as converters write models over 2 GB."""
    path = os.path.join(folder, "large.tflite")
    elements = GIGABYTES_2 // 4
    out = bytearray(64)

    def at(position, value, size):
        out.extend(bytes(max(0, position + size - len(out))))
        out[position:position + size] = value.to_bytes(size, "little", signed=value < 0)

    def table(position, fields):
        """fields: {number: (size, value)}; an offset is given by its target, as (4, target, True)."""
        slots, where = {}, 4
        for number, field in sorted(fields.items(), key=lambda item: -item[1][0]):
            where = -(-where // field[0]) * field[0]
            slots[number] = where
            where += field[0]
        count = max(fields) + 1
        vtable = position - (4 + 2 * count)
        at(vtable, 4 + 2 * count, 2)
        at(vtable + 2, where, 2)
        for number in range(count):
            at(vtable + 4 + 2 * number, slots.get(number, 0), 2)
        at(position, position - vtable, 4)
        for number, field in fields.items():
            place = position + slots[number]
            at(place, field[1] - place if len(field) == 3 else field[1], field[0])

    def tables(position, targets):
        at(position, len(targets), 4)
        for i, target in enumerate(targets):
            at(position + 4 + 4 * i, target - (position + 4 + 4 * i), 4)

    at(0, 128, 4)
    out[4:8] = b"TFL3"
    table(128, {0: (4, 3), 2: (4, 256, True), 4: (4, 272, True)})
    tables(256, [400])
    tables(272, [500, 600])
    table(400, {0: (4, 440, True)})
    tables(440, [700])
    table(500, {0: (4, 560, True)})
    at(560, 0, 4)
    table(600, {1: (8, 4096), 2: (8, elements * 4)})
    table(700, {0: (4, 760, True), 2: (4, 1)})
    at(760, 1, 4)
    at(764, elements, 4)
    with open(path, "wb") as file:
        file.write(out)
        file.truncate(4096 + elements * 4)
    told_of("TFLite, bytes behind the flatbuffer", path, elements)


def main():
    lib.need_program()
    with tempfile.TemporaryDirectory() as folder:
        if shutil.disk_usage(folder).free < 64 << 20:
            print("skipped: no room for files with holes")
            sys.exit(77)
        torchscript(folder)
        openvino(folder)
        tflite(folder)


main()
