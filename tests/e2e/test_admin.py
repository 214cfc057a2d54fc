# SPDX-License-Identifier: Apache-2.0
"""Commands that tell, that cancel and that administer; words in #admin-tools."""

import os
import sqlite3
import time

import pytest
from harness import button, made

NAMES = {
    "imagine",
    "edit",
    "Edit this picture",
    "queue",
    "cancel",
    "models",
    "status",
    "help",
    "privacy",
    "admin",
}


def registered(state):
    return {c["name"] for c in state.raw["commands"]}


def hold(sandbox, users, prompt="a fox"):
    """Pictures that stay where they are: nothing finishes."""
    sandbox.fault("comfy_stall", ms=600000)
    for n, user in enumerate(users):
        sandbox.imagine(user, f"{prompt} {n}")


def admin_says(sandbox, user, text):
    """Writes in #admin-tools; the next message of the bot there."""
    room = sandbox.state().channel_named("admin-tools")["id"]
    before = len(sandbox.state().messages(room))
    sandbox.say(user, "admin-tools", text)
    found = sandbox.wait(
        lambda s: [m for m in s.messages(room)[before:] if m["author"].get("bot")],
        f"the answer to {text}",
    )
    return found[-1]["content"]


def test_registered(lab):
    sandbox, bot = lab.start()
    assert registered(sandbox.wait(lambda s: s.raw["commands"] and s, "the commands")) == NAMES


def test_queue_and_cancel(lab):
    sandbox, bot = lab.start()
    ana, ben = sandbox.member("anabel"), sandbox.member("benito")
    boss = sandbox.member("boss", admin=True)
    assert sandbox.ask(ana, "queue").startswith("Nothing of yours is waiting")
    assert sandbox.ask(ana, "cancel").startswith("Nothing of yours is waiting")
    hold(sandbox, [ben, ana, ana])
    sandbox.wait(lambda s: len(s.prompts()) == 1, "the first run")
    said = sandbox.wait(
        lambda s: "Pos: 2" in sandbox.ask(ana, "queue") and sandbox.ask(ana, "queue"), "the line"
    )
    assert "1\\. a fox 1 · Queued (Pos: 1)" in said, said
    assert "Waiting in all: 2" in said and "Being made in all: 1" in said, said
    assert sandbox.ask(ana, "cancel").startswith("Several of your pictures")
    offered = sandbox.suggestions(ana, "cancel", "picture", {"picture": "fox 2"})
    assert [c["name"] for c in offered] == ["a fox 2 · Queued (Pos: 2)"]
    assert sandbox.ask(ana, "cancel", {"picture": offered[0]["value"]}).startswith("Cancelling")
    assert sandbox.ask(ana, "cancel", {"picture": "no number"}).startswith("I don't find")
    sandbox.wait(lambda s: s.apologies(ana), "the apology")
    # Another member's is not even there for him, but for an administrator.
    theirs = sandbox.suggestions(boss, "cancel", "picture", {"picture": "anabel"})
    assert [c["name"] for c in theirs] == ["anabel: a fox 1 · Queued (Pos: 1)"]
    assert sandbox.ask(ben, "cancel", {"picture": theirs[0]["value"]}).startswith("I don't find")
    assert sandbox.ask(boss, "cancel", {"picture": theirs[0]["value"]}).startswith("Cancelling")
    assert sandbox.ask(ben, "cancel").startswith("Cancelling")  # the only one that is meant
    sandbox.wait(lambda s: len(s.apologies(ana)) == 2 and s.apologies(ben), "the end")


def test_tells(lab):
    sandbox, bot = lab.start()
    ana, boss = sandbox.member("anabel"), sandbox.member("boss", admin=True)
    lola = sandbox.member("lola")
    sandbox.post("/control/locale", user=lola, locale="es-ES")
    models = sandbox.ask(ana, "models")
    assert "**Models for /imagine**" in models and "- **Flux (Schnell)**" in models, models
    assert "steps 1 to 150 (4) · cfg 0 to 30 (1) · count 1 to 4" in models, models
    assert "**Models for /edit**" in models
    status = sandbox.wait(
        lambda s: "idle" in sandbox.ask(ana, "status") and sandbox.ask(ana, "status"), "a card"
    )
    assert status.startswith("FuLLet 0.") and "up for" in status, status
    assert "http" not in status
    assert "http" in sandbox.ask(boss, "status")
    assert "en marcha desde hace" in sandbox.ask(lola, "status")
    assert "/admin" not in sandbox.ask(ana, "help")
    assert "**/imagine**" in sandbox.ask(ana, "help")
    assert "/admin" in sandbox.ask(boss, "help")
    assert "**/imaginar**" in sandbox.ask(lola, "help")


