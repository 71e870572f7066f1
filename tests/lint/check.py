#!/usr/bin/env python3
"""The rules that a compiler cannot keep: `check.py NAME` runs one of them and prints one line per offence.

Exit status 0 = kept, 1 = broken, 77 = could not be checked (with the reason). Only files that git tracks, or would
track, are looked at. Limits and layers are those of docs/architecture.md; a rule that changes, changes there too.
"""

import json
import os
import re
import shutil
import statistics
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SELF = "tests/lint/check.py"

# Which of our own headers each layer may include, by prefix; the longest folder that matches a file decides.
LAYERS = {
    "include/inferometer": ["inferometer/"],
    "core": ["core/", "inferometer/"],
    "agents/runtimes": ["inferometer/", "agents/runtimes/"],
    "agents/samplers": ["inferometer/", "agents/samplers/"],
    "agents/profilers": ["inferometer/", "agents/profilers/"],
    "agents/worker": ["core/", "inferometer/", "agents/samplers/samplers.h", "agents/worker/"],
    "agents/model": ["core/", "inferometer/", "agents/model/"],
    "agents/plan": ["core/", "inferometer/", "agents/model/", "agents/plan/"],
    "agents/executors": ["core/", "agents/plan/", "agents/executors/"],
    "agents/agent": ["core/", "agents/model/", "agents/plan/", "agents/executors/", "agents/agent/"],
    "agents/cli": ["core/", "inferometer/", "agents/model/", "agents/plan/", "agents/executors/", "agents/agent/",
                   "agents/cli/"],
    "daemon/store": ["core/", "daemon/store/"],
    "daemon/analysis": ["core/", "daemon/store/", "daemon/analysis/"],
    "daemon/jobs": ["core/", "daemon/store/", "daemon/jobs/"],
    "daemon/http": ["core/", "daemon/http/"],
    "daemon/routes": ["core/", "daemon/http/", "daemon/store/", "daemon/jobs/", "daemon/analysis/", "daemon/bus.h",
                      "daemon/routes/"],
    "daemon": ["core/", "daemon/"],
    "tests": [""],
}
# One folder or file per third-party header.
VENDORS = {
    "microhttpd.h": ["daemon/http/"], "zlib.h": ["daemon/http/", "agents/model/zip"], "sqlite3.h": ["daemon/store/"],
    "expat.h": ["agents/model/openvino"],
    "jansson.h": ["core/json"], "zstd.h": ["core/codec"], "openssl/": ["core/hash"],
    "uv.h": ["agents/executors/", "agents/agent/"], "curl/": ["agents/agent/client"],
    "archive.h": ["agents/model/"], "archive_entry.h": ["agents/model/"], "seccomp.h": ["agents/worker/sandbox"],
}
LIBC = re.compile(r"""(assert|ctype|dirent|dlfcn|elf|endian|errno|fcntl|fenv|float|fnmatch|ftw|getopt|glob|grp|inttypes|libgen
    |limits|link|locale|malloc|math|netdb|poll|pthread|pwd|regex|sched|semaphore|setjmp|signal|spawn|stdalign|stdarg
    |stdatomic|stdbool|stddef|stdint|stdio|stdlib|stdnoreturn|string|strings|sysexits|syslog|termios|threads|time|tgmath
    |uchar|unistd|utime|wchar|wctype|immintrin|arm_neon|execinfo|ucontext)\.h$ | (sys|linux|net|netinet|arpa|asm)/""", re.X)
BANNED = re.compile(r"(?<![\w.>])(strcpy|strcat|sprintf|vsprintf|gets|system|popen|strtok|atoi|atol|atoll|atof|alloca|tmpnam|mktemp)"
                    r"\s*\(")
ALLOCATING = re.compile(r"(?<![\w.>])(malloc|calloc|realloc|reallocarray|strdup|strndup|asprintf|vasprintf|getline)\s*\(")

