# SPDX-License-Identifier: Apache-2.0
"""Editing the picture of a message by its menu; what a window sends is not believed."""
from harness import PNG, png, png_size
from test_edit import answer, edit, file, nothing_told, several, the_apology, the_input, the_picture, window


def labels(modal):
    return [c["label"] for c in modal["components"]]


def test_the_picture_of_a_message(lab):
    sandbox, bot = lab.start()
    # What members write is hidden from a bot without the privileged intent: the menu shows it.
    sandbox.fault("message_content", granted=False)
    ana, ben = sandbox.member("anabel"), sandbox.member("benito")
    general = sandbox.state().channel_named("general")["id"]
    said = sandbox.say(ben, general, "my cat", files=[file(png(50, 70, (9, 9, 200)))])
    sandbox.wait(lambda s: s.raw["commands"], "the commands")
    made = sandbox.menu(ana, {"id": said}, "Edit this picture")
    assert labels(window(sandbox, made)) == ["What should change"]
    sandbox.modal(ana, made, prompt="with wings")
    picture = the_picture(sandbox, ana)
    assert "with wings" in picture["content"]
    assert png_size(the_input(sandbox)) == (50, 70)
    nothing_told(lab)


def test_one_of_several_pictures_with_one_of_several_models(lab):
    sandbox, bot = lab.start(FLUJOS_DIR=several(lab, "painter_edit"))
    ana = sandbox.member("anabel")
    general = sandbox.state().channel_named("general")["id"]
    files = [file(png(20 + i, 30, (i, i, i)), f"{i}.png") for i in range(3)]
    said = sandbox.say(ana, general, "", files=files)
    sandbox.wait(lambda s: s.raw["commands"], "the commands")
    made = sandbox.menu(ana, {"id": said}, "Edit this picture")
    assert labels(window(sandbox, made)) == ["What should change", "Which picture", "Model"]
    sandbox.modal(ana, made, prompt="with wings", which=["2"], model=["painter_edit"])
    assert "**Painter**" in the_picture(sandbox, ana)["content"]
    assert png_size(the_input(sandbox)) == (22, 30)


def test_a_message_without_a_picture(lab):
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    general = sandbox.state().channel_named("general")["id"]
    said = sandbox.say(ana, general, "no picture here", files=[file(b"text", "notes.txt")])
    sandbox.wait(lambda s: s.raw["commands"], "the commands")
    made = sandbox.menu(ana, {"id": said}, "Edit this picture")
    assert answer(sandbox, made).startswith("There is no picture in this message")


def test_what_a_window_sends_is_not_believed(lab):
    """A made-up custom_id leads nowhere: least of all into somebody else's channel."""
    sandbox, bot = lab.start()
    lab.violations_wanted.add("unknown_message")  # the bot asks what it was told to ask
    ana, eve = sandbox.member("anabel"), sandbox.member("evelyn")
    sandbox.imagine(ana)
    secret = the_picture(sandbox, ana)
    general = sandbox.state().channel_named("general")["id"]
    said = sandbox.say(eve, general, "mine", files=[file(PNG)])
    for forged in (
        f"v1:edit:{secret['channel_id']}:{secret['id']}",  # her channel
        "v1:edit:1:2",
        "v1:edit:",
        "v1:admin:1",
        f"v1:edit:{general}:",
    ):
        made = sandbox.menu(eve, {"id": said}, "Edit this picture")
        window(sandbox, made)
        sent = sandbox.forge_modal(eve, made, forged, prompt="give it to me")
        assert "I don't know this button any more" in answer(sandbox, sent)
    # Her message in the forger's own channel is no message of that channel.
    made = sandbox.menu(eve, {"id": said}, "Edit this picture")
    window(sandbox, made)
    sandbox.forge_modal(eve, made, f"v1:edit:{general}:{secret['id']}", prompt="give it to me")
    assert "not there any more" in the_apology(sandbox, eve)
    assert not sandbox.state().pictures(eve)


def test_a_file_that_is_too_large_is_refused_at_once(lab):
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    made = edit(sandbox, ana, {"filename": "huge.png", "zeros": 60 * 1024 * 1024})
    assert "too large: 25 MB is the most" in answer(sandbox, made)
    assert not bot.rows() and not sandbox.state().session_channels()
