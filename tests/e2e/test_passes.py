# SPDX-License-Identifier: Apache-2.0
"""Passes: members whose prompts share one, and pictures of one member in several."""
import json
import os
import struct

import harness
from test_options import graph
from test_privacy import erase, response_of

ENCODER = "CLIP Text Encode (Batch)"
TEXTS = {f"text_{i}": "" for i in (1, 2, 3, 4)}


def start(lab, step_ms=20, **settings):
    """A workflow with batch encoders; nothing begins before the line goes on."""
    more = {
        name: (ENCODER, {"clip": ["model", 1], "batch_size": 1, **TEXTS})
        for name in ("prompt", "bad")
    }
    nodes = graph(**more)
    del nodes["lora"]
    nodes["sampler"]["inputs"]["model"] = ["model", 0]
    folder = os.path.join(lab.folder, "passes")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "shared.json"), "w", encoding="utf-8") as file:
        json.dump(nodes, file)
    sandbox = lab.start_sandbox(SANDBOX_STEP_MS=step_ms)
    bot = lab.start_bot(FLUJOS_DIR=folder, **settings)
    boss = sandbox.member("boss", admin=True)
    sandbox.wait(lambda s: s.raw["commands"], "the commands")
    sandbox.ask(boss, "admin", {"pause": {}})
    return sandbox, bot, boss, folder


def wish(sandbox, *users, **options):
    for user in users:
        what = {"model": "shared", "prompt": f"a fox for {user}", **options}
        sandbox.command(user, "imagine", what)
        sandbox.wait(lambda s, user=user: s.live(user), f"{user} in the line")


def go_on(sandbox, boss):
    sandbox.ask(boss, "admin", {"resume": {}})


def pixels(data):
    """What a picture shows, without what is told about it."""
    at, out = 8, b""
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        out += data[at + 8 : at + 8 + length] if kind == b"IDAT" else b""
        at += 12 + length
    return out


def drawn(sandbox, prompt_id):
    """(text, pixels) of each picture of a pass, as ComfyUI has it."""
    entry = json.loads(sandbox.download(f"{sandbox.comfy}/history/{prompt_id}"))[prompt_id]
    texts = entry["prompt"][2]["prompt"]["inputs"]
    for i, image in enumerate(entry["outputs"]["save"]["images"]):
        data = sandbox.download(
            f"{sandbox.comfy}/view?filename={image['filename']}&subfolder={image['subfolder']}"
        )
        yield texts[f"text_{i + 1}"], pixels(data)


def got(sandbox, user):
    (message,) = sandbox.state().pictures(user)
    (attachment,) = message["attachments"]
    data = sandbox.download(attachment["url"])
    # Nobody reads another's words in it.
    assert set(harness.png_chunks(data)) <= {"IHDR", "pHYs", "IDAT", "IEND"}
    return message, pixels(data)


def test_each_gets_his_own(lab):
    sandbox, bot, boss, _ = start(lab, MAX_BATCH_SIZE=2)
    ana, ben = sandbox.member("anabel"), sandbox.member("benito")
    wish(sandbox, ana, ben)
    go_on(sandbox, boss)
    sandbox.wait(lambda s: s.pictures(ana) and s.pictures(ben), "both pictures")
    (prompt,) = sandbox.state().prompts()
    by_text = dict(drawn(sandbox, prompt["prompt_id"]))
    assert set(by_text) == {f"a fox for {ana}", f"a fox for {ben}"}
    assert len(set(by_text.values())) == 2
    seeds = 0
    for user, other in ((ana, ben), (ben, ana)):
        message, shown = got(sandbox, user)
        assert shown == by_text[f"a fox for {user}"]
        assert f"for {user}" in message["content"] and other not in message["content"]
        seeds += "seed" in message["content"]
    assert seeds == 1  # only the first can be drawn again with it
    bot.stop()
    rows = bot.rows()
    assert sorted(r["slot"] for r in rows) == [1, 2] and {r["batch"] for r in rows} == {2}


def test_nobody_waits_and_others_go_alone(lab):
    """Another size is another pass; more than MAX_BATCH_SIZE are two."""
    sandbox, bot, boss, _ = start(lab, MAX_BATCH_SIZE=2)
    users = [sandbox.member(f"member{i}") for i in range(4)]
    wish(sandbox, *users[:3])
    wish(sandbox, users[3], size="320x256")
    go_on(sandbox, boss)
    sandbox.wait(lambda s: len(s.pictures()) == 4, "all pictures")
    assert len(sandbox.state().prompts()) == 3
    for user in users:
        got(sandbox, user)


