# SPDX-License-Identifier: Apache-2.0
"""Runs a program under the system call rules of a systemd unit, without systemd:

    caged.py UNIT PROGRAM [ARGUMENT...]

SystemCallFilter=, SystemCallErrorNumber=, MemoryDenyWriteExecute= and RestrictAddressFamilies= are put
into a seccomp filter as systemd does it; the groups' contents are systemd's own.
"""
import ctypes
import errno
import os
import re
import socket
import subprocess
import sys

ALLOW = 0x7FFF0000
MASKED_EQ, NE = 7, 1
PROT_WRITE, PROT_EXEC = 2, 4


class Arg(ctypes.Structure):
    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


def refuse(number):
    return 0x00050000 | number


def settings(unit, name):
    with open(unit, encoding="utf-8") as file:
        return re.findall(rf"^{name}=(.*)$", file.read(), re.M)


def members(group):
    """The system calls of a group, with those of the groups in it."""
    text = subprocess.run(["systemd-analyze", "syscall-filter", group], capture_output=True, text=True,
                          check=True).stdout
    found = set()
    for word in re.findall(r"^\s+(@?[\w-]+)$", text, re.M):
        found |= members(word) if word.startswith("@") else {word}
    return found


def allowed_calls(unit):
    allowed = set(members("@default"))
    for line in settings(unit, "SystemCallFilter"):
        names = set()
        for word in line.lstrip("~").split():
            names |= members(word) if word.startswith("@") else {word}
        allowed = allowed - names if line.startswith("~") else allowed | names
    return allowed


def cage(unit):
    seccomp = ctypes.CDLL("libseccomp.so.2")
    seccomp.seccomp_init.restype = ctypes.c_void_p
    (number,) = settings(unit, "SystemCallErrorNumber")
    context = ctypes.c_void_p(seccomp.seccomp_init(refuse(getattr(errno, number))))

    def call(name):
        return seccomp.seccomp_syscall_resolve_name(name.encode())

    def rule(action, name, *arguments):
        done = seccomp.seccomp_rule_add_array(
            context, ctypes.c_uint32(action), call(name), len(arguments), (Arg * len(arguments))(*arguments))
        assert done == 0, f"{name}: {done}"

    for name in sorted(allowed_calls(unit) - {"mmap", "mprotect", "socket"}):
        if call(name) >= 0:
            rule(ALLOW, name)
    # Memory that can be written and run, or is made to be run later, is refused.
    rule(ALLOW, "mmap", Arg(2, MASKED_EQ, PROT_WRITE, 0))
    rule(ALLOW, "mmap", Arg(2, MASKED_EQ, PROT_EXEC, 0))
    rule(ALLOW, "mprotect", Arg(2, MASKED_EQ, PROT_EXEC, 0))
    (families,) = settings(unit, "RestrictAddressFamilies")
    for family in families.split():
        rule(ALLOW, "socket", Arg(0, 4, getattr(socket, family), 0))
    libc = ctypes.CDLL(None)
    assert libc.prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
    assert seccomp.seccomp_load(context) == 0


cage(sys.argv[1])
os.execv(sys.argv[2], sys.argv[2:])
