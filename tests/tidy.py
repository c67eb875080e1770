#!/usr/bin/env python3
"""Checks the rules of the tree that a compiler cannot: who includes whom, sizes, names, habits.

    tidy.py ROOT            prints file:line: message for each finding; exit code 1 if there are any
    tidy.py --format ROOT   asks clang-format-14 whether it would change a C++ source

A line that breaks a rule for a good reason carries a marker in a comment, on itself or on the line
above: `tidy: polls` (a test has nothing else to wait for), `tidy: sql` (a statement that cannot be
in a file).
"""

import bisect
import os
import re
import subprocess
import sys
from typing import Iterable, List, NamedTuple, Tuple

COLUMNS_MAX = 100
FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 600

TOP_FOLDERS = ("core", "storage", "actors", "http", "ops", "schema", "tests")
LAYERS = {"core": 0, "storage": 1, "actors": 2, "http": 3, "ops": 4, "tests": 5}
# Folders that no part of the product is in: build trees, run-time state, reference documents.
FOREIGN_FOLDERS = ("build", "var", "node_modules", "__pycache__", "shared", ".git", ".cache")

# What a header of a library costs or drags in is kept in one place each.
LIBRARY_HOMES = (
    (re.compile(r"^(restinio/|asio/|asio\.hpp)"), ("http/edge/",), "RESTinio"),
    (re.compile(r"^curl/"), ("http/client/",), "libcurl"),
    (re.compile(r"^(libpq-fe\.h|libpq/|postgres)"), ("storage/",), "libpq"),
)
# What errors and results are made of. Types that travel in messages also need meta/type_name.hpp.
CAF_IN_BASE = re.compile(r"^caf/(error|expected|make_message|sec)\.hpp$")
IMPURE = re.compile(
    r"^(thread|mutex|shared_mutex|condition_variable|future|fstream|iostream|filesystem"
    r"|sys/.*|unistd\.h|spdlog/.*)$")

CATCH_ALL = re.compile(r"(^|_)(utils?|utilities|common|misc|helpers?|stuff)$")
PLAIN_NAME = re.compile(r"^[.a-z0-9_][a-z0-9_.\-]*$")
# Names that a tool or a custom prescribes.
GIVEN_NAMES = {"CMakeLists.txt", "CMakePresets.json", "README.md", "ARCHITECTURE.md",
               "CONTRIBUTING.md", "LICENSE", "Dockerfile", "Chart.yaml", "NOTES.txt",
               "_helpers.tpl"}
GIVEN_FOLDERS = ("ops/cmake/", "ops/dashboard/")

# Put together from halves, so that this file does not find itself.
UNFINISHED = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X")) + r")\b")
MACHINE_PATH = re.compile(r"(?<![\w.}\-])/(" + "wo" + r"rk|Users/\w+|home/\w+)/")
WORKPLACE = re.compile(r"\b(" + "work" + r"tree|sub" + r"agent)s?\b", re.IGNORECASE)

CLOCK = re.compile(r"\b(system_clock|steady_clock|high_resolution_clock)\s*::\s*now\b")
SLEEP = re.compile(r"\b(sleep_for|sleep_until|usleep|nanosleep|time\.sleep)\b|::sleep\s*\(")
STATEMENT = re.compile(
    r"\b(SELECT\b.*\bFROM\b|INSERT\s+INTO\b|UPDATE\s+[\w.]+\s+SET\b|DELETE\s+FROM\b|ALTER\s+TABLE\b"
    r"|DROP\s+TABLE\b|CREATE\s+(UNIQUE\s+)?(TABLE|INDEX|VIEW|TRIGGER|(OR\s+REPLACE\s+)?FUNCTION)\b)",
    re.DOTALL)

