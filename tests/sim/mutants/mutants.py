#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Plants the faults of tests/sim/mutants/list one at a time and lets the simulator look for them.

    tests/sim/mutants/mutants.py            all; writes tests/sim/mutants/table.md
    tests/sim/mutants/mutants.py 7 12       only these; the table stays as it is
    tests/sim/mutants/mutants.py --check    only whether each can be planted
    --seeds N    of how many seeds one has to find it (10,000)
    --jobs N     so many at a time (as many as there are processors)
    --again      also those of which is known how they end

Each is looked for by the seeds from 1 on, and is found by the first one that fails with it and passes
without. The faults are planted in copies of the project, in build-mutants/. What was seen of a fault
is kept there (known.json) and holds as long as the simulator without it is the same program: a run
that was broken off goes on where it was. The table is written after each fault."""

import argparse
import hashlib
import json
import os
import queue
import re
import resource
import shutil
import subprocess
import sys
import threading

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
HERE = os.path.join(ROOT, "tests/sim/mutants")
WORK = os.path.join(ROOT, "build-mutants")
KNOWN = os.path.join(WORK, "known.json")
REFERENCE = os.path.join(WORK, "fullet-sim")
SEEDS = 10000
MEMORY = 4 << 30 # a fault may ask for ever more


class Mutant:
    def __init__(self, number, name):
        self.number, self.name, self.places = number, name, [] # file, old lines, new lines

    def plant(self, tree):
        """The files with the fault, by path; None when its lines are not there once."""
        files = {}
        for path, old, new in self.places:
            text = files.get(path)
            if text is None:
                with open(os.path.join(tree, path)) as f:
                    text = f.read()
            if text.count("\n".join(old)) != 1:
                return None
            files[path] = text.replace("\n".join(old), "\n".join(new))
        return files

    def key(self):
        return hashlib.sha256(repr(self.places).encode()).hexdigest()[:16]


def read_list():
    with open(os.path.join(HERE, "list")) as f:
        lines = f.read().split("\n")
    mutants = []
    for line in lines:
        if line.startswith("@ "):
            mutants.append(Mutant(len(mutants) + 1, line[2:]))
        elif line.startswith("-"):
            mutants[-1].places[-1][1].append(line[1:])
        elif line.startswith("+"):
            mutants[-1].places[-1][2].append(line[1:])
        elif line and not line.startswith("#"):
            mutants[-1].places.append((line, [], []))
    return mutants


def check(mutants):
    """Sentences about those that cannot be planted any more."""
    bad = []
    for m in mutants:
        try:
            if not m.plant(ROOT):
                bad.append("mutant %d (%s): its lines are not in %s once" % (
                    m.number, m.name, " and ".join(place[0] for place in m.places)))
        except OSError as e:
            bad.append("mutant %d (%s): %s" % (m.number, m.name, e))
    return bad


def run(command, **more):
    return subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **more)


def limit_memory():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


class Workshop:
    """A copy of the project with a build of its own."""

    def __init__(self, number):
        self.tree = os.path.join(WORK, "tree%d" % number)
        self.build = os.path.join(WORK, "build%d" % number)
        self.program = os.path.join(self.build, "tests/sim/fullet-sim")
        self.copy()
        if not os.path.isfile(os.path.join(self.build, "build.ninja")):
            done = run(["meson", "setup", self.build, self.tree, "--buildtype=plain",
                        "-Doptimization=2", "-Ddebug=false"])
            if done.returncode:
                sys.exit(done.stdout)
        done = self.make()
        if done.returncode:
            sys.exit(done.stdout)

    def copy(self):
        """Files that are as before keep their times, so that they are not built again."""
        new = self.tree + ".new"
        shutil.rmtree(new, ignore_errors=True)
        shutil.copytree(ROOT, new, symlinks=True, ignore=shutil.ignore_patterns(
            "build*", ".git", "node_modules", "__pycache__"))
        for folder, _, names in os.walk(new):
            for name in names:
                fresh = os.path.join(folder, name)
                kept = os.path.join(self.tree, os.path.relpath(fresh, new))
                if not os.path.isfile(fresh):
                    continue
                if os.path.isfile(kept) and open(kept, "rb").read() == open(fresh, "rb").read():
                    shutil.copystat(kept, fresh)
                else:
                    os.utime(fresh) # also what a run that was broken off has left planted
        shutil.rmtree(self.tree, ignore_errors=True)
        os.rename(new, self.tree)

    def make(self):
        return run(["ninja", "-C", self.build, "tests/sim/fullet-sim"])

    def look_for(self, seeds):
        """(seed, words) of the first failure; (None, how many passed)."""
        first = 1
        while first <= seeds:
            done = run([self.program, "--seeds", str(seeds - first + 1), "--from", str(first),
                        "--until-failure"], preexec_fn=limit_memory)
            failed = re.search(r"^seed (\d+) failed at event \d+, [\d.]+ s: (.*)", done.stdout, re.M)
            if not failed and done.returncode == 0:
                break
            if not failed:
                return None, "ends with %d: %s" % (done.returncode, done.stdout[-300:])
            seed = int(failed.group(1))
            if run([REFERENCE, str(seed)]).returncode == 0:
                return seed, failed.group(2)
            print("seed %d fails without a fault" % seed, flush=True)
            first = seed + 1
        return None, "survives %d seeds" % seeds

    def write(self, files):
        """What stood there before."""
        before = {}
        for path, text in files.items():
            with open(os.path.join(self.tree, path)) as f:
                before[path] = f.read()
            with open(os.path.join(self.tree, path), "w") as f:
                f.write(text)
        return before

    def try_one(self, mutant, seeds):
        before = self.write(mutant.plant(self.tree))
        try:
            done = self.make()
            if done.returncode:
                return None, "does not build: " + done.stdout[-1500:]
            return self.look_for(seeds)
        finally:
            self.write(before)


class Known:
    """What was seen of each fault with the simulator as it is."""

    def __init__(self):
        with open(REFERENCE, "rb") as f:
            self.reference = hashlib.sha256(f.read()).hexdigest()
        self.seen = {}
        try:
            with open(KNOWN) as f:
                kept = json.load(f)
            if kept["reference"] == self.reference:
                self.seen = kept["seen"]
        except (OSError, ValueError, KeyError):
            pass

    def get(self, mutant, seeds):
        seen = self.seen.get(mutant.key())
        if not seen or (seen["seed"] or seen["tried"]) > seeds or (
                seen["seed"] is None and seen["tried"] < seeds):
            return None
        return seen["seed"], seen["words"]

    def put(self, mutant, seeds, seed, words):
        self.seen[mutant.key()] = {"seed": seed, "words": words, "tried": seed or seeds}
        with open(KNOWN + ".new", "w") as f:
            json.dump({"reference": self.reference, "seen": self.seen}, f, indent=1)
        os.replace(KNOWN + ".new", KNOWN)


def cell(text):
    return text.split("\n")[0].replace("|", "\\|")


def write_table(mutants, seen):
    path = os.path.join(HERE, "table.md")
    found = [m for m in mutants if seen.get(m.number, (None,))[0]]
    with open(path + ".new", "w") as f:
        f.write("# Faults that were planted, and what found them\n\n"
                "Written by `./test.sh --mutants`. The seeds from 1 on live with each fault; the first one that "
                "fails with\nit and passes without it has found it, so its number is also how many were tried. "
                "%d of %d are found.\n\n" % (len(found), len(mutants)))
        f.write("| | fault | planted in | seed | what did not hold |\n|---|---|---|---|---|\n")
        for m in mutants:
            seed, words = seen.get(m.number, (None, "not tried"))
            f.write("| %d | %s | `%s` | %s | %s |\n" % (
                m.number, cell(m.name), "`, `".join(sorted({p[0] for p in m.places})), "-" if seed is None else seed, cell(words)))
    os.replace(path + ".new", path)


def try_all(mutants, args):
    """Those that are wanted; the number of those that were not found."""
    wanted = [m for m in mutants if not args.numbers or m.number in args.numbers]
    os.makedirs(WORK, exist_ok=True)
    first = Workshop(0)
    shutil.copy(first.program, REFERENCE)
    known, seen, waiting, lock = Known(), {}, queue.Queue(), threading.Lock()

    def end(m, seed, words):
        seen[m.number] = seed, words
        print("%2d %-75s %s" % (m.number, m.name,
                                words if seed is None else "seed %d: %s" % (seed, words)), flush=True)
        if not args.numbers:
            write_table(mutants, seen)

    def work(shop):
        while True:
            try:
                m = waiting.get_nowait()
            except queue.Empty:
                return
            seed, words = shop.try_one(m, args.seeds)
            with lock:
                known.put(m, args.seeds, seed, words)
                end(m, seed, words)

    for m in wanted:
        before = None if args.again else known.get(m, args.seeds)
        if before:
            end(m, *before)
        else:
            waiting.put(m)
    shops = [first] + [Workshop(i) for i in range(1, min(args.jobs, waiting.qsize()))]
    threads = [threading.Thread(target=work, args=(shop,), daemon=True) for shop in shops]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return len(wanted), len([m for m in wanted if seen.get(m.number, (None,))[0] is None])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("numbers", type=int, nargs="*")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--again", action="store_true")
    args = parser.parse_args()
    mutants = read_list()
    bad = check(mutants)
    print("\n".join(bad), end="\n" if bad else "")
    if bad or args.check:
        print("%d passed, %d failed" % (len(mutants) - len(bad), len(bad)))
        return 1 if bad else 0
    tried, failed = try_all(mutants, args)
    print("%d passed, %d failed" % (tried - failed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
