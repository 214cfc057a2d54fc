# SPDX-License-Identifier: Apache-2.0
"""Cards that fail, die, are held by administrators, and come and go when the settings are read again."""
import os
import signal
import time

from harness import FULLET, PATIENCE, clean_environment
from test_queue import position

PATIENT = 75  # a card that does not answer is waited for half a minute


def admin_words(state):
    room = state.channel_named("admin-tools")["id"]
    return [m["content"] for m in state.messages(room, author=state.bot_id)]


def cards(lab, *sizes, **settings):
    return lab.start("--cards", ",".join(str(s) for s in sizes), **settings)


def write_env(lab, **settings):
    path = os.path.join(lab.bot_folder(), ".env")
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(f"{name}={value}\n" for name, value in settings.items())
    os.chmod(path, 0o600)


def hang_up(bot):
    os.kill(bot.process.pid, signal.SIGHUP)


def hold(sandbox, *which):
    for card in which:
        sandbox.fault("comfy_stall", card=card)


def let_go(sandbox, *which):
    for card in which:
        sandbox.fault("comfy_stall", ms=0, card=card)


def owners(state):
    """The members in the order in which their pictures came."""
    return [str(m["mentions"][0]["id"]) for m in sorted(state.pictures(), key=lambda m: int(m["id"]))]


def test_a_card_dies_in_mid_job(lab):
    """Its job is back in its old place, and those behind it are told so."""
    sandbox, bot = cards(lab, 16, 16)
    people = [sandbox.member(name) for name in ("anabel", "benito", "carla", "dora")]
    hold(sandbox, 0, 1)
    for n, user in enumerate(people[:2], 1):
        sandbox.imagine(user)
        sandbox.wait(lambda s: len(s.prompts("pending")) == n, "a run")
    for n, user in enumerate(people[2:], 1):
        sandbox.imagine(user)
        sandbox.wait(lambda s: position(s, user) == n, "a place in line")
    # Whose run is where: the rows tell it.
    by_card = {row["gpu"]: str(row["user_id"]) for row in bot.rows() if row["gpu"]}
    lost, kept = (by_card[url] for url in sandbox.cards)
    assert {lost, kept} == set(people[:2])
    sandbox.fault("comfy_restart", down_ms=3600000, card=0)
    sandbox.wait(lambda s: position(s, lost) == 1, "it is back, and first", timeout=PATIENT)
    sandbox.wait(lambda s: position(s, people[2]) == 2, "the next one is told")
    sandbox.wait(lambda s: position(s, people[3]) == 3, "and the one behind it")
    bot.wait_line(r"moves back in line from 1 to 2: job=\d+ is back in its old place")
    let_go(sandbox, 1)
    sandbox.wait(lambda s: len(s.pictures()) == 4, "four pictures", timeout=PATIENT)
    state = sandbox.state()
    assert owners(state) == [kept, lost, people[2], people[3]]
    assert state.outcomes() == 4 and not state.apologies()


def test_a_card_that_keeps_failing(lab):
    """Its jobs are drawn by the other card, it gets no more, and #admin-tools hears it once."""
    sandbox, bot = cards(lab, 16, 16)
    ana, ben = sandbox.member("anabel"), sandbox.member("benito")
    boss = sandbox.member("boss", admin=True)
    sandbox.fault("comfy_machine", count=100, card=0)

    def both_cards(n):
        """One picture for each card, at the same time."""
        hold(sandbox, 1)
        sandbox.imagine(ana)
        sandbox.imagine(ben)
        sandbox.wait(
            lambda s: len(s.prompts(card=0)) == n and s.prompts("pending", card=1), "both cards"
        )

    for n in (1, 2, 3):
        both_cards(n)
        let_go(sandbox, 1)
        sandbox.wait(lambda s: len(s.pictures()) == 2 * n, "both pictures all the same")
    said = sandbox.wait(lambda s: admin_words(s), "the word to the administrators")
    assert len(said) == 1 and "keeps failing" in said[0] and "CUDA error" in said[0], said
    assert sandbox.cards[0].removeprefix("http://") in said[0].replace("\\", ""), said
    # It gets nothing, though it is idle and the other one is not.
    hold(sandbox, 1)
    sandbox.imagine(ana)
    sandbox.wait(lambda s: s.prompts("pending", card=1), "the first")
    sandbox.imagine(ben)
    sandbox.wait(lambda s: position(s, ben) == 1, "the second waits")
    assert "1\\. keeps failing; it is tried again in" in sandbox.ask(boss, "status")
    assert "CUDA error" in sandbox.ask(boss, "status")
    assert "CUDA error" not in sandbox.ask(ana, "status")
    let_go(sandbox, 1)
    sandbox.wait(lambda s: len(s.pictures()) == 8, "both pictures")
    assert len(sandbox.state().prompts(card=0)) == 3
    # Mended.
    sandbox.fault("clear")
    assert sandbox.ask(boss, "admin", {"resume": {"card": "1"}}) == "Card 1 is used again."
    both_cards(4)
    let_go(sandbox, 1)
    sandbox.wait(lambda s: len(s.pictures()) == 10, "both pictures")
    sandbox.wait(lambda s: len(admin_words(s)) == 2, "the word that it works")
    assert "works again" in admin_words(sandbox.state())[1]
    assert len(sandbox.state().prompts("success", card=0)) == 1
    assert not sandbox.state().apologies()


