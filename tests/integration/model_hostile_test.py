#!/usr/bin/env python3
"""Files made to do harm: each is refused, or read, with one sentence, in bounded time and memory."""

import os
import struct
import tempfile
import zlib

import model_lib as lib

lib.need_program()
FOLDER = tempfile.TemporaryDirectory()
SANITIZED = "asan" in os.path.basename(lib.BUILD)


def path(name):
    return os.path.join(FOLDER.name, name)


def refused(name, *words):
    told = lib.facts(path(name))
    assert "error" in told, f"{name} was read: {told}"
    assert told["code"] in (-2, -5, -19), f"{name}: {told}"
    assert any(word in told["error"] for word in words), f"{name}: {told['error']}"
    print(f"  {name}: {told['error']}")


def archives():
    lib.torchscript(path("good.pt"))
    told = lib.facts(path("good.pt"))
    assert told["parameters"] == 4 and told["ops"] == {"aten::add": 1} and told["inputs"] == ["x Tensor"], told
    bomb = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = bomb.compress(b"\0" * (100 << 20)) + bomb.flush()
    flaws = {
        "bomb": (dict(name="m/code/bomb.py", data=packed, method=8, size=100 << 20), ("limit", "bomb")),
        "liar": (dict(name="m/code/liar.py", data=packed[:100], method=8, size=1 << 40), ("bomb",)),
        "traversal": (dict(name="m/../../evil", data=b"x"), ("..",)),
        "absolute": (dict(name="/etc/evil", data=b"x"), ("relative", "absolute", "begin")),
        "twice": (dict(name="m/version", data=b"4\n"), ("twice",)),
        "link": (dict(name="m/link", data=b"/etc/passwd", attributes=0o120777 << 16), ("link",)),
        "two-names": (dict(name="m/aaaa", data=b"x", local_name="m/bbbb"), ("two names",)),
        "overlap": (dict(name="m/code/__torch__.py", at=0), ("overlap", "twice", "names")),
        "encrypted": (dict(name="m/secret", data=b"x", flags=1), ("encrypted",)),
    }
    for name, (arguments, words) in flaws.items():
        lib.torchscript(path(name + ".pt"), extra=[arguments])
        refused(name + ".pt", *words)
    with open(path("good.pt"), "rb") as file:
        whole = file.read()
    with open(path("cut.pt"), "wb") as file:
        file.write(whole[: len(whole) // 2])
    assert "error" in lib.facts(path("cut.pt"))


def pickles():
    deep = b"\x80\x02" + b"(" * 100000 + b"t" * 100000 + b"."
    laughs = b"\x80\x02]q\x00" + b"".join(b"](" + b"h" + bytes([i]) + (b"h" + bytes([i])) * 9 + b"eq" + bytes([i + 1])
                                          for i in range(60)) + b"."
    itself = b"\x80\x02]q\x00h\x00a."
    for name, data in {"deep": deep, "laughs": laughs, "itself": itself}.items():
        lib.torchscript(path(name + ".pt"), pickle=data)
        told = lib.facts(path(name + ".pt"))
        assert told.get("parameters", 0) in (0, None), told
        if not SANITIZED and "peak_kb" in told:
            assert told["anonymous_kb"] < 100 << 10, told
    for name, data in {"opcode": b"\x80\x02\xff.", "endless": b"\x80\x02]" * 10, "memo": b"\x80\x02j\xff\xff\xff\x7f.",
                       "long": b"\x80\x02X\xff\xff\xff\xff.", "nothing": b"."}.items():
        lib.torchscript(path(name + ".pt"), pickle=data)
        refused(name + ".pt", "pickle")
    # what would run a command when it is unpickled is only a name here
    marker = path("executed")
    evil = b"\x80\x02cos\nsystem\nX" + struct.pack("<I", len("touch " + marker)) + f"touch {marker}".encode() + b"\x85R."
    lib.torchscript(path("evil.pt"), pickle=evil)
    lib.facts(path("evil.pt"))
    assert not os.path.exists(marker)
    lib.torchscript(path("short.pt"), pickle=lib.torch_pickle(elements=1 << 40))
    lib.torchscript(path("absent.pt"), pickle=lib.torch_pickle(key="7"))
    assert "not in the archive" in lib.facts(path("absent.pt"))["problems"][0]


def xml(name, text):
    with open(path(name), "w", encoding="utf-8") as file:
        file.write(text)


def openvino():
    laughs = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 30))
    xml("laughs.xml", f'<?xml version="1.0"?><!DOCTYPE net [<!ENTITY l0 "ha">{laughs}]><net version="11">&l29;</net>')
    refused("laughs.xml", "entities")
    xml("foreign.xml", '<!DOCTYPE net [<!ENTITY x SYSTEM "file:///etc/passwd">]><net version="11">&x;</net>')
    refused("foreign.xml", "entities", "no model format")
    xml("deep.xml", '<net name="m" version="11">' + "<a>" * 100000 + "</a>" * 100000 + "</net>")
    refused("deep.xml", "deep")
    xml("old.xml", '<net name="m" version="6"></net>')
    refused("old.xml", "version 6")
    xml("cut.xml", '<net name="m" version="11"><layers>')
    refused("cut.xml", "XML")
    layer = ('<net name="m" version="11"><layers><layer id="0" name="c" type="Const" version="opset1">'
             '<data element_type="f32" shape="4" offset="%s" size="16"/><output><port id="0" precision="FP32"><dim>4</dim></port>'
             '</output></layer></layers></net>')
    xml("alone.xml", layer % 0)
    assert "not beside" in lib.facts(path("alone.xml"))["problems"][0]
    xml("short.xml", layer % 8)
    with open(path("short.bin"), "wb") as file:
        file.write(b"\0" * 16)
    assert "outside" in lib.facts(path("short.xml"))["problems"][0]
    xml("linked.xml", layer % 0)
    os.symlink("/etc/passwd", path("linked.bin"))
    refused("linked.xml", "link")


def others():
    with open(path("hand-made.engine"), "wb") as file:
        file.write(b"ftrt" + bytes(60))
    told = lib.facts(path("hand-made.engine"))
    assert told["format"] == "tensorrt" and told["parameters"] is None and "not told" in told["metadata"]["gpu"], told
    for name, head in {"a.tflite": b"TFL3", "a.ort": b"ORTM", "a.pte": b"ET12"}.items():
        for rest in (b"", b"\xff" * 64, bytes(64)):
            with open(path(name), "wb") as file:
                file.write(struct.pack("<I", 8) + head + rest)
            assert "error" in lib.facts(path(name)), name
    with open(path("wrong.tflite"), "wb") as file:
        file.write(b"this is text, whatever its name says\n" * 10)
    refused("wrong.tflite", "damaged", "version", "format")


archives()
pickles()
openvino()
others()
print("hostile files: all refused or read within limits")
