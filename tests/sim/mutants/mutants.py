#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Plants the faults of tests/sim/mutants/list one at a time and lets the simulator look for them.

    tests/sim/mutants/mutants.py            all; writes tests/sim/mutants/table.md
    tests/sim/mutants/mutants.py 7 12       only these
    tests/sim/mutants/mutants.py --check    only whether each can be planted

Each has to be found within 10,000 seeds, by a seed that passes without it. The faults are planted
in a copy of the project, in build-mutants/."""

import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
HERE = os.path.join(ROOT, "tests/sim/mutants")
WORK = os.path.join(ROOT, "build-mutants")
TREE = os.path.join(WORK, "tree")
BUILD = os.path.join(WORK, "build")
SEEDS = 10000
CHUNK = 100
PATIENCE_S = 900


class Mutant:
    def __init__(self, number, name, path, old, new):
        self.number, self.name, self.path, self.old, self.new = number, name, path, old, new

    def plant(self, text):
        """The file with the fault; None when its lines are not there once."""
        if text.count(self.old) != 1:
            return None
        return text.replace(self.old, self.new)


def read_list():
    with open(os.path.join(HERE, "list")) as f:
        lines = f.read().split("\n")
    mutants, name, path, old, new = [], None, None, [], []

    def end():
        if name:
            mutants.append(Mutant(len(mutants) + 1, name, path, "\n".join(old), "\n".join(new)))

    for line in lines:
        if line.startswith("@ "):
            end()
            name, path, old, new = line[2:], None, [], []
        elif line.startswith("-"):
            old.append(line[1:])
        elif line.startswith("+"):
            new.append(line[1:])
        elif line and not line.startswith("#"):
            path = line
    end()
    return mutants


def check(mutants):
    """Sentences about those that cannot be planted any more."""
    bad = []
    for m in mutants:
        try:
            with open(os.path.join(ROOT, m.path)) as f:
                planted = m.plant(f.read())
        except OSError as e:
            bad.append("mutant %d (%s): %s" % (m.number, m.name, e))
            continue
        if planted is None:
            bad.append("mutant %d (%s): its lines are not in %s once" % (m.number, m.name, m.path))
    return bad


def run(*command):
    return subprocess.run(command, cwd=BUILD if os.path.isdir(BUILD) else ROOT, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def set_up():
    """The copy of the project, built without a fault; files that are as before keep their times."""
    ignore = shutil.ignore_patterns("build*", ".git", "node_modules", "__pycache__")
    os.makedirs(WORK, exist_ok=True)
    new = TREE + ".new"
    shutil.rmtree(new, ignore_errors=True)
    shutil.copytree(ROOT, new, ignore=ignore, symlinks=True)
    if os.path.isdir(TREE):
        for folder, _, names in os.walk(new):
            for name in names:
                fresh = os.path.join(folder, name)
                kept = os.path.join(TREE, os.path.relpath(fresh, new))
                if os.path.isfile(kept) and open(kept, "rb").read() == open(fresh, "rb").read():
                    shutil.copystat(kept, fresh)
                else:
                    os.utime(fresh) # what was planted last stood here: it is built again
        shutil.rmtree(TREE)
    os.rename(new, TREE)
    if not os.path.isfile(os.path.join(BUILD, "build.ninja")):
        done = subprocess.run(["meson", "setup", BUILD, TREE, "--buildtype=plain",
                               "-Doptimization=1", "-Ddebug=false"], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode:
            sys.exit(done.stdout)
    build = run("ninja", "tests/sim/fullet-sim")
    if build.returncode:
        sys.exit(build.stdout)
    shutil.copy(os.path.join(BUILD, "tests/sim/fullet-sim"), os.path.join(WORK, "fullet-sim"))


def search(program, first, last, step):
    return subprocess.Popen([program, "--seeds", str(last - first + 1), "--from", str(first),
                             "--until-failure"], text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT)


def look_for():
    """The seed and the words of the failure; None when all seeds pass."""
    program = os.path.join(BUILD, "tests/sim/fullet-sim")
    jobs = os.cpu_count() or 1
    first = 1
    while first <= SEEDS:
        running = []
        for _ in range(jobs):
            if first <= SEEDS:
                last = min(first + CHUNK - 1, SEEDS)
                running.append(search(program, first, last, CHUNK))
                first = last + 1
        for process in running:
            try:
                text = process.communicate(timeout=PATIENCE_S)[0]
            except subprocess.TimeoutExpired:
                process.kill()
                text = process.communicate()[0]
            found = re.search(r"seed (\d+) failed at event \d+, [\d.]+ s: (.*)", text)
            if found:
                for other in running:
                    other.kill()
                    other.communicate() if other is not process else None
                return int(found.group(1)), found.group(2)
            if process.returncode:
                return 0, "ended with %d: %s" % (process.returncode, text[-300:])
    return None


def passes_without(seed):
    return subprocess.run([os.path.join(WORK, "fullet-sim"), str(seed)],
                          stdout=subprocess.DEVNULL).returncode == 0


def try_one(mutant):
    """(seed, rule) or (None, sentence)."""
    path = os.path.join(TREE, mutant.path)
    with open(path) as f:
        before = f.read()
    with open(path, "w") as f:
        f.write(mutant.plant(before))
    try:
        build = run("ninja", "tests/sim/fullet-sim")
        if build.returncode:
            return None, "does not build: " + build.stdout[-1500:]
        found = look_for()
    finally:
        with open(path, "w") as f:
            f.write(before)
    if not found:
        return None, "survives %d seeds" % SEEDS
    seed, words = found
    if seed and not passes_without(seed):
        return None, "seed %d fails without it too" % seed
    rule = re.match(r"\[([^\]]*)\]", words)
    return seed, rule.group(1) if rule else words


def main(arguments):
    mutants = read_list()
    bad = check(mutants)
    print("\n".join(bad), end="\n" if bad else "")
    if bad or "--check" in arguments:
        print("%d passed, %d failed" % (len(mutants) - len(bad), len(bad)))
        return 1 if bad else 0
    wanted = [int(a) for a in arguments]
    set_up()
    table, failed = [], 0
    for m in mutants:
        if wanted and m.number not in wanted:
            continue
        seed, words = try_one(m)
        failed += seed is None
        print("%2d %-75s %s" % (m.number, m.name,
                                words if seed is None else "seed %d: %s" % (seed, words)), flush=True)
        table.append((m, seed, words))
    if not wanted:
        with open(os.path.join(HERE, "table.md"), "w") as f:
            f.write("| fault | file | found by seed | by the rule |\n|---|---|---|---|\n")
            for m, seed, words in table:
                f.write("| %s | `%s` | %s | %s |\n" % (
                    m.name, m.path, "-" if seed is None else seed, words.split("\n")[0]))
    print("%d passed, %d failed" % (len(table) - failed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
