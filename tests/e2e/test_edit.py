# SPDX-License-Identifier: Apache-2.0
"""/edit: a file, the last picture, a message's picture; what is refused; and what a crash leaves."""
import base64
import json
import os
import shutil
import sqlite3

import pytest

from harness import FLUJOS, PNG, ROOT, button, custom_ids, png, png_chunks, png_size

CDN = ("GET", "/cdn/*")
UPLOAD = ("POST", "/upload/image")
NOTHING_LAST = "You have no picture of the last 24 hours."


def file(data, name="mine.png"):
    return {"filename": name, "base64": base64.b64encode(data).decode()}


def edit(sandbox, user, data=None, prompt="with a red hat", **options):
    """Types /edit; the interaction's id."""
    where = {name: options.pop(name) for name in ("channel",) if name in options}
    if data is not None:
        options["image"] = data if isinstance(data, dict) else file(data)
    return sandbox.command(user, "edit", {"prompt": prompt, **options}, **where)


def answer(sandbox, made):
    return sandbox.wait(lambda s: s.answer_text(made), "the answer")


def the_picture(sandbox, user, n=1):
    """The n-th picture of the member, as it was posted."""
    found = sandbox.wait(lambda s: len(s.pictures(user)) >= n and s.pictures(user), "the picture")
    sandbox.wait(
        lambda s: all(m["content"].split("\n")[-1].startswith(("Done", "No picture")) for m in s.live(user)),
        "the end",
    )
    assert len(found) == n
    return found[n - 1]


def the_apology(sandbox, user):
    (found,) = sandbox.wait(lambda s: s.apologies(user), "the apology")
    return found["content"]


def the_input(sandbox, at=-1):
    """What the card was given to edit."""
    name = next(
        node["inputs"]["image"]
        for node in sandbox.graph(at).values()
        if node["class_type"] == "LoadImage"
    )
    folder, _, name = name.rpartition("/")
    assert folder == "fullet"
    return sandbox.download(f"{sandbox.comfy}/view?filename={name}&subfolder={folder}&type=input")


def database(bot):
    found = sqlite3.connect(os.path.join(bot.folder, "database", "bot_data.db"), timeout=20)
    found.row_factory = sqlite3.Row
    return found


def query(bot, text, *values):
    with database(bot) as found:
        return found.execute(text, values).fetchall()


def nothing_told(lab):
    """A signed URL is as good as the picture: it stands in no log."""
    for bot in lab.bots:
        text = bot.process.text()
        assert "hm=" not in text and "/attachments/" not in text


# ---- a file ----


def test_a_file_is_edited(lab):
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    made = edit(sandbox, ana, png(60, 40, (200, 30, 30), text="made at home"))
    picture = the_picture(sandbox, ana)
    assert "with a red hat" in picture["content"]
    assert "**FLUX.2 Edit (klein 4B)**" in picture["content"]
    assert "Queued (Pos: 1) in <#" in sandbox.state().answer_text(made)

    given = the_input(sandbox)
    assert png_size(given) == (60, 40)
    assert set(png_chunks(given)) <= {"IHDR", "IDAT", "IEND", "sRGB", "gAMA", "pHYs"}
    (row,) = bot.wait_ended()
    assert row["kind"] == 2 and row["input"].startswith("http://127.0.0.1:")
    # Nothing of it stays but the result, as her last picture.
    assert not query(bot, "SELECT * FROM pictures")
    (last,) = query(bot, "SELECT * FROM last_pictures")
    assert str(last["user_id"]) == ana
    assert png_size(last["bytes"]) == png_size(sandbox.download(picture["attachments"][0]["url"]))
    nothing_told(lab)


# The smallest of their kinds: 8x8, 1x1 and 2x1 pixels.
JPEG = bytes.fromhex(
    "ffd8 ffdb004300" + "01" * 64 + "ffc0000b080008000801011100"
    "ffc4001400" + "01" + "00" * 16 + "ffc4001410" + "01" + "00" * 16
    + "ffda0008010100003f00 3f ffd9"
)
WEBP = base64.b64decode("UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA==")
GIF = b"GIF89a\x02\0\x01\0\x80\0\0\xff\0\0\0\0\xff,\0\0\0\0\x02\0\x01\0\0\x02\x02D\n\0;"


