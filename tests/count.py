#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counts single tests in what the test programs leave behind: prints "PASSED FAILED".

    count.py meson build-test/meson-logs/testlog.json
    count.py junit report.xml
"""
import json
import re
import sys
import xml.etree.ElementTree as ElementTree


def meson(path):
    """One JSON object a line, one a program. A cmocka program counts test by test; one that dies
    (a sanitizer, a leak) counts as one failure more than cmocka could tell."""
    passed = failed = 0
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            test = json.loads(line)
            text = (test.get("stdout") or "") + (test.get("stderr") or "")
            ok = len(re.findall(r"^\[       OK \] ", text, re.M))
            bad = len(set(re.findall(r"^\[  (?:FAILED |ERROR )\s*\] (test_\w+)", text, re.M)))
            if test["result"] == "OK":
                passed += max(ok, 1)
            elif test["result"] != "SKIP":
                passed += ok
                failed += max(bad, 1)
    return passed, failed


def junit(path):
    root = ElementTree.parse(path).getroot()
    passed = failed = 0
    for case in root.iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        elif case.find("skipped") is None:
            passed += 1
    return passed, failed


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in ("meson", "junit"):
        sys.exit(__doc__)
    print(*(meson if sys.argv[1] == "meson" else junit)(sys.argv[2]))


main()
