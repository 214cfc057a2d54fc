# SPDX-License-Identifier: Apache-2.0
"""What members type, and who is served at all."""
import json
import os

from harness import DM


def test_unknown_model(lab):
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    asked = sandbox.imagine(ana, model="no such *model*")
    said = sandbox.wait(lambda s: s.answer_text(asked), "the refusal")
    assert said.startswith("I don't know the model “no such \\*model\\*”"), said
    assert sandbox.state().interaction(asked)["ephemeral"]
    assert not sandbox.state().session_channels()


def test_a_title_names_a_model_too(lab):
    """Who presses Enter before the list has come sends what he typed."""
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    sandbox.imagine(ana, model="z-image (TURBO)")
    (picture,) = sandbox.wait(lambda s: s.pictures(ana), "the picture")
    assert "**Z-Image (Turbo)**" in picture["content"]


def test_autocomplete(lab):
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    sandbox.wait(lambda s: s.raw["commands"], "the commands")
    every = sandbox.choices(ana)
    names = {c["value"]: c["name"] for c in every}
    assert names["flux_image"] == "Flux (Schnell)"
    assert names["z-image_imagine"] == "Z-Image (Turbo)"
    assert "flux_edit" not in names  # that one is for /edit
    assert [c["value"] for c in sandbox.choices(ana, "turb")] == ["z-image_imagine"]
    assert sandbox.choices(ana, "no such thing") == []


def test_blank_prompt(lab):
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    asked = sandbox.imagine(ana, prompt=" \t ")
    said = sandbox.wait(lambda s: s.answer_text(asked), "the refusal")
    assert said.startswith("The prompt is empty")


def test_hostile_prompt(lab):
    """Markdown, mentions and other people's tricks stay words."""
    sandbox, bot = lab.start()
    ana, ben = sandbox.member("anabel"), sandbox.member("benito")
    prompt = f"@everyone <@{ben}> **bold** ||x|| `code` \u202e \U0001f98a" + "é" * 300
    sandbox.imagine(ana, prompt)
    (picture,) = sandbox.wait(lambda s: s.pictures(), "the picture")
    assert [str(u["id"]) for u in picture["mentions"]] == [ana]
    assert not picture["mention_everyone"]
    assert "**bold**" not in picture["content"]
    sandbox.wait(lambda s: s.live(ana) and "Done" in s.live(ana)[0]["content"], "the end")


def test_elsewhere_is_ignored(lab):
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    sandbox.wait(lambda s: s.raw["commands"], "the commands")
    other = str(sandbox.post("/control/guilds")["id"])
    sandbox.wait(lambda s: not guild(s, other)["bot_in"], "the bot leaves the other guild")
    ignored = [sandbox.imagine(ana, guild=DM), sandbox.imagine(ana, guild=other)]
    ours = sandbox.imagine(ana)
    sandbox.wait(lambda s: s.pictures(ana), "the picture at home")
    bot.stop()  # whatever it had in mind is said now
    state = sandbox.state()
    assert state.interaction(ours)["acked_ms"]
    assert not any(state.interaction(i)["acked_ms"] for i in ignored)
    assert len(state.pictures()) == 1


def guild(state, guild_id):
    return next(g for g in state.raw["guilds"] if g["id"] == guild_id)


def test_other_guilds_are_left_at_the_start(lab):
    sandbox = lab.start_sandbox()
    other = str(sandbox.post("/control/guilds")["id"])
    bot = lab.start_bot()
    sandbox.wait(lambda s: not guild(s, other)["bot_in"], "the bot leaves the other guild")
    assert guild(sandbox.state(), sandbox.guild)["bot_in"]


def test_not_in_the_allowed_guild(lab):
    """A mistyped id must not make the bot leave the guild it belongs to."""
    sandbox = lab.start_sandbox()
    bot = lab.start_bot(ready=False, ALLOWED_GUILD_ID="123456789012345678")
    said = bot.wait_line(r"not in the guild 123456789012345678 .*(https://\S+)")
    assert "client_id=" in said.group(1) and "guild_id=123456789012345678" in said.group(1)
    bot.stop()
    state = sandbox.state()
    assert guild(state, sandbox.guild)["bot_in"]
    assert not state.requests("DELETE") and not state.requests("PUT")


def test_expelled_while_it_runs(lab):
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    sandbox.imagine(ana)
    sandbox.wait(lambda s: s.pictures(ana), "the picture")
    sandbox.post("/control/kick")
    bot.wait_line(r"not in the guild .*https://")


def test_undeliverable(lab):
    """Expelled in mid-job: nothing can be said any more, and the row tells why."""
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    sandbox.fault("comfy_stall")
    sandbox.imagine(ana)
    sandbox.wait(lambda s: s.prompts("pending") and s.live(ana), "the job at the ComfyUI")
    sandbox.post("/control/kick")
    bot.wait_line("not in the guild")
    sandbox.fault("clear")
    bot.wait_line(r"-> (undeliverable|apologised)$")
    bot.stop()
    (row,) = bot.rows()
    assert sandbox.state().outcomes() <= 1
    assert not sandbox.state().pictures()
    assert row["detail"] or sandbox.state().apologies()


def test_malformed_workflow(lab):
    """The good ones work; each bad one is refused with file, node and reason."""
    folder = lab.flujos("flux_image")
    with open(os.path.join(folder, "flux_image.json"), encoding="utf-8") as file:
        graph = json.load(file)
    broken = {
        "not_json.json": "{ this is not JSON",
        "empty.json": "",
        "ui_format.json": json.dumps({"nodes": [], "links": [], "version": 0.4}),
        "no_output.json": json.dumps({"7": {"class_type": "KSampler", "inputs": {}}}),
        "list.json": "[1, 2, 3]",
    }
    loop = json.loads(json.dumps(graph))
    sampler = next(k for k, n in loop.items() if "KSampler" in n["class_type"])
    loop[sampler]["inputs"]["positive"] = [sampler, 0]
    broken["loop.json"] = json.dumps(loop)
    for name, text in broken.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)
    sandbox = lab.start_sandbox()
    bot = lab.start_bot(FLUJOS_DIR=folder)
    for name in broken:
        bot.wait_line(rf"{name[:-5]}")
    ana = sandbox.member("anabel")
    sandbox.imagine(ana)
    sandbox.wait(lambda s: s.pictures(ana), "the good one's picture")
    assert [c["value"] for c in sandbox.choices(ana)] == ["flux_image"]


def test_no_workflow_at_all(lab):
    folder = lab.flujos()
    sandbox = lab.start_sandbox()
    bot = lab.start_bot(FLUJOS_DIR=folder)
    bot.wait_line("no usable workflow")
    ana = sandbox.member("anabel")
    asked = sandbox.imagine(ana)
    said = sandbox.wait(lambda s: s.answer_text(asked), "the refusal")
    assert said.startswith("There is no model")


def test_commands_are_registered_when_they_differ(lab):
    sandbox, bot = lab.start()
    sandbox.wait(lambda s: s.raw["commands"], "the commands")
    (imagine,) = [c for c in sandbox.state().raw["commands"] if c["name"] == "imagine"]
    assert imagine["description_localizations"]["es-ES"]
    assert sandbox.state().requests("PUT /applications") == 1
    bot.stop()
    bot = lab.start_bot()
    ana = sandbox.member("anabel")
    sandbox.imagine(ana)
    sandbox.wait(lambda s: s.pictures(ana), "the picture")
    assert sandbox.state().requests("PUT /applications") == 1  # not needlessly
