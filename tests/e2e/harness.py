# SPDX-License-Identifier: Apache-2.0
"""Starts the sandbox's servers and the bot as processes and drives them over sockets.

A Lab is one test's world: a folder, a sandbox, bots. Nothing here sleeps for an outcome: it waits
for a change of the sandbox's state, or for a line of a process, with a deadline.

    FULLET_BIN=... /usr/bin/python3 -m pytest -p no:cacheprovider tests/e2e [-k NAME]

FULLET_BIN is the program (build-test/src/fullet), E2E_JOBS how many tests run at once (two for each
processor), E2E_PATIENCE how many seconds anything may take (25).
"""
import collections
import ctypes
import http.client
import http.server
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
FULLET = os.path.abspath(
    os.environ.get("FULLET_BIN")
    or os.environ.get("FULLET")
    or os.path.join(ROOT, "build-test", "src", "fullet")
)
FLUJOS = os.path.join(ROOT, "flujos")
# How long anything may take before the test fails: generous, for a busy machine with sanitizers.
PATIENCE = float(os.environ.get("E2E_PATIENCE", "25"))
DM = "18446744073709551615"  # WORLD_DM: the direct messages with the bot
# What the sandbox's interaction tokens begin with, as Discord's do (base64 of "interaction:").
INTERACTION_TOKEN = "aW50ZXJhY3Rpb246"
# LeakSanitizer now and then dies itself while threads end (a bug of its stop-the-world tracer):
# then it has found nothing, and the exit status is its own.
LSAN_DIED = "LeakSanitizer has encountered a fatal error"
SANITIZERS = re.compile(r"AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:|UndefinedBehavior")

def clean_environment(**settings):
    """The test's own settings only: nothing of the person who runs it."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in ("PATH", "LD_LIBRARY_PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS")
    }
    kept.setdefault("UBSAN_OPTIONS", "halt_on_error=1:print_stacktrace=1")
    kept.update(LANG="C.UTF-8", NO_COLOR="1")
    kept.update({name: str(value) for name, value in settings.items() if value is not None})
    return kept


def die_with_parent():
    """A test run that is killed leaves no process behind (PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Process:
    """A child whose output is read as it comes."""

    def __init__(self, name, arguments, folder, environment):
        self.name = name
        self.lines = []
        self.changed = threading.Condition()
        self.child = subprocess.Popen(
            arguments,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=die_with_parent,
        )
        self.pid = self.child.pid
        self.readers = [
            threading.Thread(target=self._read, args=(stream,), daemon=True)
            for stream in (self.child.stdout, self.child.stderr)
        ]
        for reader in self.readers:
            reader.start()

    def _read(self, stream):
        for raw in stream:
            with self.changed:
                self.lines.append(raw.decode("utf-8", "replace").rstrip("\n"))
                self.changed.notify_all()
        with self.changed:
            self.changed.notify_all()

    def text(self):
        with self.changed:
            return "\n".join(self.lines)

    def tail(self, n=60):
        with self.changed:
            return "\n".join(self.lines[-n:])

    def wait_line(self, pattern, timeout=PATIENCE, start=0):
        """The match of the first line from `start` on that fits."""
        regex = re.compile(pattern)
        deadline = time.monotonic() + timeout
        seen = start
        with self.changed:
            while True:
                for line in self.lines[seen:]:
                    found = regex.search(line)
                    if found:
                        return found
                seen = len(self.lines)
                left = deadline - time.monotonic()
                dead = not any(reader.is_alive() for reader in self.readers)
                if left <= 0 or (dead and seen == len(self.lines)):
                    raise AssertionError(
                        f"{self.name} {'ended' if dead else 'went on'} without saying /{pattern}/"
                    )
                self.changed.wait(min(left, 0.5))

    def alive(self):
        return self.child.poll() is None

    def kill(self):
        """kill -9: no chance to tidy anything up."""
        if self.alive():
            self.child.kill()
        self.wait_exit()

    def terminate(self):
        if self.alive():
            self.child.terminate()

    def wait_exit(self, timeout=PATIENCE):
        try:
            status = self.child.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} did not end within {timeout:.0f} s") from None
        for reader in self.readers:
            reader.join(PATIENCE)
        return 0 if status == 1 and LSAN_DIED in self.text() else status

    def cpu_seconds(self):
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Answer(collections.namedtuple("Answer", "status headers body")):
    @property
    def json(self):
        return json.loads(self.body)


