# SPDX-License-Identifier: Apache-2.0
"""What is done to the bot and to those around it, again and again, at moments that are drawn.

A moment is a number of lines that the bot has still to log (each step of a job, each request has
some) and a few milliseconds: with the seed it is the same again, as far as a machine repeats itself.
"""
import contextlib
import os
import resource
import signal
import time

from cast import OPEN_MAX, Cast
from verdict import APOLOGY, delivered, judge, reasons

# What rules of Discord a bot cannot keep while it is dead or does not get through: it answers late,
# or asks for what has gone meanwhile.
EXCUSED = {"acknowledged_late", "acknowledged_twice", "webhook_before_callback"}
LINES_MAX = 60  # of a job it logs some ten
PROGRESS = 25


def a_moment(cast, start=None, most=LINES_MAX):
    """Waits until it has come."""
    n = cast.dice.randint(1, most if cast.dice.random() < 0.5 else max(most // 4, 1))
    cast.wait_lines(n, cast.lines() if start is None else start)
    time.sleep(cast.dice.random() * cast.dice.choice((0.003, 0.05)))  # between two lines too


def kill_bot(cast):
    if cast.bot.process.alive():
        cast.bot.kill()
    else:
        cast.ended()
    cast.start(ready=False)


def kill(cast):
    """kill -9 of the bot; now and then before it is ready."""
    if cast.dice.random() < 0.2:
        a_moment(cast, start=0, most=40)
    else:
        cast.wait_ready()
        traffic(cast)
        a_moment(cast)
    kill_bot(cast)


def comfy_kill(cast):
    """A ComfyUI dies and comes back with nothing; at times the bot dies meanwhile."""
    cast.wait_ready()
    traffic(cast)
    a_moment(cast)
    comfy = cast.dice.choice(cast.comfy)
    comfy.kill()
    a_moment(cast, most=30)
    if cast.dice.random() < 0.3:
        kill_bot(cast)
    comfy.start()


@contextlib.contextmanager
def stopped(who):
    send = who.signal if hasattr(who, "signal") else who.child.send_signal
    send(signal.SIGSTOP)
    try:
        yield
    finally:
        send(signal.SIGCONT)


def pause(cast, who):
    """The network to it stands still: nothing comes, nothing breaks."""
    cast.wait_ready()
    traffic(cast)
    a_moment(cast)
    with stopped(who):
        a_moment(cast, most=20)
        if cast.dice.random() < 0.3:
            kill_bot(cast)


def pause_discord(cast):
    pause(cast, cast.discord.process)


def pause_comfy(cast):
    pause(cast, cast.dice.choice(cast.comfy))


def pause_database(cast):
    pause(cast, cast.database)


def kill_database(cast):
    cast.wait_ready()
    traffic(cast)
    a_moment(cast)
    cast.database.server.kill()
    a_moment(cast, most=30)
    if cast.dice.random() < 0.3:
        kill_bot(cast)
    cast.database.server.start()


@contextlib.contextmanager
def limited(cast, what, value):
    """A ceiling of the bot's is lowered while it runs."""
    pid = cast.bot.process.pid
    try:
        before = resource.prlimit(pid, what)
        resource.prlimit(pid, what, (value, before[1]))
    except ProcessLookupError:
        yield
        return
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, what, before)


def squeeze(cast, what, used, room):
    """There is not enough of it, whatever is done meanwhile."""
    cast.wait_ready()
    traffic(cast)
    a_moment(cast)
    if not cast.bot.process.alive():
        return
    with limited(cast, what, used(cast.bot.process.pid) + cast.dice.randrange(room)):
        cast.ask(2)
        a_moment(cast, most=30)
        if cast.dice.random() < 0.3:
            kill_bot(cast)


def few_files(cast):
    squeeze(cast, resource.RLIMIT_NOFILE, lambda pid: len(os.listdir(f"/proc/{pid}/fd")), 4)


def address_space(pid):
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def little_memory(cast):
    squeeze(cast, resource.RLIMIT_AS, address_space, 1 << 20)


def full_disk(cast):
    """Whatever room is left is taken; later it is given back."""
    cast.wait_ready()
    traffic(cast)
    a_moment(cast)
    filler = os.path.join(cast.disk, "filler")
    with open(filler, "wb", buffering=0) as file:
        for size in (1 << 16, 4096, 512):
            with contextlib.suppress(OSError):
                while file.write(b"x" * size) == size:
                    pass
    cast.ask(2)
    a_moment(cast, most=40)
    if cast.dice.random() < 0.3:
        kill_bot(cast)
        a_moment(cast, start=0, most=10)
    os.unlink(filler)


TROUBLES = {
    "kill": kill,
    "comfy-kill": comfy_kill,
    "comfy-pause": pause_comfy,
    "discord-pause": pause_discord,
    "database-kill": kill_database,
    "database-pause": pause_database,
    "disk": full_disk,
    "files": few_files,
    "memory": little_memory,
}
OF_SERVERS = {"database-kill", "database-pause"}
OF_SQLITE = {"disk"}


def spoil(cast):
    """Beside it all: answers are lost, prompts fail, members change their minds."""
    chance = cast.dice.random()
    executed = cast.dice.random() < 0.5
    if chance < 0.1:
        cast.discord.fault("reset", side="discord", method="POST", route="/channels/{}/messages", executed=executed)
    elif chance < 0.2:
        cast.discord.fault("status", side="discord", status=502, executed=executed)
    elif chance < 0.25:
        cast.discord.fault("gateway_drop", code=4000)
    elif chance < 0.35:
        cast.press_cancel()
    elif chance < 0.45:
        cast.dice.choice(cast.comfy).sandbox.fault("comfy_error")


def traffic(cast):
    """A few requests; when many jobs are open, some of them come to their end first."""
    if open_jobs(cast) >= OPEN_MAX:
        cast.wait_until(lambda: open_jobs(cast) <= OPEN_MAX // 2, "half of the open jobs to end")
    cast.ask(cast.dice.randint(1, 4))
    spoil(cast)


def open_jobs(cast):
    records = cast.records()
    queued = answered = 0
    for interaction in records["interactions"]:
        said = [one["text"] for one in interaction["said"]]
        if any(text.startswith("Queued") for text in said):
            queued += 1
            answered += said[-1].startswith(APOLOGY)
    pictures, apologies = delivered(records)
    return queued - answered - len(set(pictures) | set(apologies))


def torture(folder, kind, dice, trouble, n):
    """`n` times; what was counted in the end, as a sentence."""
    cast = Cast(folder, kind, dice, small_disk=trouble == "disk")
    try:
        cast.start()
        for i in range(1, n + 1):
            TROUBLES[trouble](cast)
            if i % PROGRESS == 0:
                print(f"   {i}: {cast.asked} asked for, {open_jobs(cast)} open, {cast.starts} starts", flush=True)
        return finish(cast)
    finally:
        cast.close()


def finish(cast):
    """Fair weather: all comes to its end, and one more start changes nothing."""
    cast.discord.fault("clear")
    cast.wait_ready()
    cast.settle()
    cast.bot.stop()
    found = judge(cast.records(), cast.rows())
    assert not found.faults, "\n".join(found.faults)
    cast.start()
    cast.bot.stop()
    again = judge(cast.records(), cast.rows())
    assert again == found, f"after one more start {again} instead of {found}"
    broken = [v for v in cast.discord.violations() if v["rule"] not in EXCUSED]
    assert not broken, f"rules were broken: {broken[:10]}"
    assert found.jobs > 0, "nothing was accepted"
    return (
        f"{cast.asked} asked for, {found.jobs} accepted: {found.pictures} pictures, {found.apologies} "
        f"apologies{reasons(cast.rows())}, {found.undeliverable} undeliverable; {cast.starts} starts"
    )
