# SPDX-License-Identifier: Apache-2.0
"""ComfyUI in all its moods."""
import json
import os
import re

import pytest


def admin_words(state):
    return [m["content"] for m in state.messages(state.channel_named("admin-tools")["id"])]


def test_down_at_the_start(lab):
    """Requests are taken all the same; the owner is told once, and once more when it is back."""
    sandbox = lab.start_sandbox()
    sandbox.fault("comfy_restart", down_ms=3600000)
    bot = lab.start_bot()
    sandbox.wait(admin_words, "the word to the owner")
    ana, ben = sandbox.member("anabel"), sandbox.member("benito")
    asked = sandbox.imagine(ana)
    sandbox.wait(lambda s: s.answer_text(asked).startswith("Queued (Pos: 1)"), "it is taken")
    sandbox.wait(
        lambda s: s.live(ana) and "no graphics card answers" in s.live(ana)[0]["content"],
        "the live message tells why it waits",
    )
    sandbox.imagine(ben)
    sandbox.wait(lambda s: s.live(ben), "a second one waits")
    assert len(admin_words(sandbox.state())) == 1
    assert "No ComfyUI answers" in admin_words(sandbox.state())[0]
    sandbox.fault("clear", side="comfy")
    sandbox.wait(lambda s: s.pictures(ana) and s.pictures(ben), "both pictures")
    sandbox.wait(lambda s: len(admin_words(s)) == 2, "the word that it is back")
    assert "answers again" in admin_words(sandbox.state())[1]


def test_restarted_in_mid_job(lab):
    sandbox, bot = lab.start(sandbox={"SANDBOX_LOAD_MS": 700})
    ana = sandbox.member("anabel")
    sandbox.imagine(ana)
    sandbox.wait(lambda s: s.prompts("running"), "the run")
    sandbox.fault("comfy_restart", down_ms=500)
    sandbox.wait(lambda s: s.pictures(ana), "the picture")
    state = sandbox.state()
    assert [p["status"] for p in state.prompts()] == ["lost", "success"]
    assert state.outcomes() == 1


def test_restarted_again_and_again(lab):
    """A job that is always lost ends with an apology, not in a circle."""
    sandbox, bot = lab.start(sandbox={"SANDBOX_LOAD_MS": 60000})
    ana = sandbox.member("anabel")
    sandbox.imagine(ana)
    for n in range(5):
        sandbox.wait(
            lambda s: len(s.prompts()) == n + 1 and s.prompts("running"), f"run {n + 1}"
        )
        sandbox.fault("comfy_restart", down_ms=0)
    (sorry,) = sandbox.wait(lambda s: s.apologies(ana), "the apology")
    assert "lost this picture more than once" in sorry["content"]
    assert len(sandbox.state().prompts()) == 5


@pytest.mark.parametrize("key", ["sesame-open-0123456789", "member:s3cret-of-the-proxy"])
def test_behind_a_proxy_with_a_key(lab, key):
    """Bearer, or Basic for user:password; a path prefix; never told in a log."""
    sandbox = lab.start_sandbox(COMFY_API_KEY=key)
    lab.secrets.add(key)
    lab.secrets.add(key.partition(":")[2] or key)
    proxy = lab.relay(sandbox.comfy, prefix="/gpu/one")
    bot = lab.start_bot(COMFY_URL=proxy.url + "/", COMFY_API_KEY=key)
    ana = sandbox.member("anabel")
    sandbox.imagine(ana)
    sandbox.wait(lambda s: s.pictures(ana), "the picture")
    wanted = "Basic " if ":" in key else "Bearer "
    assert proxy.seen and all(h["Authorization"].startswith(wanted) for _, _, h in proxy.seen)
    assert all(path.startswith("/gpu/one/") for _, path, _ in proxy.seen)
    assert any(h.get("Upgrade") == "websocket" for _, _, h in proxy.seen)
    assert all("ngrok-skip-browser-warning" in h for _, _, h in proxy.seen)


