# SPDX-License-Identifier: Apache-2.0
"""A database that goes and comes back, is full, read-only or held; backups; the Python version's."""
import ctypes
import os
import re
import signal
import sqlite3
import subprocess
import time

import pytest

import databases
from harness import FULLET, read_backup
from test_crash import check_once, settled

KINDS = pytest.mark.parametrize("kind", list(databases.KINDS))


@pytest.fixture
def server(kind):
    """One that this test may stop and kill."""
    server = databases.KINDS[kind]()
    yield server
    server.close()


def on_server(lab, server, **settings):
    lab.database_url = server.url()
    return lab.start(**settings)


def held_job(lab, sandbox, bot, name="anabel"):
    """A job that ComfyUI has and does not begin."""
    user = sandbox.member(name)
    sandbox.fault("comfy_stall")
    sandbox.imagine(user)
    sandbox.wait(lambda s: s.prompts("pending") and s.live(user), "the job at the ComfyUI")
    bot.wait_step("watch")
    return user


def ends_well(sandbox, bot, user):
    sandbox.wait(lambda s: s.pictures(user) and settled(s, user), "the picture")
    check_once(sandbox, user, True)
    bot.stop()  # all rows are written
    (row,) = [row for row in bot.rows() if row["step"] == 100]
    assert row["result_id"] and not row["token"]


# ---- a server ----


@KINDS
def test_server_killed_in_the_middle(lab, server):
    """What was accepted waits, is said once, and goes on by itself."""
    sandbox, bot = on_server(lab, server)
    user = held_job(lab, sandbox, bot)
    server.kill()
    sandbox.let_go()
    bot.wait_line("nothing can be stored: ")
    bot.wait_line("could not be saved")
    assert not sandbox.state().pictures()
    server.start()
    bot.wait_line("the database is back after ")
    ends_well(sandbox, bot, user)
    assert len(re.findall("nothing can be stored", bot.process.text())) == 1


@KINDS
def test_server_restarted_between_two_jobs(lab, server):
    """Nobody notices."""
    sandbox, bot = on_server(lab, server)
    ana = sandbox.member("anabel")
    sandbox.imagine(ana)
    sandbox.wait(lambda s: s.pictures(ana) and settled(s, ana), "the first picture")
    bot.wait_ended()
    server.restart()
    sandbox.imagine(ana)
    sandbox.wait(lambda s: len(s.pictures(ana)) == 2, "the second picture")
    assert "could not be saved" not in bot.process.text()


@KINDS
def test_request_while_the_server_is_away(lab, server):
    """It waits for the server; should that take too long, it is refused with a sentence."""
    sandbox, bot = on_server(lab, server)
    ana = sandbox.member("anabel")
    sandbox.imagine(ana)
    sandbox.wait(lambda s: s.pictures(ana), "the first picture")
    server.stop()
    asked = sandbox.imagine(ana)
    bot.wait_line("nothing can be stored: ")
    server.start()
    bot.wait_line("the database is back after ")
    sandbox.wait(lambda s: len(s.pictures(ana)) == 2, "the next picture")
    assert sandbox.state().answer_text(asked).startswith("Queued")
    server.stop()
    asked = sandbox.imagine(ana)
    sandbox.wait(lambda s: s.answer_text(asked), "an answer", timeout=60)
    assert sandbox.state().answer_text(asked).startswith("Sorry")
    server.start()
    sandbox.imagine(ana)
    sandbox.wait(lambda s: len(s.pictures(ana)) == 3, "one more picture")


@KINDS
def test_bot_waits_for_the_server(lab, server):
    server.stop()
    lab.start_sandbox()
    lab.database_url = server.url()
    bot = lab.start_bot(ready=False)
    bot.wait_line("waiting for the database: ")
    bot.process.terminate()  # and may be stopped meanwhile
    assert bot.process.wait_exit() == -signal.SIGTERM
    bot.ended_as_wanted = True
    bot = lab.start_bot(ready=False)
    bot.wait_line("waiting for the database: ")
    server.start()
    bot.wait_line("the database is there: ")
    bot.wait_ready()
    assert server.url() not in bot.process.text()


@pytest.mark.parametrize("kind", ["postgres"])
def test_told_in_admin_tools_when_it_lasts(lab, server):
    sandbox, bot = on_server(lab, server)
    bot.wait_line("commands")
    ana = sandbox.member("anabel")
    server.kill()
    sandbox.imagine(ana)
    bot.wait_line("nothing can be stored")

    def told(text):
        return lambda s: [m for m in s.messages(author=s.bot_id) if text in m["content"]]

    sandbox.wait(told("The database cannot be written"), "the message", timeout=60)
    server.start()
    sandbox.wait(told("The database is back"), "the other message")
    assert len(told("The database")(sandbox.state())) == 2


