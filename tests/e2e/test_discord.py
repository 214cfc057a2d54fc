# SPDX-License-Identifier: Apache-2.0
"""Discord in all its moods: the gateway's connection, REST answers that are late, lost or wrong."""
import urllib.request

import pytest

from harness import button


def ask_and_get(sandbox, user, n=1):
    asked = sandbox.imagine(user)
    sandbox.wait(lambda s: len(s.pictures(user)) == n, "the picture")
    return asked


def identifies(state):
    return 1000 - state.gateway["identifies_left"]


def connected_again(opens):
    return lambda s: s.gateway["opens"] > opens and s.gateway["connected_sessions"] == 1


# ---- the gateway ----


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "gateway_drop"},
        {"kind": "gateway_drop", "code": 4000},
        {"kind": "gateway_reconnect"},
        {"kind": "gateway_invalid", "resumable": True},
    ],
    ids=["cut", "closed", "reconnect", "invalid but resumable"],
)
def test_gateway_is_resumed(lab, fault):
    """The session goes on: no IDENTIFY, and nothing that happened meanwhile is lost."""
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    sandbox.wait(lambda s: s.raw["commands"], "the commands")
    opens = sandbox.state().gateway["opens"]
    sandbox.fault(**fault)
    if fault["kind"] == "gateway_invalid":  # the wait before the resumption is longer than the 3 s
        sandbox.wait(connected_again(opens), "a new connection")
    asked = sandbox.imagine(ana)  # while it is away, or nearly
    sandbox.wait(connected_again(opens), "a new connection")
    sandbox.wait(lambda s: s.pictures(ana), "the picture")
    state = sandbox.state()
    assert identifies(state) == 1
    assert state.interaction(asked)["acked_ms"]
    assert state.outcomes() == 1


def test_gateway_session_is_invalid(lab):
    """A new session: IDENTIFY after the wait that Discord asks for."""
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    ask_and_get(sandbox, ana)
    sandbox.fault("gateway_invalid", resumable=False)
    sandbox.wait(
        lambda s: identifies(s) >= 2 and s.gateway["connected_sessions"] == 1, "a new session"
    )
    ask_and_get(sandbox, ana, 2)
    assert len(sandbox.state().session_channels(ana, deleted=True)) == 1


def test_zombie_connection(lab):
    """No answer to a heartbeat: the connection is given up and the session resumed."""
    sandbox, bot = lab.start("--heartbeat-ms", "700")
    ana = sandbox.member("anabel")
    ask_and_get(sandbox, ana)
    opens = sandbox.state().gateway["opens"]
    sandbox.fault("gateway_silence", ms=60000)
    sandbox.wait(connected_again(opens), "a new connection")
    ask_and_get(sandbox, ana, 2)
    assert identifies(sandbox.state()) == 1


@pytest.mark.parametrize("raw", [False, True], ids=["half a JSON", "a broken stream"])
def test_malformed_gateway_frames(lab, raw):
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    ask_and_get(sandbox, ana)
    opens = sandbox.state().gateway["opens"]
    sandbox.fault("gateway_garbage", raw=raw)
    if raw:  # nothing that follows could be read
        sandbox.wait(connected_again(opens), "a new connection")
    ask_and_get(sandbox, ana, 2)


def test_gateway_refuses_for_a_while(lab):
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    ask_and_get(sandbox, ana)
    opens = sandbox.state().gateway["opens"]
    sandbox.fault("gateway_refuse", ms=1500)
    sandbox.fault("gateway_drop")
    sandbox.wait(connected_again(opens), "a new connection")
    ask_and_get(sandbox, ana, 2)


@pytest.mark.parametrize(
    "code, words", [(4004, "DISCORD_TOKEN"), (4014, "Privileged Gateway Intents"), (4013, "intents")]
)
def test_fatal_close_codes(lab, code, words):
    """The program ends with a sentence that says what to change."""
    sandbox, bot = lab.start()
    sandbox.fault("gateway_drop", code=code)
    said = bot.wait_failure().splitlines()[-1]
    assert words in said, said


