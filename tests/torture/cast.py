# SPDX-License-Identifier: Apache-2.0
"""Who takes part when the bot is tortured: a Discord, two ComfyUI, a database and the bot, each a
process that can be killed or stopped and comes back; members who ask for pictures meanwhile.

Discord is a sandbox that lives through the whole run: its records are the judge. Each ComfyUI is a
sandbox too, of which only the ComfyUI is used: killed, it has lost its queue, as a real one has.
"""
import ctypes
import os
import re
import signal
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.dirname(HERE)
sys.path[:0] = [os.path.join(TESTS, "e2e"), TESTS]
sys.dont_write_bytecode = True

import databases  # noqa: E402
import harness  # noqa: E402

MEMBERS = 12
# New requests wait while so many jobs are open: what is wanted is jobs in all steps, not a long line.
OPEN_MAX = 16
# A bot that says nothing for so long while a moment is awaited rests: the moment is now.
IDLE_S = 0.7


class Stuck(AssertionError):
    """What must never happen: something hangs."""


class Comfy:
    """A ComfyUI on a port of its own, which it keeps when it is started again."""

    def __init__(self, lab, name, *options):
        self.lab = lab
        self.options = options
        self.folder = lab.bot_folder(name)
        self.port = harness.free_port()
        self.start()

    def start(self):
        self.sandbox = harness.Sandbox(
            self.lab, self.folder, "--no-rate-limits", "--cards", "24", *self.options, SANDBOX_COMFY_PORT=self.port,
            SANDBOX_STEP_MS=8, SANDBOX_LOAD_MS=30, LOG_LEVEL="warn")
        self.process = self.sandbox.process

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def kill(self):
        self.process.kill()
        self.lab.processes.remove(self.process)

    def signal(self, sign):
        self.process.child.send_signal(sign)


class Database:
    """SQLite, or a server of the run's own."""

    def __init__(self, kind):
        self.kind = kind
        self.server = None if kind == "sqlite" else databases.KINDS[kind]()
        self.url = self.server.url() if self.server else None

    def family(self):
        """The server's processes."""
        pids = [self.server.child.pid]
        for name in os.listdir("/proc"):
            if name.isdigit():
                try:
                    with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as stat:
                        if int(stat.read().rpartition(")")[2].split()[1]) == pids[0]:
                            pids.append(int(name))
                except OSError:
                    pass
        return pids

    def signal(self, sign):
        for pid in self.family():
            try:
                os.kill(pid, sign)
            except ProcessLookupError:
                pass

    def close(self):
        if self.server:
            self.signal(signal.SIGCONT)
            self.server.close()


