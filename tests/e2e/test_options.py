# SPDX-License-Identifier: Apache-2.0
"""What members choose besides model and prompt: taken, refused with a sentence, shown, kept."""

import json
import os
import re

import harness

LORAS = ["detail.safetensors", "watercolour.safetensors"]


def graph(**more):
    """An ordinary workflow that takes everything."""
    nodes = {
        "model": ("CheckpointLoaderSimple", {"ckpt_name": "sd_xl_base_1.0.safetensors"}),
        "lora": (
            "LoraLoader",
            {
                "model": ["model", 0],
                "clip": ["model", 1],
                "lora_name": "detail.safetensors",
                "strength_model": 0.0,
                "strength_clip": 0.0,
            },
        ),
        "prompt": ("CLIPTextEncode", {"text": "", "clip": ["lora", 1]}),
        "bad": ("CLIPTextEncode", {"text": "ugly", "clip": ["lora", 1]}),
        "latent": ("EmptyLatentImage", {"width": 256, "height": 256, "batch_size": 1}),
        "sampler": (
            "KSampler",
            {
                "seed": 1,
                "steps": 5,
                "cfg": 4.0,
                "sampler_name": "euler",
                "scheduler": "simple",
                "denoise": 1.0,
                "model": ["lora", 0],
                "positive": ["prompt", 0],
                "negative": ["bad", 0],
                "latent_image": ["latent", 0],
            },
        ),
        "decode": ("VAEDecode", {"samples": ["sampler", 0], "vae": ["model", 2]}),
        "save": ("SaveImage", {"images": ["decode", 0], "filename_prefix": "x"}),
    }
    nodes.update(more)
    return {name: {"class_type": kind, "inputs": inputs} for name, (kind, inputs) in nodes.items()}


def folder_with(lab, name="whole", **more):
    folder = lab.flujos("flux_image")
    with open(os.path.join(folder, name + ".json"), "w", encoding="utf-8") as file:
        json.dump(graph(**more), file)
    return folder


def start(lab, **settings):
    sandbox = lab.start_sandbox()
    return sandbox, lab.start_bot(FLUJOS_DIR=folder_with(lab), **settings)


def imagine(model="whole", **options):
    return {"model": model, "prompt": "a fox", **options}


def pictures_of(message):
    return [a["filename"] for a in message["attachments"]]


def wait_loras(sandbox, user, model="whole", wanted=LORAS):
    """The server has told which there are."""
    def offered(state):
        found = sandbox.suggestions(user, "imagine", "lora", {"model": model, "lora": ""})
        return [c["value"] for c in found] == wanted

    sandbox.wait(offered, "the LoRAs")


def test_every_option(lab):
    sandbox, bot = start(lab, MAX_BATCH_SIZE=4)
    ana = sandbox.member("anabel")
    sandbox.wait(lambda s: s.raw["commands"], "the commands")
    wait_loras(sandbox, ana)
    sandbox.command(
        ana,
        "imagine",
        imagine(
            negative="fog, text",
            size="16:9",
            steps=7,
            cfg=6.5,
            seed="0xFFFF FFFF FFFF FFFF",
            count=3,
            lora="watercolour",
        ),
    )
    (picture,) = sandbox.wait(lambda s: s.pictures(ana), "the pictures")
    g = sandbox.graph()
    assert g["bad"]["inputs"]["text"] == "fog, text"
    assert (g["latent"]["inputs"]["width"], g["latent"]["inputs"]["height"]) == (344, 192)
    assert g["latent"]["inputs"]["batch_size"] == 3
    assert g["sampler"]["inputs"]["steps"] == 7
    assert g["sampler"]["inputs"]["cfg"] == 6.5
    assert g["sampler"]["inputs"]["seed"] == 0xFFFFFFFFFFFFFFFF
    assert g["lora"]["inputs"]["lora_name"] == "watercolour.safetensors"
    assert g["lora"]["inputs"]["strength_model"] == 1.0  # asleep until one is chosen
    # One message, three pictures, and what was chosen is told.
    assert len(pictures_of(picture)) == 3, pictures_of(picture)
    said = picture["content"]
    for part in (
        "seed 18446744073709551615",
        "344×192",
        "7 steps",
        "cfg 6.5",
        "LoRA watercolour",
    ):
        assert part in said, said
    bot.stop()
    (row,) = bot.rows()
    assert json.loads(row["options"]) == {
        "negative": "fog, text",
        "size": "344x192",
        "steps": "7",
        "cfg": "6.5",
        "count": "3",
        "lora": "watercolour.safetensors",
    }
    assert row["pictures"] == 3 and row["seed"] == "18446744073709551615"