def test_recent_prompts(lab):
    """A member is offered what he asked for himself, and nobody else's."""
    sandbox, bot = lab.start()
    ana, ben = sandbox.member("anabel"), sandbox.member("benito")
    sandbox.imagine(ana, "a quiet harbour")
    sandbox.imagine(ben, "a loud harbour")
    sandbox.wait(lambda s: s.pictures(ana) and s.pictures(ben), "the pictures")

    def offered(user, typed):
        found = sandbox.suggestions(user, "imagine", "prompt", {"prompt": typed})
        return [c["value"] for c in found]

    assert offered(ana, "") == ["a quiet harbour"]
    # What is typed comes first, since Enter takes the first: it must not turn into an older prompt.
    assert offered(ana, "HARB") == ["HARB", "a quiet harbour"]
    assert offered(ana, "loud") == ["loud"]
    assert offered(ana, "  ") == []
    assert offered(ana, "a quiet harbour") == ["a quiet harbour"]
    assert offered(ben, "harb") == ["harb", "a loud harbour"]


def test_pause_and_drain(lab):
    sandbox, bot = lab.start()
    ana, boss = sandbox.member("anabel"), sandbox.member("boss", admin=True)
    assert sandbox.ask(boss, "admin", {"pause": {}}).startswith("Paused")
    assert "paused" in sandbox.ask(ana, "queue")
    sandbox.imagine(ana, "a patient fox")
    sandbox.wait(lambda s: s.live(ana), "the place in the line")
    # A restart forgets neither the pause nor the picture.
    bot.kill()
    bot = lab.start_bot()
    assert "paused" in sandbox.ask(ana, "queue")
    assert not sandbox.state().prompts()
    assert sandbox.ask(boss, "admin", {"drain": {}}).startswith("Draining")
    # Nor that it drains.
    bot.kill()
    lab.start_bot()
    assert sandbox.ask(ana, "imagine", {"model": "flux_image", "prompt": "x"}).startswith(
        "No new pictures are taken right now"
    )
    sandbox.wait(lambda s: s.pictures(ana), "the picture")
    assert sandbox.ask(boss, "admin", {"resume": {}}) == "The line goes on."
    sandbox.imagine(ana, "another fox")
    sandbox.wait(lambda s: len(s.pictures(ana)) == 2, "the second picture")