class Cast:
    """All of them, in a folder; `dice` is the run's only source of chance."""

    def __init__(self, folder, kind, dice, small_disk=False, members=MEMBERS, comfy=(), **settings):
        self.dice = dice
        self.lab = harness.Lab(folder)
        self.lab.secrets |= {databases.PASSWORD, databases.PASSWORD_ENCODED}
        self.database = Database(kind)
        self.lab.database_url = self.database.url
        self.settings = settings
        self.starts = self.ends = 0
        self.asked = 0
        self.bot = self.disk = None
        try:
            if small_disk:
                self.mount(os.path.join(self.lab.bot_folder(), "database"))
            self.discord = self.lab.start_sandbox("--no-rate-limits", LOG_LEVEL="warn")
            self.comfy = [Comfy(self.lab, f"comfy{i}", *comfy) for i in (1, 2)]
            self.members = [self.discord.member(f"member{n}") for n in range(members)]
        except BaseException:
            self.close()
            raise

    def mount(self, folder):
        """A file system with little room (the last pictures of all members fit), which nobody else sees.
        Only root may."""
        libc = ctypes.CDLL(None, use_errno=True)
        os.makedirs(folder)
        if (
            libc.unshare(0x00020000)  # CLONE_NEWNS
            or libc.mount(b"none", b"/", None, 0x44000, None)  # MS_REC | MS_PRIVATE
            or libc.mount(b"none", folder.encode(), b"tmpfs", 0, b"size=24m")
        ):
            raise OSError(ctypes.get_errno(), "a small disk cannot be mounted")
        self.disk = folder

    # ---- the bot ----

    def start(self, ready=True, **options):
        """As a service manager does: the one before has ended."""
        if self.bot:
            self.forget(self.bot)
        self.starts += 1
        self.bot = self.lab.start_bot(
            ready=False,
            COMFY_URL=None,
            COMFY_URLS=",".join(c.url for c in self.comfy),
            MAX_JOBS_PER_USER=10,
            **{**self.settings, **options},
        )
        if ready:
            self.wait_ready()
        return self.bot

    def forget(self, bot):
        """Its output is looked at and goes to a file; a run of hours has no room for all of them."""
        text = bot.process.text()
        with open(os.path.join(self.lab.folder, "bot.log"), "a", encoding="utf-8") as log:
            log.write(f"{text}\n---- {bot.process.name} has ended ----\n")
        found = None if harness.LSAN_DIED in text else harness.SANITIZERS.search(text)
        assert not found, f"{bot.process.name}: {found.group(0)}"
        for secret in self.lab.secrets | {harness.INTERACTION_TOKEN}:
            assert secret not in text, f"{bot.process.name} told a secret"
        self.lab.bots.remove(bot)
        self.lab.processes.remove(bot.process)

    def wait_ready(self):
        """A bot that ends with a sentence is started again, a few times."""
        for _ in range(20):
            self.revive()
            try:
                self.bot.process.wait_line(r"discord: ready$", timeout=60)
                return
            except AssertionError:
                if self.bot.process.alive():
                    raise Stuck(f"the bot is not ready after 60 s:\n{self.bot.process.tail()}") from None
        raise Stuck(f"the bot does not come up:\n{self.bot.process.tail()}")

    def revive(self):
        """One that has ended, also after it was ready, is started again."""
        if not self.bot.process.alive():
            if not self.bot.ended_as_wanted:
                self.ended()
            self.start(ready=False)

    def ended(self):
        """It has ended by itself: with a sentence, not by a signal."""
        status = self.bot.process.wait_exit()
        self.ends += 1
        text = self.bot.process.text()
        assert status in (0, 1), f"the bot ended with {status}:\n{self.bot.process.tail()}"
        assert status == 0 or re.search(r"error|fullet: ", text), f"it ended without a word:\n{text[-2000:]}"
        self.bot.ended_as_wanted = True

    def wait_lines(self, n, start):
        """Until the bot has said `n` lines from line `start` on, has ended, or rests."""
        process = self.bot.process
        with process.changed:
            while len(process.lines) < start + n:
                before = len(process.lines)
                process.changed.wait(IDLE_S)
                if len(process.lines) == before:
                    return

    def lines(self):
        with self.bot.process.changed:
            return len(self.bot.process.lines)

    def wait_until(self, wanted, what, patience=120):
        """The bot is let work; should it end, it is started again."""
        deadline = time.monotonic() + patience
        while not wanted():
            if not self.bot.process.alive():
                self.wait_ready()
            if time.monotonic() > deadline:
                raise Stuck(f"waited {patience} s for {what}:\n{self.bot.process.tail(80)}")
            with self.bot.process.changed:
                self.bot.process.changed.wait(0.3)

    # ---- members ----

    def records(self):
        return self.discord.get("/control/records", timeout=60)

    def ask(self, n):
        """So many requests by members drawn; now and then one for several pictures."""
        for _ in range(n):
            self.asked += 1
            # Small: drawing takes most of the time.
            options = {"model": "flux_image", "prompt": f"picture {self.asked}", "size": "512x512"}
            if self.dice.random() < 0.1:
                options["count"] = 2
            try:
                self.discord.command(self.dice.choice(self.members), "imagine", options)
            except AssertionError as e:
                if "400" not in str(e):
                    raise

    def press_cancel(self):
        """A member presses the button of one of his last jobs, which may have ended."""
        messages = self.records()["messages"]
        owner = {m["channel"]: m["user"] for m in messages if m["user"] != "0"}  # a picture names its member
        live = [(m, c) for m in messages[-40:] for c in m["custom_ids"] if "cancel:" in c and m["channel"] in owner]
        if live:
            message, button = self.dice.choice(live)
            self.discord._ask("POST", "/control/press", {
                "user": owner[message["channel"]], "channel": message["channel"], "message": message["id"],
                "custom_id": button})

    def interaction_is_over(self):
        """The last request has been refused, or Discord's 3 s for it are over."""
        last = self.records()["interactions"][-1]
        if last["said"]:
            return last["said"][-1]["text"].startswith("Sorry")
        return "acked_ms" not in last and time.time() - last["created_ms"] / 1000 > 3.5

    # ---- the end ----

    def rows(self):
        return self.bot.rows()

    def settle(self, patience=180):
        """All is well again: every accepted job must come to its end."""

        def told():
            return [f"job {r['id']}: step {r['step']}, {r['submits']} submits" for r in self.rows() if r["step"] < 100]

        try:
            self.wait_until(lambda: not told(), "all jobs to end", patience)
        except Stuck as e:
            raise Stuck("\n".join([str(e), *told()])) from None

    def close(self):
        if self.bot:
            self.forget(self.bot)
            self.bot.process.kill()
        for process in self.lab.processes:
            try:
                process.child.send_signal(signal.SIGCONT)
            except OSError:
                pass
        self.lab.clean_up()
        if self.disk:
            ctypes.CDLL(None).umount(self.disk.encode())
        self.database.close()
