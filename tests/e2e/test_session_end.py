# SPDX-License-Identifier: Apache-2.0
"""How a private channel ends: warned, kept, removed; a member who left; and what survives."""
import os
import sqlite3
import time

from harness import PATIENCE, button, custom_ids, made

TTL = 12  # seconds; the warning stands for the last two


def get_picture(sandbox, user, n=1):
    sandbox.imagine(user)
    sandbox.wait(lambda s: len(s.pictures(user)) == n, "the picture")
    sandbox.wait(lambda s: all("Done" in m["content"] for m in s.live(user)), "the end")


def warnings(state, deleted=False):
    return [
        m
        for m in state.messages(author=state.bot_id)
        if any(c.startswith("v1:keep:") for c in custom_ids(m)) and (deleted or not m["deleted"])
    ]


def gone(user):
    return lambda s: s.session_channels(user, deleted=True) and not s.session_channels(user)


def wait_row(bot, wanted):
    """Until the one channel's row, as it is committed, is as wanted."""
    path = os.path.join(bot.folder, "database", "bot_data.db")
    deadline = time.monotonic() + PATIENCE
    while True:
        database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        database.row_factory = sqlite3.Row
        (row,) = database.execute("SELECT * FROM channels").fetchall()
        database.close()
        if wanted(row):
            return
        assert time.monotonic() < deadline, dict(row)
        time.sleep(0.05)


def test_warned_before_the_end(lab):
    sandbox, bot = lab.start(SESSION_TTL_SECONDS=TTL)
    ana = sandbox.member("anabel")
    get_picture(sandbox, ana)
    (warning,) = sandbox.wait(lambda s: s.session_channels(ana) and warnings(s), "the warning")
    assert "<t:" in warning["content"] and "removed" in warning["content"]
    sandbox.wait(gone(ana), "the channel's end")
    assert time.time() - made(warning) > 0.8
    assert len(warnings(sandbox.state(), deleted=True)) == 1


def test_in_the_language_of_the_member(lab):
    sandbox, bot = lab.start(SESSION_TTL_SECONDS=TTL)
    ana = sandbox.member("anabel")
    sandbox.post("/control/locale", user=ana, locale="es-ES")
    sandbox.imagine(ana)
    (warning,) = sandbox.wait(warnings, "the warning")
    assert "Se borrará" in warning["content"]
    assert warning["components"][0]["components"][0]["label"] == "Conservar"


def test_kept_by_the_button(lab):
    sandbox, bot = lab.start(SESSION_TTL_SECONDS=TTL)
    ana, ben = sandbox.member("anabel"), sandbox.member("benito", admin=True)
    get_picture(sandbox, ana)
    (warning,) = sandbox.wait(warnings, "the warning")
    pressed = sandbox.press(ana, warning, button(warning, "keep"))
    sandbox.wait(lambda s: "stays" in s.answer_text(pressed), "the answer")
    sandbox.wait(lambda s: not warnings(s), "the warning's removal")
    (again,) = sandbox.wait(warnings, "the next warning")
    assert made(again) - made({"id": pressed}) > 0.7 * TTL
    # An administrator may keep it too.
    pressed = sandbox.press(ben, again, button(again, "keep"))
    sandbox.wait(lambda s: "stays" in s.answer_text(pressed), "the answer")
    sandbox.wait(lambda s: not warnings(s), "the warning's removal")
    assert sandbox.state().session_channels(ana)


def test_kept_by_nobody_else(lab):
    """Another member, even one who was let in, and a member who is banned."""
    sandbox, bot = lab.start(SESSION_TTL_SECONDS=TTL)
    ana, ben = sandbox.member("anabel"), sandbox.member("benito")
    boss = sandbox.member("boss", admin=True)
    get_picture(sandbox, ana)
    (warning,) = sandbox.wait(warnings, "the warning")
    sandbox.act("let_in", channel=warning["channel_id"], user=ben)
    pressed = sandbox.press(ben, warning, button(warning, "keep"))
    said = sandbox.wait(lambda s: s.answer_text(pressed), "the answer")
    assert said.startswith("This is somebody else's private channel"), said
    sandbox.wait(gone(ana), "the channel's end")
    get_picture(sandbox, ana, 2)
    (warning,) = sandbox.wait(warnings, "the warning")
    assert sandbox.ask(boss, "admin", {"ban": {"user": ana}}).startswith("That member may not")
    pressed = sandbox.press(ana, warning, button(warning, "keep"))
    said = sandbox.wait(lambda s: s.answer_text(pressed), "the answer")
    assert said.startswith("An administrator of this server has barred you"), said
    sandbox.wait(gone(ana), "the channel's end")


