# SPDX-License-Identifier: Apache-2.0
"""Private channels: removed when idle, kept while used; and a program that is idle does nothing."""
import os
import sqlite3
import time


def get_picture(sandbox, user, n=1):
    sandbox.imagine(user)
    sandbox.wait(lambda s: len(s.pictures(user)) == n, "the picture")
    sandbox.wait(lambda s: all("Done" in m["content"] for m in s.live(user)), "the end")


def gone(user):
    return lambda s: s.session_channels(user, deleted=True) and not s.session_channels(user)


def test_removed_when_idle(lab):
    sandbox, bot = lab.start(SESSION_TTL_SECONDS=1)
    ana = sandbox.member("anabel")
    get_picture(sandbox, ana)
    sandbox.wait(gone(ana), "the channel's end")
    get_picture(sandbox, ana, 2)  # and made again when it is needed
    assert len(sandbox.state().session_channels(ana, deleted=True)) == 2


def test_words_keep_it_open(lab):
    """Activity is what members write: the time counts from the last of it."""
    sandbox, bot = lab.start(SESSION_TTL_SECONDS=4)
    ana = sandbox.member("anabel")
    get_picture(sandbox, ana)
    (channel,) = sandbox.state().session_channels(ana)
    last = 0
    for _ in range(5):
        last = time.time()
        sandbox.say(ana, channel["id"], "lovely")
        deadline = last + 1.0
        while (left := deadline - time.time()) > 0:  # time passes: that is what is tested
            sandbox.wait_change(sandbox.state().raw["version"], left)
    assert sandbox.state().session_channels(ana)
    sandbox.wait(gone(ana), "the channel's end")
    assert time.time() - last >= 3.9


def test_removed_when_the_bot_was_down_at_that_time(lab):
    """After the warning (a sixth of the time), not after a whole new time."""
    settings = {"SESSION_TTL_SECONDS": 60}
    sandbox, bot = lab.start(**settings)
    ana = sandbox.member("anabel")
    get_picture(sandbox, ana)
    bot.wait_ended()
    bot.kill()
    with sqlite3.connect(os.path.join(bot.folder, "database", "bot_data.db")) as database:
        database.execute("UPDATE channels SET active_ms = active_ms - 3600000")
    database.close()
    assert sandbox.state().session_channels(ana)
    started = time.time()
    lab.start_bot(**settings)
    sandbox.wait(gone(ana), "the channel's end", timeout=45)
    assert time.time() - started < 50


def test_not_removed_while_a_job_waits(lab):
    sandbox, bot = lab.start(SESSION_TTL_SECONDS=1)
    ana = sandbox.member("anabel")
    sandbox.fault("comfy_stall")
    sandbox.imagine(ana)
    sandbox.wait(lambda s: s.live(ana), "the live message")
    time.sleep(1.5)
    assert sandbox.state().session_channels(ana)
    sandbox.let_go()
    sandbox.wait(lambda s: s.pictures(ana), "the picture")
    sandbox.wait(gone(ana), "the channel's end")


def test_found_again_without_the_database(lab):
    """By the marker in its topic; never by its name."""
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    get_picture(sandbox, ana)
    bot.kill()
    decoy = sandbox.post("/control/channels", name="session-benito")["id"]
    lab.start_bot(folder="another")
    get_picture(sandbox, ana, 2)
    assert len(sandbox.state().session_channels(ana, deleted=True)) == 1
    ben = sandbox.member("benito")
    get_picture(sandbox, ben)
    (channel,) = sandbox.state().session_channels(ben)
    assert channel["id"] != str(decoy)


def test_known_again_after_a_resume(lab):
    """Its row was never written, and a resumed session gives no list: one is asked for."""
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    get_picture(sandbox, ana)
    get_picture(sandbox, ana, 2)  # written down: the session goes on after it, and after the channel
    bot.wait_ended()
    bot.kill()
    with sqlite3.connect(os.path.join(bot.folder, "database", "bot_data.db")) as database:
        assert database.execute("DELETE FROM channels").rowcount == 1
    database.close()
    bot = lab.start_bot(SESSION_TTL_SECONDS=1)
    sandbox.wait(gone(ana), "the channel's end")
    bot.wait_line("gateway: resumed")


def test_idle_means_idle(lab):
    """Connected, with nothing to do, neither process uses the processor."""
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    get_picture(sandbox, ana)
    processes = (bot.process, sandbox.process)
    before = [p.cpu_seconds() for p in processes]
    began = time.monotonic()
    sandbox.wait_change(sandbox.state().raw["version"] + 10, 3.0)
    assert time.monotonic() - began > 2.5, "something goes on"
    used = [after.cpu_seconds() - b for after, b in zip(processes, before)]
    assert max(used) <= 0.06, f"bot {used[0]:.2f} s, sandbox {used[1]:.2f} s of processor time"


def test_waiting_for_a_card_is_idle_too(lab):
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    sandbox.fault("comfy_restart", down_ms=3600000)
    bot.wait_line("does not answer")
    sandbox.imagine(ana)
    sandbox.wait(lambda s: s.live(ana), "the live message")
    requests = sandbox.state().raw["requests"]
    before = bot.process.cpu_seconds()
    time.sleep(2.5)
    assert bot.process.cpu_seconds() - before <= 0.1
    assert sandbox.state().raw["requests"] - requests <= 2