class Sandbox:
    """`fullet sandbox --no-bot` and its control interface."""

    def __init__(self, lab, folder, *options, **settings):
        settings = {
            "SANDBOX_PORT": 0,
            "SANDBOX_STEP_MS": 20,
            "SANDBOX_LOAD_MS": 20,
            "LOG_LEVEL": "debug",
            **settings,
        }
        self.process = Process(
            "sandbox",
            [FULLET, "sandbox", "--no-bot", *options],
            folder,
            clean_environment(**settings),
        )
        lab.processes.append(self.process)
        said = self.process.wait_line(r'^\{"page".*\}$').group(0)
        self.addresses = json.loads(said)
        self.page = self.addresses["page"]
        self.discord = self.addresses["discord"]
        self.comfy = self.addresses["comfy"]
        self.cards = self.addresses["cards"]  # the addresses of all its ComfyUI
        self.token = self.addresses["token"]
        self.guild = str(self.addresses["guild"])
        self._host = urllib.parse.urlsplit(self.page).netloc
        self._members = {}
        self._registered = False

    # ---- requests ----

    def _ask(self, method, path, body=None, timeout=PATIENCE):
        connection = http.client.HTTPConnection(self._host, timeout=timeout)
        try:
            data = None if body is None else json.dumps(body)
            connection.request(method, path, data, {"Content-Type": "application/json"})
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def get(self, path, **options):
        answer = self._ask("GET", path, **options)
        assert answer.status == 200, f"GET {path}: {answer.status} {answer.body[:300]}"
        return answer.json

    def post(self, path, **body):
        answer = self._ask("POST", path, body)
        assert answer.status == 200, f"POST {path} {body}: {answer.status} {answer.body[:300]}"
        return answer.json

    # ---- state ----

    def state(self):
        return State(self.get("/control/state"))

    def wait(self, wanted, what, timeout=PATIENCE):
        """The first state (from now on) for which wanted(state) is true; its truth is returned."""
        deadline = time.monotonic() + timeout
        while True:
            state = self.state()
            found = wanted(state)
            if found:
                return found
            left = deadline - time.monotonic()
            if left <= 0:
                raise AssertionError(f"not within {timeout:.0f} s: {what}\n{state.summary()}")
            self.wait_change(state.raw["version"], min(left, 1.0))

    def wait_change(self, version, seconds):
        try:
            self.get(f"/control/wait?version={version}", timeout=seconds)
        except TimeoutError:
            pass

    def violations(self):
        return self.get("/control/violations")["violations"]

    # ---- what people do ----

    def member(self, name, admin=False, **options):
        if name not in self._members:
            made = self.post("/control/users", username=name, admin=admin, **options)
            self._members[name] = str(made["id"])
        return self._members[name]

    def imagine(self, user, prompt="a fox in the snow", model="flux_image", **where):
        """Types /imagine, as soon as there is such a command; the interaction's id."""
        if not self._registered:
            self._registered = self.wait(lambda s: s.raw["commands"], "the commands")
        options = {"model": model, "prompt": prompt}
        made = self.post("/control/command", user=user, name="imagine", options=options, **where)
        return str(made["id"])

    def press(self, user, message, custom_id):
        made = self.post(
            "/control/press",
            user=user,
            channel=message["channel_id"],
            message=message["id"],
            custom_id=custom_id,
        )
        return str(made["id"])

    def command(self, user, name, options=None, **where):
        """Types a command as soon as it is there; the interaction's id."""
        if not self._registered:
            self._registered = self.wait(lambda s: s.raw["commands"], "the commands")
        made = self.post("/control/command", user=user, name=name, options=options or {}, **where)
        return str(made["id"])

    def ask(self, user, name, options=None, **where):
        """Types a command and waits for its answer: the text."""
        made = self.command(user, name, options, **where)
        return self.wait(lambda s: s.answer_text(made), f"the answer to /{name}")

    def suggestions(self, user, name, focused, options):
        """What is offered while `focused` is typed."""
        return self.post(
            "/control/autocomplete", user=user, name=name, focused=focused, options=options
        )["choices"]

    def menu(self, user, message, name):
        made = self.post("/control/menu", user=user, message=message["id"], name=name)
        return str(made["id"])

    def modal(self, user, interaction, **fields):
        made = self.post("/control/modal", user=user, interaction=interaction, fields=fields)
        return str(made["id"])

    def forge_modal(self, user, interaction, custom_id, **fields):
        """Sends a window with a custom_id that is not its own."""
        fields["@custom_id"] = custom_id
        return self.modal(user, interaction, **fields)

    def leave(self, user):
        self.post("/control/leave", user=user)

    def restrict(self, channel, restricted=True):
        self.post("/control/restrict", channel=channel, restricted=restricted)

    def act(self, kind, **what):
        """What an administrator does, or what happens to a member: world.h, world_act()."""
        return self.post("/control/act", kind=kind, **what)

    def say(self, user, channel, text, files=()):
        """files: {"filename", "base64"}, as in a command."""
        made = self.post(
            "/control/say", user=user, channel=channel, text=text, files=list(files)
        )
        return str(made["id"])

    def choices(self, user, typed=""):
        return self.post(
            "/control/autocomplete",
            user=user,
            name="imagine",
            focused="model",
            options={"model": typed},
        )["choices"]

    def fault(self, kind, **fault):
        return self.post("/control/fault", kind=kind, **fault)

    def hang(self, method, route, executed=False, side="discord", count=1, ms=60000):
        return self.fault(
            "hang", side=side, method=method, route=route, executed=executed, count=count, ms=ms
        )

    def let_go(self):
        """What comfy_stall holds goes on; other faults stay."""
        self.fault("comfy_stall", ms=0)

    def graph(self, at=-1):
        """The graph of a prompt that ComfyUI was given and has done, as its history has it."""
        prompt_id = self.state().prompts()[at]["prompt_id"]
        done = json.loads(self.download(f"{self.comfy}/history/{prompt_id}"))
        return done[prompt_id]["prompt"][2]

    def download(self, url):
        with urllib.request.urlopen(url, timeout=PATIENCE) as response:
            return response.read()


