# SPDX-License-Identifier: Apache-2.0
"""The line: positions, order, ceilings, cancelling, trying again."""
import re

from harness import button, custom_ids

QUEUED = re.compile(r"Queued \(Pos: (\d+)\)")


def ask_and_hold(sandbox, user, **options):
    """The first job, caught in ComfyUI until "clear": whoever comes next waits."""
    sandbox.fault("comfy_stall")
    asked = sandbox.imagine(user, **options)
    sandbox.wait(lambda s: s.prompts("pending"), "the first job at the ComfyUI")
    sandbox.wait(lambda s: s.live(user), "the first live message")
    return asked


def position(state, user):
    live = state.live(user)
    found = QUEUED.search(live[-1]["content"]) if live else None
    return int(found.group(1)) if found else None


def assert_one_at_a_time(state):
    prompts = sorted(state.prompts(), key=lambda p: p["submitted_ms"])
    for before, after in zip(prompts, prompts[1:]):
        assert before["finished_ms"] <= after["submitted_ms"], "two jobs on one card"


def prompt_owners(state):
    """The members in the order in which ComfyUI ran their jobs: a file there has the job's number."""
    owners = {}
    for message in state.pictures():
        name = message["attachments"][0]["filename"]
        owners[name.removeprefix("fullet-").removesuffix(".png")] = message["mentions"][0]["id"]
    runs = sorted(state.prompts("success"), key=lambda p: p["started_ms"])
    return [owners[p["outputs"]["save"]["images"][0]["filename"].split("_")[0]] for p in runs]


def test_three_members_at_once(lab):
    sandbox, bot = lab.start()
    people = [sandbox.member(name) for name in ("anabel", "benito", "carla")]
    asked = [ask_and_hold(sandbox, people[0])]
    for n, user in enumerate(people[1:], 1):
        asked.append(sandbox.imagine(user))
        sandbox.wait(lambda s: position(s, user) == n, f"position {n}")
        assert f"(Pos: {n})" in sandbox.wait(lambda s: s.answer_text(asked[n]), "the answer")
    assert len(sandbox.state().prompts()) == 1
    assert len(sandbox.state().session_channels()) == 3
    sandbox.let_go()
    sandbox.wait(lambda s: len(s.pictures()) == 3, "three pictures")
    state = sandbox.state()
    assert prompt_owners(state) == people
    assert_one_at_a_time(state)
    assert state.outcomes() == 3


def test_positions_count_down(lab):
    sandbox, bot = lab.start(MAX_JOBS_PER_USER=5)
    ana, ben, carla = (sandbox.member(name) for name in ("anabel", "benito", "carla"))
    ask_and_hold(sandbox, ana)
    sandbox.imagine(ben)
    sandbox.wait(lambda s: position(s, ben) == 1, "the second's position")
    sandbox.imagine(carla)
    sandbox.wait(lambda s: position(s, carla) == 2, "the third's position")
    live = sandbox.state().live(ben)[-1]
    sandbox.press(ben, live, button(live, "cancel"))
    sandbox.wait(lambda s: position(s, carla) == 1, "the third moves up")
    sandbox.let_go()
    sandbox.wait(lambda s: s.pictures(ana) and s.pictures(carla), "the others' pictures")
    assert not sandbox.state().pictures(ben)
    assert len(sandbox.state().apologies(ben)) == 1


def test_an_administrator_goes_first(lab):
    sandbox, bot = lab.start()
    ana, ben = sandbox.member("anabel"), sandbox.member("benito")
    boss = sandbox.member("the boss", admin=True)
    ask_and_hold(sandbox, ana)
    sandbox.imagine(ben)
    sandbox.wait(lambda s: position(s, ben) == 1, "the member waits")
    asked = sandbox.imagine(boss)
    sandbox.wait(lambda s: position(s, boss) == 1, "the administrator is next")
    sandbox.wait(lambda s: position(s, ben) == 2, "the member is told")
    assert "(Pos: 1)" in sandbox.wait(lambda s: s.answer_text(asked), "the answer")
    sandbox.let_go()
    sandbox.wait(lambda s: len(s.pictures()) == 3, "three pictures")
    assert prompt_owners(sandbox.state()) == [ana, boss, ben]


def test_cap_of_a_member(lab):
    sandbox, bot = lab.start()
    ana, ben = sandbox.member("anabel"), sandbox.member("benito")
    ask_and_hold(sandbox, ana)
    sandbox.imagine(ana)
    third = sandbox.imagine(ana)
    said = sandbox.wait(lambda s: s.answer_text(third), "the refusal")
    assert said.startswith("You already have 2 pictures")
    assert sandbox.state().interaction(third)["ephemeral"]
    sandbox.imagine(ben)  # the cap is hers alone
    sandbox.let_go()
    sandbox.wait(lambda s: len(s.pictures(ana)) == 2 and s.pictures(ben), "the accepted ones")
    again = sandbox.imagine(ana)  # room again
    sandbox.wait(lambda s: len(s.pictures(ana)) == 3, "a third one now")
    assert sandbox.state().answer_text(again).startswith("Queued")
    assert len(sandbox.state().session_channels(ana)) == 1