def test_words_and_jobs_call_the_warning_off(lab):
    sandbox, bot = lab.start(SESSION_TTL_SECONDS=TTL)
    ana, ben = sandbox.member("anabel"), sandbox.member("benito", admin=True)
    get_picture(sandbox, ana)
    (warning,) = sandbox.wait(warnings, "the warning")
    sandbox.say(ana, warning["channel_id"], "not yet")
    sandbox.wait(lambda s: not warnings(s), "the warning's removal")
    sandbox.wait(warnings, "the next warning")
    get_picture(sandbox, ana, 2)
    assert not warnings(sandbox.state())
    # What somebody else says in it does not keep it.
    (warning,) = sandbox.wait(warnings, "the third warning")
    sandbox.say(ben, warning["channel_id"], "still here?")
    sandbox.wait(gone(ana), "the channel's end")


def test_warned_once_across_a_restart(lab):
    sandbox, bot = lab.start(SESSION_TTL_SECONDS=TTL)
    ana = sandbox.member("anabel")
    get_picture(sandbox, ana)
    (warning,) = sandbox.wait(warnings, "the warning")
    bot.kill()
    lab.start_bot(SESSION_TTL_SECONDS=TTL)
    sandbox.wait(gone(ana), "the channel's end")
    assert len(warnings(sandbox.state(), deleted=True)) == 1


def test_killed_between_row_and_warning(lab):
    """Nobody was warned: it is said once, and stands before the channel goes."""
    sandbox, bot = lab.start(SESSION_TTL_SECONDS=TTL)
    ana = sandbox.member("anabel")
    get_picture(sandbox, ana)
    before = sandbox.state().spoilt()
    sandbox.hang("POST", "/channels/{}/messages")
    sandbox.wait(lambda s: s.spoilt() > before, "the warning on its way")
    bot.kill()
    sandbox.fault("clear")
    assert not warnings(sandbox.state())
    lab.start_bot(SESSION_TTL_SECONDS=TTL)
    (warning,) = sandbox.wait(lambda s: s.session_channels(ana) and warnings(s), "the warning")
    sandbox.wait(gone(ana), "the channel's end")
    assert time.time() - made(warning) > 0.8
    assert len(warnings(sandbox.state(), deleted=True)) == 1


def test_words_that_nobody_heard_keep_it(lab):
    """Written while the bot was down, and in a gateway session that is not resumed."""
    sandbox, bot = lab.start(SESSION_TTL_SECONDS=TTL)
    ana = sandbox.member("anabel")
    get_picture(sandbox, ana)
    (warning,) = sandbox.wait(warnings, "the warning")
    bot.kill()
    sandbox.say(ana, warning["channel_id"], "is anybody there?")
    database = sqlite3.connect(os.path.join(bot.folder, "database", "bot_data.db"))
    with database:
        database.execute("DELETE FROM settings WHERE name = 'gateway'")
    database.close()
    lab.start_bot(SESSION_TTL_SECONDS=TTL)
    sandbox.wait(lambda s: not warnings(s), "the warning's removal")
    assert sandbox.state().session_channels(ana)
    sandbox.wait(warnings, "the next warning")
    sandbox.wait(gone(ana), "the channel's end")


def test_called_off_after_a_restart(lab):
    """The new process does not know which message it was: it looks."""
    sandbox, bot = lab.start(SESSION_TTL_SECONDS=15)
    ana = sandbox.member("anabel")
    get_picture(sandbox, ana)
    (warning,) = sandbox.wait(warnings, "the warning")
    bot.kill()
    lab.start_bot(SESSION_TTL_SECONDS=15)
    pressed = sandbox.press(ana, warning, button(warning, "keep"))
    sandbox.wait(lambda s: "stays" in s.answer_text(pressed), "the answer")
    sandbox.wait(lambda s: not warnings(s), "the warning's removal")
    assert sandbox.state().session_channels(ana)