class State:
    """What /control/state tells, and the questions that tests have."""

    def __init__(self, raw):
        self.raw = raw

    # ---- messages ----

    def messages(self, channel=None, author=None):
        return [
            m
            for m in self.raw["messages"]
            if (channel is None or m["channel_id"] == channel)
            and (author is None or m["author_id"] == author)
        ]

    @property
    def bot_id(self):
        return self.raw["guild"]["bot_id"]

    def _ours(self):
        return [m for m in self.messages(author=self.bot_id) if not m["ephemeral"]]

    def pictures(self, user=None):
        """Final pictures, deleted ones too: one must never be posted twice."""
        return [
            m
            for m in self._ours()
            if any(re.fullmatch(r"fullet-\d+(-\d+)?\.\w+", a["filename"]) for a in m["attachments"])
            and (user is None or mentions(m) == [user])
        ]

    def apologies(self, user=None):
        """Apologies in channels and those given through the interaction."""
        spoken = [
            m
            for m in self._ours()
            if any(c.startswith("v1:again:") for c in custom_ids(m))
            and (user is None or mentions(m) == [user])
        ]
        whispered = [
            i["response"]
            for i in self.raw["interactions"]
            if i["response"]
            and i["response"]["content"].startswith("Sorry")
            and (user is None or i["user_id"] == user)
        ]
        return spoken + whispered

    def live(self, user=None):
        """The messages that tell how a job goes."""
        channels = None if user is None else {c["id"] for c in self.session_channels(user, True)}
        return [
            m
            for m in self._ours()
            if m["content"].startswith("**") and (channels is None or m["channel_id"] in channels)
        ]

    def outcomes(self, user=None):
        return len(self.pictures(user)) + len(self.apologies(user))

    # ---- channels ----

    def channels(self, deleted=False):
        return [c for c in self.raw["channels"] if deleted or not c["deleted"]]

    def categories(self):
        return [c for c in self.channels() if c["type"] == 4]

    def session_channels(self, user=None, deleted=False):
        """Private channels: the ones below our category that show the member to be allowed in."""
        parents = {c["id"] for c in self.raw["channels"] if c["type"] == 4}
        return [
            c
            for c in self.channels(deleted)
            if c["type"] == 0
            and c["parent_id"] in parents
            and (user is None or any(str(o["id"]) == user for o in c["overwrites"]))
        ]

    def channel_named(self, name):
        return next(c for c in self.channels() if c["name"] == name)

    # ---- the rest ----

    def interaction(self, interaction_id):
        return next(i for i in self.raw["interactions"] if i["id"] == interaction_id)

    def answer_text(self, interaction_id):
        response = self.interaction(interaction_id)["response"]
        return response["content"] if response else ""

    def prompts(self, status=None, card=None):
        """Of the card, else of all; each card's are in the order in which they came."""
        cards = self.cards() if card is None else [self.cards()[card]]
        return [p for c in cards for p in c["prompts"] if status in (None, p["status"])]

    def cards(self):
        """What each card's ComfyUI tells."""
        return self.raw.get("cards") or [self.raw["comfy"]]

    def loads(self):
        """How many prompts had to load something, for each card."""
        return [c["card"]["loads"] for c in self.cards()]

    def requests(self, start):
        """How many of the last requests began so ("PUT /applications")."""
        return sum(r["request"].startswith(start) for r in self.raw["request_log"])

    def spoilt(self, side="discord"):
        """How many requests a fault has met."""
        return (self.raw if side == "discord" else self.raw["comfy"])["spoilt"]

    @property
    def gateway(self):
        return self.raw["gateway"]

    def summary(self):
        lines = [f"state {self.raw['version']}, gateway {self.gateway}"]
        for i in self.raw["interactions"][-8:]:
            said = i["response"]["content"] if i["response"] else None
            lines.append(
                f"  interaction {i['id']} {i['command']} acked {i['acked_ms']} choices "
                f"{i['choices'] and len(i['choices'])}: {said!r}"
            )
        for c in self.channels(True):
            lines.append(f"  channel {c['id']} #{c['name']} deleted={c['deleted']}")
        for m in self.messages()[-20:]:
            files = [a["filename"] for a in m["attachments"]]
            lines.append(
                f"  message {m['id']} in {m['channel_id']} by {m['author_id']} "
                f"{'deleted ' if m['deleted'] else ''}{m['content']!r} {files} {custom_ids(m)}"
            )
        for p in self.prompts()[-8:]:
            lines.append(f"  prompt {p}")
        for r in self.raw["request_log"][-25:]:
            lines.append(f"  {r['status']} {r['request']}")
        return "\n".join(lines)


