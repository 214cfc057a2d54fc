#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL and MariaDB servers of the tests' own, in a temporary folder and on 127.0.0.1.

    tests/databases.py                    starts both, prints an address for each, ends with Ctrl-C
    tests/databases.py each COMMAND...    runs the command once with each: its address is in
                                          FULLET_TEST_DATABASE, its name replaces {} in the command

They run as the user who asks; of root's, as nobody, since neither server likes root. Nothing of
them is left behind, also when the process is killed.
"""
import ctypes
import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse

PATIENCE = float(os.environ.get("E2E_PATIENCE", "60"))
USER = "bot"
PASSWORD = "s3cret/pass@word%"
PASSWORD_ENCODED = urllib.parse.quote(PASSWORD, safe="")
SMALL = {"fsync": "off", "shared_buffers": "16MB", "max_connections": "20", "dynamic_shared_memory_type": "mmap"}


def become():
    """In the child: nobody instead of root; and it ends when the tests end (PR_SET_PDEATHSIG)."""
    if os.getuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.setgroups([])
        os.setgid(nobody.pw_gid)
        os.setuid(nobody.pw_uid)
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def find(program, *places):
    for place in places:
        for path in sorted(glob.glob(os.path.join(place, program)), reverse=True):
            if os.access(path, os.X_OK):
                return path
    path = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not path:
        raise SystemExit(f"databases: {program} is missing: scripts/packages.sh test installs it")
    return path


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """One server. The folder is short: a socket's path has about 100 characters."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="fullet-db-", dir="/tmp")
        if os.getuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
        self.data = os.path.join(self.folder, "data")
        self.log = os.path.join(self.folder, "log")
        self.port = free_port()
        self.child = None
        self.tls = False
        try:
            self.make()
            self.start()
            self.sql(*self.first)
        except BaseException:
            self.close()
            raise

    def run(self, *arguments, text=None):
        done = subprocess.run(
            arguments, cwd=self.folder, preexec_fn=become, input=text, capture_output=True, text=True
        )
        if done.returncode:
            raise AssertionError(f"{arguments[0]}: {done.stdout}\n{done.stderr}")
        return done.stdout

    def start(self):
        with open(self.log, "a", encoding="utf-8") as log:
            self.child = subprocess.Popen(
                self.command(), cwd=self.folder, preexec_fn=become,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )
        deadline = time.monotonic() + PATIENCE
        while not self.answers():
            if self.child.poll() is not None or time.monotonic() > deadline:
                with open(self.log, encoding="utf-8", errors="replace") as log:
                    raise AssertionError(f"{self.name} does not start:\n{log.read()[-3000:]}")
            time.sleep(0.05)

    def answers(self):
        try:
            self.sql("SELECT 1")
            return True
        except AssertionError:
            return False

    def _end(self, sign):
        if self.child and self.child.poll() is None:
            self.child.send_signal(sign)
            self.child.wait(PATIENCE)

    def add_tls(self, name="localhost"):
        """With a certificate for this name, by an authority of its own: the authority's file."""
        made = (
            "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.pem\n"
            f"openssl req -newkey rsa:2048 -nodes -subj /CN={name} -keyout key.pem -out request.pem\n"
            f"echo subjectAltName=DNS:{name} >names\n"
            "openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 "
            "-extfile names -out cert.pem\n"
            "chmod 600 key.pem\n"
        )
        self.run("sh", "-e", "-c", made)
        self.tls = True
        self.restart()
        return os.path.join(self.folder, "ca.pem")

    def stop(self):
        self._end(self.quick_stop)

    def kill(self):
        """As a power cut: no farewell."""
        self._end(signal.SIGKILL)

    def restart(self):
        self.stop()
        self.start()

    def close(self):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database="fullet", password=PASSWORD, host="127.0.0.1", **parameters):
        query = urllib.parse.urlencode(parameters)
        return (
            f"{self.scheme}://{USER}:{urllib.parse.quote(password, safe='')}@{host}:{self.port}"
            f"/{database}{'?' + query if query else ''}"
        )