def test_killed_between_keep_and_the_removal(lab):
    """What was called off does not stand there until the next warning."""
    sandbox, bot = lab.start(SESSION_TTL_SECONDS=60)
    ana = sandbox.member("anabel")
    get_picture(sandbox, ana)
    bot.wait_ended()
    bot.kill()
    database = sqlite3.connect(os.path.join(bot.folder, "database", "bot_data.db"))
    with database:  # as if so much time had passed
        database.execute("UPDATE channels SET active_ms = active_ms - 55000")
    database.close()
    bot = lab.start_bot(SESSION_TTL_SECONDS=60)
    (warning,) = sandbox.wait(warnings, "the warning")
    before = sandbox.state().spoilt()
    sandbox.hang("DELETE", "/channels/{}/messages/{}")
    pressed = sandbox.press(ana, warning, button(warning, "keep"))
    sandbox.wait(lambda s: "stays" in s.answer_text(pressed), "the answer")
    sandbox.wait(lambda s: s.spoilt() > before, "the removal on its way")
    wait_row(bot, lambda row: row["warned_ms"] == 0)
    bot.kill()
    sandbox.fault("clear")
    assert warnings(sandbox.state())
    lab.start_bot(SESSION_TTL_SECONDS=60)
    sandbox.wait(lambda s: not warnings(s), "the warning's removal")
    assert sandbox.state().session_channels(ana)


def test_member_who_left_while_idle(lab):
    sandbox, bot = lab.start(SESSION_TTL_SECONDS=TTL)
    ana = sandbox.member("anabel")
    get_picture(sandbox, ana)
    sandbox.leave(ana)
    sandbox.wait(gone(ana), "the channel's end")
    assert not warnings(sandbox.state(), deleted=True)
    bot.wait_line(r"has left the server")


def test_member_who_left_with_jobs(lab):
    """Asked of Discord at the start for members with jobs."""
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    sandbox.fault("comfy_restart", down_ms=3600000)
    bot.wait_line("does not answer")
    sandbox.imagine(ana)
    sandbox.wait(lambda s: s.live(ana), "the live message")
    sandbox.leave(ana)
    bot.kill()
    bot = lab.start_bot()
    sandbox.wait(gone(ana), "the channel's end")
    (row,) = bot.rows()
    assert row["step"] >= 100 and row["sorry"] == 15


def test_renamed_member_keeps_his_channel(lab):
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    get_picture(sandbox, ana)
    sandbox.act("rename", user=ana, name="zoraida")
    get_picture(sandbox, ana, 2)
    (channel,) = sandbox.state().session_channels(ana, deleted=True)
    bot.kill()
    lab.start_bot(folder="another")  # not even by the database
    get_picture(sandbox, ana, 3)
    assert [c["id"] for c in sandbox.state().session_channels(ana, deleted=True)] == [channel["id"]]


def test_deleted_channel_is_made_again(lab):
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    get_picture(sandbox, ana)
    (channel,) = sandbox.state().session_channels(ana)
    sandbox.act("delete_channel", channel=channel["id"])
    get_picture(sandbox, ana, 2)
    assert len(sandbox.state().session_channels(ana, deleted=True)) == 2
    assert len(sandbox.state().session_channels(ana)) == 1


def test_deleted_category_is_made_again(lab):
    sandbox, bot = lab.start()
    ana, ben = sandbox.member("anabel"), sandbox.member("benito")
    get_picture(sandbox, ana)
    (category,) = [c for c in sandbox.state().categories() if c["name"] == "sessions"]
    sandbox.act("delete_channel", channel=category["id"])
    get_picture(sandbox, ben)  # below a new one
    get_picture(sandbox, ana, 2)  # in the channel that was left without one
    state = sandbox.state()
    assert len([c for c in state.categories() if c["name"] == "sessions"]) == 1
    assert len(state.session_channels(ben)) == 1
    assert {m["channel_id"] for m in state.pictures(ana)} == {
        c["id"] for c in state.channels() if c["name"] == "session-anabel"
    }
