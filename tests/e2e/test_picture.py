# SPDX-License-Identifier: Apache-2.0
"""From /imagine to the picture, over plain sockets and over TLS with HTTP/2."""
import os
import re
import subprocess

import pytest

import harness
from harness import FLUJOS, button, mentions, png_chunks


def test_from_the_command_to_the_picture(lab):
    sandbox, bot = lab.start(sandbox={"SANDBOX_STEP_MS": 400, "SANDBOX_LOAD_MS": 300})
    ana = sandbox.member("anabel")
    asked = sandbox.imagine(ana, "a fox\nin the *snow*")

    # Acknowledged within 3 s, visible to her only.
    it = sandbox.wait(lambda s: s.interaction(asked)["acked_ms"] and s.interaction(asked), "the ack")
    assert it["acked_ms"] - it["created_ms"] < 3000
    assert it["ephemeral"]

    # The answer: the position and a link to her channel, which nobody else can see.
    said = sandbox.wait(lambda s: s.answer_text(asked), "the answer")
    link = re.fullmatch(r"Queued \(Pos: 1\) in <#(\d+)>", said)
    assert link, said
    (channel,) = sandbox.state().session_channels(ana)
    assert channel["id"] == link.group(1)
    assert channel["name"] == "session-anabel"
    assert_private(sandbox.state(), channel, ana)

    # The message that lives: progress, then a preview, in one message.
    live = sandbox.wait(lambda s: s.live(ana), "the live message")[0]
    bar = sandbox.wait(
        lambda s: re.search(r"(▓|░).* (\d+) %", live_of(s, live)["content"]), "the progress bar"
    )
    assert 0 <= int(bar.group(2)) <= 100
    shown = sandbox.wait(
        lambda s: live_of(s, live)["embeds"] and live_of(s, live), "the preview picture"
    )
    preview = sandbox.download(shown["embeds"][0]["image"]["url"])
    assert preview[:3] == b"\xff\xd8\xff" or preview[:4] == b"\x89PNG"
    assert button(shown, "cancel")

    # The picture is a new message with a ping for her alone.
    (picture,) = sandbox.wait(lambda s: s.pictures(ana), "the picture")
    assert picture["channel_id"] == channel["id"]
    assert mentions(picture) == [ana]
    assert re.search(
        r"^<@%s> \*\*Flux \(Schnell\)\*\* · seed \d+ · 1024×1024 · \d+\.\d s\n" % ana,
        picture["content"],
    ), picture["content"]
    check_metadata(sandbox, picture)

    # The live message ends without buttons.
    done = sandbox.wait(
        lambda s: re.search(r"\nDone in \d+\.\d s$", live_of(s, live)["content"])
        and live_of(s, live),
        "the end of the live message",
    )
    assert not done["components"] and not done["attachments"]
    assert len(sandbox.state().live(ana)) == 1
    bot.wait_line("tidy -> done$")
    assert sandbox.state().outcomes() == 1


def live_of(state, live):
    return next(m for m in state.messages() if m["id"] == live["id"])


def assert_private(state, channel, user):
    view = 1 << 10
    seen = {str(o["id"]): o for o in channel["overwrites"]}
    assert int(seen[state.raw["guild"]["id"]]["deny"]) & view
    allowed = {i for i, o in seen.items() if int(o["allow"]) & view}
    assert allowed == {user, state.bot_id}
    parent = next(c for c in state.channels() if c["id"] == channel["parent_id"])
    assert parent["name"] == "sessions"


def check_metadata(sandbox, picture):
    """ComfyUI's file holds the workflow and the prompt; what was posted does not."""
    (output,) = [f for f in sandbox.state().raw["comfy"]["files"] if f["type"] == "output"]
    original = sandbox.download(
        f"{sandbox.comfy}/view?filename={output['name']}&subfolder={output['subfolder']}&type=output"
    )
    posted = sandbox.download(picture["attachments"][0]["url"])
    texts = {"tEXt", "iTXt", "zTXt", "eXIf"}
    assert texts & set(png_chunks(original)), "the sandbox's files should carry metadata"
    assert not texts & set(png_chunks(posted))
    assert [c for c in png_chunks(original) if c not in texts] == png_chunks(posted)
    assert b"KSampler" in original and b"KSampler" not in posted


def test_spanish(lab):
    sandbox, bot = lab.start()
    eva = sandbox.member("eva")
    sandbox.post("/control/locale", user=eva, locale="es-ES")
    asked = sandbox.imagine(eva, "un zorro")
    (picture,) = sandbox.wait(lambda s: s.pictures(eva), "the picture")
    assert re.search(r"· semilla \d+ ·.* \d+,\d s\n", picture["content"])
    assert re.fullmatch(r"En cola \(Pos: 1\) en <#\d+>", sandbox.state().answer_text(asked))
    sandbox.wait(lambda s: "Lista en" in s.live(eva)[0]["content"], "the end in Spanish")


def test_every_shipped_model_draws(lab):
    names = sorted(f[:-5] for f in os.listdir(FLUJOS) if f.endswith(".json") and "_edit" not in f)
    assert len(names) >= 3
    sandbox, bot = lab.start()
    for i, name in enumerate(names):
        user = sandbox.member(f"member{i}")
        sandbox.imagine(user, "a boat", model=name)
    sandbox.wait(lambda s: len(s.pictures()) == len(names), "a picture of each model")
    assert not sandbox.state().apologies()


