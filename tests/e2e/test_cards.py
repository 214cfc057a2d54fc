# SPDX-License-Identifier: Apache-2.0
"""Several cards: the sandbox's, with memory, weights and time of their own."""
import re


KEYS = ("first-key-of-this-test", "ana:second-key-of-this-test")


def test_each_card_has_its_key(lab):
    sandbox = lab.start_sandbox("--cards", "16,16", COMFY_API_KEYS=",".join(KEYS))
    lab.secrets |= {*KEYS, "second-key-of-this-test"}
    lab.run("check", **lab.bot_settings(COMFY_API_KEYS=",".join(KEYS)))
    bot = lab.start_bot(COMFY_API_KEYS=f"{KEYS[0]},", COMFY_API_KEY=KEYS[1])
    for card in range(2):
        bot.wait_line(rf"gpu={card}: {re.escape(sandbox.cards[card])} answers")
    users = [sandbox.member(f"member{i}") for i in range(2)]
    for user in users:
        sandbox.imagine(user)
    sandbox.wait(lambda s: len(s.pictures()) == 2, "two pictures")
    assert len(sandbox.state().prompts(card=0)) == 1
    assert len(sandbox.state().prompts(card=1)) == 1


def test_the_card_whose_key_is_wrong_is_named(lab):
    sandbox = lab.start_sandbox("--cards", "16,16", COMFY_API_KEYS=",".join(KEYS))
    lab.secrets |= {*KEYS, "second-key-of-this-test"}
    bot = lab.start_bot(COMFY_API_KEYS=f"{KEYS[0]},{KEYS[0]}")
    second = re.escape(sandbox.cards[1])
    bot.wait_line(
        rf"gpu=1: {second} does not answer: the API key was refused: check COMFY_API_KEY or its entry"
    )
    bot.wait_line(rf"gpu=0: {re.escape(sandbox.cards[0])} answers")
    text = lab.run("check", status=1, **lab.bot_settings(COMFY_API_KEYS=f"{KEYS[0]},{KEYS[0]}"))
    assert re.search(rf"ComfyUI {second}: it refuses us \(401\): check COMFY_API_KEYS", text), text
    # The other one serves meanwhile.
    sandbox.imagine(sandbox.member("ines"))
    sandbox.wait(lambda s: s.pictures(), "a picture")
    assert len(sandbox.state().prompts(card=0)) == 1