FUNCTION_LINES, COMPLEXITY, FILE_LINES, PLUGIN_LINES = 80, 15, 800, 500
# Split so that this file does not break its own rule.
PLACES = re.compile("|".join([r"py" r"pi\.org", r"python" r"hosted", r"registry\.npm" r"js", r"npm" r"js\.(org|com)", r"repo1?\.maven",
                              r"deb\." r"debian\.org", r"conda\." r"anaconda", r"crates\." r"io", r"proxy\.golang", r"(?<![\w.~-])/ro" r"ot/",
                              r"(?<![\w.~-])/wo" r"rk/"]))
USER_FOLDER = re.compile(r"(?<![\w.~-])/ho" r"me/")  # tests of what is hidden before a push need some


class Skip(Exception):
    """The rule cannot be checked here; the text says why."""


def tracked(*endings):
    """Paths from the root that git tracks or would track; without git, everything but build/."""
    git = subprocess.run(["git", "-C", ROOT, "ls-files", "-co", "--exclude-standard", "-z"], capture_output=True)
    if git.returncode == 0:
        paths = git.stdout.decode().split("\0")
    else:
        paths = [os.path.relpath(os.path.join(folder, name), ROOT) for folder, _, names in os.walk(ROOT) for name in names]
        paths = [path for path in paths if not path.startswith(("build/", ".git/"))]
    return sorted(path for path in set(paths) if path and (not endings or path.endswith(endings))
                  and os.path.isfile(os.path.join(ROOT, path)))


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8", errors="replace") as file:
        return file.read()


def code_only(text):
    """C without comments and literals, the same lines."""
    pattern = r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
    return re.sub(pattern, lambda m: " " + "\n" * m.group().count("\n"), text, flags=re.S)


def layer_of(path):
    return max((folder for folder in LAYERS if path.startswith(folder + "/")), key=len, default=None)


def layers():
    """Who may include whom; one folder or file per third-party header."""
    for path in tracked(".c", ".h", ".hpp", ".cpp"):
        layer = layer_of(path)
        if layer is None:
            yield f"{path}: belongs to no layer; add its folder to LAYERS in {SELF} and to docs/architecture.md"
            continue
        for number, line in enumerate(read(path).splitlines(), 1):
            own = re.match(r'\s*#\s*include\s*"([^"]+)"', line)
            foreign = re.match(r"\s*#\s*include\s*<([^>]+)>", line)
            if own and not own.group(1).startswith(tuple(LAYERS[layer])) and "/" in own.group(1):
                yield f"{path}:{number}: {layer} must not include {own.group(1)}"
            elif own and "/" not in own.group(1) and not path.startswith("tests/"):
                yield f"{path}:{number}: include {own.group(1)} by its path from the root"
            elif foreign and not path.startswith("tests/"):
                yield from foreign_header(path, number, foreign.group(1))


def foreign_header(path, number, header):
    vendor = next((key for key in VENDORS if header == key or (key.endswith("/") and header.startswith(key))), None)
    if vendor and not path.startswith(tuple(VENDORS[vendor])):
        yield f"{path}:{number}: {header} belongs to {' or '.join(VENDORS[vendor])} alone"
    elif not vendor and not LIBC.match(header) and not header.startswith("inferometer/") \
            and layer_of(path) not in ("agents/runtimes", "agents/samplers", "agents/profilers"):
        yield f"{path}:{number}: {header} is not of libc and not in VENDORS of {SELF}"


def banned_calls():
    """Calls that overflow, start a shell or parse without an error; allocation goes through ifm_mem."""
    for path in tracked(".c", ".h", ".hpp", ".cpp"):
        free = path.startswith(("tests/", "agents/runtimes/", "agents/samplers/", "agents/profilers/", "core/mem.",
                                "agents/worker/count_malloc."))
        for number, line in enumerate(code_only(read(path)).splitlines(), 1):
            for found in BANNED.finditer(line):
                yield f"{path}:{number}: {found.group(1)} is banned"
            for found in () if free else ALLOCATING.finditer(line):
                yield f"{path}:{number}: {found.group(1)}: allocate through core/mem.h"