def mentions(message):
    return [str(u["id"]) for u in message["mentions"]]


def custom_ids(message):
    return [
        inner["custom_id"]
        for row in message["components"]
        for inner in row.get("components", [])
        if "custom_id" in inner
    ]


def made(message):
    """When a message was made, by the sandbox's clock: its id tells."""
    return ((int(message["id"]) >> 22) + 1420070400000) / 1000


def button(message, action):
    return next(c for c in custom_ids(message) if c.startswith(f"v1:{action}:"))


def png(width, height, color, text=None):
    """A PNG of one colour; with None as colour one that only says that it is so large."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    row = b"" if color is None else b"\0" + bytes(color) * width
    parts = [
        b"\x89PNG\r\n\x1a\n",
        chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        chunk(b"tEXt", b"Comment\0" + text.encode()) if text else b"",
        chunk(b"IDAT", zlib.compress(row * (height if row else 0))),
        chunk(b"IEND", b""),
    ]
    return b"".join(parts)


def png_size(data):
    assert data[:8] == b"\x89PNG\r\n\x1a\n", data[:16]
    return struct.unpack(">II", data[16:24])


PNG = png(64, 48, (30, 90, 200))


def png_chunks(data):
    """The types of a PNG's chunks; every checksum is checked."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, types = 8, []
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        body = data[at + 8 : at + 8 + length]
        (crc,) = struct.unpack(">I", data[at + 8 + length : at + 12 + length])
        assert crc == zlib.crc32(kind + body), f"bad checksum of {kind}"
        types.append(kind.decode("ascii"))
        at += 12 + length
    assert types[0] == "IHDR" and types[-1] == "IEND"
    return types


