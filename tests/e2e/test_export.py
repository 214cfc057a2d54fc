# SPDX-License-Identifier: Apache-2.0
"""EXPORT_PATH: a numbered copy of each finished picture."""
import os
import sqlite3

import pytest

MESSAGES = ("POST", "/channels/{}/messages")


def copies(folder):
    return sorted(os.listdir(folder))


def read(folder, name):
    with open(os.path.join(folder, name), "rb") as f:
        return f.read()


def export_folder(lab, name="copies"):
    folder = os.path.join(lab.folder, name)
    os.makedirs(folder, exist_ok=True)
    return folder


def ask(sandbox, user, n, **options):
    """A picture; the n-th message with one, when it is there."""
    sandbox.command(user, "imagine", {"model": "flux_image", "prompt": "a fox", **options})
    found = sandbox.wait(lambda s: len(s.pictures(user)) >= n and s.pictures(user), "the picture")
    assert len(found) == n
    return found[n - 1]


def files_of(sandbox, message):
    return [sandbox.download(a["url"]) for a in message["attachments"]]


def test_numbered_on_through_restarts(lab):
    folder = export_folder(lab)
    sandbox, bot = lab.start(EXPORT_PATH=folder)
    ana, ben = sandbox.member("anabel"), sandbox.member("benito")
    first = ask(sandbox, ana, 1)
    assert copies(folder) == ["01.png"]
    assert read(folder, "01.png") == files_of(sandbox, first)[0]
    assert not os.stat(os.path.join(folder, "01.png")).st_mode & 0o137
    bot.kill()
    bot = lab.start_bot(EXPORT_PATH=folder)
    three = ask(sandbox, ben, 1, count=3)
    assert copies(folder) == ["01.png", "02.png", "03.png", "04.png"]
    assert [read(folder, f"0{i}.png") for i in (2, 3, 4)] == files_of(sandbox, three)
    bot.stop()
    bot = lab.start_bot(EXPORT_PATH=folder)
    ask(sandbox, ana, 2)
    assert copies(folder)[-1] == "05.png"
    assert [row["number"] for row in bot.rows()] == [1, 2, 5]


def test_the_count_goes_on_from_what_is_stored(lab):
    """Also without EXPORT_PATH pictures are counted; more than 99 have three digits."""
    folder = export_folder(lab)
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    ask(sandbox, ana, 1)
    bot.wait_line("-> done$")
    bot.stop()
    path = os.path.join(bot.folder, "database", "bot_data.db")
    with sqlite3.connect(path) as database:
        ((value,),) = database.execute("SELECT value FROM settings WHERE name = 'image_count'")
        assert value == "1"
        database.execute("UPDATE settings SET value = '99' WHERE name = 'image_count'")
    lab.start_bot(EXPORT_PATH=folder)
    ask(sandbox, ana, 2)
    assert copies(folder) == ["100.png"]


@pytest.mark.parametrize("executed", [False, True], ids=["not posted", "posted"])
def test_killed_while_it_is_posted(lab, executed):
    """One picture, one number, one copy."""
    folder = export_folder(lab)
    sandbox, bot = lab.start(EXPORT_PATH=folder)
    ana = sandbox.member("anabel")
    sandbox.imagine(ana)
    bot.wait_step("watch")
    sandbox.hang(*MESSAGES, executed=executed, count=0)
    bot.wait_step("post")
    sandbox.wait(lambda s: s.spoilt() and (s.pictures(ana) or not executed), "the posting")
    bot.kill()
    sandbox.fault("clear")
    bot = lab.start_bot(EXPORT_PATH=folder)
    sandbox.wait(lambda s: s.pictures(ana), "the picture")
    bot.wait_line("-> done$")
    assert len(sandbox.state().pictures()) == 1
    assert copies(folder) == ["01.png"]
    ask(sandbox, ana, 2)
    assert copies(folder) == ["01.png", "02.png"]


def test_never_over_another_file(lab):
    folder = export_folder(lab)
    for name, data in (("01.png", b"mine"), ("02.txt", b"notes")):
        with open(os.path.join(folder, name), "wb") as f:
            f.write(data)
    sandbox, bot = lab.start(EXPORT_PATH=folder)
    ana = sandbox.member("anabel")
    first = ask(sandbox, ana, 1)
    assert copies(folder) == ["01-2.png", "01.png", "02.txt"]
    assert read(folder, "01.png") == b"mine"
    assert read(folder, "01-2.png") == files_of(sandbox, first)[0]


def test_a_folder_that_is_not_there(lab):
    """One line in the log; the pictures come; and it goes on when the folder is back."""
    folder = os.path.join(lab.folder, "not mounted")
    sandbox, bot = lab.start(EXPORT_PATH=folder)
    ana = sandbox.member("anabel")
    ask(sandbox, ana, 1)
    ask(sandbox, ana, 2)
    warned = [l for l in bot.process.text().split("\n") if "EXPORT_PATH" in l]
    assert len(warned) == 1 and "not mounted/01.png: No such file or directory" in warned[0]
    os.makedirs(folder)
    ask(sandbox, ana, 3)
    assert copies(folder) == ["03.png"]
    bot.wait_line("copies are kept in EXPORT_PATH again")


def test_a_folder_where_nothing_can_be_made(lab):
    sandbox, bot = lab.start(EXPORT_PATH="/proc/self")
    ana = sandbox.member("anabel")
    ask(sandbox, ana, 1)
    bot.wait_line("no copies are kept in EXPORT_PATH")


def test_check_tells_of_the_folder(lab):
    folder = export_folder(lab)
    sandbox, bot = lab.start()
    good = lab.run("check", **lab.bot_settings(EXPORT_PATH=folder))
    assert f"ok   copies: {folder}" in good
    assert "ok   editing: " in good
    bad = lab.run("check", status=1, **lab.bot_settings(EXPORT_PATH=folder + "/no"))
    assert "FAIL copies: " in bad and "No such file or directory" in bad