def sample(name):
    with open(os.path.join(ROOT, "tests", "unit", "pictures", name), "rb") as f:
        return f.read()


@pytest.mark.parametrize(
    "data",
    [JPEG, WEBP, GIF, sample("plain.avif"), sample("plain.heic")],
    ids=["JPEG", "WebP", "GIF", "AVIF", "HEIC"],
)
def test_other_kinds(lab, data):
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    edit(sandbox, ana, file(data, "picture"))
    the_picture(sandbox, ana)
    assert png_size(the_input(sandbox))[0] > 0


def test_a_large_picture_is_made_smaller(lab):
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    edit(sandbox, ana, png(3000, 1500, (10, 200, 30)))
    the_picture(sandbox, ana)
    assert png_size(the_input(sandbox)) == (2048, 1024)


@pytest.mark.parametrize(
    "data, said",
    [
        (b"MZ\x90\x00 this is no picture at all" * 20, "not a picture"),
        (b"", "not a picture"),
        (png(200, 200, (1, 2, 3))[:400], "damaged or cut off"),
        (png(40000, 40000, None), "too many pixels"),
    ],
    ids=["a program", "nothing", "cut off", "a bomb"],
)
def test_what_is_no_picture_is_apologised_for(lab, data, said):
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    made = edit(sandbox, ana, data)
    assert said in the_apology(sandbox, ana)
    assert not sandbox.state().prompts()
    assert "says why" in answer(sandbox, made)
    # It counts for nothing, and the next one goes on.
    edit(sandbox, ana, PNG)
    the_picture(sandbox, ana)


def test_the_name_does_not_count(lab):
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    edit(sandbox, ana, file(PNG, "holiday.jpg"))
    the_picture(sandbox, ana)
    edit(sandbox, ana, file(PNG, "notes.txt"))
    the_picture(sandbox, ana, 2)


def test_in_spanish(lab):
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    sandbox.post("/control/locale", user=ana, locale="es-ES")
    edit(sandbox, ana, b"no soy una imagen")
    sandbox.wait(
        lambda s: any("ese archivo no es una imagen" in m["content"] for m in s.messages()),
        "the apology",
    )
    made = edit(sandbox, ana)
    assert answer(sandbox, made).startswith("No tienes ninguna imagen de las últimas 24 horas.")


# ---- the last picture ----


def imagine(sandbox, user, size="512x768", **where):
    sandbox.command(
        user, "imagine", {"model": "flux_image", "prompt": "a fox", "size": size}, **where
    )


def test_the_last_picture(lab):
    sandbox, bot = lab.start()
    ana, ben = sandbox.member("anabel"), sandbox.member("benito")
    assert answer(sandbox, edit(sandbox, ana)).startswith(NOTHING_LAST)
    assert not bot.rows()
    imagine(sandbox, ana)
    the_picture(sandbox, ana)
    edit(sandbox, ana)
    second = the_picture(sandbox, ana, 2)
    assert png_size(the_input(sandbox)) == (512, 768)
    # What was edited is the last one now; and each has his own.
    edit(sandbox, ana, prompt="and a scarf")
    the_picture(sandbox, ana, 3)
    posted = png_size(sandbox.download(second["attachments"][0]["url"]))
    assert posted != (512, 768)
    assert png_size(the_input(sandbox)) == posted
    assert answer(sandbox, edit(sandbox, ben)).startswith(NOTHING_LAST)


def test_the_last_picture_outlives_channel_and_process(lab):
    sandbox, bot = lab.start(SESSION_TTL_SECONDS=4)
    ana = sandbox.member("anabel")
    imagine(sandbox, ana)
    the_picture(sandbox, ana)
    sandbox.wait(lambda s: not s.session_channels(ana), "the channel's end")
    bot.kill()
    bot = lab.start_bot()
    edit(sandbox, ana)
    the_picture(sandbox, ana, 2)
    assert png_size(the_input(sandbox)) == (512, 768)


