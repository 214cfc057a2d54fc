# SPDX-License-Identifier: Apache-2.0
"""fullet check, sync, workflow, version, --help."""
import json
import os
import re
import subprocess

import pytest

import harness
from harness import FLUJOS, Answer

COMMANDS = ["run", "sandbox", "check", "sync", "workflow", "sched", "backup", "restore", "version"]


# ---- check ----


def test_check_all_green(lab):
    sandbox = lab.start_sandbox()
    lab.run("sync", **lab.bot_settings())
    text = lab.run("check", **lab.bot_settings())
    for words in (
        "ok   token: the bot is FuLLet",
        "ok   server: ",
        "ok   permissions: ",
        "ok   commands: registered",
        "ok   ComfyUI http://",
        "ok   database: ",
        "pictures from members: caged by seccomp",
        "ok   pictures from members: png, jpg, webp, gif, avif, heic can be opened",
    ):
        assert words in text, text
    assert text.count("has all of it") == len(os.listdir(FLUJOS))
    assert re.search(r"invite URL: https://discord\.com/\S*client_id=\d+", text)
    assert "FAIL" not in text
    assert text.splitlines()[-1] == "All is in order."
    assert not sandbox.state().requests("PUT") > 1


def test_check_while_the_bot_runs(lab):
    sandbox, bot = lab.start()
    text = lab.run("check", **lab.bot_settings())
    assert "ok   database: " in text


def changed_workflow(lab, change):
    folder = lab.flujos("flux_image")
    path = os.path.join(folder, "flux_image.json")
    with open(path, encoding="utf-8") as file:
        graph = json.load(file)
    change(next(n for n in graph.values() if "Unet" in n["class_type"]))
    with open(path, "w", encoding="utf-8") as file:
        json.dump(graph, file)
    return folder


def test_check_wrong_model_file(lab):
    lab.start_sandbox()

    def change(node):
        name = node["inputs"]["unet_name"]
        node["inputs"]["unet_name"] = name.replace("flux", "fluxx", 1)

    folder = changed_workflow(lab, change)
    text = lab.run("check", status=1, **lab.bot_settings(FLUJOS_DIR=folder))
    (line,) = [l for l in text.splitlines() if l.startswith("FAIL")]
    assert "workflow flux_image" in line and "fluxx" in line
    assert re.search(r"flux1?-schnell", line), line  # the nearest name that the server has
    assert text.splitlines()[-1] == "One thing is not in order."


def test_check_missing_node(lab):
    lab.start_sandbox()
    folder = changed_workflow(lab, lambda node: node.update(class_type="UnetLoaderFromTheFuture"))
    text = lab.run("check", status=1, **lab.bot_settings(FLUJOS_DIR=folder))
    assert re.search(r"^FAIL .*UnetLoaderFromTheFuture", text, re.M), text


def test_check_comfyui_down(lab):
    sandbox = lab.start_sandbox()
    url = f"http://127.0.0.1:{harness.free_port()}"
    text = lab.run("check", status=1, **lab.bot_settings(COMFY_URL=url))
    assert re.search(rf"^FAIL ComfyUI {url}: ", text, re.M), text


def test_check_comfyui_key(lab):
    key = "sesame-open-0123456789"
    lab.secrets.add(key)
    sandbox = lab.start_sandbox(COMFY_API_KEY=key)
    text = lab.run("check", status=1, **lab.bot_settings())
    assert "check COMFY_API_KEY" in text
    lab.run("check", **lab.bot_settings(COMFY_API_KEY=key))


def test_check_warns_of_an_unsafe_comfyui(lab):
    """On another computer, over plain HTTP and without a key."""
    sandbox = lab.start_sandbox()
    proxy = lab.relay(sandbox.comfy)
    url = "http://comfy.test:8188"
    text = lab.run("check", **lab.bot_settings(COMFY_URL=url, http_proxy=proxy.url))
    assert re.search(rf"^warn ComfyUI {url}: plain HTTP", text, re.M), text
    assert re.search(rf"^warn ComfyUI {url}: no COMFY_API_KEY", text, re.M), text


def test_check_several_servers(lab):
    sandbox = lab.start_sandbox()
    down = f"http://127.0.0.1:{harness.free_port()}"
    text = lab.run("check", status=1, **lab.bot_settings(COMFY_URLS=f"{sandbox.comfy},{down}"))
    assert f"ok   ComfyUI {sandbox.comfy}" in text and f"FAIL ComfyUI {down}" in text


def test_check_lacking_permission(lab):
    """The roles as they would be told of a bot that may not manage channels."""
    sandbox = lab.start_sandbox()

    def change(method, path, answer):
        if method != "GET" or not re.fullmatch(r"/api/v10/guilds/\d+", path):
            return None
        guild = answer.json
        for role in guild["roles"]:
            role["permissions"] = str(int(role["permissions"]) & ~((1 << 4) | (1 << 3)))
        return Answer(answer.status, answer.headers, json.dumps(guild).encode())

    relay = lab.relay(sandbox.discord.removesuffix("/api/v10"), change=change)
    text = lab.run("check", status=1, **lab.bot_settings(DISCORD_API_URL=relay.url + "/api/v10"))
    assert re.search(r"^FAIL permissions: the bot lacks .*Manage Channels", text, re.M), text


