#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Tortures the real bot over real sockets and counts what was delivered.

    tests/torture/run.py --kills 300 --database all            kill -9, 300 times on each database
    tests/torture/run.py --kills 100 --trouble disk,files      other troubles (--help lists them)
    tests/torture/run.py --trouble allocation --kills 0        each allocation of a job's life fails once
    tests/torture/run.py --trouble overload                    10,000 jobs, 500 interactions a second
    tests/torture/run.py --all --kills 300                     all of it, for hours; --short: in a minute or two

FULLET_BIN is the program (build-torture/src/fullet).
"""
import argparse
import os
import random
import shutil
import sys
import tempfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
os.environ.setdefault("FULLET_BIN", os.path.join(ROOT, "build-torture", "src", "fullet"))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True

import allocation  # noqa: E402
import kills  # noqa: E402
import overload  # noqa: E402

DATABASES = ("sqlite", "postgres", "mysql")
OTHERS = ("allocation", "overload")  # they have nothing to do with the kind of database
SHORT = {"kill": 10, "memory": 8, "allocation": 40, "overload": 0}
SHORT_SCALE = 0.03


def perform(folder, trouble, kind, n, dice, scale):
    if trouble == "allocation":
        return allocation.every_allocation(folder, kind, dice, n)
    if trouble == "overload":
        return overload.overload(folder, dice, scale)
    return kills.torture(folder, kind, dice, trouble, n)


def one(trouble, kind, n, seed, scale):
    """A run in a folder of its own; whether it passed."""
    folder = tempfile.mkdtemp(prefix="fullet-torture-")
    began = time.monotonic()
    print(f"== {trouble}, {kind}: seed {seed}", flush=True)
    try:
        said = perform(folder, trouble, kind, n, random.Random(f"{seed} {kind} {trouble}"), scale)
    except Exception:  # pylint: disable=broad-except # the others are run all the same
        traceback.print_exc()
        again = f"tests/torture/run.py --kills {n} --database {kind} --trouble {trouble} --seed {seed}"
        print(f"-- {trouble}, {kind}: FAILED; the logs are in {folder}; to repeat it: {again}", flush=True)
        return False
    print(f"-- {trouble}, {kind}: {said}, in {time.monotonic() - began:.0f} s", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    return True


def plan(o):
    """Each run as trouble, kind of database, how often."""
    if o.short:
        return [(trouble, "sqlite", n) for trouble, n in SHORT.items()]
    kinds = DATABASES if o.database == "all" else o.database.split(",")
    troubles = [*kills.TROUBLES, *OTHERS] if o.all else o.trouble.split(",")
    runs = []
    for trouble in troubles:
        for kind in kinds:
            if (kind == "sqlite" and trouble in kills.OF_SERVERS) or (
                kind != "sqlite" and trouble in (*kills.OF_SQLITE, *OTHERS)
            ):
                continue
            runs.append((trouble, kind, 0 if o.all and trouble == "allocation" else o.kills))
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
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--short", action="store_true")
    o = parser.parse_args()
    done = [one(*run, o.seed, SHORT_SCALE if o.short else o.scale) for run in plan(o)]
    print(f"{sum(done)} passed, {len(done) - sum(done)} failed")
    return not all(done)


if __name__ == "__main__":
    sys.exit(main())