def killed_before_the_row(lab, options):
    """An administrator's command whose row is not written: nobody was told that it is done."""
    sandbox, bot = lab.start()
    ana, boss = sandbox.member("anabel"), sandbox.member("boss", admin=True)
    sandbox.wait(lambda s: s.raw["commands"], "the commands")
    other = sqlite3.connect(os.path.join(bot.folder, "database", "bot_data.db"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    asked = sandbox.command(boss, "admin", {"pause": options})
    assert sandbox.ask(ana, "status")  # the bot has heard it, and answers what needs no row
    sandbox.fault("gateway_invalid")  # and Discord does not tell it again
    bot.kill()
    waited = time.time() - made({"id": asked})
    other.close()
    # Of Discord's 3 s it waits 2 for the row.
    assert waited > 1.8 or not sandbox.state().answer_text(asked)
    lab.start_bot()
    return sandbox, ana, boss


def test_what_was_answered_is_stored(lab):
    sandbox, ana, boss = killed_before_the_row(lab, {})
    assert "paused" not in sandbox.ask(ana, "queue")
    assert sandbox.ask(boss, "admin", {"pause": {}}).startswith("Paused")
    assert "paused" in sandbox.ask(ana, "queue")


def test_what_was_answered_of_a_card_is_stored(lab):
    sandbox, ana, boss = killed_before_the_row(lab, {"card": "1"})
    assert "paused" not in sandbox.ask(ana, "status")
    sandbox.ask(boss, "admin", {"pause": {"card": "1"}})
    assert "paused" in sandbox.ask(ana, "status")


def test_ban(lab):
    sandbox, bot = lab.start()
    ana, boss = sandbox.member("anabel"), sandbox.member("boss", admin=True)
    hold(sandbox, [ana, ana])
    sandbox.wait(lambda s: len(s.live(ana)) == 2 and len(s.prompts()) == 1, "both")
    assert sandbox.ask(boss, "admin", {"ban": {"user": ana}}).startswith("That member may not")
    assert sandbox.ask(boss, "admin", {"ban": {"user": ana}}).startswith("That member is banned")
    sandbox.wait(lambda s: len(s.apologies(ana)) == 2, "what waited is cancelled")
    bot.kill()
    lab.start_bot()
    said = sandbox.ask(ana, "imagine", {"model": "flux_image", "prompt": "x"})
    assert said.startswith("An administrator of this server has barred you"), said
    # Buttons and what is offered are checked like commands.
    (again,) = {button(m, "again") for m in sandbox.state().apologies(ana)[:1]}
    pressed = sandbox.press(ana, sandbox.state().apologies(ana)[0], again)
    said = sandbox.wait(lambda s: s.answer_text(pressed), "the answer")
    assert said.startswith("An administrator of this server has barred you"), said
    assert sandbox.choices(ana) == []
    assert sandbox.suggestions(ana, "imagine", "prompt", {"prompt": ""}) == []
    assert sandbox.choices(boss)
    assert sandbox.ask(boss, "admin", {"unban": {"user": ana}}).startswith("That member may ask")
    assert sandbox.ask(boss, "admin", {"unban": {"user": ana}}).startswith("That member is not")
    sandbox.let_go()
    sandbox.imagine(ana)
    sandbox.wait(lambda s: s.pictures(ana), "a picture")


def test_limits(lab):
    sandbox, bot = lab.start()
    ana, boss = sandbox.member("anabel"), sandbox.member("boss", admin=True)
    assert "every member: at a time: 2" in sandbox.ask(boss, "admin", {"limits": {}})
    said = sandbox.ask(boss, "admin", {"limits": {"cap": 1, "quota": 2}})
    assert "at a time: 1 · a day: 2" in said, said
    sandbox.fault("comfy_stall", ms=600000)
    sandbox.imagine(ana)
    sandbox.wait(lambda s: s.live(ana), "the first")
    said = sandbox.ask(ana, "imagine", {"model": "flux_image", "prompt": "x"})
    assert said.startswith("You already have 1"), said
    sandbox.let_go()
    sandbox.wait(lambda s: s.pictures(ana), "the first")
    sandbox.imagine(ana)
    sandbox.wait(lambda s: len(s.pictures(ana)) == 2, "the second")
    # Until the rows say so, a restart does not know that they were posted, and looks first.
    sandbox.wait(lambda s: bot.process.text().count("-> done") == 2, "the end of both")
    bot.kill()
    lab.start_bot()
    said = sandbox.ask(ana, "imagine", {"model": "flux_image", "prompt": "x"})
    assert said.startswith("You have asked for all 2 of today's pictures"), said
    # A role's cap is higher; the administrators have one here.
    role = next(
        r["id"] for r in sandbox.state().raw["guild"]["roles"] if int(r["permissions"]) & 8
    )
    said = sandbox.ask(boss, "admin", {"limits": {"role": role, "cap": 3}})
    assert f"<@&{role}>: at a time: 3" in said, said
    said = sandbox.ask(boss, "admin", {"limits": {"role": role}})
    assert role not in said


def test_admin_is_for_administrators(lab):
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    sandbox.wait(lambda s: s.raw["commands"], "the commands")
    with pytest.raises(Exception, match="may not use this command"):
        sandbox.command(ana, "admin", {"pause": {}})
    # A server may let members use it: the bot itself looks who asks.
    sandbox.act("let_through", user=ana)
    asked = sandbox.command(ana, "admin", {"pause": {}})
    said = sandbox.wait(lambda s: s.answer_text(asked), "the answer")
    assert said == "Only administrators of this server can do that."
    assert sandbox.state().interaction(asked)["ephemeral"]
    sandbox.imagine(ana)
    sandbox.wait(lambda s: s.pictures(ana), "the picture: nothing is paused")


def test_sync_and_clear(lab):
    sandbox, bot = lab.start()
    boss, ana = sandbox.member("boss", admin=True), sandbox.member("anabel")
    sandbox.wait(lambda s: s.raw["commands"], "the commands")
    guild = sandbox.state().raw["guild"]["id"]
    assert sandbox.ask(boss, "admin", {"id": {}}) == f"The id of this server: {guild}"
    assert admin_says(sandbox, boss, " !GetId ") == f"The id of this server: {guild}"
    assert sandbox.ask(boss, "admin", {"clear": {}}).startswith("All commands are removed")
    sandbox.wait(lambda s: not s.raw["commands"], "no commands")
    assert admin_says(sandbox, boss, "!sync") == f"Commands registered: {len(NAMES)}"
    assert registered(sandbox.state()) == NAMES
    assert admin_says(sandbox, boss, "!clearall").startswith("All commands are removed")
    # They stay away when the connection is made anew, and are back after a restart.
    sandbox.fault("gateway_invalid", resumable=False)
    sandbox.wait(lambda s: s.gateway["opens"] >= 2, "a new session")
    assert admin_says(sandbox, boss, "!getid")
    assert not sandbox.state().raw["commands"]
    bot.stop()
    lab.start_bot()
    sandbox.wait(lambda s: registered(s) == NAMES, "the commands")
    # After a resume there was no GUILD_CREATE: administrators are known all the same.
    assert admin_says(sandbox, boss, "!getid")


def test_several_ask_at_once(lab):
    """Each hears of his own, though the first is not answered when the next one asks."""
    sandbox, bot = lab.start()
    boss, chief = sandbox.member("boss", admin=True), sandbox.member("chief", admin=True)
    sandbox.wait(lambda s: s.raw["commands"], "the commands")
    room = sandbox.state().channel_named("admin-tools")["id"]
    before = sandbox.state().spoilt()
    sandbox.hang("PUT", "/applications/{}/guilds/{}/commands", ms=2000)
    first = sandbox.command(boss, "admin", {"sync": {}})
    sandbox.wait(lambda s: s.spoilt() > before, "the first on its way")
    second = sandbox.command(chief, "admin", {"sync": {}})
    sandbox.say(boss, "admin-tools", "!sync")
    done = f"Commands registered: {len(NAMES)}"
    sandbox.wait(lambda s: s.answer_text(first) == done, "the first answer")
    sandbox.wait(lambda s: s.answer_text(second) == done, "the second answer")
    sandbox.wait(lambda s: [m for m in s.messages(room) if m["content"] == done], "the third")


def test_admin_tools_is_what_is_called_so(lab):
    """Renamed, made and deleted while the bot runs; a restart knows it too."""
    sandbox, bot = lab.start()
    boss = sandbox.member("boss", admin=True)
    sandbox.wait(lambda s: s.raw["commands"], "the commands")
    old = sandbox.state().channel_named("admin-tools")["id"]
    general = sandbox.state().channel_named("general")["id"]
    sandbox.act("rename_channel", channel=old, name="old-tools")
    sandbox.say(boss, old, "!getid")
    sandbox.act("rename_channel", channel=general, name="admin-tools")
    assert admin_says(sandbox, boss, "!getid").startswith("The id of this server")
    bot.kill()
    lab.start_bot()
    assert admin_says(sandbox, boss, "!getid").startswith("The id of this server")
    sandbox.act("delete_channel", channel=general)
    made = str(sandbox.post("/control/channels", name="admin-tools")["id"])
    assert admin_says(sandbox, boss, "!getid").startswith("The id of this server")
    sandbox.say(boss, old, "!getid")
    assert admin_says(sandbox, boss, "!getid").startswith("The id of this server")
    state = sandbox.state()
    assert not state.messages(old, author=state.bot_id)
    assert len(state.messages(made, author=state.bot_id)) == 2


def replies(state):
    """What the bot replied to: the messages' ids."""
    return [
        m["message_reference"]["message_id"]
        for m in state.messages(author=state.bot_id)
        if m.get("message_reference")
    ]


def test_words_come_before_the_guild_is_known(lab):
    """A resumed session tells what was missed, but not who administers: that is asked for. What is
    written until it is known waits; what a crash makes Discord give again is not answered again."""
    sandbox, bot = lab.start()
    boss, ana = sandbox.member("boss", admin=True), sandbox.member("anabel")
    sandbox.wait(lambda s: s.raw["commands"], "the commands")
    state = sandbox.state()
    sandbox.act("rename_channel", channel=state.channel_named("admin-tools")["id"], name="old-tools")
    # One in which everybody may write.
    sandbox.act("rename_channel", channel=state.channel_named("general")["id"], name="admin-tools")
    # The session is written down with a job's row: the resumed one does not begin with the guild.
    sandbox.imagine(ana)
    sandbox.wait(lambda s: s.pictures(ana), "the picture")
    first = sandbox.say(boss, "admin-tools", "!getid")
    sandbox.wait(lambda s: first in replies(s), "the first answer")
    bot.kill()
    sandbox.hang("GET", "/guilds/{}", ms=1500)
    missed = [sandbox.say(boss, "admin-tools", "!getid"), sandbox.say(boss, "admin-tools", "!sync")]
    sandbox.say(ana, "admin-tools", "!sync")
    before = sandbox.state().spoilt()
    bot = lab.start_bot()
    assert int(bot.wait_line(r"resuming the session at event (\d+)").group(1)) > 2
    bot.wait_line("gateway: resumed")
    sandbox.wait(lambda s: s.spoilt() > before, "the question that hangs")
    live = sandbox.say(boss, "admin-tools", "!getid")
    for word in [*missed, live]:
        sandbox.wait(lambda s: word in replies(s), "an answer")
    last = sandbox.say(boss, "admin-tools", "!getid")
    sandbox.wait(lambda s: last in replies(s), "the last answer")
    assert sorted(replies(sandbox.state())) == sorted([first, *missed, live, last])


@pytest.mark.parametrize("executed", [True, False])
@pytest.mark.parametrize("word", ["!getid", "!sync"])
def test_a_crash_between_a_word_and_its_answer(lab, word, executed):
    """Whether or not Discord has taken the answer: in the end it has it once."""
    sandbox, bot = lab.start()
    boss = sandbox.member("boss", admin=True)
    sandbox.wait(lambda s: s.raw["commands"], "the commands")
    before = sandbox.state().spoilt()
    sandbox.hang("POST", "/channels/{}/messages", executed=executed)
    first = sandbox.say(boss, "admin-tools", word)
    sandbox.wait(lambda s: s.spoilt() > before, "the answer on its way")
    bot.wait_value("words", first)
    bot.kill()
    lab.start_bot()
    sandbox.wait(lambda s: first in replies(s), "the answer")
    last = sandbox.say(boss, "admin-tools", "!getid")
    sandbox.wait(lambda s: last in replies(s), "another answer")
    assert replies(sandbox.state()) == [first, last]


def test_others_hear_nothing(lab):
    sandbox, bot = lab.start()
    boss, ana = sandbox.member("boss", admin=True), sandbox.member("anabel")
    sandbox.wait(lambda s: s.raw["commands"], "the commands")
    for user, channel, text in (
        (boss, "general", "!getid"),
        (boss, "general", "!clearall"),
        (boss, "admin-tools", "!getidx"),
        (boss, "admin-tools", "getid"),
        (ana, "general", "!sync"),
    ):
        sandbox.say(user, channel, text)
    # What comes after them is answered, so they were read.
    assert admin_says(sandbox, boss, "!getid").startswith("The id of this server")
    bots = [m for m in sandbox.state().messages() if m["author"].get("bot") and not m["ephemeral"]]
    assert len(bots) == 1
    assert registered(sandbox.state()) == NAMES


def test_without_message_content(lab):
    """Not granted: said at the start, the rest works, and a mention is understood."""
    sandbox = lab.start_sandbox()
    sandbox.fault("message_content", granted=False)
    bot = lab.start_bot()
    bot.wait_line("MESSAGE CONTENT is not switched on")
    boss, ana = sandbox.member("boss", admin=True), sandbox.member("anabel")
    me = sandbox.state().bot_id
    room = sandbox.state().channel_named("admin-tools")["id"]
    assert admin_says(sandbox, boss, f"<@{me}> getid").startswith("The id of this server")
    assert admin_says(sandbox, boss, f"<@{me}> sync").startswith("Commands registered")
    before = len(sandbox.state().messages(room))
    sandbox.say(boss, "admin-tools", "!getid")
    sandbox.imagine(ana)
    sandbox.wait(lambda s: s.pictures(ana), "the picture")
    assert len(sandbox.state().messages(room)) == before + 1