def test_settings_from_a_file(lab):
    """A .env as people write it: BOM, CRLF, export, quotes, comments."""
    s = lab.start_sandbox()
    text = (
        f"\ufeff# my bot\r\nexport DISCORD_TOKEN='{s.token}'  # secret\r\n"
        f'ALLOWED_GUILD_ID="{s.guild}"\r\nDISCORD_API_URL={s.discord}/ # Discord\r\n'
        f"COMFY_URL = {s.comfy}/\r\nFLUJOS_DIR={FLUJOS}\r\nMAX_JOB_PER_USER=3\r\nLOG_LEVEL=debug\r\n"
    )
    path = os.path.join(lab.bot_folder(), ".env")
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write(text)
    os.chmod(path, 0o600)
    unset = dict.fromkeys(
        ["DISCORD_TOKEN", "ALLOWED_GUILD_ID", "DISCORD_API_URL", "COMFY_URL", "FLUJOS_DIR", "LOG_LEVEL"]
    )
    bot = lab.start_bot(**unset)
    assert "MAX_JOBS_PER_USER" in bot.process.text()  # the nearest name to the unknown one
    ana = s.member("anabel")
    s.imagine(ana)
    s.wait(lambda state: state.pictures(ana), "the picture")


def test_json_log(lab):
    sandbox, bot = lab.start(LOG_FORMAT="json", ready=False)
    bot.wait_line('"text":"ready"')
    ana = sandbox.member("anabel")
    sandbox.imagine(ana)
    sandbox.wait(lambda s: s.pictures(ana), "the picture")
    bot.stop()
    for line in bot.process.lines:
        record = harness.json.loads(line)
        assert {"time", "level", "text"} <= set(record)
    assert any('"subject":"job=' in line for line in bot.process.lines)


# ---- TLS and HTTP/2 ----


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """A private certificate authority and a certificate for 127.0.0.1."""
    folder = tmp_path_factory.mktemp("ca")

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl(
        "req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2",
        "-subj", "/CN=Test authority",
    )  # fmt: skip
    openssl("req", *key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    openssl(
        "x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "2",
        "-CAcreateserial", "-extfile", "names", "-out", "server.pem",
    )  # fmt: skip
    return folder


def nghttpx():
    for folder in os.environ.get("PATH", "").split(":") + ["/usr/sbin", "/usr/local/sbin"]:
        path = os.path.join(folder, "nghttpx")
        if os.access(path, os.X_OK):
            return path
    pytest.fail("nghttpx is missing: install nghttp2-proxy")
    return None


def start_http2(lab, authority, backend):
    """HTTP/2 in front of the sandbox's Discord, which speaks HTTP/1.1 over TLS: (URL, its log)."""
    port = harness.free_port()
    host, backend_port = harness.host_port(backend)
    log = os.path.join(lab.folder, "http2.log")
    process = harness.Process(
        "nghttpx",
        [
            nghttpx(), f"--frontend=127.0.0.1,{port}", f"--backend={host},{backend_port};;tls;sni=localhost",
            f"--cacert={authority}/ca.pem", "--workers=1", "--single-process", "--conf=/dev/null",
            f"--accesslog-file={log}", "--accesslog-format=$alpn $request",
            "--no-ocsp", f"{authority}/server.key", f"{authority}/server.pem",
        ],
        lab.folder,
        harness.clean_environment(),
    )  # fmt: skip
    lab.processes.append(process)
    harness.wait_port(process, port)
    return f"https://127.0.0.1:{port}/api/v10", log


def test_over_tls_and_http2(lab, authority):
    sandbox = lab.start_sandbox(
        "--cert", str(authority / "server.pem"), "--key", str(authority / "server.key")
    )
    assert sandbox.discord.startswith("https://") and sandbox.comfy.startswith("https://")
    front, log = start_http2(lab, authority, sandbox.discord)
    bot = lab.start_bot(DISCORD_API_URL=front, CA_FILE=authority / "ca.pem")
    ana = sandbox.member("anabel")
    sandbox.imagine(ana)
    (picture,) = sandbox.wait(lambda s: s.pictures(ana), "the picture")
    sandbox.wait(lambda s: "Done in" in s.live(ana)[0]["content"], "the end")
    bot.stop()
    with open(log, encoding="utf-8") as lines:
        requests = lines.read().splitlines()
    # h2 was agreed on, every request came in by it, uploads too.
    assert len(requests) >= 8
    assert all(re.match(r"h2 .* HTTP/2(\.0)?$", line) for line in requests), requests
    assert any("POST /api/v10/channels/" in line for line in requests)


def test_unknown_authority_is_refused(lab, authority):
    sandbox = lab.start_sandbox(
        "--cert", str(authority / "server.pem"), "--key", str(authority / "server.key")
    )
    text = lab.run("check", status=1, **lab.bot_settings())
    assert "FAIL token" in text and "certificate" in text
    assert sandbox.state().raw["requests"] == 0
    bot = lab.start_bot(ready=False)
    bot.wait_line("certificate")
    bot.stop()
