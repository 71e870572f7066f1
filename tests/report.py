#!/usr/bin/env python3
"""Reads ctest's JUnit files: prints each failure with the end of its output and each skip with its reason, then
writes "passed failed skipped" to the file given first. Used by run.sh."""

import os
import sys
import xml.etree.ElementTree as tree


def reason(output):
    """The line of the output that says why: the last one that speaks of skipping, else the last one."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    said = [line for line in lines if "skip" in line.lower() and "test(s)" not in line]
    return (said or lines or ["no reason printed"])[-1]


def main(counts_path, files):
    passed = failed = skipped = 0
    for path in files:
        preset = os.path.basename(path).split("-")[0]
        place = "" if preset == "dev" else f" ({preset})"
        for case in tree.parse(path).getroot().iter("testcase"):
            output = case.findtext("system-out") or ""
            if case.get("status") == "run":
                passed += 1
            elif case.find("skipped") is not None and case.get("status") in ("notrun", "disabled"):
                skipped += 1
                print(f"SKIP {case.get('name')}{place}: {reason(output)}")
            else:
                failed += 1
                fault = case.find("failure")
                print(f"FAIL {case.get('name')}{place}: {fault.get('message') if fault is not None else case.get('status')}")
                print("\n".join("    " + line for line in output.rstrip().splitlines()[-30:]))
    with open(counts_path, "w", encoding="utf-8") as file:
        file.write(f"{passed} {failed} {skipped}\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
