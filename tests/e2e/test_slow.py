# SPDX-License-Identifier: Apache-2.0
"""Peers that are slow, or never end: what they get of the bot's time and memory is bounded, and the other
card, or the other member, is served meanwhile."""
import base64
import ctypes
import hashlib
import os
import re
import select
import socket
import subprocess
import threading

import pytest

import harness
from harness import Answer

MIB = 1 << 20


class Peer:
    """A server that answers each connection by `serve(peer, connection, head)` until it returns."""

    def __init__(self, serve):
        self.serve = serve
        self.sent = 0  # bytes that the bot took, of the connection that took most
        self.cut = threading.Event()  # the bot has given one up
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection):
        with connection:
            head = b""
            try:
                while b"\r\n\r\n" not in head:
                    data = connection.recv(65536)
                    if not data:
                        return
                    head += data
                self.serve(self, connection, head.decode("latin-1"))
            except OSError:
                self.cut.set()

    def pour(self, connection, data):
        """The same again and again, as fast as it is taken, until the bot has had enough."""
        sent = 0
        while True:
            sent += connection.send(data)
            self.sent = max(self.sent, sent)

    def close(self):
        self.listener.close()


def drip(peer, connection, head):
    """A JSON text of which a byte comes every second."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n")
    while True:
        if select.select([connection], [], [], 1)[0] and not connection.recv(65536):
            raise ConnectionResetError
        connection.sendall(b"[")


def endless_head(peer, connection, head):
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    peer.pour(connection, b"X-More: " + b"a" * 1000 + b"\r\n")


def silent(peer, connection, head):
    if not connection.recv(65536):
        raise ConnectionResetError


def endless_message(peer, connection, head):
    """All it says is well-formed: the WebSocket's message has many parts, and none is the last."""
    if "upgrade: websocket" not in head.lower():
        connection.sendall(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        return
    key = re.search(r"(?i)sec-websocket-key: (\S+)", head)[1]
    accept = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest())
    connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                       b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
    connection.sendall(b"\x01\x01[")  # text, not the last part
    part = b"\x00\x7f" + (1 << 16).to_bytes(8, "big") + b" " * (1 << 16)
    peer.pour(connection, part)


def peak_mib(bot):
    with open(f"/proc/{bot.process.pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmHWM:\s+(\d+)", status.read())[1]) / 1024


def pictures_meanwhile(lab, bad_url, **settings):
    """With a card at the bad address and a good one: two members get theirs."""
    bot = lab.start_bot(COMFY_URL=None, COMFY_URLS=f"{bad_url},{lab.sandbox.comfy}", **settings)
    for name in ("anabel", "benito"):
        user = lab.sandbox.member(name)
        lab.sandbox.imagine(user)
        lab.sandbox.wait(lambda s: s.pictures(user), f"{name}'s picture")
    return bot


@pytest.mark.parametrize(
    "serve, most", [(drip, MIB), (endless_head, 4 * MIB), (silent, 1), (endless_message, 64 * MIB)],
    ids=["one byte a second", "headers without end", "no answer", "message without end"])
def test_comfyui_wastes_our_time(lab, serve, most):
    peer = Peer(serve)
    try:
        lab.start_sandbox()
        bot = pictures_meanwhile(lab, peer.url)
        assert peer.cut.wait(45), "the bot waits for ever"
        assert peer.sent <= most + 4 * MIB, f"{peer.sent} bytes were taken"  # some lie in the sockets
        bot.stop()
    finally:
        peer.close()


def test_picture_of_200_megabytes(lab):
    """Refused while it comes; that member hears of it, the others have theirs."""
    sandbox = lab.start_sandbox()
    huge = bytes(200 * MIB)
    relay = lab.relay(
        sandbox.comfy,
        change=lambda method, path, answer: Answer(200, {"Content-Type": "image/png"}, huge)
        if path.startswith("/view") else None)
    bot = lab.start_bot(COMFY_URL=relay.url)
    ana = sandbox.member("anabel")
    sandbox.imagine(ana)
    sandbox.wait(lambda s: s.apologies(ana), "the apology", timeout=60)
    assert any(path.startswith("/view") for _, path, _ in relay.seen)
    limit = 1200 if "asan" in subprocess.run(["ldd", harness.FULLET], capture_output=True, text=True).stdout else 300
    assert peak_mib(bot) < limit, f"{peak_mib(bot):.0f} MiB"
    relay.change = None
    sandbox.imagine(ana)
    sandbox.wait(lambda s: s.pictures(ana), "the next picture")
    assert sandbox.state().outcomes() == 2


def resolver_of(address, folder):
    """In the child: names are asked at `address` only."""
    path = os.path.join(folder, "resolv.conf")
    with open(path, "w", encoding="ascii") as file:
        file.write(f"nameserver {address}\n")

    def prepare():
        libc = ctypes.CDLL(None, use_errno=True)
        if (
            libc.unshare(0x00020000)  # CLONE_NEWNS
            or libc.mount(b"none", b"/", None, 0x44000, None)  # MS_REC | MS_PRIVATE
            or libc.mount(path.encode(), os.path.realpath("/etc/resolv.conf").encode(), None, 0x1000, None)
        ):
            os._exit(77)

    return prepare


@pytest.mark.skipif(os.getuid() != 0, reason="only root may mount")
def test_names_are_never_answered(lab, monkeypatch):
    """A name server that takes questions and says nothing, asked for one card's name."""
    address = "127.73.66.1"
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((address, 53))
    server.settimeout(harness.PATIENCE)
    lab.start_sandbox()
    prepare = resolver_of(address, lab.folder)
    popen = subprocess.Popen

    def with_resolver(*arguments, preexec_fn=None, **options):
        def both():
            prepare()
            preexec_fn()

        return popen(*arguments, preexec_fn=both, **options)

    monkeypatch.setattr(subprocess, "Popen", with_resolver)
    try:
        bot = pictures_meanwhile(lab, "http://comfy.example:8188")
        assert b"comfy" in server.recv(512)  # it was asked
        bot.process.terminate()
        bot.wait_stopped(timeout=60)
    finally:
        server.close()


def test_discord_never_answers_about_one_channel(lab):
    """What is sent there is taken and never answered, a picture too: each try has its end, the others are
    served meanwhile, and that member is as soon as there are answers again."""
    sandbox, bot = lab.start()
    ana, benito = sandbox.member("anabel"), sandbox.member("benito")
    for user in (ana, benito):
        sandbox.imagine(user)
        sandbox.wait(lambda s: s.pictures(user), "the first picture")
    (channel,) = sandbox.state().session_channels(ana)
    for method in ("GET", "POST", "PATCH"):
        sandbox.hang(method, f"/channels/{channel['id']}*", count=0, ms=3600000)
    sandbox.imagine(ana)
    sandbox.wait(lambda s: s.spoilt("discord") >= 2, "the live message and the picture, which hang")
    for n in (2, 3):
        sandbox.imagine(benito)
        sandbox.wait(lambda s: len(s.pictures(benito)) == n, "the other member's picture")
    # Both are given up after 30 s and tried again.
    sandbox.wait(lambda s: s.spoilt("discord") >= 4, "another try of both", timeout=60)
    assert len(sandbox.state().pictures(ana)) == 1
    sandbox.fault("clear")
    # What hangs is given up once more, then the channel is looked at: nothing of it was there.
    sandbox.wait(lambda s: len(s.pictures(ana)) == 2, "the picture, once there are answers", timeout=60)
    bot.wait_ended(5)
    assert not sandbox.state().apologies() and len(sandbox.state().pictures()) == 5