def sizes():
    """Lines of files and functions, complexity by lizard."""
    sys.path[:0] = [os.path.join(ROOT, "build/deps/python", name) for name in ("lizard", "pathspec", "pygments")]
    try:
        import lizard
    except ImportError as error:
        raise Skip("lizard is not here: run deploy/fetch lint") from error
    lengths = []
    for path in tracked(".c", ".h", ".hpp", ".cpp", ".py", ".js", ".mjs", ".sh", ".css", "deploy/fetch"):
        lines = read(path).count("\n")
        plugin = path.startswith(("agents/runtimes/", "agents/samplers/", "agents/profilers/"))
        limit = PLUGIN_LINES if plugin else FILE_LINES
        if lines > limit:
            yield f"{path}: {lines} lines, the limit is {limit}"
        if not path.endswith((".c", ".cpp", ".py")):
            continue
        for function in lizard.analyze_file(os.path.join(ROOT, path)).function_list:
            length = function.end_line - function.start_line + 1
            lengths.append(length)
            if length > FUNCTION_LINES:
                yield f"{path}:{function.start_line}: {function.name} has {length} lines, the limit is {FUNCTION_LINES}"
            if function.cyclomatic_complexity > COMPLEXITY:
                yield (f"{path}:{function.start_line}: {function.name} has complexity {function.cyclomatic_complexity}, "
                       f"the limit is {COMPLEXITY}")
    if len(lengths) > 1:
        print(f"{len(lengths)} functions: median {statistics.median(lengths):.0f} lines (aim 15), "
              f"P90 {sorted(lengths)[len(lengths) * 9 // 10]} (aim 45)")


