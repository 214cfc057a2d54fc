# SPDX-License-Identifier: Apache-2.0
"""Each allocation of a job's life fails once: the bot goes on or ends, and the job has its picture.

The first run counts them. Then one job for each n (or for some, spread evenly): the n-th allocation
after its command was typed fails. A bot that ends is started again, as by a service manager.
"""
import collections
import mmap
import os
import struct
import subprocess
import time

from cast import HERE, Cast, Stuck
from verdict import judge

FIELDS = ("armed", "count", "fail_at", "failed")
PATIENCE = 60


class Control:
    """What the preloaded library and we share."""

    def __init__(self, folder):
        self.library = os.path.join(folder, "failalloc.so")
        self.path = os.path.join(folder, "failalloc")
        subprocess.run(
            [os.environ.get("CC", "cc"), "-D_GNU_SOURCE", "-O2", "-shared", "-fPIC", "-o", self.library,
             os.path.join(HERE, "failalloc.c")], check=True)
        with open(self.path, "wb") as file:
            file.write(bytes(8 * len(FIELDS)))
        with open(self.path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), 8 * len(FIELDS))

    def get(self, name):
        return struct.unpack_from("<Q", self.map, 8 * FIELDS.index(name))[0]

    def set(self, **values):
        for name, value in values.items():
            struct.pack_into("<Q", self.map, 8 * FIELDS.index(name), value)

    def arm(self, n):
        self.set(armed=0, failed=0, count=0, fail_at=n)
        self.set(armed=1)


def one_job(cast, control, n):
    """Its n-th allocation fails, if it makes so many; how the bot took it."""
    before = len(cast.bot.rows())
    control.arm(n)
    cast.ask(1)
    how = "not reached"
    deadline = time.monotonic() + PATIENCE

    def over():
        rows = cast.bot.rows()
        if len(rows) == before:
            return how != "not reached" and cast.interaction_is_over()  # it was not accepted
        return all(row["step"] >= 100 for row in rows)

    while not over():
        if not cast.bot.process.alive():
            how = ending(cast)
            control.set(armed=0)
            cast.start()
        if time.monotonic() > deadline:
            raise Stuck(f"allocation {n}: no end after {PATIENCE} s:\n{cast.bot.process.tail()}")
        with cast.bot.process.changed:
            cast.bot.process.changed.wait(0.05)
    control.set(armed=0)
    # It may have failed in what is tidied after the row's end, and the process not be gone yet.
    if control.get("failed") and how == "not reached":
        how = ending(cast)
        cast.start()
    return how


def ending(cast):
    """It has ended, or is about to: what it did with its last breath."""
    status = cast.bot.process.wait_exit()
    cast.bot.ended_as_wanted = True
    cast.ends += 1
    last = cast.bot.process.tail(3)
    assert status == 1 and "out of memory" in last, f"it ended with {status}:\n{last}"
    return "ended with a sentence"


def every_allocation(folder, kind, dice, most):
    """most: how many are tried, spread over all; 0: all."""
    control = Control(folder)
    cast = Cast(folder, kind, dice, LD_PRELOAD=control.library, FAILALLOC_FILE=control.path)
    how = collections.Counter()
    try:
        cast.start()
        for _ in range(2):  # the first one makes channels and learns
            one_job(cast, control, 0)
        total = control.get("count")
        step = max(total // most, 1) if most else 1
        for n in range(1 + dice.randrange(step), total + 1, step):
            said = one_job(cast, control, n)
            how[said] += 1
            if sum(how.values()) % 100 == 0:
                print(f"   {n} of {total}: {dict(how)}", flush=True)
        cast.settle()
        cast.bot.stop()
        found = judge(cast.records(), cast.rows())
        assert not found.faults, "\n".join(found.faults)
        return (f"{total} allocations in a job's life, {sum(how.values())} of them failed: {dict(how)}; "
                f"{found.jobs} accepted: {found.pictures} pictures, {found.apologies} apologies")
    finally:
        cast.close()