def test_more_than_a_pass_may_have(lab):
    """Drawn in two passes with seeds of their own, and given in one message."""
    sandbox, bot = start(lab)
    ana = sandbox.member("anabel")
    sandbox.command(ana, "imagine", imagine(count=3, seed="77"))
    (picture,) = sandbox.wait(lambda s: s.pictures(ana), "the pictures")
    drawn = [sandbox.graph(at) for at in range(len(sandbox.state().prompts()))]
    assert [g["latent"]["inputs"]["batch_size"] for g in drawn] == [2, 1]
    assert [g["sampler"]["inputs"]["seed"] for g in drawn] == [77, 79]
    assert len(pictures_of(picture)) == 3 and "seed 77" in picture["content"]


def test_without_options_the_owner_s_values_stay(lab):
    sandbox, bot = start(lab)
    ana = sandbox.member("anabel")
    sandbox.imagine(ana, model="whole")
    (picture,) = sandbox.wait(lambda s: s.pictures(ana), "the picture")
    g = sandbox.graph()
    assert g["bad"]["inputs"]["text"] == "ugly"
    assert g["latent"]["inputs"] == {"width": 256, "height": 256, "batch_size": 1}
    assert g["sampler"]["inputs"]["steps"] == 5 and g["sampler"]["inputs"]["cfg"] == 4.0
    assert g["lora"]["inputs"]["strength_model"] == 0.0
    assert "steps" not in picture["content"] and "LoRA" not in picture["content"]


def test_refused_with_a_sentence(lab):
    """Each says what may be, in the member's language, and nothing is begun."""
    sandbox, bot = start(lab)
    ana, lola = sandbox.member("anabel"), sandbox.member("lola")
    sandbox.post("/control/locale", user=lola, locale="es-ES")
    sandbox.wait(lambda s: s.raw["commands"], "the commands")
    wait_loras(sandbox, ana)
    cases = [
        ({"size": "huge"}, "size for this model: a ratio such as 16:9, or pixels from 64x64 to"),
        ({"size": "10x10"}, "size for this model: a ratio"),
        ({"size": "100:1"}, "size for this model: a ratio"),
        ({"seed": "twelve"}, "seed for this model: 0 to 18446744073709551615."),
        ({"seed": "18446744073709551616"}, "seed for this model: 0 to"),
        ({"lora": "nothing like it"}, "There is no LoRA “nothing like it” for this model."),
        ({"lora": "e"}, "Several LoRAs fit “e”."),
    ]
    for options, wanted in cases:
        said = sandbox.ask(ana, "imagine", imagine(**options))
        assert said.startswith(wanted), (options, said)
    said = sandbox.ask(lola, "imagine", imagine(size="enorme"))
    assert said.startswith("tamaño para este modelo: una proporción como 16:9, o píxeles de"), said
    # Flux has neither a negative prompt nor a LoRA loader.
    for options, name in (({"negative": "fog"}, "negative"), ({"lora": "detail"}, "lora")):
        said = sandbox.ask(ana, "imagine", imagine("flux_image", **options))
        assert said.startswith(f"The model “Flux (Schnell)” does not take the option {name}."), said
    said = sandbox.ask(lola, "imagine", imagine("flux_image", negative="niebla"))
    assert said.startswith("El modelo «Flux (Schnell)» no admite la opción negativo."), said
    assert not sandbox.state().prompts() and not sandbox.state().session_channels()


