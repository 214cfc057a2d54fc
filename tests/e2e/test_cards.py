# SPDX-License-Identifier: Apache-2.0
"""Several cards: the sandbox's, with memory, weights and time of their own."""
import json
import os
import re

KEYS = ("first-key-of-this-test", "ana:second-key-of-this-test")


def test_each_card_has_its_key(lab):
    sandbox = lab.start_sandbox("--cards", "16,16", COMFY_API_KEYS=",".join(KEYS))
    lab.secrets |= {*KEYS, "second-key-of-this-test"}
    lab.run("check", **lab.bot_settings(COMFY_API_KEYS=",".join(KEYS)))
    bot = lab.start_bot(COMFY_API_KEYS=f"{KEYS[0]},", COMFY_API_KEY=KEYS[1])
    for card in range(2):
        bot.wait_line(rf"gpu={card + 1}: {re.escape(sandbox.cards[card])} answers")
    hold_cards(sandbox)  # else the first card may be through before the second wish comes
    line_up(sandbox, [(sandbox.member(f"member{i}"), "flux_image") for i in range(2)])
    sandbox.wait(lambda s: s.prompts(card=0) and s.prompts(card=1), "one on each card")
    let_cards_go(sandbox)
    sandbox.wait(lambda s: len(s.pictures()) == 2, "two pictures")
    assert len(sandbox.state().prompts(card=0)) == 1
    assert len(sandbox.state().prompts(card=1)) == 1


def test_the_card_whose_key_is_wrong_is_named(lab):
    sandbox = lab.start_sandbox("--cards", "16,16", COMFY_API_KEYS=",".join(KEYS))
    lab.secrets |= {*KEYS, "second-key-of-this-test"}
    bot = lab.start_bot(COMFY_API_KEYS=f"{KEYS[0]},{KEYS[0]}")
    second = re.escape(sandbox.cards[1])
    bot.wait_line(
        rf"gpu=2: {second} does not answer: the API key was refused: check COMFY_API_KEY or its entry"
    )
    bot.wait_line(rf"gpu=1: {re.escape(sandbox.cards[0])} answers")
    text = lab.run("check", status=1, **lab.bot_settings(COMFY_API_KEYS=f"{KEYS[0]},{KEYS[0]}"))
    assert re.search(rf"ComfyUI {second}: it refuses us \(401\): check COMFY_API_KEYS", text), text
    # The other one serves meanwhile.
    sandbox.imagine(sandbox.member("ines"))
    sandbox.wait(lambda s: s.pictures(), "a picture")
    assert len(sandbox.state().prompts(card=0)) == 1


def job_of(prompt):
    """The job whose picture a prompt has drawn: the file's name there begins with its number."""
    images = [i for out in prompt["outputs"].values() for i in out.get("images", [])]
    return images[0]["filename"].split("_")[0] if images else None


def job_of_picture(message):
    return re.match(r"fullet-(\d+)", message["attachments"][0]["filename"]).group(1)


def owners_in_order(state):
    """The members in the order in which their pictures were begun, over all cards."""
    owners = {job_of_picture(m): m["mentions"][0]["id"] for m in state.pictures()}
    runs = sorted(state.prompts("success"), key=lambda p: p["started_ms"])
    return [owners[job_of(p)] for p in runs]


def hold_cards(sandbox):
    for card in range(len(sandbox.cards)):
        sandbox.fault("comfy_stall", card=card)


def let_cards_go(sandbox):
    for card in range(len(sandbox.cards)):
        sandbox.fault("comfy_stall", card=card, ms=0)


def line_up(sandbox, wishes):
    """Asks for (member, model), one after the other is accepted: a busy machine has Discord's three
    seconds for each."""
    for n, (user, model) in enumerate(wishes):
        asked = sandbox.imagine(user, model=model, prompt=f"wish {n}")
        sandbox.wait(lambda s: s.answer_text(asked), "it is accepted")


def assert_each_once(state, n):
    """Every job has one picture, and none is told of twice."""
    jobs = [job_of_picture(m) for m in state.pictures()]
    assert len(jobs) == n and len(set(jobs)) == n
    assert not state.apologies()