@pytest.mark.parametrize("kind", ["mysql"])  # one process, which can be stopped as a whole
def test_server_that_hangs(lab, server):
    """Neither holds up the bot's end nor loses the job."""
    sandbox, bot = on_server(lab, server)
    user = held_job(lab, sandbox, bot)
    server.child.send_signal(signal.SIGSTOP)
    try:
        sandbox.let_go()
        bot.wait_line("nothing can be stored", timeout=60)
        bot.process.terminate()
        bot.wait_stopped(timeout=60)
    finally:
        server.child.send_signal(signal.SIGCONT)
    bot = lab.start_bot()
    ends_well(sandbox, bot, user)


@KINDS
def test_waiting_cannot_help(lab, server):
    """A sentence, and the end: also in `fullet check`."""
    lab.start_sandbox()
    lab.secrets |= {"wrong-w0rd"}
    tls = {"postgres": {"sslmode": "require"}, "mysql": {"ssl-mode": "REQUIRED"}}[server.name]
    for url, part in [
        (server.url(password="wrong-w0rd"), databases.USER),
        (server.url("fullet_not_there"), "fullet_not_there"),
        (server.url(**tls), "SSL"),
    ]:
        lab.database_url = url
        said = lab.start_bot(ready=False).wait_failure()
        assert part in said, said
        said = lab.run("check", status=1, **lab.bot_settings(DATABASE_URL=url))
        assert "FAIL database: " in said and part in said


@KINDS
def test_certificates(lab, server):
    authority = server.add_tls()
    with open(os.path.join(lab.folder, "other.pem"), "w", encoding="utf-8") as file:
        file.write(
            subprocess.run(
                "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=other -keyout /dev/null",
                shell=True, check=True, capture_output=True, text=True,
            ).stdout
        )

    def check(status, mode, ca, host="localhost"):
        if server.name == "postgres":
            tls = {"sslmode": mode, "sslrootcert": ca}
        else:
            mode = {"require": "REQUIRED", "verify-ca": "VERIFY_CA", "verify-full": "VERIFY_IDENTITY"}[mode]
            tls = {"ssl-mode": mode, "ssl-ca": ca}
        url = server.url(host=host, **{name: value for name, value in tls.items() if value})
        said = lab.run("restore", made, "--force", status=status, DATABASE_URL=url)
        assert ("cannot be opened" in said) == bool(status), said
        assert status == 0 or re.search("certificate|SSL|TLS", said), said

    made = os.path.join(lab.folder, "empty.backup")
    lab.run("check", status=1)  # makes the SQLite file
    lab.run("backup", made)
    check(0, "require", None)
    check(0, "verify-ca", authority, "127.0.0.1")
    check(0, "verify-full", authority)
    check(1, "verify-full", authority, "127.0.0.1")
    check(1, "verify-ca", file.name)
    check(1, "verify-full", file.name)


def test_bad_url_is_refused_by_its_line(lab):
    lab.start_sandbox()
    lab.secrets |= {"sw0rdfish"}
    folder = lab.bot_folder()
    with open(os.path.join(folder, ".env"), "w", encoding="utf-8") as file:
        file.write("# a comment\nDATABASE_URL=postgresql://bot:sw0rd/fish@sw0rdfish@db/fullet\n")
    os.chmod(file.name, 0o600)
    text = lab.run("check", status=1)
    assert ".env, line 2: DATABASE_URL: " in text and "%40" in text


# ---- backups ----


def test_moved_through_all_three(lab):
    """From a running SQLite bot to PostgreSQL, MariaDB and back: the same, and jobs go on."""
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    sandbox.imagine(ana)
    sandbox.wait(lambda s: s.pictures(ana) and settled(s, ana), "a picture")
    bot.wait_line("-> done$")
    user = held_job(lab, sandbox, bot, "benito")
    first = os.path.join(lab.folder, "first.backup")
    said = lab.run("backup", first)
    assert "jobs: 2" in said
    assert os.stat(first).st_mode & 0o777 == 0o600
    assert "another fullet already uses" in lab.run("restore", first, "--force", status=1)
    bot.kill()
    lab.run("backup", first)
    with open(first, "rb") as file:
        saved = file.read()
    servers = [kind() for kind in databases.KINDS.values()]
    try:
        urls = [server.url() for server in servers] + ["sqlite:///moved.db"]
        path = first
        for i, url in enumerate(urls):
            assert "now holds all of" in lab.run("restore", path, DATABASE_URL=url)
            assert "holds 2 jobs already" in lab.run("restore", path, status=1, DATABASE_URL=url)
            path = os.path.join(lab.folder, f"{i}.backup")
            lab.run("backup", path, DATABASE_URL=url)
            with open(path, "rb") as file:
                # All but the time in the head and the checksum.
                assert file.read()[30:-4] == saved[30:-4], url
        for url in urls[:2]:
            assert "ok   database: " in lab.run("check", status=1, DATABASE_URL=url)
    finally:
        for server in servers:
            server.close()
    sandbox.let_go()
    lab.database_url = urls[-1]
    lab.start_bot()
    sandbox.wait(lambda s: s.pictures(user) and settled(s, user), "the job that waited")
    assert len(sandbox.state().pictures()) == 2


