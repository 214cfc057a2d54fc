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
PATIENCE = 120


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
    before = jobs(cast)
    # An administrator has removed the member's channel: to make it again belongs to the job's life.
    # (A job that was not accepted has made none.)
    if before["channel"] and before["channel"] != cast.channel_removed:
        cast.channel_removed = before["channel"]
        cast.discord.act("delete_channel", channel=str(cast.channel_removed))
    control.arm(n)
    cast.ask(1)
    how = "not reached"
    began = time.monotonic()

    def over():
        now = jobs(cast)
        if now["asked"] == before["asked"]:  # perhaps it is not accepted
            return time.monotonic() > began + 1 and cast.interaction_is_over()
        return not now["open"]

    while not over():
        if not cast.bot.process.alive():
            how = ending(cast)
            control.set(armed=0)
            cast.start()
        if time.monotonic() > began + PATIENCE:
            raise Stuck(f"no end after {PATIENCE} s:\n{cast.bot.process.tail()}")
        with cast.bot.process.changed:
            cast.bot.process.changed.wait(0.01)
    control.set(armed=0)
    # It may have failed in what is tidied after the row's end, and the process not be gone yet.
    if control.get("failed") and how == "not reached":
        how = ending(cast)
        cast.start()
    return how


def jobs(cast):
    """How many were asked for, how many of them are open, the last one's channel; quickly, for it is asked often."""
    return cast.bot.query(
        "SELECT count(*) AS asked, coalesce(sum(step < 100), 0) AS open,"
        " (SELECT channel_id FROM jobs ORDER BY id DESC LIMIT 1) AS channel FROM jobs")[0]


def ending(cast):
    """It has ended, or is about to: what it did with its last breath."""
    status = cast.bot.process.wait_exit()
    cast.bot.ended_as_wanted = True
    cast.ends += 1
    last = cast.bot.process.tail(3)
    assert status == 1 and "out of memory" in last, f"it ended with {status}:\n{last}"
    return "ended with a sentence"


def every_allocation(folder, kind, dice, most, first=0, step=0):
    """Each `step`-th from `first` on fails; most: how many are tried, spread over all if no step is given; 0: all."""
    control = Control(folder)
    cast = Cast(folder, kind, dice, members=1, comfy=("--plain-pictures",), LD_PRELOAD=control.library,
                FAILALLOC_FILE=control.path)
    cast.channel_removed = None
    how = collections.Counter()
    try:
        cast.start()
        for _ in range(3):  # the first one makes the category and learns
            one_job(cast, control, 0)
        total = control.get("count")
        step = step or (max(total // most, 1) if most else 1)
        tried = range(first or 1 + dice.randrange(step), total + 1, step)
        for i, n in enumerate(tried[:most] if most else tried, 1):
            try:
                how[one_job(cast, control, n)] += 1
            except AssertionError as e:
                raise AssertionError(f"allocation {n} (alone: --from {n} --kills 1): {e}") from None
            if i % 100 == 0:
                print(f"   {n} of {total}: {dict(how)}", flush=True)
        cast.settle()
        cast.bot.stop()
        found = judge(cast.records(), cast.rows())
        assert not found.faults, "\n".join(found.faults)
        return (f"{total} allocations in a job's life, {sum(how.values())} of them failed: {dict(how)}; "
                f"{found.jobs} accepted: {found.pictures} pictures, {found.apologies} apologies")
    finally:
        cast.close()
