#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Tortures the real bot over real sockets and counts what was delivered.

    tests/torture/run.py --kills 300 --database all            kill -9, 300 times on each database
    tests/torture/run.py --kills 100 --trouble disk,files      other troubles (--help lists them)
    tests/torture/run.py --trouble allocation --kills 0        each allocation of a job's life fails once
    tests/torture/run.py --trouble overload                    10,000 jobs, 500 interactions a second
    tests/torture/run.py --all --kills 300                     all of it; --short: in a minute

Several runs go side by side, each in a process of its own; the overload, which measures, goes alone.
FULLET_BIN is the program (build-torture/src/fullet).
"""
import argparse
import os
import random
import selectors
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
import typing

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
os.environ.setdefault("FULLET_BIN", os.path.join(ROOT, "build-torture", "src", "fullet"))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True

import allocation  # noqa: E402
import kills  # noqa: E402
import overload  # noqa: E402
from cast import harness  # noqa: E402

DATABASES = ("sqlite", "postgres", "mysql")
OTHERS = ("allocation", "overload")  # they have nothing to do with the kind of database
SHORT = {"kill": 10, "memory": 8, "allocation": 40, "overload": 0}
SHORT_SCALE = 0.03
SHARES = 16  # of all allocations


class Run(typing.NamedTuple):
    trouble: str
    kind: str
    kills: int
    seed: int
    scale: float
    first: int = 0
    step: int = 0

    def arguments(self):
        """What runs it alone."""
        words = ["--trouble", self.trouble, "--database", self.kind, "--kills", self.kills, "--seed", self.seed]
        words += ["--scale", self.scale] if self.trouble == "overload" else []
        words += ["--from", self.first] if self.first else []
        words += ["--step", self.step] if self.step else []
        return [str(word) for word in words]

    def again(self):
        return " ".join(["tests/torture/run.py", *self.arguments()])

    def __str__(self):
        share = f" from {self.first} by {self.step}" if self.step else ""
        return f"{self.trouble}{share}, {self.kind}"


def perform(folder, run):
    dice = random.Random(f"{run.seed} {run.kind} {run.trouble}")
    if run.trouble == "allocation":
        return allocation.every_allocation(folder, run.kind, dice, run.kills, run.first, run.step)
    if run.trouble == "overload":
        return overload.overload(folder, dice, run.scale)
    return kills.torture(folder, run.kind, dice, run.trouble, run.kills)


def here(run):
    """In a folder of its own; whether it passed."""
    folder = tempfile.mkdtemp(prefix="fullet-torture-")
    began = time.monotonic()
    print(f"== {run}: seed {run.seed}", flush=True)
    try:
        said = perform(folder, run)
    except Exception:  # pylint: disable=broad-except # what it was is told, with the way to repeat it
        traceback.print_exc(file=sys.stdout)
        print(f"-- {run}: FAILED; the logs are in {folder}; to repeat it: {run.again()}", flush=True)
        return False
    print(f"-- {run}: {said}, in {time.monotonic() - began:.0f} s", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    return True


def side_by_side(waiting, jobs):
    """Each in a process, whose output is shown when it has ended; how many passed."""
    outputs = selectors.DefaultSelector()
    passed = 0
    while waiting or outputs.get_map():
        while waiting and len(outputs.get_map()) < jobs:
            run = waiting.pop(0)
            print(f"   {run}: begins", flush=True)
            child = subprocess.Popen(
                [sys.executable, os.path.abspath(__file__), *run.arguments()], stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, preexec_fn=harness.die_with_parent)
            outputs.register(child.stdout, selectors.EVENT_READ, (run, child, []))
        for key, _ in outputs.select():
            run, child, said = key.data
            if more := os.read(key.fd, 1 << 16):
                said.append(more)
                continue
            outputs.unregister(child.stdout)
            child.stdout.close()
            passed += child.wait() == 0
            print(b"".join(said).decode(errors="replace"), end="", flush=True)
            if child.returncode not in (0, 1):
                print(f"-- {run}: FAILED: it ended with {child.returncode}; to repeat it: {run.again()}", flush=True)
    return passed


def plan(o):
    if o.short:
        return [Run(trouble, "sqlite", n, o.seed, SHORT_SCALE) for trouble, n in SHORT.items()]
    kinds = DATABASES if o.database == "all" else o.database.split(",")
    troubles = [*OTHERS, *kills.TROUBLES] if o.all else o.trouble.split(",")
    runs = []
    for trouble in troubles:
        for kind in kinds:
            if (kind == "sqlite" and trouble in kills.OF_SERVERS) or (
                kind != "sqlite" and trouble in (*kills.OF_SQLITE, *OTHERS)
            ):
                continue
            run = Run(trouble, kind, o.kills, o.seed, o.scale, o.first, o.step)
            if trouble == "allocation" and (o.all or not (o.kills or o.first)):
                runs += [run._replace(kills=0, first=n, step=SHARES) for n in range(1, SHARES + 1)]
            else:
                runs.append(run)
    return runs


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="troubles: " + ", ".join([*kills.TROUBLES, *OTHERS]))
    parser.add_argument("--kills", type=int, default=300, help="how often (allocation: how many; 0: each)")
    parser.add_argument("--database", default="all", help="all, or some of " + ",".join(DATABASES))
    parser.add_argument("--trouble", default="kill")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--scale", type=float, default=1, help="of the overload")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first allocation that fails")
    parser.add_argument("--step", type=int, default=0, help="from one allocation that fails to the next")
    parser.add_argument("--jobs", type=int, default=2 * (os.cpu_count() or 1), help="how many runs at a time (%(default)s)")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--short", action="store_true")
    o = parser.parse_args()
    runs = plan(o)
    if len(runs) == 1:
        return not here(runs[0])
    alone = [run for run in runs if run.trouble == "overload"]
    passed = side_by_side([run for run in runs if run not in alone], max(o.jobs, 1)) + side_by_side(alone, 1)
    print(f"{passed} passed, {len(runs) - passed} failed")
    return passed != len(runs)


if __name__ == "__main__":
    sys.exit(main())
