# SPDX-License-Identifier: Apache-2.0
"""The folder of workflows while the bot runs: dropped, overwritten, broken, mended, deleted."""
import json
import os
import re
import shutil
import struct
import time
import zlib

import pytest

from harness import FLUJOS, PATIENCE

# The sandbox's model files that its workflows name.
SHIPPED = "flux_image"


def graph(name=SHIPPED):
    with open(os.path.join(FLUJOS, name + ".json"), encoding="utf-8") as file:
        return json.load(file)


def write(folder, name, content):
    """In place, as most editors do; a dict becomes JSON."""
    path = os.path.join(folder, name)
    mode, text = ("wb", content) if isinstance(content, bytes) else ("w", content)
    if isinstance(content, dict):
        text = json.dumps(content)
    with open(path, mode) as file:
        file.write(text)
    return path


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(**notes):
    """A picture of one pixel as ComfyUI saves it: texts beside the pixels."""
    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    texts = b"".join(
        chunk(b"tEXt", key.encode() + b"\0" + text.encode("latin-1")) for key, text in notes.items()
    )
    pixels = chunk(b"IDAT", zlib.compress(b"\0\0"))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + texts + pixels + chunk(b"IEND", b"")


class Folder:
    """A bot with a folder of its own that holds one workflow."""

    def __init__(self, lab, *names, **settings):
        self.lab = lab
        self.path = lab.flujos(*(names or (SHIPPED,)))
        self.sandbox = lab.start_sandbox()
        self.user = self.sandbox.member("ana")
        self.admin = self.sandbox.member("root", admin=True)
        self.tools = self.sandbox.state().channel_named("admin-tools")["id"]
        self.bot = lab.start_bot(FLUJOS_DIR=self.path, **settings)
        self.sandbox.wait(lambda s: s.raw["commands"], "the commands")

    def write(self, name, content):
        return write(self.path, name, content)

    def remove(self, name):
        os.unlink(os.path.join(self.path, name))

    def titles(self, user=None):
        return [c["name"] for c in self.sandbox.choices(user or self.user)]

    def wait_titles(self, *wanted, user=None):
        """Until exactly these are offered; how long it took."""
        start = time.monotonic()
        while True:
            titles = self.titles(user)
            if sorted(titles) == sorted(wanted):
                return time.monotonic() - start
            assert time.monotonic() - start < PATIENCE, f"offered: {titles}, wanted: {wanted}"
            # Between two questions: the bot says what it does.
            try:
                self.bot.wait_line("workflow: ", timeout=0.2, start=len(self.bot.process.lines))
            except AssertionError:
                pass

    def wait_line(self, pattern):
        return self.bot.wait_line(pattern).group(0)

    def picture(self, model, **options):
        seen = len(self.sandbox.state().pictures())
        self.sandbox.command(self.user, "imagine", {"model": model, "prompt": "a fox", **options})
        self.sandbox.wait(lambda s: len(s.pictures()) > seen, f"a picture of {model}")
        return self.sandbox.state().prompts()[-1]


def measured(capsys, what, seconds):
    with capsys.disabled():
        print(f"\n    {what}: live after {seconds:.2f} s")


def test_drop_overwrite_delete(lab, capsys):
    f = Folder(lab)
    f.wait_titles("Flux (Schnell)")
    f.write("second.json", graph("z-image_imagine"))
    measured(capsys, "a new workflow", f.wait_titles("Flux (Schnell)", "Z-Image (Turbo)"))
    f.picture("second")
    assert "Z-Image" in f.sandbox.ask(f.user, "models")

    changed = graph("z-image_imagine")
    changed["_meta"] = {"title": "Painter"}
    f.write("second.json", changed)
    measured(capsys, "one saved over", f.wait_titles("Flux (Schnell)", "Painter"))

    os.rename(os.path.join(f.path, "second.json"), os.path.join(f.path, "third.json"))
    f.bot.wait_line("third.json is live")
    f.bot.wait_line("second is gone")
    f.picture("third")
    f.remove("third.json")
    measured(capsys, "one deleted", f.wait_titles("Flux (Schnell)"))
    assert "Painter" not in f.sandbox.ask(f.user, "models")
    answer = f.sandbox.ask(f.user, "imagine", {"model": "third", "prompt": "a fox"})
    assert "third" in answer
    assert len(f.sandbox.state().pictures()) == 2


