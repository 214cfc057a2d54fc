# SPDX-License-Identifier: Apache-2.0
"""Starts that cannot succeed say why, in a sentence, with status 1 and without any secret."""
import os
import re
import sqlite3

import pytest

import harness

BAD_TOKEN = "MTIzNDU2Nzg5MDEyMzQ1Njc4.GxBad1.not-the-token-at-all"


def write_env(lab, text):
    path = os.path.join(lab.bot_folder(), ".env")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, 0o600)


def test_bad_token(lab):
    sandbox = lab.start_sandbox()
    lab.secrets.add(BAD_TOKEN)
    bot = lab.start_bot(ready=False, DISCORD_TOKEN=BAD_TOKEN)
    said = bot.wait_failure().splitlines()[-1]
    assert "Discord refused the token" in said and "DISCORD_TOKEN" in said
    assert sandbox.state().raw["requests"] <= 2  # no hammering with a dead token


def test_token_revoked_while_it_runs(lab):
    sandbox, bot = lab.start()
    sandbox.fault("gateway_drop", code=4004)
    assert "DISCORD_TOKEN" in bot.wait_failure()


@pytest.mark.parametrize(
    "line, words",
    [
        ("MAX_QUEUE=many", ".env, line 3: MAX_QUEUE: it must be a whole number from 1 to 10000"),
        ("MAX_QUEUE=0", ".env, line 3: MAX_QUEUE: it must be a whole number"),
        ("ALLOWED_GUILD_ID=my server", ".env, line 3: ALLOWED_GUILD_ID: it must be a Discord id"),
        ("COMFY_URL=127.0.0.1:8188", ".env, line 3: COMFY_URL: it must be a URL"),
        ("COMFY_URL=http://me:key@host", ".env, line 3: COMFY_URL: a user or key inside the URL"),
        ("LOG_FORMAT=xml", ".env, line 3: LOG_FORMAT: it must be one of: text json"),
        ("COMFY_API_KEY='open", ".env, line 3"),
        ("this is no setting", ".env, line 3"),
    ],
)
def test_malformed_env(lab, line, words):
    lab.secrets.add(BAD_TOKEN)
    write_env(lab, f"# settings\nDISCORD_TOKEN={BAD_TOKEN}\n{line}\n")
    for command in ("run", "check", "sync"):
        assert words in lab.run(command, status=1)


def test_bad_value_in_the_environment(lab):
    assert "environment: MAX_QUEUE" in lab.run("run", status=1, MAX_QUEUE="-1")


def test_a_bad_secret_is_not_repeated(lab):
    lab.secrets.add("hunter2")
    text = lab.run("run", status=1, DISCORD_TOKEN="hunter2 and more")
    assert "DISCORD_TOKEN: it contains a space" in text


@pytest.mark.parametrize(
    "missing, words",
    [
        ("ALLOWED_GUILD_ID", "ALLOWED_GUILD_ID is not set"),
        ("COMFY_URL", "COMFY_URL is not set"),
    ],
)
def test_missing_setting(lab, missing, words):
    settings = {
        "DISCORD_TOKEN": BAD_TOKEN,
        "ALLOWED_GUILD_ID": "123456789012345678",
        "COMFY_URL": "http://127.0.0.1:9",
    }
    lab.secrets.add(BAD_TOKEN)
    del settings[missing]
    assert words in lab.run("run", status=1, **settings)


def test_env_that_others_can_read(lab):
    write_env(lab, "MAX_QUEUE=5\n")
    os.chmod(os.path.join(lab.bot_folder(), ".env"), 0o644)
    text = lab.run("check", status=1)
    assert "chmod 600 .env" in text


def test_second_process_on_the_same_database(lab):
    sandbox, bot = lab.start()
    other = "MTIzNDU2Nzg5MDEyMzQ1Njc4.GxBad1.another-token"
    text = lab.run("run", status=1, **lab.bot_settings(DISCORD_TOKEN=other))
    assert re.search(rf"another fullet already .*\(process {bot.process.pid}\)", text)
    ana = sandbox.member("anabel")
    sandbox.imagine(ana)  # the first one is not disturbed
    sandbox.wait(lambda s: s.pictures(ana), "the picture")


def test_second_process_with_the_same_token(lab):
    """In another folder: two bots with one token would take each other's events."""
    sandbox, bot = lab.start()
    text = lab.run("run", status=1, folder="second", **lab.bot_settings())
    assert "another fullet" in text
    assert sandbox.state().gateway["opens"] == 1


def test_no_workflow_folder(lab):
    sandbox = lab.start_sandbox()
    text = lab.run("run", status=1, **lab.bot_settings(FLUJOS_DIR="/no/such/folder"))
    assert "/no/such/folder" in text


def test_database_of_something_else(lab):
    """A file that is no database is not touched."""
    sandbox = lab.start_sandbox()
    folder = os.path.join(lab.bot_folder(), "database")
    os.makedirs(folder)
    path = os.path.join(folder, "bot_data.db")
    with open(path, "w", encoding="utf-8") as file:
        file.write("my holiday diary\n" * 100)
    text = lab.run("run", status=1, **lab.bot_settings())
    assert "bot_data.db" in text
    with open(path, encoding="utf-8") as file:
        assert file.read() == "my holiday diary\n" * 100


def test_database_of_the_python_version(lab):
    """Its file may lie at that path: its tables stay as they are."""
    sandbox = lab.start_sandbox()
    os.makedirs(os.path.join(lab.bot_folder(), "database"))
    path = os.path.join(lab.bot_folder(), "database", "bot_data.db")
    old = sqlite3.connect(path)
    old.execute("CREATE TABLE sessions (user_id INTEGER, channel_id INTEGER)")
    old.execute("CREATE TABLE counters (name TEXT, value INTEGER)")
    old.execute("INSERT INTO counters VALUES ('images', 42)")
    old.commit()
    old.close()
    bot = lab.start_bot()
    ana = sandbox.member("anabel")
    sandbox.imagine(ana)
    sandbox.wait(lambda s: s.pictures(ana), "the picture")
    bot.stop()
    old = sqlite3.connect(path)
    assert old.execute("SELECT value FROM counters").fetchall() == [(42,)]
    assert old.execute("SELECT count(*) FROM sessions").fetchall() == [(0,)]
    old.close()


def test_without_a_token_the_sandbox_starts(lab):
    """One line says so, and the page is there, with the bot behind it."""
    process = harness.Process(
        "fullet run",
        [harness.FULLET, "run"],
        lab.bot_folder(),
        harness.clean_environment(SANDBOX_PORT=0, FLUJOS_DIR=harness.FLUJOS),
    )
    lab.processes.append(process)
    process.wait_line("DISCORD_TOKEN is not set: starting the sandbox")
    page = process.wait_line(r"the sandbox is at (http://127\.0\.0\.1:\d+)").group(1)
    process.wait_line("the commands were registered")
    with harness.urllib.request.urlopen(page, timeout=10) as response:
        assert response.status == 200 and b"<html" in response.read().lower()
    process.terminate()
    assert process.wait_exit() == 0
