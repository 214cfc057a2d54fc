#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a release build must have, read from its files:  tests/release.py BUILD_FOLDER

Position independent, read-only relocations bound at the start, no executable stack, nothing that is
writable and executable, stack protector, FORTIFY, landing pads for indirect branches;
no path to look for libraries in.
"""
import glob
import os
import re
import subprocess
import sys

build = sys.argv[1]
passed = failed = 0


def readelf(*args):
    done = subprocess.run(["readelf", "-W", *args], capture_output=True, text=True, check=True,
                          env={**os.environ, "LC_ALL": "C"})
    return done.stdout


def expect(path, what, good):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print("not ok %s: %s" % (os.path.relpath(path, build), what))


def check(path, program):
    header, segments = readelf("-h", path), readelf("-l", path)
    dynamic, symbols = readelf("-d", path), readelf("--dyn-syms", path)
    rights = dict(re.findall(r"^  (\S+) .* 0x\w+ ([RWE ]{3}) 0x\w+$", segments, re.M))
    expect(path, "position independent", "DYN (" in header)
    expect(path, "PIE", not program or re.search(r"FLAGS_1.*\bPIE\b", dynamic))
    expect(path, "relocations are made read-only", "GNU_RELRO" in segments)
    expect(path, "everything is bound at the start", re.search(r"BIND_NOW|FLAGS_1.*\bNOW\b", dynamic))
    expect(path, "no executable stack", rights.get("GNU_STACK") == "RW ")
    expect(path, "no segment is writable and executable",
           not re.search(r"^  LOAD .* RWE ", segments, re.M))
    expect(path, "no text relocations", "TEXTREL" not in dynamic)
    expect(path, "no RPATH", not re.search(r"\(R(UN)?PATH\)", dynamic) or not program)
    expect(path, "stack protector", "__stack_chk_fail" in symbols)
    expect(path, "FORTIFY", re.search(r"\b__(memcpy|snprintf|vsnprintf|vasprintf|fprintf|read|vfprintf"
                                      r"|memset|memmove|strncpy|printf)_chk\b", symbols))
    # Debian's own start files lack the mark that would turn it on; our functions are ready for it.
    if "X86-64" in header:
        with open(path, "rb") as file:
            expect(path, "landing pads for IBT", file.read().count(b"\xf3\x0f\x1e\xfa") >= 3)


programs = [os.path.join(build, "src/fullet"), os.path.join(build, "src/cleaner/fullet-cleaner")]
modules = sorted(glob.glob(os.path.join(build, "src/*/libfullet-*.so")))
for one in programs + modules:
    check(one, one in programs)
expect(build, "the modules postgres, mysql and draw", len(modules) == 3)
print("release: %d passed, %d failed" % (passed, failed))
sys.exit(1 if failed else 0)
