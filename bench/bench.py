# SPDX-License-Identifier: Apache-2.0
"""Measures what FuLLet costs: memory, start, /imagine to acknowledgement, ComfyUI's completion to the
posted picture, CPU per 1,000 jobs. README.md tells how each figure comes about; run.sh builds and
starts this. Prints a table and writes nothing outside its temporary folder.
"""
import argparse
import base64
import collections
import ctypes
import http.client
import json
import os
import re
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
PATIENCE = 60
PICTURE_BYTES = 2_000_000
SYSTEM_CERTIFICATES = "/etc/ssl/certs"
BUNDLE = "ca-certificates.crt"


def die_with_parent():
    """A run that is killed leaves no process behind (PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Program:
    """A child, its output, and when each line of it was read."""

    def __init__(self, arguments, folder, settings, namespace=None):
        os.makedirs(folder, exist_ok=True)
        environment = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LANG": "C.UTF-8"}
        environment.update({name: str(value) for name, value in settings.items()})
        self.lines = []
        self.changed = threading.Condition()

        def prepare():
            die_with_parent()
            if namespace is not None:
                if ctypes.CDLL(None).setns(namespace, 0):
                    os._exit(126)
                os.chdir(folder)  # entering has moved us to the root

        self.started = time.monotonic()
        self.child = subprocess.Popen(
            arguments,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            preexec_fn=prepare,
        )
        self.pid = self.child.pid
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for raw in self.child.stdout:
            now = time.monotonic()
            with self.changed:
                self.lines.append((now, raw.decode("utf-8", "replace").rstrip("\n")))
                self.changed.notify_all()
        with self.changed:
            self.lines.append((time.monotonic(), None))
            self.changed.notify_all()

    def wait_line(self, pattern):
        """The text of the first line that fits, and the time at which it came."""
        regex = re.compile(pattern)
        deadline = time.monotonic() + PATIENCE
        seen = 0
        with self.changed:
            while True:
                for when, line in self.lines[seen:]:
                    if line is not None and regex.search(line):
                        return line, when
                    if line is None or time.monotonic() > deadline:
                        said = "\n".join(str(text) for _, text in self.lines[-20:])
                        raise SystemExit(f"bench: no line like {pattern!r}:\n{said}")
                seen = len(self.lines)
                self.changed.wait(1)
                if time.monotonic() > deadline:
                    raise SystemExit(f"bench: no line like {pattern!r} within {PATIENCE} s")

    def end(self):
        """In order when it can; returns its exit status."""
        self.child.terminate()
        try:
            status = self.child.wait(20)
        except subprocess.TimeoutExpired:
            self.child.kill()
            status = self.child.wait()
        self.reader.join(5)
        return status

    def cpu_seconds(self):
        """User and system time of all its threads (CPUCLOCK_SCHED of another process)."""
        return time.clock_gettime((~self.pid << 3) | 2)


# ---- memory ----


def family(pid):
    """The process and all that came from it."""
    children = collections.defaultdict(list)
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as stat:
                    parent = stat.read().rpartition(")")[2].split()[1]
            except OSError:
                continue
            children[int(parent)].append(int(name))
    found, look = [], [pid]
    while look:
        found.append(look.pop())
        look += children[found[-1]]
    return found


def rollup(pid):
    """smaps_rollup in KiB by name."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return {m[1]: int(m[2]) for m in re.finditer(r"^(\w+): +(\d+) kB$", file.read(), re.M)}


Memory = collections.namedtuple("Memory", "pss rss private anonymous")


def own_copy(fullet, folder):
    """A copy of the program with all libraries: what it shares with the bot is the kernel only.

    The servers run from it. Otherwise half of the bot's PSS would be theirs.
    """
    copy = os.path.join(folder, "servers")
    drawing = os.path.join(os.path.dirname(fullet), "sandbox", "libfullet-draw.so")
    os.makedirs(os.path.join(copy, "sandbox"))
    os.makedirs(os.path.join(copy, "lib"))
    shutil.copy(fullet, copy)
    shutil.copy(drawing, os.path.join(copy, "sandbox"))
    for program in (fullet, drawing):
        said = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
        for library in re.findall(r"=> (/\S+) \(", said):
            shutil.copy(library, os.path.join(copy, "lib"))
    return os.path.join(copy, os.path.basename(fullet)), os.path.join(copy, "lib")


