# SPDX-License-Identifier: Apache-2.0
"""Where the running bot keeps its secrets, as the kernel sees it."""
import re

KEY = "key-of-the-card-that-nobody-may-read"


def mappings(pid):
    """(from, to, rights, VmFlags) of each."""
    with open(f"/proc/{pid}/smaps", encoding="utf-8", errors="replace") as smaps:
        text = smaps.read()
    pattern = r"^([0-9a-f]+)-([0-9a-f]+) (\S{4}) .*?^VmFlags: (.*?)$"
    for start, end, rights, flags in re.findall(pattern, text, re.M | re.S):
        yield int(start, 16), int(end, 16), rights, set(flags.split())


def read_memory(pid, start, end):
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        memory.seek(start)
        return memory.read(end - start)


def places_of(pid, secret):
    """The flags of the small mappings that begin like a place for a secret and hold this one."""
    found = []
    for start, end, rights, flags in mappings(pid):
        if rights == "rw-p" and end - start <= 1 << 20 and "lo" in flags:
            if secret.encode() in read_memory(pid, start, end):
                found.append(flags)
    return found


def test_token_and_key_lie_in_locked_memory(lab):
    """Neighbouring pages of secrets may be one mapping: the kernel joins those of equal flags."""
    lab.secrets.add(KEY)
    _, bot = lab.start(sandbox={"COMFY_API_KEY": KEY}, COMFY_API_KEY=KEY)
    pid = bot.process.pid
    for secret in (lab.sandbox.token, KEY):
        places = places_of(pid, secret)
        assert places, f"{secret[:4]}... is in no locked memory"
        for flags in places:
            assert {"dd", "wf"} <= flags, flags
    with open(f"/proc/{pid}/environ", "rb") as environ:
        block = environ.read()
    assert b"DISCORD_TOKEN=" in block
    assert lab.sandbox.token.encode() not in block and KEY.encode() not in block


def test_no_core_is_dumped(lab):
    _, bot = lab.start()
    with open(f"/proc/{bot.process.pid}/limits", encoding="ascii") as limits:
        core = re.search(r"^Max core file size\s+(\S+)\s+(\S+)", limits.read(), re.M)
    assert core.groups() == ("0", "0")