def test_the_last_picture_is_kept_for_a_day(lab):
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    sandbox.imagine(ana)
    the_picture(sandbox, ana)
    day = 24 * 3600 * 1000
    with database(bot) as found:
        found.execute("UPDATE last_pictures SET at_ms = at_ms - ?", (day - 120_000,))
    edit(sandbox, ana)
    the_picture(sandbox, ana, 2)
    with database(bot) as found:
        found.execute("UPDATE last_pictures SET at_ms = at_ms - ?", (day,))
    assert answer(sandbox, edit(sandbox, ana)).startswith(NOTHING_LAST)


# ---- the model ----


def several(lab, *names):
    folder = lab.flujos("flux_image", "flux_edit")
    for name in names:
        shutil.copy(os.path.join(FLUJOS, "flux_edit.json"), os.path.join(folder, name + ".json"))
        with open(os.path.join(folder, name + ".meta.json"), "w", encoding="utf-8") as meta:
            json.dump({"title": name.replace("_edit", "").title()}, meta)
    return folder


def test_one_of_several_models(lab):
    sandbox, bot = lab.start(FLUJOS_DIR=several(lab, "painter_edit", "sketcher_edit"))
    ana = sandbox.member("anabel")
    sandbox.wait(lambda s: s.raw["commands"], "the commands")
    offered = sandbox.suggestions(ana, "edit", "model", {"prompt": "x", "model": ""})
    assert {c["value"] for c in offered} == {"flux_edit", "painter_edit", "sketcher_edit"}
    edit(sandbox, ana, PNG, model="painter_edit")
    assert "**Painter**" in the_picture(sandbox, ana)["content"]
    edit(sandbox, ana, PNG, model="sketch")
    assert "**Sketcher**" in the_picture(sandbox, ana, 2)["content"]
    edit(sandbox, ana, PNG)
    the_picture(sandbox, ana, 3)
    said = answer(sandbox, edit(sandbox, ana, PNG, model="flux_image"))
    assert said.startswith("I don't know the model “flux\\_image”.")
    said = answer(sandbox, edit(sandbox, ana, PNG, model="er"))  # two have it
    assert said.startswith("I don't know the model")


def test_without_a_model_there_is_no_command(lab):
    sandbox, bot = lab.start(FLUJOS_DIR=lab.flujos("flux_image"))
    names = sandbox.wait(lambda s: [c["name"] for c in s.raw["commands"]], "the commands")
    assert "edit" not in names and "Edit this picture" not in names
    ana = sandbox.member("anabel")
    sandbox.imagine(ana)
    assert not custom_ids(the_picture(sandbox, ana))


def test_a_blank_prompt(lab):
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    assert answer(sandbox, edit(sandbox, ana, PNG, prompt="  ")).startswith("The prompt is empty.")


# ---- a message's picture ----


def window(sandbox, made):
    return sandbox.wait(lambda s: s.interaction(made)["modal"], "the window")


def test_the_button_beside_a_picture(lab):
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    imagine(sandbox, ana)
    first = the_picture(sandbox, ana)
    pressed = sandbox.press(ana, first, button(first, "edit"))
    window(sandbox, pressed)
    sandbox.modal(ana, pressed, prompt="at night")
    assert "at night" in the_picture(sandbox, ana, 2)["content"]
    assert png_size(the_input(sandbox)) == (512, 768)


def test_the_window_outlives_the_process(lab):
    """Its URLs are forgotten then; the message still says where the file is."""
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    sandbox.imagine(ana)
    first = the_picture(sandbox, ana)
    pressed = sandbox.press(ana, first, button(first, "edit"))
    window(sandbox, pressed)
    bot.stop()
    bot = lab.start_bot()
    sandbox.modal(ana, pressed, prompt="at night")
    the_picture(sandbox, ana, 2)
    (_, row) = bot.rows()
    assert row["input"] == f"message:{first['channel_id']}:{first['id']}:0"


def test_a_message_that_was_deleted_meanwhile(lab):
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    sandbox.imagine(ana)
    first = the_picture(sandbox, ana)
    pressed = sandbox.press(ana, first, button(first, "edit"))
    window(sandbox, pressed)
    sandbox.fault("status", side="discord", method=CDN[0], route=CDN[1], status=404, count=0)
    sandbox.fault(
        "status", side="discord", method="GET", route="/channels/{}/messages/{}", status=404, count=0
    )
    sandbox.modal(ana, pressed, prompt="at night")
    assert "not there any more" in the_apology(sandbox, ana)


