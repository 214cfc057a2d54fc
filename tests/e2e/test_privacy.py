# SPDX-License-Identifier: Apache-2.0
"""/privacy: everything that is stored about a member as files, and its erasing."""

import json
import os
import sqlite3

import harness


def response_of(sandbox, interaction, wanted, what):
    """The answer to an interaction, once it says so."""
    return sandbox.wait(
        lambda s: wanted in s.answer_text(interaction) and s.interaction(interaction)["response"],
        what,
    )


def export(sandbox, user):
    """What is attached to the answer: name -> bytes."""
    asked = sandbox.command(user, "privacy", {"export": {}})
    answer = response_of(sandbox, asked, "everything that I have stored", "the export")
    assert answer["ephemeral"]
    return {a["filename"]: sandbox.download(a["url"]) for a in answer["attachments"]}


def erase(sandbox, user):
    """Asks, and presses the button; the press's interaction."""
    asked = sandbox.command(user, "privacy", {"erase": {}})
    question = response_of(sandbox, asked, "It cannot be undone", "the question")
    for part in ("ComfyUI's disk", "exports and backups", "messages in public channels"):
        assert part in question["content"], question["content"]
    return sandbox.press(user, question, harness.button(question, "erase"))


def erased(sandbox, press):
    answer = response_of(sandbox, press, "is erased", "that it is erased")
    assert "What remains elsewhere" in answer["content"], answer["content"]
    return answer["content"]


def tables(bot):
    """The rows of the database that name members."""
    path = os.path.join(bot.folder, "database", "bot_data.db")
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return {
            table: [str(row[0]) for row in database.execute(f"SELECT user_id FROM {table}")]
            for table in ("jobs", "channels", "last_pictures")
        }
    finally:
        database.close()


def history(sandbox):
    return json.loads(sandbox.download(f"{sandbox.comfy}/history"))


def test_export(lab):
    sandbox, bot = lab.start()
    ana, ben = sandbox.member("anabel"), sandbox.member("benito")
    sandbox.wait(lambda s: s.raw["commands"], "the commands")
    (name, empty), = export(sandbox, ana).items()
    assert name == "fullet-data-1.json"
    assert json.loads(empty)["jobs"] == [] and json.loads(empty)["private_channel"] is None
    sandbox.command(
        ana,
        "imagine",
        {"model": "flux_image", "prompt": "a «fox»\nin the snow", "steps": 3, "seed": "77"},
    )
    sandbox.imagine(ben, "a secret of Benito's")
    (picture,) = sandbox.wait(lambda s: s.pictures(ana) and s.pictures(ben) and s.pictures(ana), "")
    bot.wait_line(r"-> done$")
    files = sandbox.wait(
        lambda s: (f := export(sandbox, ana)) and b'"outcome": "picture"' in f[name] and f, "the end"
    )
    assert sorted(files) == [name, "last-picture.png"]
    told = json.loads(files[name])
    (job,) = told["jobs"]
    assert told["user_id"] == ana and told["server_id"] == sandbox.guild
    assert job["prompt"] == "a «fox»\nin the snow" and job["seed"] == "77"
    assert job["options"] == {"steps": "3"} and job["model"] == "flux_image"
    assert job["answered_in_channel"] == told["private_channel"]["channel_id"]
    assert job["answer_message"] == picture["id"]
    assert told["last_picture"]["file"] == "last-picture.png"
    assert files["last-picture.png"] == sandbox.download(picture["attachments"][0]["url"])
    text = files[name].decode()
    assert "Benito" not in text and ben not in text
    assert harness.INTERACTION_TOKEN not in text and "127.0.0.1" not in text


def test_erase(lab):
    sandbox, bot = lab.start()
    ana, ben = sandbox.member("anabel"), sandbox.member("benito")
    sandbox.imagine(ana, "a fox")
    sandbox.imagine(ben, "a bear")
    sandbox.wait(lambda s: s.pictures(ana) and s.pictures(ben), "the pictures")
    theirs = {p["prompt_id"] for p in sandbox.state().prompts()}
    assert set(history(sandbox)) == theirs
    sandbox.fault("comfy_stall", ms=600000)
    sandbox.imagine(ana, "one that runs")
    sandbox.wait(lambda s: len(s.prompts()) == 3, "a run")
    sandbox.imagine(ana, "one that waits")
    sandbox.wait(lambda s: len(s.live(ana)) == 3, "one that waits")
    press = erase(sandbox, ana)
    response_of(sandbox, press, "is being erased", "that it has begun")
    sandbox.let_go()
    assert "A ComfyUI did not answer" not in erased(sandbox, press)
    state = sandbox.state()
    assert not state.session_channels(ana) and state.session_channels(ben)
    assert len(state.apologies(ana)) == 2
    left = history(sandbox)
    assert len(left) == 1, left  # Benito's
    assert next(iter(left.values()))["prompt"][2]["prompt"]["inputs"]["text"] == "a bear"
    # All is as if she had never been here, and she is welcome again.
    sandbox.imagine(ana, "a new fox")
    sandbox.wait(lambda s: len(s.pictures(ana)) == 2, "a new picture")
    bot.stop()
    found = tables(bot)
    assert found["jobs"].count(ana) == 1 and found["jobs"].count(ben) == 1, found
    assert sorted(found["channels"]) == sorted([ana, ben]), found
    rows = bot.rows()
    assert len({r["id"] for r in rows}) == 2 and rows[-1]["prompt"] == "a new fox"
    assert rows[-1]["id"] > rows[0]["id"] + 2  # the ids of what is gone are not used again