def test_ceiling_of_the_line(lab):
    sandbox, bot = lab.start(MAX_QUEUE=2)
    ana, ben, carla = (sandbox.member(name) for name in ("anabel", "benito", "carla"))
    ask_and_hold(sandbox, ana)
    second = sandbox.imagine(ben)
    sandbox.wait(lambda s: s.answer_text(second), "the second is in")
    third = sandbox.imagine(carla)
    said = sandbox.wait(lambda s: s.answer_text(third), "the refusal")
    assert said.startswith("The line is full")
    sandbox.let_go()
    sandbox.wait(lambda s: len(s.pictures()) == 2, "the accepted ones")
    assert not sandbox.state().session_channels(carla)


def test_cancel_while_it_runs(lab):
    sandbox, bot = lab.start(sandbox={"SANDBOX_LOAD_MS": 1200})
    ana = sandbox.member("anabel")
    sandbox.imagine(ana)
    sandbox.wait(lambda s: s.prompts("running") and s.live(ana), "the run")
    live = sandbox.state().live(ana)[0]
    pressed = sandbox.press(ana, live, button(live, "cancel"))
    (sorry,) = sandbox.wait(lambda s: s.apologies(ana), "the word that it is cancelled")
    assert "Cancelled, as you asked" in sorry["content"]
    said = sandbox.wait(lambda s: s.answer_text(pressed), "the answer to the button")
    assert said.startswith("Cancelling")
    sandbox.wait(lambda s: s.prompts("interrupted"), "the run is stopped at the ComfyUI")
    # The card is free for the next one.
    sandbox.imagine(ana)
    sandbox.wait(lambda s: s.pictures(ana), "the next picture")
    assert sandbox.state().outcomes() == 2


def test_cancel_what_waits_at_the_comfyui(lab):
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    ask_and_hold(sandbox, ana)
    live = sandbox.state().live(ana)[0]
    sandbox.press(ana, live, button(live, "cancel"))
    sandbox.wait(lambda s: s.apologies(ana), "the word that it is cancelled")
    sandbox.wait(lambda s: s.prompts("deleted"), "it is taken from the ComfyUI's queue")
    sandbox.let_go()
    sandbox.imagine(ana)
    sandbox.wait(lambda s: s.pictures(ana), "the next picture")
    assert sandbox.state().outcomes() == 2


def test_cancel_belongs_to_the_member(lab):
    sandbox, bot = lab.start()
    ana, boss = sandbox.member("anabel"), sandbox.member("the boss", admin=True)
    ask_and_hold(sandbox, ana)
    live = sandbox.state().live(ana)[0]
    pressed = sandbox.press(boss, live, button(live, "cancel"))  # administrators may
    sandbox.wait(lambda s: s.apologies(ana), "the word that it is cancelled")
    sandbox.wait(lambda s: s.answer_text(pressed).startswith("Cancelling"), "the answer")
    sandbox.let_go()
    sandbox.wait(
        lambda s: not custom_ids(s.live(ana)[0]), "the button goes when there is nothing to cancel"
    )


def test_try_again(lab):
    sandbox, bot = lab.start()
    ana, boss = sandbox.member("anabel"), sandbox.member("the boss", admin=True)
    sandbox.fault("comfy_error")
    sandbox.imagine(ana, "a lighthouse")
    (sorry,) = sandbox.wait(lambda s: s.apologies(ana), "the apology")
    foreign = sandbox.press(boss, sorry, button(sorry, "again"))
    said = sandbox.wait(lambda s: s.answer_text(foreign), "the refusal")
    assert "somebody else's" in said
    sandbox.press(ana, sorry, button(sorry, "again"))
    (picture,) = sandbox.wait(lambda s: s.pictures(ana), "the picture")
    assert "a lighthouse" in picture["content"]
    assert not sandbox.state().pictures(boss)
    assert len(sandbox.state().session_channels()) == 1


def test_two_commands_at_once_make_one_channel(lab):
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    for _ in range(2):
        sandbox.imagine(ana)
    sandbox.wait(lambda s: len(s.pictures(ana)) == 2, "both pictures")
    state = sandbox.state()
    assert len(state.categories()) == 1
    assert len(state.session_channels(ana, deleted=True)) == 1
    assert len({m["channel_id"] for m in state.pictures(ana)}) == 1
