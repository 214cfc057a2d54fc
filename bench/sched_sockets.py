#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The same trace twice: the bot with the sandbox's four cards over real sockets, and the decision function
behind protocol 1 in a simulator. Prints both and what lies between; see docs/SCHEDULING.md.

    bench/sched_sockets.py [--seed N] [--jobs N] [--scale X] [--load X] [--before N]

All times are of the trace: the sockets' run takes `scale` of them.
"""
import argparse
import os
import random
import statistics
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(HERE, "..", "tests", "e2e"))

import harness  # noqa: E402
from test_sched import Judge, gpu  # noqa: E402

STEP_MS, LOAD_MS = 1000, 15000  # a step of Flux at 1 megapixel; loading 10 GB
CONTEXT_MB = 400  # what nothing of ours can use
CARDS = ((16, 0.5), (16, 0.75), (24, 1), (24, 1))  # GB, speed
# Steps, their share of STEP_MS, MB of weights: as the sandbox has them (src/sandbox/comfy_memory.c).
MODELS = {
    "flux_image": (4, 1.0, 6780 + 246 + 3390 + 335),
    "flux2_image": (4, 0.4, 2950 + 2890 + 336),
    "z-image_imagine": (9, 0.55, 5520 + 2890 + 335),
}
SHARE = (("flux_image", 0.45), ("flux2_image", 0.25), ("z-image_imagine", 0.3))


def model(name):
    steps, share, mb = MODELS[name]
    return dict(id=name, weights=name, vram_mb=mb, act_mb=1200, load_ms=mb * LOAD_MS // 10000,
                image_ms=int(steps * share * STEP_MS), max_batch=1)


def make_trace(seed, n, load):
    """[(ms, member, model)]: Poisson arrivals of 20 members, some of whom ask more often."""
    rng = random.Random(seed)
    mean = sum(w * MODELS[m][0] * MODELS[m][1] * STEP_MS for m, w in SHARE)
    gap = mean / (load * sum(speed for _, speed in CARDS))
    t, trace = 0.0, []
    for _ in range(n):
        t += rng.expovariate(1 / gap)
        user = min(int(rng.paretovariate(1.2)) - 1, 19)
        trace.append((int(t), user, rng.choices([m for m, _ in SHARE], [w for _, w in SHARE])[0]))
    return trace


class Timed(Judge):
    """Notes when each pass began to occupy its card and when it ended."""

    def start(self, now, name):
        work = self.fifo[name][0]
        told = super().start(now, name)
        for job in work[1]:
            self.taken = getattr(self, "taken", {})
            self.taken[job] = now
        return told

    def happen(self, now, kind, what):
        told = super().happen(now, kind, what)
        if kind == "finished" and told:
            self.ended = getattr(self, "ended", {})
            self.ended.update(dict.fromkeys(told["jobs"], now))
        return told


def unlearned(m):
    """What a bot that has learned nothing knows: ten seconds a picture, no load, no need of memory."""
    return dict(m, vram_mb=1, act_mb=0, load_ms=0, image_ms=10000)


def simulate(trace, dispatch_ms, learned=True):
    cards = []
    for i, (gb, speed) in enumerate(CARDS):
        card = gpu(f"g{i}", gb * 1024 - CONTEXT_MB, int(speed * 1000))
        card["load_speed"] = card["speed"]
        cards.append(card)
    jobs = [(t, f"u{user}", 2, name, 1000) for t, user, name in trace]
    judge = Timed([model(m) for m in MODELS], cards, jobs, dispatch_ms=dispatch_ms)
    if not learned:
        judge.fleet["models"] = [unlearned(m) for m in judge.fleet["models"]]
        judge.fleet["gpus"] = [dict(c, speed=1000, load_speed=1000, keep=1) for c in cards]
    judge.run()
    rows = [(t, judge.taken[n], judge.ended[n]) for n, (t, _, _) in enumerate(trace)]
    return rows, judge.loads


def play(lab, sandbox, users, trace, scale):
    """Asks for everything at its time; returns how many were accepted: a machine that is too busy misses
    Discord's three seconds now and then."""
    began = time.monotonic()
    before = sandbox.state().outcomes()
    asked = []
    for n, (t, user, name) in enumerate(trace):
        time.sleep(max(began + t * scale / 1000 - time.monotonic(), 0))
        asked.append(sandbox.imagine(users[user], model=name, prompt=f"wish {n}"))
    time.sleep(4)
    mine = set(asked)

    def accepted(state):
        return sum(i["id"] in mine and bool(i["response"]) for i in state.raw["interactions"])

    sandbox.wait(lambda s: s.outcomes() - before == accepted(s), "the last picture", timeout=600)
    return accepted(sandbox.state())