def test_what_the_workflow_did_is_not_tried_elsewhere(lab):
    sandbox, bot = cards(lab, 16, 16)
    ana = sandbox.member("anabel")
    for card in (0, 1):
        sandbox.fault("comfy_error", count=1, card=card)
    sandbox.imagine(ana)
    sandbox.wait(lambda s: s.apologies(ana), "the apology")
    assert len(sandbox.state().prompts()) == 1


def test_out_of_memory_on_one_card(lab):
    sandbox, bot = cards(lab, 16, 16)
    ana = sandbox.member("anabel")
    for card in (0, 1):
        sandbox.fault("comfy_oom", count=1 - card, card=card)
    for n in (1, 2, 3):
        sandbox.imagine(ana)
        sandbox.wait(lambda s: len(s.pictures(ana)) == n, "the picture")
    assert not sandbox.state().apologies()
    assert not admin_words(sandbox.state())


def test_a_card_is_paused_drained_and_resumed(lab):
    sandbox, bot = cards(lab, 16, 16)
    ana, boss = sandbox.member("anabel"), sandbox.member("boss", admin=True)
    sandbox.wait(lambda s: s.raw["commands"], "the commands")
    offered = sandbox.suggestions(boss, "admin", "card", {"pause": {"card": ""}})
    assert [c["value"] for c in offered] == ["1", "2"], offered
    assert sandbox.cards[1] in offered[1]["name"]
    assert sandbox.ask(boss, "admin", {"pause": {"card": "gpu-of-nobody"}}).startswith("I don't know")
    assert sandbox.ask(boss, "admin", {"pause": {"card": "9"}}).startswith("I don't know")
    assert sandbox.ask(boss, "admin", {"pause": {"card": "1"}}).startswith("Card 1 is paused")
    for n in (1, 2, 3):
        sandbox.imagine(ana)
        sandbox.wait(lambda s: len(s.pictures(ana)) == n, "the picture")
    assert not sandbox.state().prompts(card=0)
    assert "1\\. paused by an administrator" in sandbox.ask(ana, "status")
    # Nor does a restart forget it; the address names it too.
    bot.stop()
    lab.start_bot()
    hold(sandbox, 1)
    sandbox.imagine(ana)
    sandbox.wait(lambda s: s.prompts("pending", card=1), "the run")
    assert sandbox.ask(boss, "admin", {"drain": {"card": sandbox.cards[1]}}).startswith("Card 2 takes no")
    assert "2\\. takes no more pictures, by an administrator, still on it: 1" in sandbox.ask(ana, "status")
    sandbox.imagine(ana)
    sandbox.wait(
        lambda s: s.live(ana) and "administrator has paused" in s.live(ana)[-1]["content"],
        "he is told why he waits",
    )
    assert not admin_words(sandbox.state())
    let_go(sandbox, 1)
    sandbox.wait(lambda s: len(s.pictures(ana)) == 4, "what it had is finished")
    said = sandbox.wait(lambda s: admin_words(s), "the word that it is empty")
    assert len(said) == 1 and "is empty" in said[0], said
    assert sandbox.ask(boss, "admin", {"resume": {"card": "1"}}) == "Card 1 is used again."
    sandbox.wait(lambda s: len(s.pictures(ana)) == 5, "the one that waited")
    assert len(sandbox.state().prompts(card=0)) == 1
    assert not sandbox.state().apologies()


