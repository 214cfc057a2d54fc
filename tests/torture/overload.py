# SPDX-License-Identifier: Apache-2.0
"""More than a busy server ever brings: the line is filled to its ceiling while interactions and other
traffic pour in, the bot is killed and started again, then the line is drained. Acknowledgements stay
quick, memory below its ceiling, refusals polite, and a start with all of the line short.

At scale 1: 1,000 members, 500 channels, 500 interactions a second for 60 s, 10,000 jobs of 400 members
with a cap of 25, 2,000 messages a second of others.
"""
import collections
import http.client
import json
import re
import time
import urllib.parse

from cast import harness
from verdict import delivered, judge

CAP = 25
ACK_P99_MS = 100  # at scale 1; a short run on a busy machine is not measured so closely
MEMORY_MAX_MIB = 256  # of the bot, with all 10,000 jobs in its line
READY_S, FIRST_PICTURE_S = 20, 60  # after a start with all of them; generous, for a busy machine
TICK_S = 0.02
BATCH = 100  # of what is late, so many at once
CARDS = ",".join(["24"] * 8)


class Crowd:
    """Commands and messages, many at a time, over one connection."""

    def __init__(self, sandbox):
        self.connection = http.client.HTTPConnection(urllib.parse.urlsplit(sandbox.page).netloc, timeout=120)

    def send(self, commands, says):
        self.connection.request(
            "POST", "/control/crowd", json.dumps({"commands": commands, "says": says}),
            {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        body = json.loads(answer.read())
        assert answer.status == 200 and body["refused"] == 0, body


def percentile(values, share):
    values = sorted(values)
    return values[min(int(len(values) * share), len(values) - 1)]


def peak_mib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmHWM:\s+(\d+)", status.read())[1]) / 1024


def who_asks(members, jobs, total, dice):
    """First those of whom each may have CAP jobs, until the line is full; then anybody."""
    first = members[: jobs // CAP]
    full = [m for m in first for _ in range(CAP)]
    dice.shuffle(full)
    return full + [dice.choice(members) for _ in range(total - len(full))]


def pour(crowd, members, channel, plan, per_second, events, dice):
    """At the rate wanted, or as fast as it goes when the machine cannot; the seconds it took."""
    began = time.monotonic()
    sent = said = 0
    while sent < len(plan):
        due = time.monotonic() - began + TICK_S
        wanted = plan[sent : min(int(due * per_second), len(plan), sent + BATCH)]
        noise = min(max(int(due * events) - said, 0), 4 * BATCH)
        crowd.send(
            [{"user": user, "name": "imagine", "options": {"model": "flux_image", "prompt": f"number {sent + i}"}}
             for i, user in enumerate(wanted)],
            [{"user": dice.choice(members), "channel": channel, "text": "good morning"} for _ in range(noise)])
        sent, said = sent + len(wanted), said + noise
        time.sleep(max(began + due - time.monotonic(), 0))  # the rate, not an outcome
    return time.monotonic() - began, said


def overload(folder, dice, scale):
    members_n, jobs, per_second = (max(int(n * scale), CAP) for n in (1000, 10000, 500))
    jobs = jobs // CAP * CAP
    seconds, events = max(60 * min(scale * 4, 1), jobs / per_second * 1.5), int(2000 * scale)
    lab = harness.Lab(folder)
    try:
        sandbox = lab.start_sandbox(
            "--no-rate-limits", "--plain-pictures", "--cards", CARDS, SANDBOX_STEP_MS=0, SANDBOX_LOAD_MS=0, LOG_LEVEL="warn")
        members = [sandbox.member(f"member{n}") for n in range(members_n)]
        owners = jobs // CAP
        sandbox.act("fill", channels=500 - owners - (owners + 49) // 50 - 5)
        for card in range(8):
            sandbox.fault("comfy_stall", card=card)
        settings = {"MAX_JOBS_PER_USER": CAP, "MAX_QUEUE": jobs, "LOG_LEVEL": "info"}
        bot = lab.start_bot(**settings)
        sandbox.wait(lambda s: s.raw["commands"], "the commands")
        general = str(sandbox.state().channel_named("general")["id"])
        plan = who_asks(members, jobs, int(seconds * per_second), dice)
        took, said = pour(Crowd(sandbox), members, general, plan, per_second, events, dice)
        print(f"   {len(plan)} interactions and {said} messages in {took:.1f} s; cpu {bot.process.cpu_seconds():.1f} s",
              flush=True)
        lines = measure(sandbox, len(plan), jobs, took, ACK_P99_MS if scale >= 1 else 2000)
        peak = peak_mib(bot.process.pid)
        bot.kill()
        for card in range(8):
            sandbox.fault("comfy_stall", card=card, ms=0)
        bot = lab.start_bot(ready=False, **settings)
        lines += taken_up(sandbox, bot)
        lines += drain(sandbox, bot, jobs)
        peak = max(peak, peak_mib(bot.process.pid))
        assert peak < MEMORY_MAX_MIB, f"{peak:.0f} MiB of memory"
        bot.stop()
        found = judge(sandbox.get("/control/records", timeout=120), bot.rows())
        assert not found.faults and found.jobs == jobs, (found.jobs, found.faults[:20])
        lab.finish()
        return f"{lines}; at most {peak:.0f} MiB; {found.pictures} pictures, {found.apologies} apologies"
    except BaseException:
        print(lab.report()[-6000:])
        raise
    finally:
        lab.clean_up()


def measure(sandbox, asked, jobs, took, most_ms):
    """Of the interactions: all acknowledged, and answered by a sentence. (The last may be on its way.)"""

    def answered():
        found = sandbox.get("/control/records", timeout=120)["interactions"]
        return found if all("acked_ms" in i and i["said"] for i in found) else None

    began = time.monotonic()
    deadline = began + 300
    while not (interactions := answered()):
        found = sandbox.get("/control/records", timeout=120)["interactions"]
        left = (sum("acked_ms" not in i for i in found), sum(not i["said"] for i in found))
        assert time.monotonic() < deadline, f"{left[0]} interactions not acknowledged, {left[1]} without an answer"
        sandbox.wait_change(1 << 60, 5)
    assert len(interactions) == asked, len(interactions)
    acks = [i["acked_ms"] - i["created_ms"] for i in interactions]
    first = [i["said"][0] for i in interactions]
    words = collections.Counter(re.sub(r"<#\d+>|\d+", "N", text["text"]) for text in first)
    print(f"   {dict(words)}", flush=True)
    queued = sum(text["text"].startswith("Queued") for text in first)
    refusals = [t["ms"] - i["created_ms"] for t, i in zip(first, interactions) if not t["text"].startswith("Queued")]
    assert queued == jobs, f"{queued} of {jobs} queued"
    p50, p99, worst = percentile(acks, 0.5), percentile(acks, 0.99), max(acks)
    said = (f"{asked} interactions in {took:.1f} s: acknowledged within {p50} ms (p50), {p99} ms (p99), {worst} ms "
            f"(most); {queued} queued, {len(refusals)} refused within {percentile(refusals, 0.99)} ms (p99)")
    print(f"   {said}", flush=True)
    assert p99 < most_ms, f"acknowledged within {p99} ms at p99"
    return said


def taken_up(sandbox, bot):
    """All of the line is there again, and goes on."""
    began = time.monotonic()
    before = len(delivered(sandbox.get("/control/records", timeout=120))[0])
    bot.process.wait_line(r"discord: ready$", timeout=READY_S)
    ready = time.monotonic() - began
    while len(delivered(sandbox.get("/control/records", timeout=120))[0]) == before:
        assert time.monotonic() - began < FIRST_PICTURE_S, f"no picture {FIRST_PICTURE_S} s after the start"
        sandbox.wait_change(1 << 60, 0.5)
    said = f"; after kill -9 ready in {ready:.1f} s, the first picture after {time.monotonic() - began:.1f} s"
    print(f"   {said[2:]}", flush=True)
    return said


def drain(sandbox, bot, jobs):
    """Nothing stays in the line."""
    began = before = time.monotonic()
    ended = 0
    while ended < jobs:
        now = sum(row["step"] >= 100 for row in bot.rows())
        if now > ended:
            ended, before = now, time.monotonic()
        assert time.monotonic() - before < 120, f"{ended} of {jobs} have ended, and nothing moves"
        sandbox.wait_change(1 << 60, 2)
    said = f"; drained in {time.monotonic() - began:.0f} s ({bot.process.cpu_seconds():.0f} s of CPU time)"
    print(f"   {said[2:]}", flush=True)
    return said