def test_check_bad_token(lab):
    bad = "MTIzNDU2Nzg5MDEyMzQ1Njc4.GxBad1.not-the-token-at-all"
    lab.secrets.add(bad)
    lab.start_sandbox()
    text = lab.run("check", status=1, **lab.bot_settings(DISCORD_TOKEN=bad))
    assert re.search(r"^FAIL token: .*refused the token", text, re.M), text


def test_check_wrong_guild(lab):
    lab.start_sandbox()
    text = lab.run("check", status=1, **lab.bot_settings(ALLOWED_GUILD_ID="123456789012345678"))
    assert re.search(r"^FAIL server", text, re.M)
    assert re.search(r"https://\S*guild_id=123456789012345678", text)


def test_check_damaged_database(lab):
    sandbox, bot = lab.start()
    bot.stop()
    path = os.path.join(bot.folder, "database", "bot_data.db")
    with open(path, "r+b") as file:
        file.seek(100)
        file.write(os.urandom(3000))
    text = lab.run("check", status=1, **lab.bot_settings())
    assert re.search(r"^FAIL database: ", text, re.M), text


def test_check_without_anything(lab):
    text = lab.run("check", status=1, FLUJOS_DIR=FLUJOS)
    assert "FAIL token: DISCORD_TOKEN is not set" in text
    assert "FAIL ComfyUI: COMFY_URL is not set" in text


# ---- sync ----


def test_sync(lab):
    sandbox = lab.start_sandbox()
    assert "were registered" in lab.run("sync", **lab.bot_settings())
    names = [c["name"] for c in sandbox.state().raw["commands"]]
    assert names[0] == "imagine" and {"edit", "queue", "privacy", "admin"} < set(names)
    assert "up to date" in lab.run("sync", **lab.bot_settings())
    assert sandbox.state().requests("PUT /applications") == 1


def test_sync_refused(lab):
    sandbox = lab.start_sandbox()
    sandbox.fault("status", status=403, method="PUT")
    text = lab.run("sync", status=1, **lab.bot_settings())
    assert "Discord refused" in text
    assert "Invite it: https://discord.com/oauth2/authorize?client_id=" in text
    wrong = lab.bot_settings() | {"DISCORD_TOKEN": "not.a.token"}
    assert "take a new one from the Developer Portal" in lab.run("sync", status=1, **wrong)


# ---- workflow ----

KEYS = [
    "title", "prompt", "negative", "seed", "width", "height", "steps", "cfg", "batch", "image",
    "models", "lora", "outputs", "problems",
]  # fmt: skip


@pytest.mark.parametrize("name", sorted(f[:-5] for f in os.listdir(FLUJOS) if f.endswith(".json")))
def test_workflow_json(lab, name):
    path = os.path.join(FLUJOS, name + ".json")
    text = lab.run("workflow", path, "--json")
    told = json.loads(text)
    assert set(KEYS) <= set(told)
    with open(path, encoding="utf-8") as file:
        graph = json.load(file)
    assert told["problems"] == [] and told["title"]
    assert told["prompt"] and told["seed"] and told["outputs"]
    for kind in ("prompt", "negative", "seed", "width", "height", "steps", "cfg", "batch", "image"):
        for place in told[kind]:
            assert place["input"] in graph[place["node"]]["inputs"]
    for model in told["models"]:
        assert graph[model["node"]]["inputs"][model["input"]] == model["file"]
    assert bool(told["image"]) == name.endswith("_edit")
    words = lab.run("workflow", path)
    assert told["title"] in words


def test_workflow_refused(lab):
    path = os.path.join(lab.bot_folder(), "bad.json")
    with open(path, "w", encoding="utf-8") as file:
        file.write('{"7": {"class_type": "KSampler", "inputs": {}}}')
    told = json.loads(lab.run("workflow", path, "--json", status=1))
    assert told["problems"]
    with open(path, "w", encoding="utf-8") as file:
        file.write("{")
    assert json.loads(lab.run("workflow", path, "--json", status=1))["problems"]
    assert "cannot be read" in lab.run("workflow", path + ".not", status=1)
    assert "usage:" in lab.run("workflow", status=2)


# ---- the command line ----


def test_version(lab):
    assert re.fullmatch(r"fullet \d+\.\d+\.\d+", lab.run("version"))
    assert lab.run("--version") == lab.run("version")


def test_help(lab):
    text = lab.run("--help")
    for name in COMMANDS:
        assert re.search(rf"^  {name} ", text, re.M)
    assert "DISCORD_TOKEN" in text and "SESSION_TTL_SECONDS" in text and "1800" in text
    for name in COMMANDS:
        said = lab.run(name, "--help")
        assert said.startswith(f"usage: fullet {name}") and len(said.splitlines()) >= 3


@pytest.mark.parametrize("arguments", [(), ("dance",), ("run", "fast"), ("sandbox", "--no-such")])
def test_mistakes_in_the_command_line(lab, arguments):
    assert "fullet" in lab.run(*arguments, status=2)


def test_closed_standard_streams(lab):
    """As cron or CI may start it: no socket and no database gets the number of stdin or stderr."""
    sandbox = lab.start_sandbox()
    settings = lab.bot_settings()
    lab.run("sync", **settings)
    done = subprocess.run(
        [harness.FULLET, "check"],
        cwd=lab.bot_folder(),
        env=harness.clean_environment(**settings),
        preexec_fn=lambda: os.closerange(0, 3),
        timeout=harness.PATIENCE,
        check=False,
    )
    assert done.returncode == 0
    assert not sandbox.violations()