def memory_of(pid):
    """In MiB: PSS of the whole family; RSS; what is private; heap and stacks."""
    all_of_them = [rollup(p) for p in family(pid)]
    names = ("Pss", "Rss", "Private_Clean", "Private_Dirty", "Pss_Anon")
    pss, rss, clean, dirty, anonymous = (sum(r[n] for r in all_of_them) / 1024 for n in names)
    return Memory(pss, rss, clean + dirty, anonymous)


# ---- the servers ----


class Watcher:
    """A WebSocket at the sandbox's ComfyUI that hears when its queue runs empty."""

    def __init__(self, url, context):
        parts = urllib.parse.urlsplit(url)
        self.sock = socket.create_connection((parts.hostname, parts.port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if parts.scheme == "https":
            self.sock = context.wrap_socket(self.sock, server_hostname=parts.hostname)
        key = base64.b64encode(os.urandom(16)).decode()
        self.sock.sendall(
            f"GET /ws?clientId=bench HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
            .encode()
        )
        self.file = self.sock.makefile("rb")
        if b" 101 " not in self.file.readline():
            raise SystemExit("bench: the sandbox's ComfyUI accepts no WebSocket")
        while self.file.readline() not in (b"\r\n", b""):
            pass
        self.changed = threading.Condition()
        self.completions = []  # Unix times
        self.busy = False
        threading.Thread(target=self._read, daemon=True).start()

    def _frame(self):
        head = self.file.read(2)
        if len(head) < 2:
            return None, b""
        size = head[1] & 127
        if size == 126:
            size = struct.unpack(">H", self.file.read(2))[0]
        elif size == 127:
            size = struct.unpack(">Q", self.file.read(8))[0]
        return head[0] & 15, self.file.read(size)

    def _read(self):
        while True:
            try:
                kind, data = self._frame()
            except (OSError, ValueError):
                return
            now = time.time()
            if kind is None:
                return
            if kind != 1:
                continue
            event = json.loads(data)
            if event.get("type") != "status":
                continue
            left = event["data"]["status"]["exec_info"]["queue_remaining"]
            with self.changed:
                if left == 0 and self.busy:
                    self.completions.append(now)
                    self.changed.notify_all()
                self.busy = left > 0

    def wait(self, n):
        """The time of the n-th completion (from 1)."""
        with self.changed:
            if not self.changed.wait_for(lambda: len(self.completions) >= n, PATIENCE):
                raise SystemExit(f"bench: ComfyUI finished {len(self.completions)} of {n} prompts")
            return self.completions[n - 1]

    def close(self):
        self.sock.close()


class Servers:
    """`fullet sandbox --no-bot`, its control interface, and our watcher."""

    def __init__(self, lab, picture_bytes=PICTURE_BYTES):
        folder = lab.new_folder()
        tls = ["--cert", lab.tls.cert, "--key", lab.tls.key] if lab.tls else []
        self.program = Program(
            [lab.servers, "sandbox", "--no-bot", "--no-rate-limits", *tls],
            folder,
            {
                "SANDBOX_PORT": 0,
                "SANDBOX_STEP_MS": 25,
                "SANDBOX_LOAD_MS": 0,
                "LD_LIBRARY_PATH": lab.libraries,
            },
        )
        line, _ = self.program.wait_line(r'^\{"page".*\}$')
        said = json.loads(line)
        self.page = urllib.parse.urlsplit(said["page"]).netloc
        self.discord, self.comfy = said["discord"], said["comfy"]
        self.token, self.guild = said["token"], str(said["guild"])
        if picture_bytes:
            self.ask("/control/fault", kind="comfy_pad", bytes=picture_bytes)
        self.watcher = Watcher(self.comfy, lab.tls.context if lab.tls else None)

    def ask(self, path, **body):
        connection = http.client.HTTPConnection(self.page, timeout=PATIENCE)
        try:
            if body:
                head = {"Content-Type": "application/json"}
                connection.request("POST", path, json.dumps(body), head)
            else:
                connection.request("GET", path)
            response = connection.getresponse()
            text = response.read()
            if response.status != 200:
                raise SystemExit(f"bench: {path} {body}: {response.status} {text[:300]}")
            return json.loads(text)
        finally:
            connection.close()

    def member(self, name):
        return str(self.ask("/control/users", username=name)["id"])

    def imagine(self, user, n):
        options = {"model": "flux_image", "prompt": f"a lighthouse in a storm, number {n}"}
        asked = self.ask("/control/command", user=user, name="imagine", options=options)
        return str(asked["id"])

    def pictures(self, state):
        """The messages with a finished picture, in order of their posting."""
        bot = state["guild"]["bot_id"]
        found = [
            m
            for m in state["messages"]
            if m["author_id"] == bot
            and any(re.fullmatch(r"fullet-\d+\.\w+", a["filename"]) for a in m["attachments"])
        ]
        return sorted(found, key=lambda m: (m["created_ms"], int(m["id"])))

    def wait_pictures(self, n):
        deadline = time.monotonic() + PATIENCE
        while True:
            state = self.ask("/control/state")
            found = self.pictures(state)
            if len(found) >= n:
                return state, found
            if time.monotonic() > deadline:
                raise SystemExit(f"bench: {len(found)} of {n} pictures were posted")
            time.sleep(0.2)

    def end(self):
        broken = self.ask("/control/violations")["violations"]
        self.watcher.close()
        self.program.end()
        if broken:
            raise SystemExit(f"bench: the bot broke rules: {broken[:3]}")


class Tls:
    """A private authority, trusted beside the system's: as in life, without touching the system."""

    def __init__(self, folder):
        import ssl

        os.makedirs(folder)
        ca_key, ca = os.path.join(folder, "ca.key"), os.path.join(folder, "ca.pem")
        self.key, self.cert = os.path.join(folder, "key.pem"), os.path.join(folder, "cert.pem")
        request, names = os.path.join(folder, "request"), os.path.join(folder, "names")
        with open(names, "w", encoding="ascii") as file:
            file.write("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
        make_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        self._openssl("req", "-x509", *make_key, "-keyout", ca_key, "-out", ca,
                      "-subj", "/CN=bench authority", "-days", "2")
        self._openssl("req", *make_key, "-keyout", self.key, "-out", request,
                      "-subj", "/CN=localhost")
        self._openssl("x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca_key,
                      "-CAcreateserial", "-days", "2", "-extfile", names, "-out", self.cert)
        self.context = ssl.create_default_context(cafile=ca)
        self.certificates = os.path.join(folder, "certs")
        shutil.copytree(SYSTEM_CERTIFICATES, self.certificates, symlinks=True)
        shutil.copy(ca, os.path.join(self.certificates, "bench.pem"))
        made = self._openssl("x509", "-hash", "-noout", "-in", ca).strip()
        os.symlink("bench.pem", os.path.join(self.certificates, f"{made}.0"))
        bundle = os.path.join(self.certificates, BUNDLE)
        with open(ca, encoding="ascii") as file:
            own = file.read()
        with open(bundle, encoding="utf-8") as file:
            theirs = file.read()
        os.remove(bundle)
        with open(bundle, "w", encoding="utf-8") as file:
            file.write(theirs + own)
        self._open_namespace()

    @staticmethod
    def _openssl(*arguments):
        done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"bench: openssl {arguments[0]}: {done.stderr}")
        return done.stdout

    def _open_namespace(self):
        """A mount namespace in which /etc/ssl/certs is our copy; programs enter it."""
        script = f'mount --bind "$0" {SYSTEM_CERTIFICATES} && echo mounted && exec sleep 86400'
        self.holder = Program(
            ["unshare", "--mount", "/bin/sh", "-c", script, self.certificates], "/", {}
        )
        self.holder.wait_line("^mounted$")
        self.namespace = os.open(f"/proc/{self.holder.pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)

    def end(self):
        os.close(self.namespace)
        self.holder.end()


class Lab:
    def __init__(self, fullet, folder, tls=None):
        self.fullet = fullet
        self.folder = folder
        self.tls = tls
        self.folders = 0
        os.makedirs(folder, exist_ok=True)
        self.servers, self.libraries = own_copy(fullet, folder)

    def new_folder(self):
        self.folders += 1
        return os.path.join(self.folder, f"{self.folders}{'-tls' if self.tls else ''}")

    def bot(self, servers, folder=None):
        return Program(
            [self.fullet, "run"],
            folder or self.new_folder(),
            {
                "DISCORD_TOKEN": servers.token,
                "ALLOWED_GUILD_ID": servers.guild,
                "DISCORD_API_URL": servers.discord,
                "COMFY_URL": servers.comfy,
                "FLUJOS_DIR": os.path.join(ROOT, "flujos"),
                "MAX_JOBS_PER_USER": 100,
            },
            self.tls.namespace if self.tls else None,
        )


# ---- the figures ----

READY = r"discord: ready$"
REGISTERED = r"discord: the commands were registered$"  # which a new server needs once


def measure_start(lab, runs):
    """[ms] of first starts (the database is made), of starts that resume; CPU of the first."""
    first, again, cpu = [], [], []
    for _ in range(runs):
        servers = Servers(lab)  # a fresh one: Discord allows an IDENTIFY every 5 s only
        folder = lab.new_folder()
        for times in (first, again):
            bot = lab.bot(servers, folder)
            _, when = bot.wait_line(READY)
            times.append((when - bot.started) * 1000)
            if times is first:
                cpu.append(bot.cpu_seconds() * 1000)
            time.sleep(0.3)  # its first requests after READY are not part of the next start
            if bot.end() != 0:
                raise SystemExit("bench: the bot did not end in order")
        servers.end()
    return first, again, cpu


def measure_idle(lab, runs, seconds):
    """[Memory] of bots that were started and left alone."""
    found = []
    for _ in range(runs):
        servers = Servers(lab)
        bot = lab.bot(servers)
        bot.wait_line(READY)
        time.sleep(seconds)
        found.append(memory_of(bot.pid))
        bot.end()
        servers.end()
    return found


def measure_jobs(lab, jobs, seconds):
    """One job after another: acknowledgements and deliveries in ms; then Memory when idle again."""
    servers = Servers(lab)
    bot = lab.bot(servers)
    bot.wait_line(REGISTERED)
    user = servers.member("bench")
    for n in range(1, jobs + 1):
        servers.imagine(user, n)
        servers.watcher.wait(n)
        time.sleep(0.25)  # nothing of ours may run beside the delivery
        servers.wait_pictures(n)
    state, pictures = servers.wait_pictures(jobs)
    acks = [i["acked_ms"] - i["created_ms"] for i in state["interactions"]]
    delivered = [
        message["created_ms"] - completed * 1000
        for message, completed in zip(pictures, servers.watcher.completions)
    ]
    time.sleep(seconds)
    memory = memory_of(bot.pid)
    bot.end()
    servers.end()
    return acks, delivered, memory


def measure_cpu(lab, jobs, picture_bytes, members=4):
    """Seconds of CPU for 1,000 jobs, measured with so many, some members at once."""
    servers = Servers(lab, picture_bytes)
    bot = lab.bot(servers)
    bot.wait_line(REGISTERED)
    users = [servers.member(f"bench{i}") for i in range(members)]
    time.sleep(0.5)
    before = bot.cpu_seconds()
    for n in range(1, jobs + 1):
        servers.imagine(users[n % members], n)
        if n >= members:
            servers.watcher.wait(n - members + 1)
    servers.wait_pictures(jobs)
    time.sleep(1.5)  # the last live message is tidied
    spent = bot.cpu_seconds() - before
    bot.end()
    servers.end()
    return spent * 1000 / jobs


# ---- the table ----


def spread(values, digits):
    middle = statistics.median(values)
    low, high = min(values), max(values)
    return f"{middle:.{digits}f}", f"{low:.{digits}f} .. {high:.{digits}f}", len(values)


def row(what, unit, aim, values, digits=1):
    middle, around, n = spread(values, digits)
    verdict = "" if aim is None else "yes" if float(middle) < aim else "NO"
    target = "" if aim is None else f"< {aim:g}"
    print(f"| {what:<52} | {middle:>7} {unit:<3} | {around:>18} | {n:>4} | {target:>6} | {verdict:>3} |")


def head(title):
    print(f"\n### {title}\n")
    print(f"| {'what':<52} | {'median':>11} | {'min .. max':>18} | {'runs':>4} | {'aim':>6} | met |")
    print(f"|{'-' * 54}|{'-' * 12}:|{'-' * 19}:|{'-' * 5}:|{'-' * 7}:|-----|")
    sys.stdout.flush()


def measure(lab, options, title):
    head(title)
    if "memory" in options.only:
        idle = measure_idle(lab, options.memory_runs, options.idle)
        row(f"memory, connected and idle for {options.idle} s (PSS)", "MiB", 12, [m.pss for m in idle], 2)
        row("  if no other process used a library of it (RSS)", "MiB", None, [m.rss for m in idle], 2)
        row("  of it private to the bot", "MiB", None, [m.private for m in idle], 2)
        row("  of it heap and stacks", "MiB", None, [m.anonymous for m in idle], 2)
        sys.stdout.flush()
    if "start" in options.only:
        first, again, cpu = measure_start(lab, options.runs)
        row("start: exec to READY, with a new database", "ms", 100, first)
        row("  CPU of the bot in this time", "ms", None, cpu)
        row("start: exec to RESUMED, after a stop", "ms", 100, again)
        sys.stdout.flush()
    if "jobs" in options.only:
        acks, delivered, memory = measure_jobs(lab, options.runs * 2, options.idle)
        row("/imagine to acknowledgement", "ms", 5, acks)
        row("  the same, mean (the clock has whole ms)", "ms", None, [statistics.mean(acks)])
        row("ComfyUI's completion to the posted picture", "ms", 50, delivered)
        row(f"memory {options.idle} s after these jobs (PSS)", "MiB", 12, [memory.pss], 2)
        sys.stdout.flush()
    if "cpu" in options.only:
        for size, what in ((0, "0.4 MB"), (PICTURE_BYTES, "2 MB")):
            spent = [measure_cpu(lab, options.jobs, size) for _ in range(options.cpu_runs)]
            row(f"CPU per 1,000 jobs, pictures of {what}", "s", 2, spent, 2)
            sys.stdout.flush()


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--fullet", default=os.path.join(ROOT, "build", "src", "fullet"))
    parser.add_argument("--runs", type=int, default=10, help="starts; twice as many jobs")
    parser.add_argument("--jobs", type=int, default=100, help="of one run for the CPU figures")
    parser.add_argument("--cpu-runs", type=int, default=3)
    parser.add_argument("--memory-runs", type=int, default=3)
    parser.add_argument("--idle", type=int, default=60, help="seconds before memory is read")
    parser.add_argument("--only", default="memory,start,jobs,cpu", help="a choice of these")
    parser.add_argument("--mode", default="plain,tls", help="a choice of these")
    parser.add_argument("--quick", action="store_true", help="few runs, 5 s idle: a look, no result")
    options = parser.parse_args()
    options.only = options.only.split(",")
    options.mode = options.mode.split(",")
    if options.quick:
        options.runs, options.jobs, options.idle = 3, 20, 5
        options.cpu_runs = options.memory_runs = 1
    return options


def main():
    options = parse()
    options.fullet = os.path.abspath(options.fullet)
    if not os.access(options.fullet, os.X_OK):
        raise SystemExit(f"bench: there is no program {options.fullet}: use bench/run.sh")
    if os.geteuid() != 0:
        # The bot keeps other processes from reading its memory (its token is there), and with it
        # /proc/PID/smaps_rollup; and another /etc/ssl/certs needs a mount namespace.
        raise SystemExit("bench: only root can read the bot's memory figures: sudo bench/run.sh")
    with tempfile.TemporaryDirectory(prefix="fullet-bench-") as folder:
        if "plain" in options.mode:
            lab = Lab(options.fullet, os.path.join(folder, "plain"))
            measure(lab, options, "http and ws, loopback")
        if "tls" in options.mode:
            tls = Tls(os.path.join(folder, "tls"))
            title = "https and wss, loopback, with the system's CA certificates"
            measure(Lab(options.fullet, os.path.join(folder, "tls-lab"), tls), options, title)
            tls.end()


if __name__ == "__main__":
    main()