def test_erase_without_a_channel(lab):
    """Also of a member who has none any more, or never had one."""
    sandbox, bot = lab.start()
    ana, ben = sandbox.member("anabel"), sandbox.member("benito")
    sandbox.imagine(ana)
    sandbox.wait(lambda s: s.pictures(ana), "the picture")
    bot.wait_line(r"-> done$")
    (channel,) = sandbox.state().session_channels(ana)
    sandbox.act("delete_channel", channel=channel["id"])
    for user in (ana, ben):
        erased(sandbox, erase(sandbox, user))
    bot.stop()
    assert tables(bot) == {"jobs": [], "channels": [], "last_pictures": []}


def test_erase_survives_a_crash(lab):
    """Killed in the middle: the next process goes on by itself."""
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    sandbox.imagine(ana)
    sandbox.wait(lambda s: s.pictures(ana), "the picture")
    bot.wait_line(r"-> done$")
    sandbox.hang("DELETE", "/channels/{}")
    press = erase(sandbox, ana)
    response_of(sandbox, press, "is being erased", "that it has begun")
    sandbox.wait(lambda s: s.spoilt(), "the channel is being removed")
    bot.kill()
    assert tables(bot)["jobs"] == [ana]
    sandbox.fault("clear")
    bot = lab.start_bot()
    bot.wait_line(rf"all of user={ana} was erased")
    sandbox.wait(lambda s: not s.session_channels(ana), "the channel is gone")
    assert history(sandbox) == {}
    bot.stop()
    assert tables(bot) == {"jobs": [], "channels": [], "last_pictures": []}


def test_while_it_is_erased(lab):
    """Nothing new is taken, and a second wish is one."""
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    sandbox.imagine(ana)
    sandbox.wait(lambda s: s.pictures(ana), "the picture")
    sandbox.hang("DELETE", "/channels/{}", ms=3000)
    first = erase(sandbox, ana)
    sandbox.wait(lambda s: s.spoilt(), "the channel is being removed")
    said = sandbox.ask(ana, "imagine", {"model": "flux_image", "prompt": "x"})
    assert said.startswith("Everything of yours is being erased."), said
    second = erase(sandbox, ana)
    response_of(sandbox, second, "is being erased", "that it is under way")
    erased(sandbox, first)
    erased(sandbox, second)


def test_a_server_that_does_not_answer(lab):
    """Its history cannot be erased: said plainly, and the rest is done."""
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    sandbox.imagine(ana)
    sandbox.wait(lambda s: s.pictures(ana), "the picture")
    bot.wait_line(r"-> done$")
    sandbox.fault("status", side="comfy", method="POST", route="/history", status=500, count=0)
    press = erase(sandbox, ana)
    answer = sandbox.wait(
        lambda s: "is erased" in s.answer_text(press) and s.answer_text(press), "the end", timeout=120
    )
    assert "A ComfyUI did not answer" in answer, answer
    bot.stop()
    assert tables(bot) == {"jobs": [], "channels": [], "last_pictures": []}


def test_in_spanish(lab):
    sandbox, bot = lab.start()
    lola = sandbox.member("lola")
    sandbox.post("/control/locale", user=lola, locale="es-ES")
    asked = sandbox.command(lola, "privacy", {"export": {}})
    response_of(sandbox, asked, "Esto es todo lo que tengo guardado sobre ti.", "the export")
    asked = sandbox.command(lola, "privacy", {"erase": {}})
    question = response_of(sandbox, asked, "No se puede deshacer", "the question")
    press = sandbox.press(lola, question, harness.button(question, "erase"))
    response_of(sandbox, press, "Todo lo que tenía guardado sobre ti está borrado.", "the end")