def test_session_start_limit(lab):
    """No IDENTIFY when Discord says that none is left."""
    sandbox = lab.start_sandbox()
    sandbox.fault("gateway_limit", remaining=0, reset_after=1500)
    bot = lab.start_bot()
    ask_and_get(sandbox, sandbox.member("anabel"))


# ---- REST ----

MESSAGES = {"method": "POST", "route": "/channels/{}/messages"}


@pytest.mark.parametrize("scope", ["user", "shared", "global"])
def test_429(lab, scope):
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    sandbox.fault("429", scope=scope, retry_after=0.4, **MESSAGES)
    ask_and_get(sandbox, ana)
    sandbox.wait(lambda s: s.live(ana) and "Done" in s.live(ana)[0]["content"], "the end")
    assert sandbox.state().spoilt() == 1
    assert sandbox.state().outcomes() == 1


def test_acknowledged_in_time_whatever_else_is_limited(lab):
    """Answers to interactions are not bound by the limits that hold up everything else."""
    sandbox, bot = lab.start()
    ana, ben = sandbox.member("anabel"), sandbox.member("benito")
    sandbox.fault("429", scope="global", retry_after=5, **MESSAGES)
    sandbox.imagine(ana)
    sandbox.wait(lambda s: s.spoilt(), "the global limit")
    asked = sandbox.imagine(ben)
    it = sandbox.wait(lambda s: s.interaction(asked)["acked_ms"] and s.interaction(asked), "the ack")
    assert it["acked_ms"] - it["created_ms"] < 3000
    assert not sandbox.state().messages(sandbox.state().session_channels(ana)[0]["id"])
    sandbox.wait(lambda s: s.pictures(ana) and s.pictures(ben), "the pictures, later")


def test_429_of_cloudflare(lab):
    """HTML without any of Discord's headers: this address is kept out, and each further request
    would make that longer. Nothing goes out until it is over, and the job survives it."""
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    sandbox.fault("comfy_stall")
    sandbox.imagine(ana)
    sandbox.wait(lambda s: s.live(ana) and s.prompts(), "the job at the ComfyUI")
    sandbox.fault("html", status=429, **MESSAGES)
    sandbox.let_go()
    bot.wait_line(r"Cloudflare keeps this address out .* no request for 10 minutes")
    asked = sandbox.command(ana, "queue")
    bot.wait_line(r"/callback: expired")
    assert not sandbox.state().interaction(asked)["acked_ms"]
    # Discord gives it to the next process again, by whose clock of seconds it may just be in time.
    lab.violations_wanted.add("acknowledged_late")
    bot.kill()
    lab.start_bot()
    sandbox.wait(lambda s: s.pictures(ana), "the picture, after a new start")
    assert sandbox.state().outcomes() == 1


def test_429_on_the_answer(lab):
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    sandbox.fault(
        "429", scope="user", retry_after=0.4, method="PATCH", route="/webhooks/{}/{}/messages/@original"
    )
    asked = ask_and_get(sandbox, ana)
    sandbox.wait(lambda s: s.answer_text(asked).startswith("Queued"), "the answer")


ROUTES = {
    "channel list": {"method": "GET", "route": "/guilds/{}/channels"},
    "channel": {"method": "POST", "route": "/guilds/{}/channels"},
    "message": MESSAGES,
    "edit": {"method": "PATCH", "route": "/channels/{}/messages/{}"},
    "answer": {"method": "PATCH", "route": "/webhooks/{}/{}/messages/@original"},
    "commands": {"method": "GET", "route": "/applications/*"},
    "gateway": {"method": "GET", "route": "/gateway/bot"},
}