def held(lab, **settings):
    """Two members share a pass that ComfyUI has and does not begin."""
    sandbox, bot, boss, folder = start(lab, MAX_BATCH_SIZE=2, **settings)
    ana, ben = sandbox.member("anabel"), sandbox.member("benito")
    sandbox.fault("comfy_stall")
    wish(sandbox, ana, ben)
    go_on(sandbox, boss)
    bot.wait_line(f"user={ana}: .*submit -> watch")
    bot.wait_line(f"user={ben}: .*submit -> watch")
    return sandbox, bot, ana, ben, folder


def test_one_cancels(lab):
    sandbox, bot, ana, ben, _ = held(lab)
    (live,) = sandbox.state().live(ana)
    sandbox.press(ana, live, harness.button(live, "cancel"))
    sandbox.wait(lambda s: s.apologies(ana), "that it is cancelled")
    sandbox.let_go()
    sandbox.wait(lambda s: s.pictures(ben), "the other's picture")
    bot.wait_line("-> done$")
    (prompt,) = sandbox.state().prompts()
    assert prompt["status"] == "success"
    assert got(sandbox, ben)[1] == dict(drawn(sandbox, prompt["prompt_id"]))[f"a fox for {ben}"]
    assert not sandbox.state().pictures(ana)


def test_an_error_is_not_shared(lab):
    """The pass fails; drawn one by one, one of them fails again: only its member hears of it."""
    sandbox, bot, boss, _ = start(lab, MAX_BATCH_SIZE=2)
    ana, ben = sandbox.member("anabel"), sandbox.member("benito")
    sandbox.fault("comfy_error", count=2)
    wish(sandbox, ana, ben)
    go_on(sandbox, boss)
    sandbox.wait(lambda s: s.outcomes(ana) == 1 and s.outcomes(ben) == 1, "both ends")
    state = sandbox.state()
    assert len(state.pictures()) == 1 and len(state.apologies()) == 1
    assert len(state.prompts()) == 3


def test_memory_for_one_only(lab):
    """A card that cannot draw two at once draws them one by one: members' and those of one."""
    sandbox, bot, boss, _ = start(lab, MAX_BATCH_SIZE=2)
    ana, ben, cleo = (sandbox.member(name) for name in ("anabel", "benito", "cleo"))
    sandbox.fault("comfy_oom", above=1)
    wish(sandbox, ana, ben)
    wish(sandbox, cleo, count=2)
    go_on(sandbox, boss)
    sandbox.wait(lambda s: len(s.pictures()) == 3, "all pictures")
    state = sandbox.state()
    assert not state.apologies()
    (several,) = state.pictures(cleo)
    assert len(several["attachments"]) == 2
    bot.wait_line("a pass of 2 prompts is too much for a card: 1")
    bot.wait_line("not enough memory for 2 pictures at once: 1")


def test_kill_between_submit_and_fetch(lab):
    sandbox, bot, ana, ben, folder = held(lab)
    bot.kill()
    sandbox.fault("clear")
    bot = lab.start_bot(FLUJOS_DIR=folder, MAX_BATCH_SIZE=2)
    sandbox.wait(lambda s: s.pictures(ana) and s.pictures(ben), "both pictures")
    (prompt,) = sandbox.state().prompts()
    by_text = dict(drawn(sandbox, prompt["prompt_id"]))
    for user in (ana, ben):
        assert got(sandbox, user)[1] == by_text[f"a fox for {user}"]
    assert not sandbox.state().apologies()


def test_kill_in_the_second_part(lab):
    """Four pictures in two passes; the first is not drawn again."""
    sandbox, bot, boss, folder = start(lab, step_ms=400, MAX_BATCH_SIZE=2)
    ana = sandbox.member("anabel")
    wish(sandbox, ana, count=4)
    go_on(sandbox, boss)
    sandbox.wait(lambda s: len(s.prompts()) == 2, "the second part")
    bot.kill()
    lab.start_bot(FLUJOS_DIR=folder, MAX_BATCH_SIZE=2)
    (message,) = sandbox.wait(lambda s: s.pictures(ana), "the pictures")
    shown = {pixels(sandbox.download(a["url"])) for a in message["attachments"]}
    assert len(message["attachments"]) == 4 and len(shown) == 4
    assert len(sandbox.state().prompts()) == 2


def test_one_is_erased(lab):
    """His words go from ComfyUI's history, but not before the other has her picture."""
    sandbox, bot, ana, ben, _ = held(lab)
    (prompt,) = sandbox.state().prompts()
    history = f"{sandbox.comfy}/history/{prompt['prompt_id']}"
    press = erase(sandbox, ana)
    response_of(sandbox, press, "is being erased", "that it has begun")
    sandbox.let_go()
    sandbox.wait(lambda s: s.pictures(ben), "the other's picture")
    bot.wait_line(f"all of user={ana} was erased")
    assert json.loads(sandbox.download(history)) == {}
    assert not sandbox.state().pictures(ana)