def test_ranges_of_the_workflow(lab):
    """A workflow whose steps cannot be set, and one whose seed is small."""
    sandbox = lab.start_sandbox()
    folder = folder_with(lab)
    bot = lab.start_bot(FLUJOS_DIR=folder)
    ana = sandbox.member("anabel")
    sandbox.wait(lambda s: s.raw["commands"], "the commands")
    # What the command's own table refuses, Discord's client refuses too.
    for options in ({"steps": 0}, {"count": 5}, {"cfg": 31}):
        try:
            sandbox.command(ana, "imagine", imagine(**options))
        except AssertionError:
            continue
        raise AssertionError(f"{options} was sent")
    said = sandbox.ask(ana, "models")
    assert "- **SDXL**" in said or "- **SD" in said, said
    assert "steps 1 to 150 (5)" in said and "cfg 0 to 30" in said and "count 1 to 4" in said, said
    assert "size 64x64 to 2048x2048 (256x256)" in said and "lora" in said, said
    flux = next(part for part in said.split("- **") if part.startswith("Flux"))
    assert "negative" not in flux and "lora" not in flux, flux


def test_suggestions(lab):
    sandbox, bot = start(lab)
    ana = sandbox.member("anabel")
    sandbox.wait(lambda s: s.raw["commands"], "the commands")

    def sizes(typed, model="flux_image"):
        return sandbox.suggestions(ana, "imagine", "size", {"model": model, "size": typed})

    found = sizes("")
    assert {"name": "16:9 · 1368x768", "value": "16:9"} in found or any(
        re.fullmatch(r"16:9 · 13\d\dx7\d\d", c["name"]) and c["value"] == "16:9" for c in found
    ), found
    assert found[0] == {"name": "1:1 · 1024x1024", "value": "1:1"}
    assert [c["value"] for c in sizes("16:")] == ["16:9"]
    # A size that is typed is offered as what it becomes.
    assert sizes("1000x700")[0] == {"name": "1000x704", "value": "1000x700"}, sizes("1000x700")
    assert sizes("nonsense") == [] and sizes("16:9", "no such model") == []
    wait_loras(sandbox, ana)
    typed = sandbox.suggestions(ana, "imagine", "lora", {"model": "whole", "lora": "WATER"})
    assert [c["value"] for c in typed] == ["watercolour.safetensors"]
    none = sandbox.suggestions(ana, "imagine", "lora", {"model": "flux_image", "lora": ""})
    assert none == []


def test_several_count_once_against_the_cap(lab):
    """Four pictures are one job, and four of the day's."""
    sandbox, bot = start(lab, MAX_JOBS_PER_USER=2)
    ana, boss = sandbox.member("anabel"), sandbox.member("boss", admin=True)
    sandbox.wait(lambda s: s.raw["commands"], "the commands")
    sandbox.ask(boss, "admin", {"limits": {"quota": 6}})
    sandbox.fault("comfy_stall", ms=600000)
    sandbox.command(ana, "imagine", imagine(count=4))
    sandbox.wait(lambda s: s.live(ana), "the first")
    said = sandbox.ask(ana, "imagine", imagine(count=3))
    assert said.startswith("Of today's pictures only 2 are left for you."), said
    sandbox.command(ana, "imagine", imagine(count=2))
    sandbox.wait(lambda s: len(s.live(ana)) == 2, "the second")
    said = sandbox.ask(ana, "imagine", imagine())
    assert said.startswith("You already have 2"), said
    sandbox.let_go()
    done = sandbox.wait(lambda s: len(s.pictures(ana)) == 2 and s.pictures(ana), "both")
    assert sorted(len(pictures_of(m)) for m in done) == [2, 4]
    # A restart counts the same.
    bot.stop()
    lab.start_bot(FLUJOS_DIR=os.path.join(lab.folder, "flujos"))
    said = sandbox.ask(ana, "imagine", imagine())
    assert said.startswith("You have asked for all 6 of today's pictures"), said