@pytest.mark.parametrize("executed", [False, True], ids=["not done", "done"])
@pytest.mark.parametrize("kind", ["status", "reset"])
@pytest.mark.parametrize("name", ROUTES)
def test_answer_is_lost(lab, name, kind, executed):
    """500, or a connection that breaks, whether the request was carried out or not: nothing is
    lost and nothing is said or made twice."""
    sandbox = lab.start_sandbox()
    sandbox.fault(kind, status=500, executed=executed, **ROUTES[name])
    bot = lab.start_bot()
    ana = sandbox.member("anabel")
    ask_and_get(sandbox, ana)
    sandbox.wait(lambda s: s.live(ana) and "Done" in s.live(ana)[0]["content"], "the end")
    bot.stop()
    state = sandbox.state()
    assert state.spoilt() == 1
    assert state.outcomes() == 1
    assert len(state.live()) == 1
    assert len(state.categories()) == 1
    assert len(state.session_channels(ana, deleted=True)) == 1


@pytest.mark.parametrize("executed", [False, True], ids=["not done", "done"])
@pytest.mark.parametrize("kind", ["status", "reset"])
def test_answer_to_the_picture_is_lost(lab, kind, executed):
    """The message with the picture, by itself: held until the live message is there."""
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    sandbox.fault("comfy_stall")
    sandbox.imagine(ana)
    sandbox.wait(lambda s: s.live(ana) and s.prompts(), "the job at the ComfyUI")
    sandbox.fault(kind, status=502, executed=executed, **MESSAGES)
    sandbox.let_go()
    sandbox.wait(lambda s: s.pictures(ana), "the picture")
    sandbox.wait(lambda s: s.live(ana) and "Done" in s.live(ana)[0]["content"], "the end")
    bot.stop()
    assert sandbox.state().spoilt() == 1
    assert sandbox.state().outcomes() == 1


@pytest.mark.parametrize("executed", [False, True], ids=["not done", "done"])
def test_acknowledgement_is_lost(lab, executed):
    """Within the 3 s it is repeated; the job is accepted once or not at all."""
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    sandbox.fault(
        "reset", executed=executed, method="POST", route="/interactions/{}/{}/callback"
    )
    asked = ask_and_get(sandbox, ana)
    assert sandbox.state().interaction(asked)["acked_ms"]
    assert sandbox.state().outcomes() == 1


def test_picture_refused(lab):
    """Discord definitively refuses the picture: an apology says so."""
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    sandbox.fault("comfy_stall")
    sandbox.imagine(ana)
    sandbox.wait(lambda s: s.live(ana) and s.prompts(), "the job at the ComfyUI")
    sandbox.fault("status", status=403, **MESSAGES)
    sandbox.let_go()
    (sorry,) = sandbox.wait(lambda s: s.apologies(ana), "the apology")
    assert "Discord did not accept the picture" in sorry["content"]
    assert not sandbox.state().pictures()


def test_channel_refused(lab):
    """No private channel: said through the interaction."""
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    sandbox.fault("status", status=403, count=0, method="POST", route="/guilds/{}/channels")
    asked = sandbox.imagine(ana)
    sandbox.wait(
        lambda s: "I could not make your private channel" in s.answer_text(asked), "the apology"
    )
    sandbox.fault("clear")
    ask_and_get(sandbox, ana)


def test_channel_deleted_by_somebody(lab):
    """In mid-job: a new one is made, and the picture is posted there."""
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    ask_and_get(sandbox, ana)
    first = sandbox.state().session_channels(ana)[0]["id"]
    sandbox.fault("comfy_stall")
    sandbox.imagine(ana)
    sandbox.wait(lambda s: len(s.live(ana)) == 2 and s.prompts("pending"), "the second job")
    delete_channel(sandbox, first)
    sandbox.let_go()
    sandbox.wait(lambda s: len(s.pictures(ana)) == 2, "the second picture")
    state = sandbox.state()
    (channel,) = state.session_channels(ana)
    assert channel["id"] != first
    assert state.pictures(ana)[-1]["channel_id"] == channel["id"]


def delete_channel(sandbox, channel):
    """As an administrator would; done with the bot's token, from outside of the bot."""
    request = urllib.request.Request(
        f"{sandbox.discord}/channels/{channel}",
        method="DELETE",
        headers={
            "Authorization": f"Bot {sandbox.token}",
            "User-Agent": "DiscordBot (https://example.org, 1)",
        },
    )
    urllib.request.urlopen(request, timeout=10).close()
