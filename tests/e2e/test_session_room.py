# SPDX-License-Identifier: Apache-2.0
"""Where a private channel goes when there is no room for it, or no permission."""
from harness import custom_ids

THREAD = 12
MANAGE_CHANNELS, CREATE_PRIVATE_THREADS = 1 << 4, 1 << 36


def get_picture(sandbox, user, n=1, **options):
    sandbox.imagine(user, **options)
    sandbox.wait(lambda s: len(s.pictures(user)) == n, "the picture")


def threads(state, deleted=False):
    return [c for c in state.channels(deleted) if c["type"] == THREAD]


def sessions(state):
    return sorted(c["name"] for c in state.categories() if c["name"].startswith("sessions"))


def channel_of(state, user):
    return next(c for c in state.channels() if c["id"] == state.pictures(user)[-1]["channel_id"])


def test_full_category_leads_to_a_second_one(lab):
    sandbox, bot = lab.start()
    ana, ben = sandbox.member("anabel"), sandbox.member("benito")
    get_picture(sandbox, ana)
    (category,) = [c for c in sandbox.state().categories() if c["name"] == "sessions"]
    sandbox.act("fill", parent=category["id"], channels=50)  # by others
    get_picture(sandbox, ben)
    assert sessions(sandbox.state()) == ["sessions", "sessions-2"]


def test_category_filled_at_the_last_moment(lab):
    """Between the list and the making: Discord says so, and a second category is made."""
    sandbox, bot = lab.start()
    ana, ben = sandbox.member("anabel"), sandbox.member("benito")
    get_picture(sandbox, ana)
    (category,) = [c for c in sandbox.state().categories() if c["name"] == "sessions"]
    lab.violations_wanted.add("CHANNEL_PARENT_MAX_CHANNELS")
    sandbox.hang("GET", "/guilds/{}/channels", executed=True, ms=1500)
    sandbox.imagine(ben)
    sandbox.wait(lambda s: s.spoilt(), "the list")
    sandbox.act("fill", parent=category["id"], channels=50)
    sandbox.wait(lambda s: s.pictures(ben), "the picture")
    assert sessions(sandbox.state()) == ["sessions", "sessions-2"]


def test_full_server_takes_the_longest_idle_channel(lab):
    sandbox, bot = lab.start(SESSION_TTL_SECONDS=30)
    ana, ben, eva = (sandbox.member(n) for n in ("anabel", "benito", "evarista"))
    get_picture(sandbox, ana)
    get_picture(sandbox, ben)
    sandbox.wait(lambda s: all("Done" in m["content"] for m in s.live()), "the end")
    sandbox.act("fill")
    # Idle for a tenth of its time at least: until then nobody's channel is taken.
    sandbox.say(ben, channel_of(sandbox.state(), ben)["id"], "mine")
    bot.wait_line(r"-> done$")
    sandbox.wait_change(sandbox.state().raw["version"] + 100, 3.2)
    sandbox.say(ben, channel_of(sandbox.state(), ben)["id"], "still mine")
    get_picture(sandbox, eva)
    state = sandbox.state()
    assert not state.session_channels(ana)
    assert state.session_channels(ben)
    assert channel_of(state, eva)["type"] == 0


def test_else_a_private_thread(lab):
    sandbox, bot = lab.start(SESSION_TTL_SECONDS=12)
    ana = sandbox.member("anabel")
    sandbox.act("fill")
    general = sandbox.state().channel_named("general")
    get_picture(sandbox, ana, channel=general["id"])
    state = sandbox.state()
    (thread,) = threads(state)
    assert thread["parent_id"] == general["id"]
    assert {m["channel_id"] for m in state.pictures(ana)} == {thread["id"]}
    sandbox.wait(lambda s: all("Done" in m["content"] for m in s._ours() if m["content"][:2] == "**"), "the end")
    # The member is in it and can write there: that keeps it, like a channel.
    warned = lambda s: [  # noqa: E731
        m
        for m in s.messages(channel=thread["id"])
        if not m["deleted"] and any(c.startswith("v1:keep:") for c in custom_ids(m))
    ]
    sandbox.wait(warned, "the warning")
    assert sandbox.say(ana, thread["id"], "lovely")
    sandbox.wait(lambda s: not warned(s), "the warning's removal")
    # A restart knows it still, and it is deleted when its time is over.
    bot.kill()
    lab.start_bot(SESSION_TTL_SECONDS=12)
    sandbox.wait(lambda s: threads(s, True) and not threads(s), "the thread's end")


def test_thread_is_joined_again(lab):
    """Whoever left the server is in none of its threads when he comes back."""
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    sandbox.act("fill")
    general = sandbox.state().channel_named("general")
    get_picture(sandbox, ana, channel=general["id"])
    (thread,) = threads(sandbox.state())
    sandbox.leave(ana)
    sandbox.act("join", user=ana)
    get_picture(sandbox, ana, 2, channel=general["id"])
    assert sandbox.state().pictures(ana)[-1]["channel_id"] == thread["id"]
    assert sandbox.say(ana, thread["id"], "lovely")


def test_deleted_thread_is_made_again(lab):
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    sandbox.act("fill")
    general = sandbox.state().channel_named("general")
    get_picture(sandbox, ana, channel=general["id"])
    (thread,) = threads(sandbox.state())
    sandbox.wait(lambda s: "Done" in s.messages(channel=thread["id"])[0]["content"], "the end")
    sandbox.act("delete_channel", channel=thread["id"])
    get_picture(sandbox, ana, 2, channel=general["id"])
    assert len(threads(sandbox.state())) == 1


def test_else_an_apology(lab):
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    admin_tools = sandbox.state().channel_named("admin-tools")["id"]
    sandbox.act("fill")
    sandbox.act("permissions", deny=str(CREATE_PRIVATE_THREADS))
    asked = sandbox.imagine(ana)
    sandbox.wait(lambda s: "Sorry" in s.answer_text(asked), "the apology")
    assert "as many channels" in sandbox.state().answer_text(asked)
    assert not threads(sandbox.state(), True)
    sandbox.wait(lambda s: s.messages(channel=admin_tools, author=s.bot_id), "the word")


def test_lost_permission_is_told(lab):
    """The member hears what an administrator must do; #admin-tools hears it once."""
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    admin_tools = sandbox.state().channel_named("admin-tools")["id"]
    sandbox.act("permissions", deny=str(MANAGE_CHANNELS))
    for _ in range(2):
        asked = sandbox.imagine(ana)
        sandbox.wait(lambda s: "Sorry" in s.answer_text(asked), "the apology")
        assert "Manage Channels" in sandbox.state().answer_text(asked)
    (told,) = sandbox.state().messages(channel=admin_tools, author=sandbox.state().bot_id)
    assert "invite" in told["content"]
    # And when it is back, all is well.
    sandbox.act("permissions", allow=str(MANAGE_CHANNELS))
    get_picture(sandbox, ana)
