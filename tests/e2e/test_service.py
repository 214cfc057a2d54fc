# SPDX-License-Identifier: Apache-2.0
"""As a service of systemd: what the bot tells it, and what the unit forbids."""
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest

import harness
import test_edit

UNIT = os.path.join(harness.ROOT, "packaging", "fullet.service")


class Manager:
    """The service manager's end of NOTIFY_SOCKET."""

    def __init__(self, lab):
        self.path = os.path.join(lab.folder, "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.settimeout(harness.PATIENCE)

    def heard(self):
        return self.socket.recv(4096).decode().splitlines()

    def wait(self, line):
        """All datagrams up to the one with this line."""
        said = [self.heard()]
        while line not in said[-1]:
            said.append(self.heard())
        return said


@pytest.fixture
def manager(lab):
    manager = Manager(lab)
    yield manager
    manager.socket.close()


def test_ready_is_told_when_discord_said_so(lab, manager):
    sandbox = lab.start_sandbox()
    # The first tries fail, so that there is a time in which the process lives and is not ready.
    sandbox.fault("status", method="GET", route="/gateway/bot", status=503, count=2)
    bot = lab.start_bot(ready=False, NOTIFY_SOCKET=manager.path)
    assert manager.heard() == ["STATUS=Waiting for Discord."]
    assert sandbox.state().gateway["connected_sessions"] == 0
    assert "READY=1" in manager.heard()
    assert sandbox.state().gateway["connected_sessions"] == 1
    bot.wait_ready()
    bot.process.terminate()
    assert "STOPPING=1" in manager.heard()
    bot.wait_stopped()


def wait_stopped(pid):
    """A signal is on its way for a moment."""
    deadline = time.monotonic() + harness.PATIENCE
    while True:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            if stat.read().rpartition(")")[2].split()[0] == "T":
                return
        assert time.monotonic() < deadline, "the process goes on"
        time.sleep(0.01)


def test_watchdog_hears_from_the_loop_alone(lab, manager):
    lab.start_sandbox()
    bot = lab.start_bot(ready=False, NOTIFY_SOCKET=manager.path, WATCHDOG_USEC="1000000")
    manager.wait("READY=1")
    for _ in range(3):  # by itself, while nothing else happens
        manager.wait("WATCHDOG=1")
    os.kill(bot.process.pid, signal.SIGSTOP)  # a loop that hangs
    wait_stopped(bot.process.pid)
    manager.socket.setblocking(False)
    try:
        while True:
            manager.heard()
    except BlockingIOError:
        pass
    # Whatever happens now, the program cannot say it: only once it runs again.
    with pytest.raises(BlockingIOError):
        manager.heard()
    os.kill(bot.process.pid, signal.SIGCONT)
    manager.socket.settimeout(harness.PATIENCE)
    manager.wait("WATCHDOG=1")


def run(*arguments):
    return subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=120, check=False)


def test_unit_is_strict(lab):
    """Below 2.0 of 10, and systemd understands every line."""
    analyze = shutil.which("systemd-analyze")
    assert analyze, "systemd-analyze is missing: scripts/packages.sh test"
    home = os.path.join(lab.folder, "unit")
    os.makedirs(home)
    unit = shutil.copy(UNIT, home)
    words = run(analyze, "security", "--offline=yes", "--no-pager", "--threshold=19", unit)
    assert words.returncode == 0 and "Overall exposure level" in words.stdout, words.stdout
    # The program need not be installed where the tests run.
    said = run(analyze, "verify", "--man=no", unit).stdout
    ours = [line for line in said.splitlines() if "fullet.service" in line and "not executable" not in line]
    assert not ours, ours


def test_all_works_under_the_system_call_rules_of_the_unit(lab, monkeypatch):
    """Pictures, the cleaner with its own cage, the database, a stop: with what the unit allows."""
    program = os.path.join(lab.folder, "fullet-under-the-unit")
    caged = os.path.join(harness.HERE, "caged.py")
    with open(program, "w", encoding="utf-8") as script:
        script.write(f'#!/bin/sh\nexec {sys.executable} {caged} {UNIT} {harness.FULLET} "$@"\n')
    os.chmod(program, 0o700)
    sandbox = lab.start_sandbox()
    monkeypatch.setattr(harness, "FULLET", program)
    # The leak checker needs ptrace, which the unit forbids.
    bot = lab.start_bot(ASAN_OPTIONS="detect_leaks=0")
    with open(f"/proc/{bot.process.pid}/status", encoding="ascii") as status:
        assert "\nSeccomp:\t2\n" in status.read()
    ana = sandbox.member("anabel")
    test_edit.edit(sandbox, ana, harness.png(60, 40, (200, 30, 30)))
    assert "with a red hat" in test_edit.the_picture(sandbox, ana)["content"]
    bot.stop()
