#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How much of each room the tests take, by gcov:  tests/coverage.py BUILD_FOLDER [MIN] [ROOM]

Branches are those of conditions in our sources: not of must() and of allocation, which must not fail,
and not of the loops in the macros of uthash and utlist, which are not ours. A line whose branch is not
counted is in LEFT_OUT. With a ROOM each line with branches that were never taken is printed.
"""
import collections
import gzip
import glob
import json
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
WANTED = ("core", "discord", "comfy")
LEFT_OUT = re.compile(r"\bmust\(|\bHASH_|\b(DL|LL)_|\b(HASH_ITER|HASH_FIND)")

build = os.path.abspath(sys.argv[1])
least = float(sys.argv[2]) if len(sys.argv) > 2 else 0
shown = sys.argv[3] if len(sys.argv) > 3 else None


def reports(folder):
    """What gcov says of each object file of our rooms."""
    notes = [n for n in glob.glob(os.path.join(build, "src/*/*.p/*.gcda")) if os.path.exists(n[:-4] + "gcno")]
    for i in range(0, len(notes), 40):
        subprocess.run(["gcov", "--json-format", "--branch-probabilities", *notes[i : i + 40]], cwd=folder,
                       stdout=subprocess.DEVNULL, check=True)
    for path in glob.glob(os.path.join(folder, "*.gcov.json.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            yield json.load(file)


lines = collections.defaultdict(int)  # (file, line): times
branches = collections.defaultdict(lambda: collections.defaultdict(int))
with tempfile.TemporaryDirectory() as folder:
    for report in reports(folder):
        for file in report["files"]:
            name = os.path.relpath(os.path.join(report["current_working_directory"], file["file"]), ROOT)
            if not re.fullmatch(r"src/\w+/\w+\.[ch]", name):
                continue
            for line in file["lines"]:
                at = (name, line["line_number"])
                lines[at] += line["count"]
                for i, branch in enumerate(line["branches"]):
                    branches[at][i] += branch["count"]

texts = {}
rooms = collections.defaultdict(lambda: [0, 0, 0, 0])
for at, count in lines.items():
    name, number = at
    if name not in texts:
        with open(os.path.join(ROOT, name), encoding="utf-8") as file:
            texts[name] = file.read().split("\n")
    text = texts[name][number - 1]
    room = rooms[name.split("/")[1]]
    room[0] += 1
    room[1] += count > 0
    if LEFT_OUT.search(text):
        continue
    room[2] += len(branches[at])
    room[3] += sum(n > 0 for n in branches[at].values())
    if shown == name.split("/")[1] and any(n == 0 for n in branches[at].values()):
        print("%s:%d:%s" % (name, number, text))

passed = failed = 0
print("%-10s %8s %8s" % ("room", "lines", "branches"))
for name in sorted(rooms):
    n_lines, lines_hit, n_branches, branches_hit = rooms[name]
    share = 100 * branches_hit / max(n_branches, 1)
    print("%-10s %7.1f%% %7.1f%%" % (name, 100 * lines_hit / n_lines, share))
    if name in WANTED:
        passed, failed = passed + (share >= least), failed + (share < least)
print("coverage: %d passed, %d failed" % (passed, failed))
sys.exit(1 if failed or not passed else 0)