def test_cards_are_added_and_taken_out_by_a_reload(lab):
    sandbox = lab.start_sandbox("--cards", "16,16")
    one, two = sandbox.cards
    write_env(lab, COMFY_URLS=one)
    bot = lab.start_bot(COMFY_URL=None, COMFY_URLS=None)
    ana, ben = sandbox.member("anabel"), sandbox.member("benito")
    hold(sandbox, 0, 1)
    sandbox.imagine(ana)
    sandbox.wait(lambda s: s.prompts("pending", card=0), "a run")
    sandbox.imagine(ben)
    sandbox.wait(lambda s: position(s, ben) == 1, "one that waits")
    write_env(lab, COMFY_URLS=f"{one},{two}/")
    hang_up(bot)
    sandbox.wait(lambda s: s.prompts("pending", card=1), "it begins on the new card")
    # The first one is taken out in the middle of its run, which it finishes.
    write_env(lab, COMFY_URLS=two)
    hang_up(bot)
    bot.wait_line("is taken out: 1 pictures on it are finished first")
    sandbox.imagine(ana)
    sandbox.wait(lambda s: position(s, ana) == 1, "the next waits for the card that is left")
    let_go(sandbox, 0)
    sandbox.wait(lambda s: s.pictures(ana), "the picture of the card that was taken out")
    bot.wait_line(f"the card {one} is let go")
    sandbox.wait(lambda s: s.cards()[0]["sockets"] == 0, "the old card is left alone")
    assert position(sandbox.state(), ana) == 1
    let_go(sandbox, 1)
    sandbox.wait(lambda s: len(s.pictures(ana)) == 2 and s.pictures(ben), "the others")
    assert len(sandbox.state().prompts(card=0)) == 1
    assert bot.process.text().count(f"{two} answers") == 1  # nothing was made anew
    # And back again, with the number that it had.
    write_env(lab, COMFY_URLS=f"{two},{one}")
    hang_up(bot)
    bot.wait_line(f"the card {one} is back")
    boss = sandbox.member("boss", admin=True)
    sandbox.wait(lambda s: "1\\. idle" in sandbox.ask(boss, "status"), "it is used again")
    hold(sandbox, 0, 1)
    sandbox.imagine(ana)
    sandbox.imagine(ben)
    sandbox.wait(lambda s: all(s.prompts("pending", card=n) for n in (0, 1)), "both at once")
    let_go(sandbox, 0, 1)
    sandbox.wait(lambda s: len(s.pictures()) == 5, "all pictures")
    assert not sandbox.state().apologies()


def test_a_dead_card_is_taken_out_by_a_reload(lab):
    """What it had and what waits is drawn by the other one."""
    sandbox = lab.start_sandbox("--cards", "16,16")
    one, two = sandbox.cards
    write_env(lab, COMFY_URLS=f"{one},{two}")
    bot = lab.start_bot(COMFY_URL=None, COMFY_URLS=None)
    people = [sandbox.member(name) for name in ("anabel", "benito", "carla")]
    hold(sandbox, 0, 1)
    for n, user in enumerate(people[:2], 1):
        sandbox.imagine(user)
        sandbox.wait(lambda s: len(s.prompts("pending")) == n, "a run")
    sandbox.imagine(people[2])
    sandbox.wait(lambda s: position(s, people[2]) == 1, "one that waits")
    sandbox.fault("comfy_restart", down_ms=3600000, card=1)
    bot.wait_line(f"gpu=2: {two} does not answer")
    write_env(lab, COMFY_URLS=one)
    hang_up(bot)
    bot.wait_line(f"the card {two}, which does not answer, is taken out: 1 jobs on it go back to their places")
    bot.wait_line(f"the card {two} is let go")  # at once: the other one is still held
    let_go(sandbox, 0)
    sandbox.wait(lambda s: len(s.pictures()) == 3, "three pictures", timeout=PATIENT)
    state = sandbox.state()
    assert state.outcomes() == 3 and set(owners(state)) == set(people)
    assert len(state.prompts("success", card=0)) == 3 and not state.prompts("success", card=1)
    assert not admin_words(state)  # he has taken it out himself