def test_backups_while_jobs_run(lab, database):
    """Each is one moment: no job twice, and none that the next one has not."""
    lab.database_url = database
    sandbox, bot = lab.start(MAX_JOBS_PER_USER=100)
    ana = sandbox.member("anabel")
    before = 0
    for i in range(6):
        sandbox.imagine(ana, prompt=f"number {i}")
        path = os.path.join(lab.folder, f"{i}.backup")
        lab.run("backup", path, DATABASE_URL=database)
        jobs = read_backup(path)["jobs"]
        assert before <= len(jobs) <= i + 1
        assert len({job["id"] for job in jobs}) == len(jobs)
        before = len(jobs)
    sandbox.wait(lambda s: len(s.pictures(ana)) == 6, "the pictures")


def test_bad_backup_changes_nothing(lab):
    sandbox, bot = lab.start()
    ana = sandbox.member("anabel")
    sandbox.imagine(ana)
    sandbox.wait(lambda s: s.pictures(ana), "a picture")
    bot.wait_line("-> done$")
    bot.stop()
    path = os.path.join(lab.folder, "cut")
    lab.run("backup", path)
    with open(path, "r+b") as file:
        file.truncate(os.path.getsize(path) - 100)
    assert "it is cut off" in lab.run("restore", path, "--force", status=1)
    assert "is not a backup" in lab.run("restore", FULLET, "--force", status=1)
    assert "cannot be opened" in lab.run("restore", "nowhere", status=1)
    assert "cannot be written" in lab.run("backup", "nowhere/file", status=1)
    assert len(bot.rows()) == 1


class SmallPackets(databases.MariaDB):
    packet = "2M"


def test_picture_larger_than_the_server_takes(lab):
    """A sentence that names the setting; nothing is half restored."""
    lab.run("check", status=1)  # makes the SQLite file
    old = sqlite3.connect(os.path.join(lab.bot_folder(), "database", "bot_data.db"))
    old.execute("INSERT INTO last_pictures VALUES (5, 'a.png', 1, zeroblob(3000000))")
    old.commit()
    old.close()
    path = os.path.join(lab.folder, "large.backup")
    lab.run("backup", path)
    server = SmallPackets()
    try:
        said = lab.run("check", status=1, DATABASE_URL=server.url())
        assert "warn database: the server takes at most 2 MiB at once" in said
        said = lab.run("restore", path, status=1, DATABASE_URL=server.url())
        assert "raise max_allowed_packet of the server to 80M" in said
        assert server.sql("SELECT count(*) FROM settings", database="fullet") == "0"
    finally:
        server.close()


# ---- a SQLite file ----