def over_sockets(earlier, trace, scale, folder):
    """`earlier` is played before and only learned from."""
    lab = harness.Lab(folder)
    try:
        sandbox, bot = lab.start(
            "--cards", ",".join(str(gb) for gb, _ in CARDS), "--speeds", ",".join(str(s) for _, s in CARDS),
            "--cache-lru", "--no-rate-limits", MAX_JOBS_PER_USER=100, MAX_QUEUE=1000, LOG_LEVEL="info",
            sandbox={"SANDBOX_STEP_MS": int(STEP_MS * scale), "SANDBOX_LOAD_MS": int(LOAD_MS * scale)},
        )
        users = [sandbox.member(f"member{i}") for i in range(20)]
        old = play(lab, sandbox, users, earlier, scale) if earlier else 0
        known, loads = {row["id"] for row in bot.wait_ended(old)}, sum(sandbox.state().loads())
        n = play(lab, sandbox, users, trace, scale)
        state = sandbox.state()
        jobs = [row for row in bot.wait_ended(old + n) if row["id"] not in known]
        lab.finish()
    finally:
        lab.clean_up()
    failed = len(state.apologies())
    assert not failed, f"{failed} jobs ended in an apology"
    return jobs, state, sum(state.loads()) - loads


def job_of(prompt):
    images = [i for out in prompt["outputs"].values() for i in out.get("images", [])]
    return int(images[0]["filename"].split("_")[0])


def read_run(jobs, state, scale):
    """(arrival, on the card, end) in the trace's time, and the pauses of cards with work."""
    arrival = {row["id"]: row["created_ms"] for row in jobs}
    rows, pauses = [], []
    first = min(arrival.values())
    for card in state.cards():
        runs = [p for p in card["prompts"] if p["status"] == "success" and job_of(p) in arrival]
        runs.sort(key=lambda p: p["started_ms"])
        for p in runs:
            times = (arrival[job_of(p)], p["started_ms"], p["finished_ms"])
            rows.append(tuple((t - first) / scale for t in times))
        # The next job had been asked for long before the one before it ended.
        pauses += [
            (b["started_ms"] - a["finished_ms"]) / scale
            for a, b in zip(runs, runs[1:])
            if arrival[job_of(b)] < a["started_ms"]
        ]
    return rows, pauses


def row(name, rows, loads):
    waits = sorted(b - a for a, b, _ in rows)
    flows = [c - a for a, _, c in rows]
    p95 = waits[int(len(waits) * 0.95)]
    busy = sum(c - b for _, b, c in rows)
    end = max(c for _, _, c in rows) - min(a for a, _, _ in rows)
    values = (statistics.mean(waits), p95, statistics.mean(flows), busy / len(rows), end)
    cells = " | ".join(f"{v / 1000:.1f}" for v in values)
    print(f"| {name} | {cells} | {loads} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=120)
    parser.add_argument("--scale", type=float, default=0.25)
    parser.add_argument("--load", type=float, default=0.7, help="of what the cards can do without loads")
    parser.add_argument("--before", type=int, default=0, help="jobs of another trace that are learned from")
    o = parser.parse_args()
    earlier = make_trace(o.seed + 1000, o.before, o.load)
    trace = make_trace(o.seed, o.jobs, o.load)
    with tempfile.TemporaryDirectory() as folder:
        jobs, state, loads = over_sockets(earlier, trace, o.scale, folder)
    rows, pauses = read_run(jobs, state, o.scale)
    pause = statistics.median(pauses) if pauses else 0
    print(f"seed {o.seed}, {o.jobs} jobs, scale {o.scale}; a card with work paused for {pause:.0f} ms of the trace")
    print("| | mean wait until a card takes it, s | p95 | mean time to the picture's end | mean time on the card "
          "| until the last | loads |")
    print("|---|---|---|---|---|---|---|")
    row("sockets", rows, loads)
    row("simulator", *simulate(trace, 0))
    row("simulator, each dispatch taking the measured pause", *simulate(trace, int(pause)))
    row("simulator that knows no times, loads or speeds", *simulate(trace, 0, learned=False))


if __name__ == "__main__":
    main()
