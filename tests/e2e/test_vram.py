# SPDX-License-Identifier: Apache-2.0
"""What cards can hold, who has a head start, and why: `fullet explain`."""
import json
import os

from harness import custom_ids


def flujos_that_need(lab, gb):
    folder = lab.flujos("flux_image", "z-image_imagine")
    with open(os.path.join(folder, "flux_image.meta.json"), "w") as file:
        json.dump({"vram_gb": gb}, file)
    return folder


def job_of(sandbox, user):
    """The number of the member's job, from the button of its live message."""

    def there(state):
        live = state.live(user)
        ids = [i for m in live for i in custom_ids(m) if i.startswith("v1:cancel:")]
        return ids and ids[-1].split(":")[2]

    return sandbox.wait(there, "a live message with its button")


def test_a_model_waits_for_the_card_that_can_hold_it(lab):
    lab.start_sandbox("--cards", "24,12")
    sandbox, bot = lab.sandbox, lab.start_bot(FLUJOS_DIR=flujos_that_need(lab, 18))
    for card in range(2):
        bot.wait_line(rf"gpu={card + 1}: \S+ answers")
    sandbox.fault("comfy_stall", card=0)
    ana, benito, carla = (sandbox.member(name) for name in ("ana", "benito", "carla"))
    sandbox.imagine(ana)
    sandbox.wait(lambda s: s.prompts("pending", card=0), "hers on the large card")
    sandbox.imagine(benito)
    sandbox.wait(
        lambda s: s.live(benito) and "waits for a card with enough memory" in s.live(benito)[-1]["content"],
        "he is told what it waits for",
    )
    waits = job_of(sandbox, benito)
    said = lab.run("explain", waits, **lab.bot_settings())
    assert f"job {waits} of benito, flux_image" in said, said
    assert "number 1 of 1 in line" in said, said
    assert "needs 18.0 GB" in said and "not enough" in said, said
    # A small one does not wait behind it.
    sandbox.imagine(carla, model="z-image_imagine")
    sandbox.wait(lambda s: s.pictures(carla), "hers on the small card")
    assert sandbox.state().prompts("success", card=1)
    sandbox.fault("comfy_stall", card=0, ms=0)
    sandbox.wait(lambda s: len(s.pictures()) == 3, "all of them")
    assert len(sandbox.state().prompts("success", card=0)) == 2
    bot.wait_line(rf"job={waits} .*gpu=1: .* flux_image.*; needs 18\.0 GB, .* turn of benito")
    # Of what has ended the database tells, with the bot and without it.
    bot.wait_line(rf"job={waits} .*-> done$")
    said = lab.run("explain", waits, **lab.bot_settings())
    assert "flux_image: done" in said and "gpu=1: " in said and "turn of benito" in said, said
    bot.stop()
    assert lab.run("explain", waits, **lab.bot_settings()) == said
    assert "there is no job 7" in lab.run("explain", "7", status=1, **lab.bot_settings())


def test_what_no_card_can_hold_is_refused_at_once(lab):
    lab.start_sandbox("--cards", "16,16")
    sandbox = lab.sandbox
    lab.start_bot(FLUJOS_DIR=flujos_that_need(lab, 40.5), GPU_VRAM_GB="24,11.5")
    asked = sandbox.imagine(sandbox.member("ana"))
    answer = sandbox.wait(lambda s: s.answer_text(asked), "the answer")
    assert "needs 40.5 GB" in answer and "has 24.0 GB" in answer, answer
    state = sandbox.state()
    assert not state.prompts() and not state.pictures() and not state.session_channels()


def test_a_role_has_a_head_start(lab):
    sandbox = lab.start_sandbox()
    first, second, booster = (sandbox.member(name) for name in ("first", "second", "booster"))
    sandbox.act("new_role", user=booster, name="patrons")
    role = next(r["id"] for r in sandbox.state().raw["guild"]["roles"] if r["name"] == "patrons")
    lab.start_bot(PRIORITY_ROLES=f"90000000000000001, {role}")
    sandbox.fault("comfy_stall")
    sandbox.imagine(first)
    sandbox.wait(lambda s: s.prompts("pending"), "the first job at the ComfyUI")
    for user in (second, booster):
        sandbox.imagine(user)
        job_of(sandbox, user)
    sandbox.wait(lambda s: "(Pos: 1)" in s.live(booster)[-1]["content"], "the booster is next")
    sandbox.wait(lambda s: "(Pos: 2)" in s.live(second)[-1]["content"], "the other is not")
    assert "with a head start" in lab.run("explain", job_of(sandbox, booster), **lab.bot_settings())
    sandbox.let_go()
    sandbox.wait(lambda s: len(s.pictures()) == 3, "three pictures")