def test_lock_held_by_another_program(lab):
    """Somebody has the file open in a transaction: the job waits, and goes on."""
    sandbox, bot = lab.start()
    user = held_job(lab, sandbox, bot)
    other = sqlite3.connect(os.path.join(bot.folder, "database", "bot_data.db"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    sandbox.let_go()
    bot.wait_line("nothing can be stored: .*lock", timeout=60)
    other.execute("COMMIT")
    other.close()
    bot.wait_line("the database is back after ", timeout=60)
    ends_well(sandbox, bot, user)


def small_disk(folder):
    """In the child: a file system of its own at `folder`, with little room."""

    def prepare():
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(0x00020000):  # CLONE_NEWNS
            os._exit(77)
        libc.mount(b"none", b"/", None, 0x44000, None)  # MS_REC | MS_PRIVATE
        if libc.mount(b"none", folder.encode(), b"tmpfs", 0, b"size=1m"):
            os._exit(77)

    return prepare


@pytest.mark.skipif(os.getuid() != 0, reason="only root may mount")
def test_full_disk(lab, monkeypatch):
    """Filled while a job waits; when there is room again, the job goes on."""
    lab.start_sandbox()
    sandbox = lab.sandbox
    folder = os.path.join(lab.bot_folder(), "database")
    os.makedirs(folder)
    popen = subprocess.Popen

    def in_small_disk(*arguments, preexec_fn=None, **options):
        def both():
            small_disk(folder)()
            preexec_fn()

        return popen(*arguments, preexec_fn=both, **options)

    monkeypatch.setattr(subprocess, "Popen", in_small_disk)
    bot = lab.start_bot()
    monkeypatch.setattr(subprocess, "Popen", popen)
    inside = f"/proc/{bot.process.pid}/root{folder}"
    user = held_job(lab, sandbox, bot)
    filler = os.path.join(inside, "filler")
    with open(filler, "wb", buffering=0) as file:
        with pytest.raises(OSError):
            while True:
                file.write(b"x" * 4096)
    ben = sandbox.member("benito")
    for i in range(30):  # what room the log still has is used up
        sandbox.imagine(ben, prompt="x" * 1000)
        if "is full" in bot.process.text():
            break
    bot.wait_line("nothing can be stored: the disk of .* is full")
    sandbox.let_go()
    os.unlink(filler)
    bot.wait_line("the database is back after ")
    sandbox.wait(lambda s: s.pictures(user) and settled(s, user), "the picture")
    assert len(sandbox.state().pictures(user)) == 1


@pytest.mark.skipif(os.getuid() != 0, reason="only root may mount")
def test_read_only_file(lab, monkeypatch):
    """At the start: a sentence, and nothing else happens."""
    sandbox, bot = lab.start()
    bot.stop()
    folder = os.path.join(bot.folder, "database")

    def read_only(*arguments, preexec_fn=None, **options):
        def both():
            libc = ctypes.CDLL(None, use_errno=True)
            libc.unshare(0x00020000)
            libc.mount(b"none", b"/", None, 0x44000, None)
            libc.mount(folder.encode(), folder.encode(), None, 0x1000, None)  # MS_BIND
            libc.mount(b"none", folder.encode(), None, 0x1021, None)  # MS_REMOUNT | MS_RDONLY
            preexec_fn()

        return popen(*arguments, preexec_fn=both, **options)

    popen = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", read_only)
    text = lab.start_bot(ready=False).wait_failure()
    assert "Read-only file system" in text
    text = lab.run("check", status=1, **lab.bot_settings())
    assert "FAIL database: " in text and "Read-only file system" in text


# ---- the Python version ----

OLD = """
CREATE TABLE sessions (user_id TEXT PRIMARY KEY, channel_id BIGINT, last_img_name TEXT,
  last_img_bytes {bytes}, updated_at FLOAT);
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER);
INSERT INTO counters VALUES ('image_count', 41);
INSERT INTO sessions VALUES ('{user}', {channel}, NULL, NULL, {now});
INSERT INTO sessions VALUES ('nobody', NULL, NULL, NULL, NULL);
"""


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_python_version_is_taken_over(lab, kind):
    """Its channel is used on, though it has no marker of ours, and its counter goes on."""
    sandbox = lab.start_sandbox()
    ana = sandbox.member("anabel")
    channel = str(sandbox.post("/control/channels", name="session-anabel")["id"])
    text = OLD.format(
        user=ana, channel=channel, now=time.time(), bytes="BLOB" if kind == "sqlite" else "BYTEA"
    )
    server = None
    if kind == "sqlite":
        folder = os.path.join(lab.bot_folder(), "database")
        os.makedirs(folder)
        old = sqlite3.connect(os.path.join(folder, "bot_data.db"))
        old.executescript(text)
        old.close()
    else:
        server = databases.Postgres()
        server.sql(f"SET ROLE {databases.USER};{text}", database="fullet")
        lab.database_url = server.url().replace("postgresql://", "postgresql+psycopg2://")
    try:
        bot = lab.start_bot()
        bot.wait_line(
            "taken over from the Python version: 1 private channels, 0 last pictures, "
            "the counter at 41; 1 odd rows were left out"
        )
        sandbox.imagine(ana)
        sandbox.wait(lambda s: s.pictures(ana), "the picture")
        assert sandbox.state().pictures(ana)[0]["channel_id"] == channel
        bot.wait_line("-> done$")
        bot.stop()
        bot = lab.start_bot()
        assert "taken over" not in bot.process.text()
        bot.stop()
        path = os.path.join(lab.folder, "backup")
        lab.run("backup", path, DATABASE_URL=lab.database_url)
        values = {row["name"]: row["value"] for row in read_backup(path)["settings"]}
        assert int(values["image_count"]) >= 41
    finally:
        if server:
            server.close()
