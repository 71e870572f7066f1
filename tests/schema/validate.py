#!/usr/bin/env python3
"""An independent judge of the generated schemas: each is a valid draft 2020-12 schema, each golden message passes
its schema, and the same message with a required field taken away or a wrong type put in does not.
Skips (77) without python3-jsonschema."""

import copy
import glob
import json
import os
import sys

try:
    from jsonschema import Draft202012Validator
except ImportError as e:
    print(f"skipped: {e}; install python3-jsonschema (4.0 or newer)")
    sys.exit(77)

ROOT = os.environ.get("IFM_SOURCE_DIR") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def main():
    failures, checked = [], 0
    used = set()
    for path in sorted(glob.glob(os.path.join(ROOT, "schema/examples/v*/*.json"))):
        name = os.path.basename(path)
        kind = name.split(".")[0].split("-")[0]
        used.add(kind)
        with open(os.path.join(ROOT, f"schema/{kind}.schema.json")) as file:
            schema = json.load(file)
        with open(path) as file:
            message = json.load(file)
        Draft202012Validator.check_schema(schema)
        validator = Draft202012Validator(schema)
        failures += [f"{name}: {error.json_path}: {error.message}" for error in validator.iter_errors(message)]
        for field in schema["required"]:
            broken = copy.deepcopy(message)
            del broken[field]
            if validator.is_valid(broken):
                failures.append(f"{name}: passes without its required {field}")
        for field in message:
            broken = copy.deepcopy(message)
            broken[field] = {"not": ["what", "was", "wanted"]} if not isinstance(message[field], dict) else 7
            if validator.is_valid(broken):
                failures.append(f"{name}: passes with a wrong {field}")
            checked += 1
    known = {os.path.basename(p).split(".")[0] for p in glob.glob(os.path.join(ROOT, "schema/*.schema.json"))}
    failures += [f"{kind}: no golden message" for kind in sorted(known - used)]
    for line in failures:
        print(line)
    print(f"{checked} fields in {len(used)} kinds of message, {len(failures)} failures")
    return 1 if failures or not checked else 0


if __name__ == "__main__":
    sys.exit(main())
