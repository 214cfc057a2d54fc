# SPDX-License-Identifier: Apache-2.0
"""How long it will take, as members read it, once that was learned from runs."""
import re


def about(text):
    """The seconds of "about 20 s", in either language; None: nothing is said."""
    found = re.search(r", (?:about|aprox\.) (\d+) (s|min)\b", text)
    return int(found[1]) * {"s": 1, "min": 60}[found[2]] if found else None


def hold_and_line_up(sandbox, user, n):
    """The card is caught in the first of them; what is told of the last one."""
    sandbox.fault("comfy_stall")
    for i in range(n):
        asked = sandbox.imagine(user, prompt=f"in line {i}")
        sandbox.wait(lambda s: s.answer_text(asked), "it is accepted")
    return sandbox.wait(lambda s: told(s, user, f"in line {n - 1}"), "its live message")


def told(state, user, prompt):
    return next((m["content"] for m in state.live(user) if prompt in m["content"]), None)


def test_members_read_about_how_long(lab):
    """Pictures of about 3 s: who stands fifth reads of about 20 s. A restart forgets nothing."""
    sandbox, bot = lab.start(
        "--no-rate-limits", MAX_JOBS_PER_USER=20,
        sandbox={"SANDBOX_STEP_MS": 700, "SANDBOX_LOAD_MS": 100},
    )
    ana, eva, late = (sandbox.member(name) for name in ("anabel", "eva", "late"))
    sandbox.post("/control/locale", user=eva, locale="es-ES")
    first = sandbox.imagine(ana)
    sandbox.wait(lambda s: s.pictures(ana), "the first picture")
    seconds = float(re.search(r"Done in ([\d.]+) s", sandbox.wait(
        lambda s: next((m["content"] for m in s.live(ana) if "Done in" in m["content"]), None), "the end"
    ))[1])
    assert about(sandbox.state().answer_text(first)) is None  # nothing was known yet
    # So is what its model usually takes.
    assert re.search(r"\*\*Flux \(Schnell\)\*\*.* · usually \d+ s$", sandbox.ask(ana, "models"), re.M)
    models = sandbox.ask(eva, "models")
    assert re.search(r"\*\*Flux \(Schnell\)\*\*.* · suele tardar \d+ s$", models, re.M), models
    assert models.count("suele tardar") == 1  # nothing is said of what has not run
    last = hold_and_line_up(sandbox, ana, 6)
    assert re.search(r"Queued \(Pos: [45]\), about \d+ s", last), last
    in_spanish = sandbox.imagine(eva)
    answer = sandbox.wait(lambda s: s.answer_text(in_spanish), "eva's answer")
    assert re.fullmatch(r"En cola \(Pos: \d\) en <#\d+>, aprox\. \d+ s", answer), answer
    live = sandbox.wait(lambda s: s.live(eva), "eva's live message")[0]["content"]
    position = int(re.search(r"En cola \(Pos: (\d)\), aprox\.", live)[1])
    # Before hers: one under way, one sent ahead, and those in line.
    assert 0.5 * (position + 1) * seconds <= about(live) <= 1.5 * (position + 2) * seconds + 5, live
    command = sandbox.ask(ana, "queue")
    assert re.search(r"Queued \(Pos: \d\), about \d+ s", command), command

    bot.stop()
    lab.start_bot(**bot.settings)
    asked = sandbox.imagine(late)
    answer = sandbox.wait(lambda s: s.answer_text(asked), "the answer after the restart")
    assert re.fullmatch(r"Queued \(Pos: \d\) in <#\d+>, about \d+ s", answer), answer
    assert about(answer) >= 0.5 * 5 * seconds