def lock():
    """Every row of deps.lock is whole and stands once for a machine."""
    path, seen = "deploy/deps.lock", set()
    for number, line in enumerate(read(path).splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        fields = line.split("|")
        if len(fields) != 10 or not all(fields):
            yield f"{path}:{number}: {len(fields)} fields, or an empty one; 10 are wanted"
            continue
        for flaw in row_flaws(*fields[1:7], fields[9]):
            yield f"{path}:{number}: {fields[2]}: {flaw}"
        key = (fields[1], fields[2], fields[3], fields[4])
        if key in seen:
            yield f"{path}:{number}: {fields[2]} {fields[3]} stands twice"
        seen.add(key)


def row_flaws(kind, _, version, machine, sha, file, size):
    pinned = re.fullmatch(r"[0-9a-f]{64}", sha) and re.fullmatch(r"[\w.+~-]+", version) and file != "-"
    if kind not in ("apt", "deb", "pip", "site", "npm", "maven"):
        yield f"unknown kind {kind}"
    if not re.fullmatch(r"any|(x86_64|aarch64)(-cp3\d+)?", machine):
        yield f"unknown machine {machine}"
    if kind == "apt" and not re.fullmatch(r"\w+>=[\w.:+~-]+", version):
        yield "the version of an apt row is suite>=least version"
    if kind != "apt" and not pinned:
        yield "needs an exact version, a sha256 and a file name"
    if not re.fullmatch(r"\d+(\.\d+)?", size):
        yield "the size is a number of MB"


def places():
    """No registry host and no folder of one machine is named in a tracked file."""
    for path in tracked():
        for number, line in enumerate(read(path).splitlines(), 1):
            found = PLACES.search(line) or (None if path.startswith("tests/") else USER_FOLDER.search(line))
            if found:
                yield f"{path}:{number}: names {found.group()}"


def binaries():
    """No binary, minified or large file is tracked."""
    for path in tracked():
        full = os.path.join(ROOT, path)
        with open(full, "rb") as file:
            data = file.read()
        if b"\0" in data:
            yield f"{path}: binary; make it in a test or fetch it"
        elif len(data) > 400_000:
            yield f"{path}: {len(data)} bytes; fetch it or make it"
        elif path.endswith((".js", ".mjs", ".css", ".html", ".c", ".h")) and max(map(len, data.split(b"\n"))) > 500:
            yield f"{path}: a line of more than 500 characters: minified or generated?"


def readmes():
    """Every folder has a README of about ten lines."""
    folders = set()
    for path in tracked():
        parts = path.split("/")
        deep = parts[0] in ("agents", "daemon", "tests") and len(parts) > 2
        folders.add("/".join(parts[:2]) if deep else parts[0] if len(parts) > 1 else "")
    for folder in sorted(folder for folder in folders if folder and folder != "docs" and not folder.startswith(".")):
        path = f"{folder}/README.md"
        if not os.path.isfile(os.path.join(ROOT, path)):
            yield f"{folder}: has no README.md (what it is, what it may include, how to add one)"
        elif not 3 <= len(read(path).splitlines()) <= 40:
            yield f"{path}: {len(read(path).splitlines())} lines; about ten are wanted"


def json_files():
    """Every JSON file parses and has no key twice."""
    def unique(pairs):
        if len({key for key, _ in pairs}) != len(pairs):
            raise ValueError("a key stands twice")
        return dict(pairs)

    for path in tracked(".json"):
        if "/bad/" in path or "/hostile/" in path:
            continue  # broken on purpose
        try:
            json.loads(read(path), object_pairs_hook=unique)
        except ValueError as error:
            yield f"{path}: {error}"


def migrations():
    """Migrations are numbered without a gap, and one that a release has shipped never changes."""
    paths = [path for path in tracked(".sql") if path.startswith("schema/sql/")]
    for expected, path in enumerate(paths, 1):
        if not re.fullmatch(rf"schema/sql/{expected:04d}_[a-z0-9_]+\.sql", path):
            yield f"{path}: the name must be {expected:04d}_words.sql"
    tags = subprocess.run(["git", "-C", ROOT, "tag", "--list", "v*", "--sort=-creatordate"], capture_output=True, text=True)
    for tag in tags.stdout.split()[:1]:
        names = subprocess.run(["git", "-C", ROOT, "ls-tree", "--name-only", tag, "schema/sql/"], capture_output=True, text=True)
        for path in names.stdout.split():
            shipped = subprocess.run(["git", "-C", ROOT, "show", f"{tag}:{path}"], capture_output=True, text=True).stdout
            if path.endswith(".sql") and (path not in paths or read(path) != shipped):
                yield f"{path}: shipped with {tag}, so it never changes; add the next number"


def shell():
    """shellcheck on every shell script."""
    if not shutil.which("shellcheck"):
        raise Skip("shellcheck is not installed: run deploy/fetch lint")
    scripts = [path for path in tracked() if path.endswith(".sh") or re.match(r"#!.*\b(ba|da)?sh\b", read(path)[:64])]
    result = subprocess.run(["shellcheck", "--format=gcc", *scripts], cwd=ROOT, capture_output=True, text=True)
    yield from result.stdout.splitlines()


def headers():
    """Every header compiles by itself, with all warnings as errors."""
    flags = ["-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Werror", "-fsyntax-only", "-I.", "-Iinclude",
             "-x", "c", "-"]
    for path in tracked(".h"):
        source = f'#include "{path.removeprefix("include/")}"\n#include "{path.removeprefix("include/")}"\n'
        result = subprocess.run(["cc", *flags], cwd=ROOT, input=source, capture_output=True, text=True)
        if result.returncode != 0:
            yield f"{path}: {next((line for line in result.stderr.splitlines() if 'error' in line), result.stderr[:200])}"


def warnings():
    """The build under test was compiled with all warnings as errors."""
    build = os.environ.get("IFM_BUILD_DIR", os.path.join(ROOT, "build/dev"))
    if os.path.basename(build) != "dev":
        raise Skip("only preset dev makes warnings errors")
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        commands = json.load(file)
    for row in commands:
        lost = [flag for flag in ("-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Wvla", "-Werror") if flag not in row["command"].split()]
        if lost and row["file"].startswith(ROOT) and not row["file"].startswith(os.path.join(ROOT, "build")):
            yield f"{os.path.relpath(row['file'], ROOT)}: compiled without {' '.join(lost)}"


RULES = {rule.__name__: rule for rule in (layers, banned_calls, sizes, lock, places, binaries, readmes, json_files, migrations,
                                          shell, headers, warnings)}


def main():
    if len(sys.argv) != 2 or sys.argv[1] not in RULES:
        print(f"usage: check.py {'|'.join(RULES)}", file=sys.stderr)
        return 64
    try:
        offences = list(RULES[sys.argv[1]]())
    except Skip as reason:
        print(f"skipped: {reason}")
        return 77
    for offence in offences:
        print(offence)
    return 1 if offences else 0


if __name__ == "__main__":
    sys.exit(main())