def test_keys_and_memory_are_taken_by_a_reload(lab):
    keys = ("first-key-of-this-test", "second-key-of-this-test")
    lab.secrets |= {*keys, "a-wrong-key-of-this-test"}
    sandbox = lab.start_sandbox("--cards", "24,24", COMFY_API_KEYS=",".join(keys))
    urls = ",".join(sandbox.cards)
    folder = lab.flujos("flux_image", "z-image_imagine")
    with open(os.path.join(folder, "flux_image.meta.json"), "w", encoding="utf-8") as file:
        file.write('{"vram_gb": 20}')
    write_env(lab, COMFY_URLS=urls, COMFY_API_KEYS=f"{keys[0]},a-wrong-key-of-this-test", GPU_VRAM_GB="16,16")
    bot = lab.start_bot(COMFY_URL=None, COMFY_URLS=None, FLUJOS_DIR=folder)
    bot.wait_line(f"gpu=2: {sandbox.cards[1]} does not answer: the API key was refused")
    ana = sandbox.member("anabel")
    asked = sandbox.imagine(ana)
    said = sandbox.wait(lambda s: s.answer_text(asked), "the answer")
    assert "needs 20.0 GB" in said and "has 16.0 GB" in said, said
    write_env(lab, COMFY_URLS=urls, COMFY_API_KEYS=",".join(keys), GPU_VRAM_GB="16,24")
    hang_up(bot)
    bot.wait_line(f"the card {sandbox.cards[1]} has another key")
    bot.wait_line(f"gpu=2: {sandbox.cards[1]} answers")
    sandbox.imagine(ana)
    sandbox.wait(lambda s: s.pictures(ana), "the picture of the card that has the memory now")
    assert len(sandbox.state().prompts("success", card=1)) == 1
    # And less again: nothing is left that could hold it.
    write_env(lab, COMFY_URLS=urls, COMFY_API_KEYS=",".join(keys), GPU_VRAM_GB="16,12")
    seen = len(bot.process.lines)
    hang_up(bot)
    bot.wait_line("the settings were read again", start=seen)
    asked = sandbox.imagine(ana)
    said = sandbox.wait(lambda s: s.answer_text(asked), "the answer")
    assert "has 16.0 GB" in said, said


def test_broken_settings_at_a_reload(lab):
    sandbox = lab.start_sandbox("--cards", "16,16")
    write_env(lab, COMFY_URLS=sandbox.cards[0])
    bot = lab.start_bot(COMFY_URL=None, COMFY_URLS=None)
    ana = sandbox.member("anabel")
    key = "a-key-that-nobody-should-read"
    lab.secrets.add(key)
    for n, (settings, words) in enumerate(
        (
            ({"COMFY_URLS": "gpu2:8188", "COMFY_API_KEY": key}, "line 1: COMFY_URLS: it must be a URL"),
            ({"COMFY_URLS": f"http://{key}@127.0.0.1:1"}, "line 1: COMFY_URLS: a user or key inside"),
            ({"LOG_LEVEL": "debug"}, "COMFY_URL is not set"),
        ),
        1,
    ):
        write_env(lab, **settings)
        hang_up(bot)
        bot.wait_line(f"the settings were not read again, and the old ones go on: .*{words}")
        said = sandbox.wait(lambda s: len(admin_words(s)) == n and admin_words(s)[-1], "the word")
        assert "the old ones go on" in said, said
        sandbox.imagine(ana)
        sandbox.wait(lambda s: len(s.pictures(ana)) == n, "a picture all the same")
    # In order again; what needs a restart is named.
    write_env(lab, COMFY_URLS=sandbox.cards[1], MAX_QUEUE=7, STALL_SECONDS=90)
    hang_up(bot)
    bot.wait_line("MAX_QUEUE, STALL_SECONDS wait for a restart")
    sandbox.imagine(ana)
    sandbox.wait(lambda s: len(s.prompts("success", card=1)) == 1, "a picture of the other card")
    assert len(admin_words(sandbox.state())) == 3


def test_the_terminal_goes_away(lab):
    """Whoever closes the window in which it runs wants it to end, in order; that is SIGHUP, too."""
    sandbox = lab.start_sandbox()
    folder, environment = lab.bot_folder(), clean_environment(**lab.bot_settings())
    pid, terminal = os.forkpty()
    if pid == 0:
        os.chdir(folder)
        os.execve(FULLET, ["fullet", "run"], environment)
    status = None
    try:
        sandbox.wait(lambda s: s.raw["commands"], "the bot")
        os.close(terminal)
        deadline = time.monotonic() + PATIENCE
        while status is None and time.monotonic() < deadline:
            done, code = os.waitpid(pid, os.WNOHANG)
            status = os.waitstatus_to_exitcode(code) if done else None
            time.sleep(0.05)
    finally:
        if status is None:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    assert status == 0