def test_through_the_proxy_of_the_environment(lab):
    """A ComfyUI whose name only the proxy knows; Discord, here at a loopback address, is asked
    directly."""
    sandbox = lab.start_sandbox()
    proxy = lab.relay(sandbox.comfy)
    bot = lab.start_bot(COMFY_URL="http://comfy.test:8188", http_proxy=proxy.url)
    ana = sandbox.member("anabel")
    sandbox.imagine(ana)
    sandbox.wait(lambda s: s.pictures(ana), "the picture")
    assert ("POST", "http://comfy.test:8188/prompt") in [(m, p) for m, p, _ in proxy.seen]
    assert ("CONNECT", "comfy.test:8188") in [(m, p) for m, p, _ in proxy.seen]  # the WebSocket
    assert not any("discord" in path or "api/v10" in path for _, path, _ in proxy.seen)


def test_wrong_key(lab):
    sandbox = lab.start_sandbox(COMFY_API_KEY="sesame-open-0123456789")
    wrong = "mellon-mellon-42"
    lab.secrets.add(wrong)
    bot = lab.start_bot(COMFY_API_KEY=wrong)
    bot.wait_line("the API key was refused")
    sandbox.wait(admin_words, "the word to the owner")


def test_websocket_refused(lab):
    """A proxy without upgrade: polling does."""
    sandbox = lab.start_sandbox(SANDBOX_LOAD_MS=600)
    sandbox.fault("comfy_ws_refuse")
    bot = lab.start_bot()
    ana = sandbox.member("anabel")
    sandbox.imagine(ana)
    sandbox.wait(lambda s: s.pictures(ana), "the picture")
    assert sandbox.state().raw["comfy"]["sockets"] == 0


@pytest.mark.parametrize("kind", ["comfy_ws_drop", "comfy_zombie", "comfy_ws_garbage"])
def test_websocket_lost_in_mid_job(lab, kind):
    sandbox, bot = lab.start(sandbox={"SANDBOX_LOAD_MS": 500})
    ana = sandbox.member("anabel")
    sandbox.imagine(ana)
    sandbox.wait(lambda s: s.prompts("running"), "the run")
    sandbox.fault(kind)
    sandbox.wait(lambda s: s.pictures(ana), "the picture")
    assert len(sandbox.state().prompts()) == 1
    sandbox.imagine(ana)
    sandbox.wait(lambda s: len(s.pictures(ana)) == 2, "the next picture")


@pytest.mark.parametrize(
    "kind, words",
    [("comfy_oom", "ran out of memory"), ("comfy_error", "something went wrong while drawing")],
)
def test_failed_run(lab, kind, words):
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    sandbox.fault(kind)
    sandbox.imagine(ana)
    (sorry,) = sandbox.wait(lambda s: s.apologies(ana), "the apology")
    assert words in sorry["content"]
    assert "Traceback" not in sorry["content"]
    assert [str(u["id"]) for u in sorry["mentions"]] == [ana]
    sandbox.wait(lambda s: s.live(ana)[0]["content"].endswith("No picture"), "the live message")
    assert sandbox.state().outcomes() == 1


def test_refused_workflow(lab):
    """200 with node_errors, or 400: a model file that the server does not have."""
    folder = lab.flujos("flux_image")
    path = os.path.join(folder, "flux_image.json")
    with open(path, encoding="utf-8") as file:
        graph = json.load(file)
    loader = next(n for n in graph.values() if "Unet" in n["class_type"])
    loader["inputs"]["unet_name"] = "not-there.gguf"
    with open(path, "w", encoding="utf-8") as file:
        json.dump(graph, file)
    sandbox = lab.start_sandbox()
    bot = lab.start_bot(FLUJOS_DIR=folder)
    ana = sandbox.member("anabel")
    sandbox.imagine(ana)
    (sorry,) = sandbox.wait(lambda s: s.apologies(ana), "the apology")
    assert "ComfyUI refused this workflow" in sorry["content"]
    assert "not-there" in sorry["content"]