# ---- who may ----


def test_banned_members_use_no_menu_either(lab):
    sandbox, bot = lab.start()
    ana, adm = sandbox.member("anabel"), sandbox.member("admina", admin=True)
    sandbox.imagine(ana)
    first = the_picture(sandbox, ana)
    sandbox.ask(adm, "admin", {"ban": {"user": ana}})
    assert "barred" in answer(sandbox, edit(sandbox, ana, PNG))
    pressed = sandbox.press(ana, first, button(first, "edit"))
    window(sandbox, pressed)
    sent = sandbox.modal(ana, pressed, prompt="at night")
    assert "barred" in answer(sandbox, sent)
    assert len(bot.rows()) == 1


def test_the_cap_counts_edits(lab):
    sandbox, bot = lab.start(MAX_JOBS_PER_USER=1)
    ana = sandbox.member("anabel")
    sandbox.fault("comfy_stall", ms=60000)
    edit(sandbox, ana, PNG)
    bot.wait_step("submit")
    assert "already" in answer(sandbox, edit(sandbox, ana, PNG))
    sandbox.let_go()
    the_picture(sandbox, ana)


def test_an_age_restricted_picture_stays_among_adults(lab):
    folder = lab.flujos("flux_image", "flux_edit")
    with open(os.path.join(folder, "flux_image.meta.json"), "w", encoding="utf-8") as meta:
        json.dump({"age_restricted": True}, meta)
    sandbox, bot = lab.start(FLUJOS_DIR=folder)
    ana = sandbox.member("anabel")
    adults = sandbox.post("/control/channels", name="adults")["id"]
    sandbox.restrict(adults)
    sandbox.imagine(ana, channel=adults)
    the_picture(sandbox, ana)
    assert "age-restricted" in answer(sandbox, edit(sandbox, ana))
    edit(sandbox, ana, channel=adults)
    picture = the_picture(sandbox, ana, 2)
    (channel,) = [c for c in sandbox.state().channels() if c["id"] == picture["channel_id"]]
    assert channel["nsfw"]
    # And what became of it is no less so.
    assert "age-restricted" in answer(sandbox, edit(sandbox, ana))


# ---- Discord's CDN ----


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 500, "count": 2},
        {"kind": "status", "status": 429, "count": 1},
        {"kind": "reset", "count": 2},
        {"kind": "hang", "ms": 1500, "count": 1},
        {"kind": "html", "count": 1},
    ],
    ids=["500", "429", "reset", "silence", "a page"],
)
def test_the_cdn_has_a_bad_moment(lab, fault):
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    sandbox.fault(side="discord", method=CDN[0], route=CDN[1], **fault)
    edit(sandbox, ana, PNG)
    the_picture(sandbox, ana)
    assert sandbox.state().spoilt() == fault["count"]
    nothing_told(lab)


@pytest.mark.parametrize(
    "fault, said",
    [
        ({"kind": "status", "status": 404}, "not there any more"),
        ({"kind": "status", "status": 403}, "not there any more"),
        ({"kind": "redirect"}, "only from Discord itself"),
        ({"kind": "long", "bytes": 26 * 1024 * 1024}, "too large"),
        ({"kind": "long", "bytes": 100}, "not a picture"),
    ],
    ids=["404", "403", "elsewhere", "too long", "zeros"],
)
def test_the_cdn_gives_something_else(lab, fault, said):
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    # A redirect would lead to a place that answers: it must not be asked.
    trap = lab.relay(sandbox.comfy)
    sandbox.fault(
        side="discord", method=CDN[0], route=CDN[1], location=f"{trap.url}/view?filename=x", **fault
    )
    edit(sandbox, ana, PNG)
    assert said in the_apology(sandbox, ana)
    assert not trap.seen and not sandbox.state().prompts()


# ---- ComfyUI ----


def test_the_upload_has_a_bad_moment(lab):
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    sandbox.fault("status", side="comfy", method=UPLOAD[0], route=UPLOAD[1], status=500, count=2)
    edit(sandbox, ana, PNG)
    the_picture(sandbox, ana)