def test_again_keeps_what_was_chosen(lab):
    """With another seed, though one had been chosen."""
    sandbox, bot = start(lab)
    ana = sandbox.member("anabel")
    sandbox.wait(lambda s: s.raw["commands"], "the commands")
    sandbox.fault("comfy_error", count=1)
    sandbox.command(ana, "imagine", imagine(size="320x256", steps=3, count=2, seed="77"))
    (sorry,) = sandbox.wait(lambda s: s.apologies(ana), "the apology")
    assert sandbox.graph()["sampler"]["inputs"]["seed"] == 77
    sandbox.press(ana, sorry, harness.button(sorry, "again"))
    (picture,) = sandbox.wait(lambda s: s.pictures(ana), "the pictures")
    g = sandbox.graph()
    assert g["latent"]["inputs"] == {"width": 320, "height": 256, "batch_size": 2}
    assert g["sampler"]["inputs"]["steps"] == 3 and g["sampler"]["inputs"]["seed"] != 77
    assert len(pictures_of(picture)) == 2


def test_after_a_restart(lab):
    """The row has all of it; a workflow that takes it no more ends in an apology that says so."""
    sandbox, bot = start(lab)
    ana, ben = sandbox.member("anabel"), sandbox.member("benito")
    boss = sandbox.member("boss", admin=True)
    sandbox.wait(lambda s: s.raw["commands"], "the commands")
    wait_loras(sandbox, ana)
    sandbox.ask(boss, "admin", {"pause": {}})
    sandbox.command(ana, "imagine", imagine(size="320x256", cfg=2, lora="detail"))
    sandbox.command(ben, "imagine", imagine("flux_image", steps=20))
    sandbox.wait(lambda s: s.live(ana) and s.live(ben), "both in the line")
    bot.kill()
    folder = os.path.join(lab.folder, "flujos")
    path = os.path.join(folder, "flux_image.json")
    with open(path, encoding="utf-8") as file:
        flux = json.load(file)
    # Its steps come from a node that members cannot set any more.
    sampler = next(k for k, n in flux.items() if n["class_type"] == "KSampler")
    flux[sampler]["inputs"]["steps"] = ["elsewhere", 0]
    flux["elsewhere"] = {"class_type": "SomeMath", "inputs": {"expression": "2+2"}}
    with open(path, "w", encoding="utf-8") as file:
        json.dump(flux, file)
    lab.start_bot(FLUJOS_DIR=folder)
    sandbox.ask(boss, "admin", {"resume": {}})
    sandbox.wait(lambda s: s.pictures(ana), "the picture")
    g = sandbox.graph()
    assert g["latent"]["inputs"]["width"] == 320 and g["sampler"]["inputs"]["cfg"] == 2
    assert g["lora"]["inputs"]["lora_name"] == "detail.safetensors"
    (sorry,) = sandbox.wait(lambda s: s.apologies(ben), "the apology")
    assert "no longer takes what you chose" in sorry["content"], sorry["content"]
    assert "does not take the option steps" in sorry["content"], sorry["content"]


def test_no_server_has_told(lab):
    """Without a ComfyUI nobody knows which LoRAs there are: a sentence, and the rest works."""
    sandbox = lab.start_sandbox()
    bot = lab.start_bot(
        FLUJOS_DIR=folder_with(lab), COMFY_URL=f"http://127.0.0.1:{harness.free_port()}"
    )
    ana = sandbox.member("anabel")
    sandbox.wait(lambda s: s.raw["commands"], "the commands")
    said = sandbox.ask(ana, "imagine", imagine(lora="detail"))
    assert said.startswith("I can't see right now which LoRAs there are"), said
    assert sandbox.suggestions(ana, "imagine", "lora", {"model": "whole", "lora": ""}) == []
    sandbox.command(ana, "imagine", imagine(steps=3))
    sandbox.wait(lambda s: s.live(ana), "its place in the line")