class Bot:
    """`fullet run` in its own folder."""

    def __init__(self, lab, folder, number, **settings):
        sandbox = lab.sandbox
        self.lab = lab
        self.folder = folder
        self.settings = {
            "DISCORD_TOKEN": sandbox.token,
            "ALLOWED_GUILD_ID": sandbox.guild,
            "DISCORD_API_URL": sandbox.discord,
            "COMFY_URL": sandbox.comfy,
            "COMFY_URLS": ",".join(sandbox.cards) if len(sandbox.cards) > 1 else None,
            "FLUJOS_DIR": FLUJOS,
            "LOG_LEVEL": "debug",
            **settings,
        }
        self.ended_as_wanted = False
        self.process = Process(
            f"bot {number}", [FULLET, "run"], folder, clean_environment(**self.settings)
        )

    def wait_ready(self):
        self.process.wait_line(r"discord: ready$")
        return self

    def wait_line(self, pattern, **options):
        return self.process.wait_line(pattern, **options)

    def wait_step(self, step, **options):
        """A job has been put into the step."""
        return self.process.wait_line(rf"-> {step}$", **options)

    def kill(self):
        self.process.kill()
        self.ended_as_wanted = True

    def stop(self):
        """SIGTERM (once: a second one ends it at once); it must end in order."""
        self.process.terminate()
        self.wait_stopped()

    def wait_stopped(self, **options):
        status = self.process.wait_exit(**options)
        assert status == 0, f"{self.process.name} ended with {status} after SIGTERM"
        self.ended_as_wanted = True

    def wait_failure(self):
        """It must end by itself with status 1; what it said is returned."""
        status = self.process.wait_exit()
        assert status == 1, f"{self.process.name} ended with {status}"
        self.ended_as_wanted = True
        return self.process.text()

    def rows(self):
        """The jobs as they are stored."""
        if self.lab.database_url:
            path = os.path.join(self.lab.folder, f"rows-{self.process.pid}.backup")
            self.lab.run("backup", path, DATABASE_URL=self.lab.database_url)
            return read_backup(path)["jobs"]
        return [dict(row) for row in self.query("SELECT * FROM jobs ORDER BY id")]

    def query(self, sql, *values):
        """What the SQLite file has."""
        path = os.path.join(self.folder, "database", "bot_data.db")
        database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        database.row_factory = sqlite3.Row
        try:
            return database.execute(sql, values).fetchall()
        finally:
            database.close()

    def wait_value(self, name, wanted):
        """The stored value of that name holds the text."""
        deadline = time.monotonic() + PATIENCE
        while True:
            found = self.query("SELECT value FROM settings WHERE name = ?", name)
            if found and wanted in found[0][0]:
                return
            assert time.monotonic() < deadline, f"{wanted} is not in the value {name}"
            time.sleep(0.02)

    def wait_ended(self, n=1):
        """The rows of the ended jobs, once there are `n`: the log tells of an end before the row is
        committed."""
        deadline = time.monotonic() + PATIENCE
        while True:
            ended = [row for row in self.rows() if row["step"] >= 100]
            if len(ended) >= n:
                return ended
            assert time.monotonic() < deadline, f"{len(ended)} of {n} jobs have ended in the rows"
            time.sleep(0.05)