class Postgres(Server):
    name = "postgres"
    scheme = "postgresql"
    quick_stop = signal.SIGINT
    first = (f"CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'", f"CREATE DATABASE fullet OWNER {USER}")

    def program(self, name):
        return find(name, "/usr/lib/postgresql/*/bin", "/usr/local/pgsql/bin")

    def make(self):
        self.run(
            self.program("initdb"), "-N", "-D", self.data, "-U", "postgres", "-E", "UTF8",
            "--locale=C.UTF-8", "--auth-local=trust", "--auth-host=scram-sha-256",
        )

    def command(self):
        settings = [f"-c{name}={value}" for name, value in SMALL.items()]
        if self.tls:
            settings += ["-cssl=on"] + [
                f"-cssl_{name}_file={self.folder}/{name}.pem" for name in ("cert", "key")
            ]
        return [
            self.program("postgres"), "-D", self.data, "-k", self.folder, "-h", "127.0.0.1",
            "-p", str(self.port), *settings,
        ]

    def sql(self, *statements, database="postgres"):
        commands = [part for text in statements for part in ("-c", text)]
        return self.run(
            self.program("psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", self.folder,
            "-p", str(self.port), "-U", "postgres", "-d", database, *commands,
        ).strip()

    def create(self, database):
        self.sql(f"CREATE DATABASE {database} OWNER {USER}")


class MariaDB(Server):
    name = "mysql"
    scheme = "mysql"
    quick_stop = signal.SIGTERM
    packet = "80M"
    first = (
        f"CREATE USER {USER}@'%' IDENTIFIED BY '{PASSWORD}'",
        f"GRANT ALL ON `fullet%`.* TO {USER}@'%'",
        "CREATE DATABASE fullet",
    )

    def make(self):
        self.run(
            find("mariadb-install-db"), "--no-defaults", f"--datadir={self.data}",
            "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve",
            f"--tmpdir={self.folder}",
        )

    def command(self):
        return [
            find("mariadbd"), "--no-defaults", f"--datadir={self.data}", "--bind-address=127.0.0.1",
            f"--port={self.port}", f"--socket={self.folder}/socket", f"--pid-file={self.folder}/pid",
            f"--tmpdir={self.folder}", "--skip-name-resolve", "--innodb-flush-log-at-trx-commit=2",
            "--innodb-buffer-pool-size=32M", f"--max-allowed-packet={self.packet}",
            "--skip-log-bin", "--performance-schema=OFF", "--max-connections=40",
            *(f"--ssl-{name}={self.folder}/{name}.pem" for name in ("cert", "key") if self.tls),
        ]

    def sql(self, *statements, database="mysql"):
        return self.run(
            find("mariadb"), "--no-defaults", f"--socket={self.folder}/socket", "-u", "root", "-N", "-B",
            "--default-character-set=utf8mb4", database, text=";\n".join(statements) + ";\n",
        ).strip()

    def create(self, database):
        self.sql(f"CREATE DATABASE {database}")


KINDS = {kind.name: kind for kind in (Postgres, MariaDB)}


def each(command):
    status = 0
    for kind in KINDS.values():
        server = kind()
        try:
            done = subprocess.run(
                [part.replace("{}", kind.name) for part in command],
                env=dict(os.environ, FULLET_TEST_DATABASE=server.url()),
            )
            status = status or done.returncode
        finally:
            server.close()
    return status


def show():
    servers = []
    try:
        for kind in KINDS.values():
            servers.append(kind())
            print(servers[-1].url(), flush=True)
        signal.pause()
    except KeyboardInterrupt:
        pass
    finally:
        for server in servers:
            server.close()
    return 0


def interrupted(*_):
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, interrupted)
    if sys.argv[1:2] == ["each"] and len(sys.argv) > 2:
        try:
            sys.exit(each(sys.argv[2:]))
        except KeyboardInterrupt:
            sys.exit(130)
    if len(sys.argv) > 1:
        sys.exit(__doc__)
    sys.exit(show())
