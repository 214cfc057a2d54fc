#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The house rules of ARCHITECTURE.md and STYLE that a machine can see.

Each breach is printed as file:line: rule: reason; the last line counts the rules kept and broken.
"""
import importlib.util
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# Who may include whom (a room may always include itself). Nothing includes app, but main.
ROOMS = {
    "base": set(),
    "core": {"base"},
    "discord": {"base"},
    "comfy": {"base"},
    "image": {"base"},
    "cleaner": {"base", "image"},
    "store": {"base"},
    "io": {"base"},
    "sandbox": {"base", "discord", "comfy", "io"},
    "app": {"base", "core", "discord", "comfy", "image", "store", "io", "sandbox"},
    "main": {"base", "app"},
}

# Headers of the C language that neither open nor wait for anything, and plain data structures.
PLAIN = {
    "assert.h", "ctype.h", "errno.h", "float.h", "inttypes.h", "limits.h", "math.h", "stdarg.h",
    "stdbool.h", "stddef.h", "stdint.h", "stdio.h", "stdlib.h", "string.h", "strings.h",
    "utarray.h", "uthash.h", "utlist.h", "utstring.h", "json-c/json.h",
}
# The rooms without descriptors, threads, clock: what they may use besides.
PURE = {
    "base": set(),
    "core": set(),
    "discord": {"zlib.h", "zstd.h"},
    "comfy": set(),
    "image": {"zlib.h"},
    "sandbox": {"zlib.h", "zstd.h"},
}
# Single files with a reason: the sandbox's pictures are drawn by libgd, opened when needed.
ALSO = {
    "src/base/defs.c": {"unistd.h"},
    "src/base/secret.c": {"sys/mman.h", "unistd.h"},
    "src/sandbox/draw.c": {"dlfcn.h", "unistd.h"},
    "src/sandbox/draw_module.c": {"gd.h", "gdfontg.h", "gdfontl.h", "gdfonts.h"},
}
# Libraries that only one room may know.
OWNED = {
    r"uv\.h|uv/.*": "io",
    r"curl/.*": "io",
    r"libwebsockets\.h": "io",
    r"seccomp\.h": "cleaner",
    r"sqlite3\.h|libpq-fe\.h|mysql.*|mariadb.*": "store",
}

BANNED = "strcpy strcat sprintf vsprintf strtok atoi atol atoll atof gets alloca system popen"
CLOCKS = "time clock clock_gettime gettimeofday localtime gmtime sleep usleep nanosleep getenv rand srand random"

LINES_MAX = 1000
FUNCTION_LINES_MAX = 70

breaches = []


def breach(rule, path, line, text):
    breaches.append((rule, os.path.relpath(path, ROOT), line, text))


def read(path):
    with open(path, encoding="utf-8", errors="replace") as f:
        return f.read()


def files(*folders, ends):
    for folder in folders:
        for where, inside, names in os.walk(os.path.join(ROOT, folder)):
            inside[:] = sorted(d for d in inside if d not in ("node_modules", "__pycache__", "corpus"))
            for name in sorted(names):
                if name.endswith(ends):
                    yield os.path.join(where, name)


def blank(match):
    return re.sub(r"[^\n]", " ", match.group(0))


def code_of(text):
    """The text without comments and without the contents of literals; line breaks stay."""
    pattern = r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
    return re.sub(pattern, blank, text, flags=re.S)


def line_of(text, at):
    return text.count("\n", 0, at) + 1


def room_of(path):
    parts = os.path.relpath(path, os.path.join(ROOT, "src")).split(os.sep)
    return parts[0] if len(parts) > 1 else "main"


def check_includes(path, text):
    room = room_of(path)
    relative = os.path.relpath(path, ROOT)
    if room not in ROOMS:
        breach("include direction", path, 1, "there is no room %s in tests/structure/check.py" % room)
        return
    for match in re.finditer(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', text, re.M):
        line, name = line_of(text, match.start()), match.group(2)
        if match.group(1) == '"':
            target = name.split("/")[0]
            if "/" not in name or not os.path.exists(os.path.join(ROOT, "src", name)):
                breach("include direction", path, line, '"%s" is not "room/file.h"' % name)
            elif target != room and target not in ROOMS[room]:
                breach("include direction", path, line, "%s may not include %s" % (room, target))
            continue
        if room in PURE and name not in PLAIN | PURE[room] | ALSO.get(relative, set()):
            breach("pure rooms", path, line, "%s may not use <%s>" % (room, name))
        for pattern, owner in OWNED.items():
            if re.fullmatch(pattern, name) and room != owner:
                breach("libraries", path, line, "only %s may use <%s>" % (owner, name))


def check_calls(path, code):
    names = BANNED.split()
    for match in re.finditer(r"(?<![\w.>])(%s)\s*\(" % "|".join(names), code):
        breach("banned calls", path, line_of(code, match.start()), match.group(1) + "()")
    if room_of(path) in PURE:
        for match in re.finditer(r"(?<![\w.>])(%s)\s*\(" % "|".join(CLOCKS.split()), code):
            before = code[: match.start()].rstrip().rsplit("\n", 1)[-1]
            # A declaration or a definition of a field or function of ours is no call.
            if not re.search(r"[\w*]$", before) or before.strip() == "return":
                breach("pure rooms", path, line_of(code, match.start()), match.group(1) + "()")


def check_shape(path, text, in_c):
    lines = text.split("\n")
    if len(lines) > LINES_MAX:
        breach("file length", path, len(lines), "%d lines are too many" % len(lines))
    if not any("SPDX-License-Identifier: Apache-2.0" in line for line in lines[:3]):
        breach("SPDX header", path, 1, "the licence line is missing")
    for number, line in enumerate(lines, 1):
        if line != line.rstrip():
            breach("white space", path, number, "white space at the end of the line")
        if in_c and re.match(r"\t* {2,}\S", line) and not re.match(r"\t* +\*", line):
            # After tabs, spaces may align; without any, they stand where a tab belongs.
            if line.startswith(" "):
                breach("white space", path, number, "indented by spaces, not by tabs")
        if re.search(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b", line):
            breach("unfinished", path, number, line.strip())


def check_functions(path, text):
    start = None
    for number, line in enumerate(text.split("\n"), 1):
        if line == "{":
            start = number
        elif line == "}" and start:
            if number - start - 1 > FUNCTION_LINES_MAX:
                breach("function length", path, start, "%d lines" % (number - start - 1))
            start = None


def check_guard(path, text):
    relative = os.path.relpath(path, os.path.join(ROOT, "src"))
    guard = "FULLET_" + re.sub(r"\W", "_", relative).upper()
    if "#ifndef %s\n#define %s\n" % (guard, guard) not in text:
        breach("header guard", path, 1, "the guard is not " + guard)


def check_tables(path, text):
    words = r"table|into|from|update|exists|join|index \w+ on"
    if path.endswith("/takeover.c"):  # it reads them
        words = words.replace("|from|", "|delete from|")
    pattern = r"\b(?:%s)\s+[\"'`\[]?(sessions|counters)\b" % words
    for match in re.finditer(pattern, re.sub(r"/\*.*?\*/", blank, text, flags=re.S), re.I):
        breach("table names", path, line_of(text, match.start()),
               "the table %s is the Python version's" % match.group(1))


def check_listed(folder, pattern, meson, strip=""):
    """Every matching file stands in the meson.build, and what stands there exists."""
    path = os.path.join(ROOT, meson)
    text = re.sub(r"#.*", "", read(path)) if os.path.exists(path) else ""
    names = set(re.findall(r"'([^'\s]+)'", text))
    for name in sorted(os.listdir(os.path.join(ROOT, folder))):
        if not re.fullmatch(pattern, name):
            continue
        entry = re.sub(strip, "", name) if strip else name
        if entry not in names:
            breach("meson lists", os.path.join(ROOT, folder, name), 1, "is not in " + meson)
    for name in sorted(names):
        if len(name) > 2 and name.endswith(".c") and not os.path.exists(os.path.join(ROOT, folder, name)):
            breach("meson lists", path, 1, "names %s, which is not there" % name)


def check_scripts():
    scripts = [os.path.join(ROOT, name) for name in ("run.sh", "test.sh", ".ci/run")]
    scripts += list(files("scripts", "tests", "bench", "packaging", ends=(".sh",)))
    for path in scripts:
        if not os.path.exists(path):
            breach("scripts", path, 1, "is missing")
            continue
        if not os.access(path, os.X_OK):
            breach("scripts", path, 1, "cannot be executed")
        if "SPDX-License-Identifier: Apache-2.0" not in read(path)[:200]:
            breach("SPDX header", path, 1, "the licence line is missing")
        done = subprocess.run(["bash", "-n", path], capture_output=True, text=True, check=False)
        if done.returncode:
            breach("scripts", path, 1, done.stderr.strip())


# What the program reads or writes, as the first cell of a row of both READMEs, and the words in the
# sources that tell that it does.
DOCUMENTED_FILES = {
    ".env": r'"\.env"',
    "flujos/NAME.json": r'"\.json"',
    "flujos/NAME.png": r'"\.png"',
    "flujos/NAME.webp": r'"\.webp"',
    "flujos/NAME.meta.json": r'"\.meta\.json"',
    "database/bot_data.db": r'"database/bot_data\.db"',
    "database/bot_data.db.lock": r'"%s\.lock"',
    "EXPORT_PATH/01.png": r'"EXPORT_PATH"',
    "output/fullet/": r'"fullet/%',
    "input/fullet/": r'COMFY_UPLOAD_FOLDER\s+"fullet"',
}


def check_documents():
    """Both READMEs have a row for every subcommand and every file; settings: test_config.c."""
    sources = "".join(read(path) for path in files("src", ends=(".c", ".h")))
    commands = re.findall(r'\{"(\w+)", command_\w+', read(os.path.join(ROOT, "src", "main.c")))
    for path, pattern in DOCUMENTED_FILES.items():
        if not re.search(pattern, sources):
            breach("documents", __file__, 1, "nothing in src names %s any more" % path)
    if not commands:
        breach("documents", os.path.join(ROOT, "src", "main.c"), 1, "no subcommand was found")
    for name, word in (("README.md", "NAME"), ("README.es.md", "NOMBRE")):
        path = os.path.join(ROOT, name)
        cells = re.findall(r"^\|([^|]*)\|", read(path), re.M)
        spans = {span for cell in cells for span in re.findall(r"`([^`]+)`", cell)}
        for command in commands:
            if not any(span.split()[0] == command for span in spans):
                breach("documents", path, 1, "no table has a row for the subcommand " + command)
        for file in DOCUMENTED_FILES:
            if file.replace("NAME", word) not in spans:
                breach("documents", path, 1, "no table has a row for " + file.replace("NAME", word))


def check_threats():
    """Each test that docs/THREATS.md names exists, and each of its rows names one."""
    path = os.path.join(ROOT, "docs", "THREATS.md")
    for number, line in enumerate(read(path).split("\n"), 1):
        cells = line.strip("|").split("|")
        if len(cells) != 3 or cells[0].strip() in ("tries", "---"):
            continue
        named = re.findall(r"`((?:unit|e2e|fuzz|tests)/[^`]+)`", cells[2])
        if not named:
            breach("threats", path, number, "the row names no test")
        for name in named:
            place, _, test = name.partition("::")
            kind, _, rest = place.partition("/")
            file = {"unit": "tests/%s.c" % place, "e2e": "tests/%s.py" % place,
                    "fuzz": "tests/fuzz/fuzz_%s.c" % rest, "tests": place}[kind]
            file = os.path.join(ROOT, file)
            pattern = r"^def %s\(" if kind == "e2e" else r"^static void %s\("
            if not os.path.exists(file) or (test and not re.search(pattern % re.escape(test), read(file), re.M)):
                breach("threats", path, number, "there is no test " + name)


def check_fuzzers():
    """Each fuzzer has its share of executions, and docs/FUZZING.md tells what it reads."""
    shares = {line.split()[0] for line in read(os.path.join(ROOT, "tests", "fuzz", "shares")).split("\n")
              if line and not line.startswith("#")}
    path = os.path.join(ROOT, "docs", "FUZZING.md")
    told = set(re.findall(r"`(\w+)`", "\n".join(re.findall(r"^\|[^|]*\|([^|]*)\|", read(path), re.M))))
    for source in files("tests/fuzz", ends=(".c",)):
        name = re.fullmatch(r"fuzz_(\w+)\.c", os.path.basename(source))
        if name and name[1] not in shares:
            breach("fuzzers", source, 1, "it has no line in tests/fuzz/shares")
        if name and name[1] not in told:
            breach("fuzzers", source, 1, "no row of docs/FUZZING.md names it")


def check_mutants():
    """Faults that the simulator has to find must still fit the code they are planted in."""
    spec = importlib.util.spec_from_file_location(
        "mutants", os.path.join(ROOT, "tests", "sim", "mutants", "mutants.py"))
    mutants = importlib.util.module_from_spec(spec)
    sys.dont_write_bytecode = True
    spec.loader.exec_module(mutants)
    planted = mutants.read_list()
    path = os.path.join(ROOT, "tests", "sim", "mutants", "list")
    if len(planted) < 40:
        breach("mutants", path, 1, "%d are too few" % len(planted))
    for sentence in mutants.check(planted):
        breach("mutants", path, 1, sentence)


def main():
    for path in files("src", ends=(".c", ".h")):
        text = read(path)
        code = code_of(text)
        check_includes(path, text)
        check_calls(path, code)
        check_shape(path, text, True)
        check_functions(path, text)
        check_tables(path, text)
        if path.endswith(".h"):
            check_guard(path, text)
    for path in files("tests", "bench", ends=(".c", ".h")):
        text = read(path)
        check_shape(path, text, True)
        check_calls(path, code_of(text))
    for path in files("tests", "bench", "scripts", "src", ends=(".py", ".js", ".mjs", ".css")):
        check_shape(path, read(path), False)
    for room in sorted(os.listdir(os.path.join(ROOT, "src"))):
        if os.path.isdir(os.path.join(ROOT, "src", room)):
            check_listed("src/" + room, r".*\.c", "src/%s/meson.build" % room)
    check_listed("tests/unit", r"test_.*\.c", "tests/unit/meson.build", r"\.c$")
    check_listed("tests/fuzz", r"fuzz_.*\.c", "tests/fuzz/meson.build", r"^fuzz_|\.c$")
    check_scripts()
    check_documents()
    check_threats()
    check_fuzzers()
    check_mutants()

    rules = {"include direction", "pure rooms", "libraries", "banned calls", "file length",
             "SPDX header", "white space", "unfinished", "function length", "header guard",
             "table names", "meson lists", "scripts", "documents", "threats", "fuzzers", "mutants"}
    for rule, path, line, text in breaches:
        print("%s:%d: %s: %s" % (path, line, rule, text))
    broken = {rule for rule, _, _, _ in breaches}
    assert broken <= rules
    print("structure: %d passed, %d failed" % (len(rules - broken), len(broken)))
    return 1 if broken else 0


sys.exit(main())