# Lines such as BOOST_AUTO_TEST_SUITE(x), which end without a semicolon.
LONE_MACROS = re.compile(r"^(\s*[A-Z][A-Z0-9_]*\([^{};]*?\)[ \t]*\n(?=\s*\S))+")
SCOPE_HEAD = re.compile(r"(^|\s)(namespace(\s+[\w:]+)?|extern\s+\"\s*\")$")
TYPE_HEAD = re.compile(r"\b(class|struct|union|enum)\b[^()=]*$")
NOT_A_FUNCTION = re.compile(r"(=|\breturn|,|\()\s*$")


class Finding(NamedTuple):
    path: str
    line: int
    message: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.message}"


class Literal(NamedTuple):
    line: int
    text: str
    start: int
    end: int


TOKEN = re.compile(
    r"""(?P<line>//[^\n]*)
      | (?P<block>/\*.*?\*/)
      | (?P<raw>\b(?:u8|[uUL])?R"(?P<mark>[^()\s\\]{0,16})\(.*?\)(?P=mark)")
      | (?P<string>"(?:\\.|[^"\\\n])*")
      | (?P<digits>\b[0-9][0-9a-fA-FxX']*)
      | (?P<char>'(?:\\.|[^'\\\n])+')""",
    re.DOTALL | re.VERBOSE)


class Source:
    """A C++ file: its lines, its literals, and its code with those and the comments blanked."""

    def __init__(self, text: str):
        self.text = text
        self.lines = text.split("\n")
        self.starts = [0]
        for line in self.lines:
            self.starts.append(self.starts[-1] + len(line) + 1)
        self.literals: List[Literal] = []
        self.raw_lines = set()
        self.code = TOKEN.sub(self._blank, text)

    def _blank(self, match):
        kind, text = match.lastgroup, match.group(0)
        kind = "raw" if kind == "mark" else kind
        if kind == "digits":
            return text
        if kind in ("raw", "string"):
            self.literals.append(Literal(self.line_of(match.start()), text, *match.span()))
        if kind == "raw":
            last = self.line_of(match.end())
            self.raw_lines.update(range(self.line_of(match.start()), last + 1))
        if kind in ("string", "raw"):
            return '"' + re.sub(r"[^\n]", " ", text[1:-1]) + '"'
        return re.sub(r"[^\n]", " ", text)

    def line_of(self, offset: int) -> int:
        return bisect.bisect_right(self.starts, offset)

    def marked(self, line: int, marker: str) -> bool:
        near = self.lines[max(0, line - 2):line]
        return any(f"tidy: {marker}" in x for x in near)

    def statements(self) -> Iterable[Literal]:
        """String literals, adjacent ones joined as the compiler does."""
        joined: List[Literal] = []
        for x in self.literals:
            if joined and not self.code[joined[-1].end:x.start].strip():
                last = joined.pop()
                x = Literal(last.line, last.text[:-1] + x.text[1:], last.start, x.end)
            joined.append(x)
        return joined


class Block(NamedTuple):
    kind: str  # "scope", "type", "function" or "other"
    head: str
    head_start: int
    open: int


def classify(head: str, outer: str) -> str:
    if outer in ("function", "other"):
        return "other"
    text = " ".join(LONE_MACROS.sub("", head, count=1).split())
    if SCOPE_HEAD.search(text):
        return "scope"
    if TYPE_HEAD.search(re.sub(r"^template\s*<.*?>\s*(?=class|struct|union|enum)", "", text)):
        return "type"
    if "(" in text and not NOT_A_FUNCTION.search(text):
        return "function"
    return "other"


def blocks(code: str) -> Iterable[Tuple[Block, int]]:
    """Yields (block, offset of its closing brace), inner blocks first."""
    stack: List[Block] = []
    head_start, depth = 0, 0
    for i, char in enumerate(code):
        if char == "(":
            depth += 1
        elif char == ")":
            depth = max(0, depth - 1)
        elif char == "{":
            head = code[head_start:i]
            plain = LONE_MACROS.sub("", head, count=1)
            outer = stack[-1].kind if stack else "scope"
            kind = "other" if depth > 0 and outer != "scope" else classify(head, outer)
            lead = len(head) - len(plain.lstrip())
            stack.append(Block(kind, plain, head_start + lead, i))
            head_start, depth = i + 1, 0
        elif char == "}":
            if stack:
                block = stack.pop()
                yield block, i
            head_start = i + 1
        elif char == ";" and depth == 0:
            head_start = i + 1