def test_eight_mixed_cards_make_everybodys_pictures(lab):
    sandbox, bot = lab.start(
        "--cards", "16,16,16,16,20,24,24,48", "--speeds", "0.5,0.5,1,1,1,1,1.5,2", "--no-rate-limits",
        MAX_JOBS_PER_USER=4,
    )
    users = [sandbox.member(f"member{i}") for i in range(8)]
    hold_cards(sandbox)
    line_up(sandbox, [(u, m) for m in ("flux_image", "z-image_imagine", "flux2_image") for u in users])
    let_cards_go(sandbox)
    sandbox.wait(lambda s: len(s.pictures()) == 24, "24 pictures", timeout=60)
    state = sandbox.state()
    assert_each_once(state, 24)
    assert not state.prompts("error")
    assert all(state.prompts(card=card) for card in range(8)), "a card had nothing to do"


def test_a_flood_leaves_the_others_untouched(lab):
    sandbox, bot = lab.start("--cards", "16", "--no-rate-limits", MAX_JOBS_PER_USER=20)
    flood, other, third = (sandbox.member(name) for name in ("flood", "other", "third"))
    hold_cards(sandbox)
    line_up(sandbox, [(flood, "flux_image")] * 14 + [(other, "flux_image"), (third, "flux_image")])
    let_cards_go(sandbox)
    sandbox.wait(lambda s: len(s.pictures()) == 16, "16 pictures", timeout=60)
    state = sandbox.state()
    assert_each_once(state, 16)
    order = owners_in_order(state)
    # One or two were on the card when the others came.
    assert order.index(other) <= 3 and order.index(third) <= 4, order


def test_administrators_first_on_every_card(lab):
    sandbox, bot = lab.start("--cards", "16,16", "--no-rate-limits", MAX_JOBS_PER_USER=20)
    people = [sandbox.member(f"member{i}") for i in range(6)]
    boss = sandbox.member("the boss", admin=True)
    hold_cards(sandbox)
    line_up(sandbox, [(u, "flux_image") for u in people + [boss, boss]])
    let_cards_go(sandbox)
    sandbox.wait(lambda s: len(s.pictures()) == 8, "eight pictures", timeout=60)
    order = owners_in_order(sandbox.state())
    # What was on the cards, or sent ahead, when he came is not stopped; all others wait.
    assert max(i for i, user in enumerate(order) if user == boss) <= 5, order
    assert order[-2:] != [boss, boss] and order.count(boss) == 2


def test_weights_are_loaded_once(lab):
    """Two cards, two models that do not fit one card together, asked for in turns."""
    sandbox, bot = lab.start(
        "--cards", "16,16", "--cache-lru", "--no-rate-limits", MAX_JOBS_PER_USER=20,
        sandbox={"SANDBOX_LOAD_MS": 3000, "SANDBOX_STEP_MS": 15},
    )
    users = [sandbox.member(f"member{i}") for i in range(4)]
    for n, model in enumerate(("flux_image", "z-image_imagine")):
        sandbox.imagine(users[n], model=model)
    sandbox.wait(lambda s: len(s.pictures()) == 2, "one of each", timeout=60)
    for round in range(3):
        line_up(sandbox, [(users[(round + i) % 4], ("flux_image", "z-image_imagine")[i % 2]) for i in range(4)])
    sandbox.wait(lambda s: len(s.pictures()) == 14, "14 pictures", timeout=60)
    state = sandbox.state()
    assert_each_once(state, 14)
    assert sum(state.loads()) <= 4, state.loads()


def test_a_card_dies_in_the_middle(lab):
    sandbox, bot = lab.start("--cards", "16,16", "--no-rate-limits", MAX_JOBS_PER_USER=5)
    users = [sandbox.member(name) for name in ("anabel", "benito")]
    hold_cards(sandbox)
    line_up(sandbox, [(u, "flux_image") for u in users])
    sandbox.wait(lambda s: s.prompts(card=0) and s.prompts(card=1), "one on each card")
    bot.wait_line(r"submit -> watch", timeout=25)
    # It never comes back.
    sandbox.fault("comfy_restart", card=1, down_ms=3600000)
    sandbox.fault("comfy_stall", card=0, ms=0)
    sandbox.wait(lambda s: len(s.pictures()) == 2, "both pictures", timeout=100)
    state = sandbox.state()
    assert_each_once(state, 2)
    assert len(state.prompts("success", card=0)) == 2 and not state.prompts("success", card=1)
    bot.wait_line(rf"gpu=2: {re.escape(sandbox.cards[1])} does not answer")