def test_broken_and_mended(lab):
    f = Folder(lab)
    good = graph()
    broken = graph()
    del broken["sampler"]["inputs"]["seed"]
    f.write("flux_image.json", broken)
    line = f.wait_line(r"flujos/flux_image\.json is refused and the one before goes on: .*")
    assert "node sampler (KSampler)" in line
    f.picture("flux_image")  # as it was

    def told(words):
        return lambda s: [m for m in s.messages(f.tools) if words in m["content"]]

    said = f.sandbox.wait(told("flux\\_image.json"), "the word in #admin-tools")
    assert "the workflow of before goes on" in said[0]["content"]
    assert "node sampler" in said[0]["content"]
    assert f.path not in said[0]["content"]  # where it is does not concern Discord
    f.write("flux_image.json", good)
    f.sandbox.wait(told("in order again"), "that it is mended")
    f.write("new.json", "[1, 2]")
    said = f.sandbox.wait(told("new.json"), "the refusal of a new one")
    assert "cannot be used" in said[0]["content"]
    assert len(f.sandbox.state().messages(f.tools)) == 3
    f.wait_titles("Flux (Schnell)")


def test_a_file_that_is_being_written(lab):
    """In pieces, with a pause in the middle: nobody hears of the half."""
    f = Folder(lab)
    text = json.dumps(graph("z-image_imagine"))
    with open(os.path.join(f.path, "slow.json"), "w", encoding="utf-8") as file:
        for at in range(0, len(text), 400):
            file.write(text[at : at + 400])
            file.flush()
            f.titles()  # the bot has had a turn
    f.wait_titles("Flux (Schnell)", "Z-Image (Turbo)")
    assert "refused" not in f.bot.process.text()
    assert not f.sandbox.state().messages(f.tools)