def test_what_every_server_has_is_offered(lab):
    """Any of them may draw the picture."""
    sandbox = lab.start_sandbox()

    def fewer(method, path, answer):
        if not path.startswith("/object_info/LoraLoader"):
            return None
        doc = answer.json
        doc["LoraLoader"]["input"]["required"]["lora_name"][0] = ["watercolour.safetensors", "own"]
        return harness.Answer(answer.status, answer.headers, json.dumps(doc).encode())

    second = lab.relay(sandbox.comfy, change=fewer)
    bot = lab.start_bot(
        FLUJOS_DIR=folder_with(lab),
        COMFY_URL=None,
        COMFY_URLS=f"{sandbox.comfy},{second.url}",
    )
    ana = sandbox.member("anabel")
    sandbox.wait(lambda s: s.raw["commands"], "the commands")
    wait_loras(sandbox, ana, wanted=["watercolour.safetensors"])
    said = sandbox.ask(ana, "imagine", imagine(lora="detail"))
    assert said.startswith("There is no LoRA “detail”"), said


def test_buttons_and_suggestions_are_checked_like_commands(lab):
    """A role that a member has no more, a channel that is not age-restricted."""
    sandbox = lab.start_sandbox()
    folder = folder_with(lab)
    meta = os.path.join(folder, "whole.meta.json")

    def sidecar(bot=None, **what):
        with open(meta + ".new", "w", encoding="utf-8") as file:
            json.dump(what, file)
        start = len(bot.process.lines) if bot else 0
        os.replace(meta + ".new", meta)
        if bot:
            bot.wait_line(r"whole\.json is live", start=start)

    ana = sandbox.member("anabel")
    sandbox.act("new_role", user=ana, name="artists")
    role = next(r["id"] for r in sandbox.state().raw["guild"]["roles"] if r["name"] == "artists")
    sidecar(roles=[str(role)])
    bot = lab.start_bot(FLUJOS_DIR=folder)
    sandbox.wait(lambda s: s.raw["commands"], "the commands")
    sizes = {"model": "whole", "size": "1:1"}
    assert sandbox.suggestions(ana, "imagine", "size", sizes)
    sandbox.fault("comfy_error", count=1)
    sandbox.command(ana, "imagine", imagine(steps=3))
    (sorry,) = sandbox.wait(lambda s: s.apologies(ana), "the apology")
    sidecar(bot, roles=["1234"])
    assert sandbox.suggestions(ana, "imagine", "size", sizes) == []
    assert "SDXL" not in sandbox.ask(ana, "models")
    assert "**/imagine**" in sandbox.ask(ana, "help")  # there is another one
    press = sandbox.press(ana, sorry, harness.button(sorry, "again"))
    said = sandbox.wait(lambda s: s.answer_text(press), "the refusal")
    assert "is only for some roles of this server" in said, said
    # The steps of a button's job are looked at again, too.
    sidecar(bot, options={"steps": {"min": 4, "max": 9}})
    press = sandbox.press(ana, sorry, harness.button(sorry, "again"))
    said = sandbox.wait(lambda s: s.answer_text(press), "the refusal")
    assert said == "steps for this model: 4 to 9.", said
    # An age-restricted model is offered, listed and taken where such things may be shown.
    sidecar(bot, age_restricted=True)
    general = sandbox.state().channel_named("general")["id"]
    assert sandbox.suggestions(ana, "imagine", "size", sizes) == []
    assert "SDXL" not in sandbox.ask(ana, "models")
    sandbox.restrict(general)
    assert sandbox.suggestions(ana, "imagine", "size", sizes)
    assert "SDXL" in sandbox.ask(ana, "models")
    sandbox.command(ana, "imagine", imagine())
    sandbox.wait(lambda s: s.pictures(ana), "the picture")