class Lab:
    """One test's world."""

    def __init__(self, folder):
        self.folder = str(folder)
        self.sandbox = None
        self.bots = []
        self.processes = []
        self.outputs = []  # of programs that ended: (name, text)
        self.secrets = set()
        self.violations_wanted = set()
        self.relays = []
        self.database_url = None  # of a server: the bots'

    def start_sandbox(self, *options, **settings):
        folder = os.path.join(self.folder, "sandbox")
        os.makedirs(folder, exist_ok=True)
        self.sandbox = Sandbox(self, folder, *options, **settings)
        self.secrets.add(self.sandbox.token)
        return self.sandbox

    def bot_folder(self, name="bot"):
        folder = os.path.join(self.folder, name)
        os.makedirs(folder, exist_ok=True)
        return folder

    def start_bot(self, ready=True, folder="bot", **settings):
        """Starts a bot, by default again in the folder of the one before."""
        if self.database_url:
            settings.setdefault("DATABASE_URL", self.database_url)
        bot = Bot(self, self.bot_folder(folder), len(self.bots) + 1, **settings)
        self.bots.append(bot)
        self.processes.append(bot.process)
        if ready:
            bot.wait_ready()
        return bot

    def start(self, *options, sandbox=None, **settings):
        """Both; settings are the bot's."""
        self.start_sandbox(*options, **(sandbox or {}))
        return self.sandbox, self.start_bot(**settings)

    def run(self, *arguments, status=0, folder="bot", **settings):
        """Runs `fullet ARGUMENTS` to its end and returns what it wrote."""
        environment = clean_environment(**settings)
        process = Process(
            "fullet " + " ".join(arguments), [FULLET, *arguments], self.bot_folder(folder), environment
        )
        self.processes.append(process)
        got = process.wait_exit()
        text = process.text()
        assert got == status, f"fullet {' '.join(arguments)} ended with {got}:\n{text}"
        return text

    def bot_settings(self, **settings):
        """What a bot of this sandbox needs, for `fullet check` and its like."""
        s = self.sandbox
        return {
            "DISCORD_TOKEN": s.token,
            "ALLOWED_GUILD_ID": s.guild,
            "DISCORD_API_URL": s.discord,
            "COMFY_URL": s.comfy,
            "COMFY_URLS": ",".join(s.cards) if len(s.cards) > 1 else None,
            "FLUJOS_DIR": FLUJOS,
            **settings,
        }

    def flujos(self, *names):
        """A folder of workflows of its own, with copies of the shipped ones named."""
        folder = os.path.join(self.folder, "flujos")
        os.makedirs(folder, exist_ok=True)
        for name in names:
            shutil.copy(os.path.join(FLUJOS, name + ".json"), folder)
        return folder

    def relay(self, *arguments, **options):
        self.relays.append(Relay(*arguments, **options))
        return self.relays[-1]

    # ---- the end ----

    def finish(self):
        """What every test promises: bots end in order, no rule was broken, no secret was told."""
        for bot in self.bots:
            if bot.process.alive():
                bot.stop()
            assert bot.ended_as_wanted, (
                f"{bot.process.name} ended by itself with {bot.process.child.returncode}"
            )
        if self.sandbox:
            assert self.sandbox.process.alive(), "the sandbox has died"
            broken = [
                v
                for v in self.sandbox.violations()
                if v["rule"] not in self.violations_wanted
            ]
            assert not broken, f"rules were broken: {json.dumps(broken, indent=1)}"
            self.sandbox.process.terminate()
            status = self.sandbox.process.wait_exit()
            assert status == 0, f"the sandbox ended with {status}"
        for process in self.processes:
            text = process.text()
            found = None if LSAN_DIED in text else SANITIZERS.search(text)
            assert not found, f"{process.name}: {found.group(0)}"
            if self.sandbox and process is self.sandbox.process:
                text = "\n".join(l for l in text.split("\n") if not l.startswith('{"page"'))
            for secret in self.secrets | {INTERACTION_TOKEN}:
                assert secret not in text, f"{process.name} told the secret {secret[:6]}..."

    def clean_up(self):
        """Whatever happened: no process stays."""
        for relay in self.relays:
            relay.close()
        for process in self.processes:
            if process.alive():
                process.child.kill()
            process.wait_exit()

    def report(self):
        parts = []
        if self.sandbox and self.sandbox.process.alive():
            try:
                parts.append(self.sandbox.state().summary())
                parts.append(f"violations: {self.sandbox.violations()}")
            except (OSError, AssertionError, http.client.HTTPException) as e:
                parts.append(f"the sandbox does not answer: {e}")
        for process in self.processes:
            parts.append(f"---- {process.name} (pid {process.pid}) ----\n{process.tail()}")
        return "\n".join(parts)