def test_png(lab, capsys):
    f = Folder(lab)
    wanted = graph("z-image_imagine")
    as_saved = json.dumps(wanted)
    # As older versions of ComfyUI leave it: Python's NaN beside the inputs.
    as_saved = as_saved.replace('"class_type"', '"is_changed": [NaN], "class_type"', 1)
    picture = png(prompt=as_saved, workflow='{"nodes": []}')
    f.write("painted.png", picture)
    measured(capsys, "a picture", f.wait_titles("Flux (Schnell)", "Z-Image (Turbo)"))
    f.picture("painted")
    f.write("painted.meta.json", {"title": {"en": "Painted", "es": "Pintado"}})
    f.wait_titles("Flux (Schnell)", "Painted")
    # NAME.json goes before NAME.png, and the log says so.
    shutil.copy(os.path.join(FLUJOS, "flux2_image.json"), os.path.join(f.path, "painted.json"))
    f.wait_line(r"painted\.png is not read, since painted\.json is there too")
    f.write("ui.png", png(workflow='{"nodes": []}'))
    f.wait_line(r"ui\.png is refused: this picture holds only the editor's workflow.*Export \(API\)")
    f.write("bare.png", png())
    f.wait_line(r"bare\.png is refused: this picture holds no workflow")
    f.write("cut.png", picture[: len(picture) // 2])
    f.wait_line(r"cut\.png is refused: the PNG is cut off before its end")


def test_sidecar(lab):
    f = Folder(lab, "flux_image", "z-image_imagine")
    f.write(
        "flux_image.meta.json",
        {
            "title": {"en": "Fast", "es": "Rápido"},
            "description": {"en": "Four steps", "es": "Cuatro pasos"},
            "vram_gb": 9,
            "options": {
                "steps": {"default": 2, "min": 1, "max": 6},
                "width": {"default": 512, "max": 768},
                "height": {"default": 640, "max": 768},
            },
        },
    )
    f.wait_titles("Fast", "Z-Image (Turbo)")
    ines = f.sandbox.member("ines")
    f.sandbox.post("/control/locale", user=ines, locale="es-ES")
    f.wait_titles("Rápido", "Z-Image (Turbo)", user=ines)
    assert "Four steps" in f.sandbox.ask(f.user, "models")
    assert "Cuatro pasos" in f.sandbox.ask(ines, "models")
    f.picture("flux_image")
    picture = f.sandbox.state().pictures()[-1]
    (file,) = picture["attachments"]
    width, height = struct.unpack(">II", f.sandbox.download(file["url"])[16:24])
    assert (width, height) == (512, 640)
    answer = f.sandbox.ask(
        f.user, "imagine", {"model": "flux_image", "prompt": "a fox", "steps": 7}
    )
    assert "6" in answer and len(f.sandbox.state().pictures()) == 1
    # A broken sidecar refuses the workflow as a whole: the one before goes on, limits and all.
    f.write("flux_image.meta.json", {"title": "Slow", "options": {"steps": {"max": "many"}}})
    line = f.wait_line(r"flux_image\.json is refused and the one before goes on: .*")
    assert "flux_image.meta.json: options.steps.max: a whole number" in line
    assert sorted(f.titles()) == ["Fast", "Z-Image (Turbo)"]
    f.write("flux_image.meta.json", {"tilte": "Slow"})
    f.wait_line(r'"tilte" is not known and does nothing; is "title" meant\?')
    f.wait_titles("Flux (Schnell)", "Z-Image (Turbo)")
    f.remove("flux_image.meta.json")
    f.wait_line(r"flux_image\.json is live: Flux \(Schnell\)")


def test_roles(lab):
    """Who may not use a workflow is not offered it, and is refused when he types it all the same."""
    f = Folder(lab, "flux_image", "z-image_imagine")
    eva = f.sandbox.member("eva")
    f.sandbox.act("new_role", user=eva, name="artists")
    roles = f.sandbox.state().raw["guild"]["roles"]
    role = next(r["id"] for r in roles if r["name"] == "artists")
    f.write("flux_image.meta.json", {"roles": [str(role)]})
    f.wait_titles("Z-Image (Turbo)")
    assert "Flux" not in f.sandbox.ask(f.user, "models")
    answer = f.sandbox.ask(f.user, "imagine", {"model": "flux_image", "prompt": "a fox"})
    assert "Flux (Schnell)" in answer and not f.sandbox.state().session_channels(f.user)
    f.picture("z-image_imagine")
    assert sorted(f.titles(eva)) == ["Flux (Schnell)", "Z-Image (Turbo)"]
    f.sandbox.imagine(eva)
    f.sandbox.wait(lambda s: s.pictures(eva), "the picture of one who may")
    f.sandbox.imagine(f.admin)
    f.sandbox.wait(lambda s: s.pictures(f.admin), "the picture of an administrator")
    f.write("flux_image.meta.json", {"roles": []})
    f.wait_titles("Flux (Schnell)", "Z-Image (Turbo)")
    f.picture("flux_image")


def test_age_restricted(lab):
    f = Folder(lab)
    f.write("flux_image.meta.json", {"age_restricted": True})
    f.wait_titles()  # #general is not an age-restricted channel
    answer = f.sandbox.ask(f.user, "imagine", {"model": "flux_image", "prompt": "a fox"})
    assert "age-restricted" in answer
    state = f.sandbox.state()
    assert not state.pictures() and not state.session_channels(f.user)
    f.remove("flux_image.meta.json")
    f.wait_titles("Flux (Schnell)")
    f.picture("flux_image")


def test_edit_commands_follow(lab):
    """/edit is there when something edits, and asks for a model when there is a choice."""
    f = Folder(lab)

    def commands(s):
        return {c["name"]: [o["name"] for o in c.get("options", [])] for c in s.raw["commands"]}

    assert "edit" not in commands(f.sandbox.state())
    f.write("one_edit.json", graph("flux_edit"))
    f.sandbox.wait(lambda s: "edit" in commands(s), "/edit")
    assert "model" not in commands(f.sandbox.state())["edit"]
    assert "/edit" in f.sandbox.ask(f.user, "help")
    f.write("two_edit.json", graph("flux_edit"))
    f.sandbox.wait(lambda s: "model" in commands(s).get("edit", []), "the option model")
    f.remove("one_edit.json")
    f.sandbox.wait(lambda s: "model" not in commands(s)["edit"], "/edit without model")
    f.remove("two_edit.json")
    f.sandbox.wait(lambda s: "edit" not in commands(s), "no /edit")
    assert "/edit" not in f.sandbox.ask(f.user, "help")


def test_jobs_in_the_queue(lab):
    """What waits is drawn with the workflow as it is then, or ends in an apology."""
    f = Folder(lab, "flux_image", "z-image_imagine")
    f.sandbox.fault("comfy_stall", ms=600000)
    f.sandbox.imagine(f.user, model="flux_image")
    f.bot.wait_step("watch")
    f.sandbox.imagine(f.admin, model="z-image_imagine")
    f.sandbox.wait(lambda s: len(s.live()) == 2, "both in the queue")
    f.remove("z-image_imagine.json")
    f.remove("flux_image.json")
    f.bot.wait_line("z-image_imagine is gone")
    f.bot.wait_line("flux_image is gone")
    f.sandbox.let_go()
    f.sandbox.wait(lambda s: s.pictures(f.user), "the picture that was being drawn")
    f.sandbox.wait(lambda s: s.apologies(f.admin), "the apology")
    assert len(f.sandbox.state().pictures()) == 1
    answer = f.sandbox.ask(f.user, "imagine", {"model": "flux_image", "prompt": "a fox"})
    assert answer and len(f.sandbox.state().pictures()) == 1


def test_age_restricted_into_a_channel_that_is_there(lab):
    """The member's channel becomes age-restricted before the picture is in it."""
    f = Folder(lab)
    f.picture("flux_image")
    (channel,) = f.sandbox.state().session_channels(f.user)
    assert not channel["nsfw"]
    f.write("flux_image.meta.json", {"age_restricted": True})
    f.wait_titles()
    f.sandbox.restrict(f.sandbox.state().channel_named("general")["id"])
    before = len(f.sandbox.state().pictures(f.user))
    f.sandbox.imagine(f.user, model="flux_image")
    f.sandbox.wait(lambda s: len(s.pictures(f.user)) == before + 1, "the picture")
    (channel,) = f.sandbox.state().session_channels(f.user, deleted=True)
    assert channel["nsfw"]
    assert f.sandbox.state().pictures(f.user)[-1]["channel_id"] == channel["id"]


def test_what_it_is_changes_meanwhile(lab):
    """For adults, or for /edit, by now: it is not drawn for one who asked for something else."""
    f = Folder(lab, "flux_image", "z-image_imagine", "flux2_image")
    f.sandbox.fault("comfy_stall", ms=600000)
    f.sandbox.imagine(f.user, model="flux_image")
    f.bot.wait_step("watch")
    f.sandbox.imagine(f.admin, model="z-image_imagine")
    other = f.sandbox.member("otto")
    f.sandbox.imagine(other, model="flux2_image")
    f.sandbox.wait(lambda s: len(s.live()) == 3, "all in the queue")
    f.write("z-image_imagine.meta.json", {"age_restricted": True})
    f.write("flux2_image.json", graph("flux_edit"))
    f.write("flux2_image.meta.json", {"kind": "edit"})
    f.bot.wait_line(r"z-image_imagine\.json is live")
    f.bot.wait_line(r"flux2_image\.json is live: FLUX\.2 Edit")
    f.sandbox.let_go()
    f.sandbox.wait(lambda s: s.pictures(f.user), "the picture that was being drawn")
    f.sandbox.wait(lambda s: s.apologies(f.admin), "the apology for what is for adults now")
    f.sandbox.wait(lambda s: s.apologies(other), "the apology for what edits now")
    assert len(f.sandbox.state().pictures()) == 1


def test_the_folder_goes_and_comes(lab):
    f = Folder(lab)
    away = f.path + "-away"
    os.rename(f.path, away)
    f.wait_line(r"the folder .* cannot be read: No such file or directory")
    f.picture("flux_image")
    os.mkdir(f.path)
    f.write("other.json", graph("z-image_imagine"))
    f.wait_titles("Z-Image (Turbo)")
    f.write("again.json", graph("flux2_image"))  # and the new folder is watched
    f.wait_titles("Z-Image (Turbo)", "FLUX.2 (klein 4B)")


def test_many_at_once(lab):
    f = Folder(lab)
    for i in range(60):
        f.write(f"w{i:02}.json", graph("z-image_imagine"))
    f.bot.wait_line(r"w59\.json is live")
    assert len(f.titles()) == 25  # Discord: as many choices as it shows
    assert len(f.sandbox.choices(f.user, "w59")) == 1
    for i in range(60):
        f.remove(f"w{i:02}.json")
    f.wait_titles("Flux (Schnell)")


# ---- from the command line ----


def test_workflow_table(lab):
    folder = lab.flujos(SHIPPED)
    write(
        folder,
        "flux_image.meta.json",
        {"vram_gb": 8, "roles": ["42"], "options": {"steps": {"default": 5, "max": 9}}},
    )
    text = lab.run("workflow", os.path.join(folder, "flux_image.json"))
    head, *rows = [line for line in text.splitlines() if line.startswith(("FIELD", "steps", "seed"))]
    steps = next(r for r in rows if r.startswith("steps"))
    assert steps[head.index("DEFAULT") :].startswith("5 ")
    assert steps[head.index("RANGE") :].startswith("1 to 9, step 1 ")
    assert steps.endswith("graph; range: sidecar")
    assert "VRAM needed:     8 GB" in text and "members with a role of: 42" in text
    assert "\033" not in text
    told = json.loads(lab.run("workflow", os.path.join(folder, "flux_image.json"), "--json"))
    assert told["vram_bytes"] == 8000000000 and told["roles"] == ["42"]
    assert told["ranges"]["steps"]["default"] == 5 and told["ranges"]["steps"]["sidecar"]


def test_workflow_of_a_picture(lab):
    folder = lab.flujos()
    path = write(folder, "a.png", png(prompt=json.dumps(graph())))
    told = json.loads(lab.run("workflow", path, "--json"))
    assert told["title"] == "Flux (Schnell)" and not told["problems"]
    path = write(folder, "b.png", png())
    assert "holds no workflow" in lab.run("workflow", path, status=1)
    path = write(folder, "c.json", {"last_node_id": 1, "nodes": [], "links": []})
    text = lab.run("workflow", path, status=1)
    assert "Workflow > Export (API)" in text and "Save (API Format)" in text


def test_check_covers_pictures_and_sidecars(lab):
    lab.start_sandbox()
    folder = lab.flujos(SHIPPED)
    wrong = graph("z-image_imagine")
    loader = next(n for n in wrong.values() if "Unet" in n["class_type"])
    loader["inputs"]["unet_name"] = "z_image_turbo-Q9.gguf"
    write(folder, "painted.png", png(prompt=json.dumps(wrong)))
    write(folder, "flux_image.meta.json", {"tilte": "x", "vram_gb": 900})
    # A loader that members may choose for, and a range that the node does not take.
    lora = graph()
    unet = next(i for i, n in lora.items() if "Unet" in n["class_type"])
    sampler = next(n for n in lora.values() if n["class_type"] == "KSampler")
    sampler["inputs"]["model"] = ["lora", 0]
    lora["lora"] = {
        "class_type": "LoraLoaderModelOnly",
        "inputs": {"model": [unet, 0], "lora_name": "detial.safetensors", "strength_model": 1.0},
    }
    write(folder, "lora.json", lora)
    write(folder, "bad.json", graph())
    write(folder, "bad.meta.json", {"kind": "video"})
    write(folder, "flux_imgae.meta.json", {"kind": "edit"})
    text = lab.run("check", status=1, **lab.bot_settings(FLUJOS_DIR=folder))
    assert re.search(r"^FAIL workflow painted on .*z_image_turbo-Q9\.gguf.*it has \"z_image", text, re.M)
    assert re.search(r"^warn workflow .*flux_image\.json: flux_image\.meta\.json: \"tilte\"", text, re.M)
    assert re.search(r"^FAIL workflow .*bad\.json is refused: bad\.meta\.json: kind: ", text, re.M)
    assert re.search(r"^warn workflow .*flux_imgae\.meta\.json belongs to no workflow", text, re.M)
    assert re.search(r"^ok   workflow flux_image ", text, re.M)
    assert re.search(r"^warn workflow flux_image on .* it needs 900\.0 GB of VRAM, and", text, re.M)
    assert re.search(r"^FAIL workflow lora on .*\"detial\.safetensors\".*\"detail\.safet", text, re.M)