def sidecar(lab, workflow, vram_gb):
    path = os.path.join(lab.flujos(workflow), f"{workflow}.meta.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"vram_gb": vram_gb}, file)
    return os.path.dirname(path)


def wait_for_cards(lab, bot):
    for card, url in enumerate(lab.sandbox.cards):
        bot.wait_line(rf"gpu={card + 1}: {re.escape(url)} answers")


def test_a_model_that_fits_one_card_goes_nowhere_else(lab):
    folder = sidecar(lab, "flux_image", 14)
    lab.flujos("flux2_image")
    sandbox = lab.start_sandbox("--cards", "8,24", "--no-rate-limits")
    bot = lab.start_bot(FLUJOS_DIR=folder, MAX_JOBS_PER_USER=5)
    wait_for_cards(lab, bot)
    users = [sandbox.member(f"member{i}") for i in range(3)]
    hold_cards(sandbox)
    line_up(sandbox, [(u, m) for m in ("flux_image", "flux2_image") for u in users])
    let_cards_go(sandbox)
    sandbox.wait(lambda s: len(s.pictures()) == 6, "six pictures", timeout=60)
    state = sandbox.state()
    assert_each_once(state, 6)
    assert not state.prompts("error"), "the large model was tried on the small card"
    large = [json.loads(sandbox.download(f"{sandbox.cards[0]}/history/{p['prompt_id']}")) for p in state.prompts(card=0)]
    assert large and "flux1-schnell" not in json.dumps(large)


def test_a_model_that_no_card_holds_is_refused_at_once(lab):
    folder = sidecar(lab, "flux_image", 48)
    sandbox = lab.start_sandbox("--cards", "8,24")
    bot = lab.start_bot(FLUJOS_DIR=folder)
    wait_for_cards(lab, bot)
    asked = sandbox.imagine(sandbox.member("anabel"))
    said = sandbox.wait(lambda s: s.answer_text(asked), "the refusal")
    assert re.search(r"needs 48(\.0)? GB .* the largest card here has 25\.\d GB", said), said
    assert not sandbox.state().prompts() and not sandbox.state().session_channels()


def test_a_card_that_ran_out_of_memory_is_not_tried_again(lab):
    """Nobody has said what flux_image needs: the small card shows it."""
    sandbox = lab.start_sandbox("--cards", "8,24", "--no-rate-limits")
    bot = lab.start_bot()
    wait_for_cards(lab, bot)
    users = [sandbox.member(f"member{i}") for i in range(3)]
    hold_cards(sandbox)
    line_up(sandbox, [(u, "flux_image") for u in users])
    sandbox.wait(lambda s: s.prompts(card=0) and s.prompts(card=1), "one on each card")
    sandbox.fault("comfy_stall", card=0, ms=0)
    bot.wait_line(r"flux_image needs more than the 8\.\d GB of gpu 1: it goes to larger cards")
    sandbox.wait(
        lambda s: any("waits for a card with enough memory" in m["content"] for m in s.live()),
        "those who wait read what for",
    )
    let_cards_go(sandbox)
    sandbox.wait(lambda s: len(s.pictures()) == 3, "three pictures", timeout=60)
    state = sandbox.state()
    assert_each_once(state, 3)
    assert len(state.prompts(card=0)) == len(state.prompts("error")) == 1
    # A smaller one goes to the small card as before.
    sandbox.fault("comfy_stall", card=1)
    line_up(sandbox, [(users[0], "flux_image"), (users[1], "z-image_imagine")])
    sandbox.wait(lambda s: len(s.prompts(card=0)) == 2, "the other model")
    sandbox.fault("comfy_stall", card=1, ms=0)


def test_a_booster_has_a_head_start(lab):
    sandbox = lab.start_sandbox("--cards", "16", "--no-rate-limits")
    people = [sandbox.member(f"member{i}") for i in range(4)]
    booster = sandbox.member("booster")
    sandbox.act("new_role", user=booster, name="boosts us")
    role = next(r["id"] for r in sandbox.state().raw["guild"]["roles"] if r["name"] == "boosts us")
    bot = lab.start_bot(PRIORITY_ROLES=role)
    wait_for_cards(lab, bot)
    hold_cards(sandbox)
    line_up(sandbox, [(u, "flux_image") for u in people + [booster]])
    let_cards_go(sandbox)
    sandbox.wait(lambda s: len(s.pictures()) == 5, "five pictures", timeout=60)
    # One ran and one was perhaps sent ahead when the booster came last of all.
    order = owners_in_order(sandbox.state())
    assert order.index(booster) in (1, 2), order