@pytest.mark.parametrize("executed", [False, True], ids=["not done", "done"])
@pytest.mark.parametrize("kind", ["status", "reset", "html"])
def test_answer_to_the_prompt_is_lost(lab, kind, executed):
    """Queued or not: it is looked for before it is given again, and drawn once."""
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    sandbox.fault(kind, side="comfy", method="POST", route="/prompt", executed=executed)
    sandbox.imagine(ana)
    sandbox.wait(lambda s: s.pictures(ana), "the picture")
    state = sandbox.state()
    assert state.spoilt("comfy") == 1
    assert len(state.prompts("success")) == 1
    assert state.outcomes() == 1


@pytest.mark.parametrize("kind", ["status", "reset", "html"])
@pytest.mark.parametrize("route", ["/history/{}", "/view"])
def test_fetching_fails_at_first(lab, route, kind):
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    sandbox.fault(kind, side="comfy", method="GET", route=route)
    sandbox.imagine(ana)
    sandbox.wait(lambda s: s.pictures(ana), "the picture")
    assert sandbox.state().spoilt("comfy") == 1
    assert sandbox.state().outcomes() == 1


def test_what_comes_is_not_the_picture(lab):
    """A proxy's page where a PNG was asked for: it is not posted under the picture's name."""
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    sandbox.fault("html", side="comfy", method="GET", route="/view", status=200)
    sandbox.imagine(ana)
    (message,) = sandbox.wait(lambda s: s.pictures(ana), "the picture")
    picture = sandbox.download(message["attachments"][0]["url"])
    assert picture[:4] == b"\x89PNG"
    assert sandbox.state().spoilt("comfy") == 1
    assert sandbox.state().outcomes() == 1


@pytest.mark.parametrize("how", ["cut", "wrong", "page", "jpeg", "bomb"])
def test_what_comfyui_saved_is_no_picture_to_post(lab, how):
    """Each is answered with an apology that says it, and the next picture comes."""
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    sandbox.fault("comfy_bad_file", how=how, count=1)
    sandbox.imagine(ana)
    (sorry,) = sandbox.wait(lambda s: s.apologies(ana), "the apology", timeout=60)
    assert ("60000 x 60000" if how == "bomb" else "a damaged file") in sorry["content"]
    assert not sorry["attachments"]
    assert not sandbox.state().pictures(ana)
    sandbox.imagine(ana)
    sandbox.wait(lambda s: s.pictures(ana), "the picture")
    assert sandbox.state().outcomes() == 2


def test_picture_over_the_limit(lab):
    """Over Discord's 10 MiB: fetched again as WebP."""
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    sandbox.fault("comfy_pad", bytes=11 * 1024 * 1024)
    sandbox.imagine(ana)
    (picture,) = sandbox.wait(lambda s: s.pictures(ana), "the picture")
    (file,) = picture["attachments"]
    assert file["content_type"] == "image/webp"
    assert file["size"] <= 10 * 1024 * 1024
    assert b"KSampler" not in sandbox.download(file["url"])


def test_stalled_run(lab):
    """No sign of life for STALL_SECONDS: given up, and said so."""
    sandbox, bot = lab.start(STALL_SECONDS=5, sandbox={"SANDBOX_LOAD_MS": 400})
    ana = sandbox.member("anabel")
    sandbox.imagine(ana)
    sandbox.wait(lambda s: s.prompts("running"), "the run")
    sandbox.fault("comfy_stall")
    (sorry,) = sandbox.wait(lambda s: s.apologies(ana), "the apology")
    assert "no sign of life" in sorry["content"]


def test_fresh_seed_each_time(lab):
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    seeds = set()
    for n in range(2):
        sandbox.imagine(ana)
        sandbox.wait(lambda s: len(s.pictures(ana)) == n + 1, "the picture")
        said = sandbox.state().pictures(ana)[-1]["content"]
        seeds.add(re.search(r"seed (\d+)", said).group(1))
    assert len(seeds) == 2