def without_preprocessor(code: str) -> str:
    """Directives may hold unbalanced braces; they are no part of a declaration."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0))
    return re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", blank, code, flags=re.MULTILINE)


# -- includes ------------------------------------------------------------------


def check_library(path: str, name: str) -> str:
    for pattern, homes, library in LIBRARY_HOMES:
        if pattern.match(name) and not path.startswith(homes):
            return f"{library} is included only in {' and '.join(homes)}"
    if name.startswith("caf/") and path.startswith(("core/", "storage/")):
        inspected = path.startswith("core/") and name == "caf/meta/type_name.hpp"
        if not inspected and not (path.startswith("core/base/") and CAF_IN_BASE.match(name)):
            return "below actors/, CAF is only for the vocabulary of core/base"
    if path.startswith("core/") and IMPURE.match(name):
        return f"core/ is pure: no <{name}>"
    return ""


def check_arrow(path: str, name: str) -> str:
    here, there = path.split("/")[0], name.split("/")[0]
    if there not in LAYERS or "/../" in name:
        return f'"{name}" is not named from the root'
    if LAYERS[there] > LAYERS[here]:
        return f"{here}/ must not include {there}/"
    if here == "http" and there == "storage":
        return "http/ never includes storage/"
    if here == "http" and there == "actors" and name != "actors/interfaces.hpp":
        return "of actors/, http/ includes only actors/interfaces.hpp"
    if here == "actors" and there == "storage" and path != "actors/lane.cpp":
        return "in actors/, only lane.cpp includes storage/"
    if here == "core" and there == "core":
        room, other = path.split("/")[1], name.split("/")[1]
        if other not in ("base", room) and not (room == "responses" and name == "core/mcp/sse.hpp"):
            return f"core/{room} must not include core/{other}"
    return ""


def check_includes(path: str, source: Source) -> Iterable[Finding]:
    if path.split("/")[0] not in LAYERS:
        return
    tests = path.startswith("tests/")
    for number, line in enumerate(source.lines, 1):
        match = re.match(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if not match or number in source.raw_lines:
            continue
        check = check_library if match.group(1) == "<" else check_arrow
        message = "" if tests and check is check_library else check(path, match.group(2))
        if message:
            yield Finding(path, number, message)


# -- C++ -----------------------------------------------------------------------


def count_lines(code: str, first: int, last: int) -> int:
    """The lines of a function. Tables do not count: rows in braces, and the cases of a body that is
    one switch, since the compiler checks that those are complete and splitting would hide it."""
    lines = code.split("\n")[first - 1:last]
    lines = [x for x in lines if not re.match(r"\s*\{.*\},?\s*$", x)]
    body = "\n".join(lines).partition("{")[2]
    if re.match(r"\s*switch\s*\(", body):
        lines = [x for x in lines if not re.match(r"\s*(case [^;]*:|return [^;]*;)\s*$", x)]
    return len(lines)


def check_functions(path: str, source: Source) -> Iterable[Finding]:
    code = without_preprocessor(source.code)
    for block, end in blocks(code):
        first, last = source.line_of(block.head_start), source.line_of(end)
        lines = count_lines(code, first, last) if block.kind == "function" else 0
        if lines > FUNCTION_LINES_MAX:
            name = re.search(r"([\w:~]+)\s*\(", block.head)
            yield Finding(path, first, f"function {name.group(1) if name else ''} has {lines} "
                          f"lines, more than {FUNCTION_LINES_MAX}")
        if block.kind == "type" and path.startswith("actors/"):
            pattern = r"(?<!enum )\b(?:struct|class)\s+(\w+_state)\b"
            name = re.search(pattern, block.head)
            body = code[block.open:end]
            if name and not re.search(rf"\b{name.group(1)}\s*\(", body):
                yield Finding(path, first, f"{name.group(1)} declares no constructor: CAF would "
                              "build it as an aggregate")


def check_habits(path: str, source: Source) -> Iterable[Finding]:
    pure = path.startswith(("actors/", "core/"))
    for number, line in enumerate(source.code.split("\n"), 1):
        if pure and CLOCK.search(line):
            yield Finding(path, number, "time comes from self->clock() or an argument")
        if re.search(r"\bcaf::infinite\b", line):
            yield Finding(path, number, "every request has a finite timeout")
        if path.startswith("tests/") and SLEEP.search(line) and not source.marked(number, "polls"):
            yield Finding(path, number, "a test sleeps")
    if path.startswith("tests/"):
        return
    for x in source.statements():
        if STATEMENT.search(x.text) and not source.marked(x.line, "sql"):
            yield Finding(path, x.line, "SQL outside of storage/sql and schema/")


DECLARED_TYPE = re.compile(r"^(?:template\s*<.*>\s*)?(?:class|struct|enum(?:\s+class)?|union)\s+"
                           r"(?:\[\[\w+\]\]\s*)?(\w+)(?!\s*<)")
DECLARED_FUNCTION = re.compile(r"^(?!using\b|typedef\b|friend\b|static_assert\b|extern\s+template\b)"
                               r"[\w:<>,&*\s\[\]]+?[\s&*>](\w+)\s*\(")


def declarations(source: Source) -> Iterable[Tuple[int, str]]:
    """Yields (offset, text) of what a header declares at namespace scope."""
    code = without_preprocessor(source.code)
    stack, start, depth = [], 0, 0
    for i, char in enumerate(code):
        depth = max(0, depth + (char == "(") - (char == ")"))
        inside = bool(stack) and stack[-1] != "scope"
        if char not in "{};" or (depth and char == ";"):
            continue
        text = code[start:i]
        kind = None
        if char == "{":
            kind = classify(text, stack[-1] if stack else "scope")
            hidden = kind == "scope" and re.search(r"namespace\s*(detail)?\s*$", text)
            stack.append("hidden" if hidden else kind)
            depth = 0
        elif char == "}" and stack:
            stack.pop()
        if not inside and kind != "scope" and text.strip() and char != "}":
            forward = char == ";" and DECLARED_TYPE.match(" ".join(text.split()))
            if not forward:
                yield start + len(text) - len(text.lstrip()), " ".join(text.split())
        start = i + 1


def check_comments(path: str, source: Source) -> Iterable[Finding]:
    """Types and free functions of a header say what they give (///). Declarations without a blank
    line between them share the comment of the first (/// or //)."""
    described = set()
    for offset, text in declarations(source):
        first = source.line_of(offset)
        match = DECLARED_TYPE.match(text) or ("=" not in text.split("(")[0]
                                              and DECLARED_FUNCTION.match(text))
        if not match or re.match(r"(template\s*<\s*>|CAF_|BOOST_|CALLBOARD_)", text):
            continue
        name = match.group(1)
        above = source.lines[first - 2].strip() if first > 1 else ""
        if above.startswith("//") or (above and first - 1 in described):
            described.update(range(first, first + text.count(";") + 1))
            described.add(source.line_of(source.code.find(";", offset)))
            continue
        # Such a struct is named after what it belongs to; its members carry the comments.
        exempt = (name == "inspect" or name.endswith(("_tag", "_args", "_state", "_settings"))
                  or "operator" in text or re.search(r"\bstd::hash\b", text))
        if not exempt:
            yield Finding(path, first, f"{name} has no /// comment")


# -- all files -----------------------------------------------------------------


def check_path(path: str) -> Iterable[Finding]:
    parts = path.split("/")
    if len(parts) > 1 and parts[0] not in TOP_FOLDERS and not parts[0].startswith("."):
        yield Finding(path, 1, f"top-level folders are {', '.join(TOP_FOLDERS)}")
    given = parts[-1] in GIVEN_NAMES or path.startswith(GIVEN_FOLDERS)
    for part in parts:
        stem = part.split(".")[0] if not part.startswith(".") else part
        if CATCH_ALL.search(stem) and not given:
            yield Finding(path, 1, f"{part} is a catch-all: name the noun")
        if not PLAIN_NAME.match(part) and not given:
            yield Finding(path, 1, f"{part}: names are lower case")


def check_text(path: str, lines: List[str], raw_lines=frozenset()) -> Iterable[Finding]:
    # Only what people read as code; data and prose have their own shapes.
    narrow = path.endswith((".hpp", ".cpp", ".py", ".sh", ".sql")) or lines[0].startswith("#!")
    generated = path.endswith((".lock", "package-lock.json"))
    if narrow and len(lines) - (lines[-1] == "") > FILE_LINES_MAX:
        yield Finding(path, 1, f"{len(lines) - 1} lines, more than {FILE_LINES_MAX}")
    for number, line in enumerate(lines, 1):
        long_token = max((len(x) for x in line.split()), default=0) > COLUMNS_MAX - 20
        # SQL has no formatter that would keep to it.
        wide = len(line) > COLUMNS_MAX and not path.endswith(".sql")
        if narrow and wide and number not in raw_lines and not long_token:
            yield Finding(path, number, f"{len(line)} columns, more than {COLUMNS_MAX}")
        if UNFINISHED.search(line) and not generated:
            yield Finding(path, number, "unfinished work is not committed")
        if MACHINE_PATH.search(line):
            yield Finding(path, number, "a path of one machine")
        if WORKPLACE.search(line):
            yield Finding(path, number, "a word of the workplace, not of the product")


def check_file(root: str, path: str) -> Iterable[Finding]:
    yield from check_path(path)
    # Its bad examples are the point of that file.
    if path == "tests/tidy_test.py":
        return
    try:
        with open(os.path.join(root, path), encoding="utf-8") as file:
            text = file.read()
    except UnicodeDecodeError:
        if path.endswith((".hpp", ".cpp", ".py", ".sql", ".cmake", ".md")):
            yield Finding(path, 1, "not UTF-8")
        return
    if not path.endswith((".hpp", ".cpp")):
        yield from check_text(path, text.split("\n"))
        return
    source = Source(text)
    yield from check_text(path, source.lines, source.raw_lines)
    yield from check_includes(path, source)
    yield from check_functions(path, source)
    yield from check_habits(path, source)
    if path.endswith(".hpp") and not path.startswith("tests/"):
        yield from check_comments(path, source)


def list_files(root: str) -> List[str]:
    """Tracked and new files; every file outside of a git checkout (a source archive)."""
    if os.path.exists(os.path.join(root, ".git")):
        done = subprocess.run(
            ["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            capture_output=True, check=False)
        if done.returncode == 0:
            found = [x.decode() for x in done.stdout.split(b"\0") if x]
            return sorted(x for x in set(found) if x.split("/")[0] not in FOREIGN_FOLDERS
                          and os.path.isfile(os.path.join(root, x)))
    found = []
    for folder, folders, files in os.walk(root):
        folders[:] = [x for x in folders if x not in FOREIGN_FOLDERS]
        found += [os.path.relpath(os.path.join(folder, x), root) for x in files]
    return sorted(found)


def check_tree(root: str) -> List[Finding]:
    return [x for path in list_files(root) for x in check_file(root, path)]


def check_format(root: str) -> int:
    sources = [x for x in list_files(root) if x.endswith((".hpp", ".cpp"))]
    return subprocess.run(["clang-format-14", "--dry-run", "-Werror", "--ferror-limit=3", *sources],
                          cwd=root, check=False).returncode


def main(arguments: List[str]) -> int:
    if len(arguments) == 2 and arguments[0] == "--format":
        return check_format(arguments[1])
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    findings = check_tree(arguments[0])
    for finding in findings:
        print(finding)
    print(f"{len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