def test_the_upload_is_refused(lab):
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    sandbox.fault("status", side="comfy", method=UPLOAD[0], route=UPLOAD[1], status=413, count=0)
    edit(sandbox, ana, PNG)
    assert "too large for the server" in the_apology(sandbox, ana)
    assert not sandbox.state().prompts()


# ---- kill -9 ----


DONE_OR_NOT = pytest.mark.parametrize("executed", [False, True], ids=["not done", "done"])


def killed_and_back(lab, sandbox, bot):
    bot.kill()
    sandbox.fault("clear")
    return lab.start_bot()


def check_one(lab, sandbox, user, size):
    the_picture(sandbox, user)
    assert png_size(the_input(sandbox)) == size
    bot = lab.bots[-1]
    bot.wait_line("tidy -> done$")
    bot.stop()
    assert not query(bot, "SELECT * FROM pictures")
    (row,) = bot.rows()
    assert row["outcome"] == 1 and row["number"] == 1


def test_killed_while_it_is_fetched(lab):
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    sandbox.hang(*CDN, count=0)
    edit(sandbox, ana, png(33, 44, (1, 1, 1)))
    bot.wait_step("input")
    sandbox.wait(lambda s: s.spoilt(), "the CDN's silence")
    killed_and_back(lab, sandbox, bot)
    check_one(lab, sandbox, ana, (33, 44))


def test_killed_while_it_waits(lab):
    """It has the picture: Discord is not asked for it again, however long that was ago."""
    sandbox, bot = lab.start()
    ana, adm = sandbox.member("anabel"), sandbox.member("admina", admin=True)
    sandbox.ask(adm, "admin", {"pause": {}})
    edit(sandbox, ana, png(33, 44, (1, 1, 1)))
    bot.wait_step("queue")
    bot.wait_line("input -> queue")
    sandbox.wait(lambda s: s.live(ana), "the live message")
    bot.kill()
    bot = lab.start_bot()
    sandbox.fault("status", side="discord", method=CDN[0], route=CDN[1], status=404, count=0)
    sandbox.ask(adm, "admin", {"resume": {}})
    check_one(lab, sandbox, ana, (33, 44))


@DONE_OR_NOT
def test_killed_while_it_is_uploaded(lab, executed):
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    sandbox.hang(*UPLOAD, side="comfy", executed=executed, count=0)
    edit(sandbox, ana, png(33, 44, (1, 1, 1)))
    sandbox.wait(lambda s: s.spoilt("comfy"), "the upload")
    killed_and_back(lab, sandbox, bot)
    check_one(lab, sandbox, ana, (33, 44))


@DONE_OR_NOT
def test_killed_while_it_is_submitted(lab, executed):
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    sandbox.hang("POST", "/prompt", side="comfy", executed=executed, count=0)
    edit(sandbox, ana, png(33, 44, (1, 1, 1)))
    sandbox.wait(lambda s: s.spoilt("comfy"), "the prompt")
    killed_and_back(lab, sandbox, bot)
    check_one(lab, sandbox, ana, (33, 44))


@DONE_OR_NOT
def test_killed_while_it_is_posted(lab, executed):
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    edit(sandbox, ana, png(33, 44, (1, 1, 1)))
    bot.wait_step("watch")
    sandbox.hang("POST", "/channels/{}/messages", executed=executed, count=0)
    bot.wait_step("post")
    sandbox.wait(lambda s: s.spoilt() and (s.pictures(ana) or not executed), "the posting")
    killed_and_back(lab, sandbox, bot)
    check_one(lab, sandbox, ana, (33, 44))


def test_cancelled_while_it_is_fetched(lab):
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    sandbox.hang(*CDN, count=1, ms=3000)
    edit(sandbox, ana, PNG)
    bot.wait_step("input")
    assert "Cancelling" in sandbox.ask(ana, "cancel")
    assert "Cancelled" in the_apology(sandbox, ana)
    bot.wait_line("-> apologised$")
    edit(sandbox, ana, PNG)
    the_picture(sandbox, ana)
    bot.wait_ended(2)
    assert not query(bot, "SELECT * FROM pictures")
