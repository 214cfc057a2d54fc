# SPDX-License-Identifier: Apache-2.0
"""fullet sched --stdio: protocol 1, against a judge of a few lines that owns the clock and the cards."""
import heapq
import json
import subprocess

import pytest

from harness import FULLET

PATIENCE = 30

FLUX = dict(id="flux", weights="flux4b", vram_mb=5600, act_mb=1400, batch_mb=700, load_ms=14000,
            image_ms=4000, extra_ms=2900, max_batch=4)
EDIT = dict(FLUX, id="edit", act_mb=2200, image_ms=7500, extra_ms=7500, max_batch=1)
SDXL = dict(id="sdxl", vram_mb=6600, act_mb=1400, batch_mb=800, load_ms=10000, image_ms=6500,
            extra_ms=4400, max_batch=4)
HUGE = dict(id="huge", vram_mb=20000, act_mb=3000, load_ms=60000, image_ms=30000, max_batch=1)


def gpu(name, vram, speed=1000):
    return dict(id=name, vram_mb=vram, speed=speed)


class Judge:
    """Runs one trace of jobs (time, user, priority, model, work) and faults (time, gpu, up) and
    checks every decision against the rules; `log` holds what was sent, `wait` when each job began."""

    def __init__(self, models, gpus, jobs, faults=(), dispatch_ms=0):
        self.models = {m["id"]: m for m in models}
        self.gpus = {g["id"]: g for g in gpus}
        self.fleet = dict(format="fullet-sched-fleet/1", dispatch_ms=dispatch_ms, models=models, gpus=gpus)
        self.jobs, self.dispatch_ms = jobs, dispatch_ms
        self.state = ["future"] * len(jobs)
        self.began, self.log, self.loads = {}, [], 0
        self.fifo = {g: [] for g in self.gpus}
        self.running = dict.fromkeys(self.gpus)
        self.held = {g: [] for g in self.gpus}
        self.up = dict.fromkeys(self.gpus, True)
        self.events, self.order, self.passes = [], 0, 0
        for number, job in enumerate(jobs):
            self.at(job[0], "arrival", number)
        for t, name, up in faults:
            self.at(t, "gpu_up" if up else "gpu_down", name)

    def at(self, t, kind, what):
        self.order += 1
        heapq.heappush(self.events, (t, self.order, kind, what))

    def size(self, model):
        return next(m["vram_mb"] for m in self.models.values() if m.get("weights", m["id"]) == model)

    def start(self, now, name):
        work = self.fifo[name].pop(0)
        model, held = self.models[self.jobs[work[1][0]][3]], self.held[name]
        weights, n = model.get("weights", model["id"]), len(work[1])
        load = 0 if weights in held else model["load_ms"]
        self.loads += load > 0
        if weights in held:
            held.remove(weights)
        need = model["vram_mb"] + model["act_mb"] + (n - 1) * model.get("batch_mb", 0)
        while sum(map(self.size, held)) + need > self.gpus[name]["vram_mb"]:
            held.pop(0)
        held.append(weights)
        run = (model["image_ms"] + (n - 1) * model.get("extra_ms", 0)) * self.jobs[work[1][0]][4]
        self.running[name] = work
        for job in work[1]:
            self.state[job], self.began[job] = "running", now + load
        self.at(now + load + run // self.gpus[name]["speed"], "finished", (name, work))
        return dict(ev="started", t=now, gpu=name, jobs=work[1], load=load, resident=list(held), **{"pass": work[0]})

    def happen(self, now, kind, what):
        if kind == "arrival":
            self.state[what] = "waiting"
            _, user, prio, model, work = self.jobs[what]
            return dict(ev=kind, t=now, job=what, user=user, prio=prio, model=model, work=work)
        if kind == "tick":
            return dict(ev=kind, t=now)
        if kind == "start":
            return self.start(now, what) if self.fifo[what] and not self.running[what] else None
        if kind == "finished":
            name, work = what
            if self.running[name] is not work:
                return None
            self.running[name] = None
            for job in work[1]:
                self.state[job] = "done"
            if self.fifo[name]:
                self.at(now, "start", name)
            return dict(ev=kind, t=now, gpu=name, jobs=work[1], **{"pass": work[0]})
        self.up[what] = kind == "gpu_up"
        lost = [j for w in [self.running[what], *self.fifo[what]] if w for j in w[1]]
        if kind == "gpu_down":
            self.running[what], self.fifo[what], self.held[what] = None, [], []
            for job in lost:
                self.state[job] = "waiting"
        return dict(ev=kind, t=now, gpu=what, **({"lost": lost} if kind == "gpu_down" else {}))

    def fits(self, model, name, n=1):
        m = self.models[model]
        return m["vram_mb"] + m["act_mb"] + (n - 1) * m.get("batch_mb", 0) <= self.gpus[name]["vram_mb"]

    def act(self, now, action):
        if action["do"] == "reject":
            job = action["job"]
            assert self.state[job] == "waiting"
            assert not any(self.fits(self.jobs[job][3], name) for name in self.gpus)
            self.state[job] = "rejected"
            return
        assert action["do"] == "dispatch", action
        name, jobs = action["gpu"], action["jobs"]
        kinds = {self.jobs[j][3:] for j in jobs}
        assert self.up[name] and len(kinds) == 1 and len(set(jobs)) == len(jobs)
        assert all(self.state[j] == "waiting" for j in jobs)
        model = next(iter(kinds))[0]
        assert len(jobs) <= self.models[model]["max_batch"] and self.fits(model, name, len(jobs))
        self.passes += 1
        for job in jobs:
            self.state[job] = "sent"
        self.log.append((now, name, jobs))
        self.fifo[name].append((self.passes, jobs))
        if not self.running[name]:
            self.at(now + self.dispatch_ms, "start", name)

    def run(self):
        child = subprocess.Popen([FULLET, "sched", "--stdio"], stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, text=True)
        try:
            def ask(messages):
                child.stdin.write("".join(json.dumps(m) + "\n" for m in messages))
                child.stdin.flush()
                while True:
                    answer = json.loads(child.stdout.readline())
                    yield answer
                    if answer["do"] in ("done", "ready"):
                        return

            list(ask([dict(ev="init", t=0, proto=1, fleet=self.fleet)]))
            while self.events:
                now, told = self.events[0][0], []
                while self.events and self.events[0][0] == now:
                    told.append(self.happen(now, *heapq.heappop(self.events)[2:]))
                told = [t for t in told if t]
                if not told:
                    continue
                for action in list(ask([*told, dict(ev="go", t=now)])):
                    if action["do"] != "done":
                        self.act(now, action)
                    elif "wake" in action:
                        assert action["wake"] > now
                        self.at(action["wake"], "tick", None)
            child.stdin.write('{"ev":"end"}\n')
            child.stdin.close()
            assert child.wait(PATIENCE) == 0
        finally:
            child.kill()
            child.wait()
        assert set(self.state) <= {"done", "rejected"}
        return self

    def wait(self, job):
        return self.began[job] - self.jobs[job][0]


def test_two_cards_share_two_models():
    jobs = [(t * 3000, f"u{t % 9}", 2, ("flux", "sdxl")[t % 2], 1000) for t in range(120)]
    judge = Judge([FLUX, EDIT, SDXL], [gpu("a", 12000), gpu("b", 12000)], jobs).run()
    assert judge.loads == 2  # each card keeps its model
    assert max(judge.wait(j) for j in range(10, 120)) <= 12000
    assert judge.log == Judge([FLUX, EDIT, SDXL], [gpu("a", 12000), gpu("b", 12000)], jobs).run().log


def test_a_flood_a_lost_card_and_a_model_that_is_too_large():
    jobs = [(100, "flood", 2, "flux", 1000)] * 80
    jobs += [(10000 + t * 9000, f"u{t}", 2, ("flux", "edit")[t % 2], 1000) for t in range(20)]
    jobs += [(50000, "late", 2, "huge", 1000), (90000, "boss", 0, "sdxl", 2000)]
    faults = [(60000, "a", False), (100000, "a", True), (120000, "b", False), (121000, "b", True)]
    judge = Judge([FLUX, EDIT, SDXL, HUGE], [gpu("a", 16000), gpu("b", 8100, 500)], jobs, faults).run()
    assert judge.state.count("rejected") == 1
    others = [judge.wait(j) for j in range(80, 100)]
    assert sum(others) / len(others) < sum(judge.wait(j) for j in range(80)) / 80 / 2
    assert judge.wait(101) <= 45000  # a load on a slow card at worst


def test_far_cards_get_the_next_pass_in_time():
    jobs = [(t * 10, f"u{t}", 2, "flux", 1000 + t % 2 * 1000) for t in range(30)]
    judge = Judge([FLUX], [gpu("a", 8000)], jobs, dispatch_ms=900).run()
    ends = judge.began[0]
    assert judge.loads == 1
    work = sum((FLUX["image_ms"] + (len(s[2]) - 1) * FLUX["extra_ms"]) * jobs[s[2][0]][4] // 1000
               for s in judge.log[:-1])
    assert max(judge.began.values()) - ends == work  # no card time is lost between passes


@pytest.mark.parametrize("lines, words", [
    (["hello"], "line 1: no JSON object"),
    (['{"ev":"go","t":1}'], 'begins with "init"'),
    (['{"ev":"init","proto":2,"fleet":{"gpus":[],"models":[]}}'], '"proto" must be'),
    (['{"ev":"init","proto":1,"fleet":{"gpus":[{"id":"a","vram_mb":-5}],"models":[]}}'], '"vram_mb" must be'),
    (['{"ev":"init","proto":1,"fleet":{"gpus":[],"models":[]}}', '{"ev":"gpu_up","t":1,"gpu":"x"}'],
     'there is no gpu "x"'),
    (['{"ev":"init","proto":1,"fleet":{"gpus":[],"models":[]}}'], 'stops without "end"'),
])
def test_a_broken_conversation_ends_with_one_sentence(lines, words):
    done = subprocess.run([FULLET, "sched", "--stdio"], input="".join(x + "\n" for x in lines),
                          capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 1
    assert words in done.stderr and done.stderr.count("\n") == 1