def read_backup(path):
    """What `fullet backup` wrote (src/store/backup_file.h): the rows of each table."""
    with open(path, "rb") as file:
        data = file.read()
    assert data.startswith(b"FuLLet backup\n") and zlib.crc32(data[:-4]) == int.from_bytes(data[-4:], "little")
    at, tables = 30, {}

    def take(n):
        nonlocal at
        at += n
        return data[at - n : at]

    def number(n, signed=False):
        return int.from_bytes(take(n), "little", signed=signed)

    def value():
        kind = take(1)
        if kind == b"i":
            return number(8, signed=True)
        found = None if kind == b"n" else take(number(4))
        return found.decode() if kind == b"t" else found

    while (kind := take(1)) != b"Z":
        if kind == b"T":
            rows = tables[take(number(4)).decode()] = []
            columns = [take(number(4)).decode() for _ in range(number(4))]
        elif kind == b"R":
            rows.append({name: value() for name in columns})
        else:
            assert number(8) == len(rows)
    return tables


def repeat_command(nodeid):
    python = sys.executable
    return f"FULLET_BIN={FULLET} {python} -m pytest -p no:cacheprovider '{nodeid}'"


# ---- servers of the tests' own ----


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def host_port(url):
    parts = urllib.parse.urlsplit(url)
    return parts.hostname, parts.port


def wait_port(process, port):
    """A foreign program says nothing when it listens: asked until it does."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        assert process.alive(), f"{process.name} has ended"
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise AssertionError(f"{process.name} does not listen on {port}")


class Relay:
    """A small HTTP proxy in front of a server, as people put one before their ComfyUI.

    It also serves as the proxy of http_proxy, whatever host is asked for.
    Paths below `prefix` are passed on without it, any other is 404. `change(method, path, answer)`
    may return another Answer. Upgraded connections are passed through as they are.
    """

    def __init__(self, target, prefix="", change=None):
        self.target = urllib.parse.urlsplit(target)
        self.prefix = prefix
        self.change = change
        self.seen = []  # (method, path, headers)
        relay = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def serve(self):
                relay._serve(self)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = serve

            def do_CONNECT(self):
                relay.seen.append((self.command, self.path, dict(self.headers.items())))
                self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                relay._tunnel(self, b"")

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}{prefix}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def _serve(self, handler):
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        self.seen.append((handler.command, handler.path, dict(handler.headers.items())))
        if handler.path.startswith("http://"):
            handler.path = "/" + handler.path.split("/", 3)[3]
        if not handler.path.startswith(self.prefix + "/"):
            self._answer(handler, Answer(404, {}, b"nothing here"))
            return
        path = handler.path[len(self.prefix) :]
        if (handler.headers.get("Upgrade") or "").lower() == "websocket":
            head = f"{handler.command} {path} HTTP/1.1\r\n" + "".join(
                f"{name}: {value}\r\n" for name, value in handler.headers.items()
            )
            self._tunnel(handler, head.encode("latin-1") + b"\r\n")
            return
        connection = http.client.HTTPConnection(
            self.target.hostname, self.target.port, timeout=PATIENCE
        )
        try:
            headers = {
                n: v for n, v in handler.headers.items() if n.lower() not in ("host", "connection")
            }
            connection.request(handler.command, path, body or None, headers)
            response = connection.getresponse()
            answer = Answer(response.status, response.headers, response.read())
        except OSError:
            answer = Answer(502, {}, b"Bad Gateway")
        finally:
            connection.close()
        changed = self.change(handler.command, path, answer) if self.change else None
        self._answer(handler, changed or answer)

    def _answer(self, handler, answer):
        handler.send_response(answer.status)
        for name, value in answer.headers.items():
            if name.lower() not in ("content-length", "connection", "transfer-encoding", "server", "date"):
                handler.send_header(name, value)
        if answer.status != 204:
            handler.send_header("Content-Length", str(len(answer.body)))
        handler.end_headers()
        handler.wfile.write(answer.body)

    def _tunnel(self, handler, head):
        handler.close_connection = True
        near = handler.connection
        with socket.create_connection((self.target.hostname, self.target.port)) as far:
            far.sendall(head)
            back = threading.Thread(target=self._pump, args=(far, near), daemon=True)
            back.start()
            self._pump(near, far)
            back.join(PATIENCE)

    @staticmethod
    def _pump(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
