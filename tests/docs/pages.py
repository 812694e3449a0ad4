"""What README.md and the pages of docs/ hold besides prose: files, commands with their output, commands named in passing.

- A fenced block with a name after its language (`````python train.py``) is a file.
- In a block ``console`` or ``text``, and in an indented one, a line ``$ command`` is a command, what follows its output.
- In an indented block without ``$``, a line that begins with the name of a program of ours is a command.
- In running text, ``code`` that begins with such a program is a command named in passing.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAMS = ("corebound", "make", "python", "python3")
_FENCED = re.compile(r"^```(\w*)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?:^\n)((?:^    .*\n|^\n(?=    ))+)", re.MULTILINE)
_INLINE = re.compile(r"`([^`\n]+)`")
PATH = re.compile(r"`([\w.-]+(?:/[\w.-]+)+|pyproject\.toml|[A-Z]+\.md)`")
_TEST = re.compile(r"`(test_\w+)`")
_COMMENT = re.compile(r"\s+#\s.*$")


@dataclass(frozen=True, kw_only=True)
class Command:
    """One command of a page, and the lines that the page shows as its output."""

    text: str
    output: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page, taken apart."""

    name: str
    files: dict[str, str]
    commands: list[Command]
    named: list[str]
    """Commands in running text: ``corebound watch``, ``make bench-local``."""


def pages() -> list[Page]:
    """README.md, then every page of docs/."""
    return [read_page(path) for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))]


def blocks(*languages: str) -> list[tuple[str, str, str]]:
    """(page:line, name of the file, text) of every fenced block in one of these languages, the chart's page included."""
    found = []
    for path in (
        ROOT / "README.md",
        *sorted((ROOT / "docs").glob("*.md")),
        ROOT / "charts" / "corebound" / "README.md",
    ):
        text = path.read_text(encoding="utf-8")
        for match in _FENCED.finditer(text):
            if match[1] in languages:
                line = text[: match.start()].count("\n") + 1
                found.append((f"{path.relative_to(ROOT)}:{line}", match[2] or "", match[3]))
    return found


def rows(page: str) -> list[list[str]]:
    """The cells of every row of every table of docs/``page``, headings left out."""
    lines = (ROOT / "docs" / page).read_text(encoding="utf-8").splitlines()
    below = [line for above, line in itertools.pairwise(lines) if above[:1] == "|" and line[:1] == "|"]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in below if not line.startswith("| ---")]


def missing(text: str) -> list[str]:
    """Files that ``text`` names and that are not there, and tests that stand in none of the tests' files named with them."""
    paths = PATH.findall(text)
    wrong = [path for path in paths if not (ROOT / path).is_file()]
    files = [ROOT / path for path in paths if path.startswith("tests/") and path not in wrong]
    known = "".join(path.read_text(encoding="utf-8") for path in files)
    return wrong + [name for name in _TEST.findall(text) if f"def {name}(" not in known]


def read_page(path: Path) -> Page:
    text = path.read_text(encoding="utf-8")
    fenced = _FENCED.findall(text)
    prose = _FENCED.sub("\n", text)
    blocks = [(body, "console") for language, name, body in fenced if language in ("console", "sh") and not name]
    blocks += [(body, "text") for language, _, body in fenced if language == "text" and body.startswith("$ ")]
    blocks += [(re.sub("^    ", "", body, flags=re.MULTILINE), "indented") for body in _INDENTED.findall(prose)]
    # In the order of the page: commands build on one another.
    blocks.sort(key=lambda block: text.index(block[0].splitlines()[0]))
    return Page(
        name=str(path.relative_to(ROOT)),
        files={name: body for _, name, body in fenced if name},
        commands=[command for body, kind in blocks for command in commands_in(body, indented=kind == "indented")],
        named=[code for code in _INLINE.findall(prose) if code.split(" ")[0] in PROGRAMS and " " in code],
    )


def commands_in(body: str, *, indented: bool) -> list[Command]:
    lines = body.splitlines()
    if not any(line.startswith("$ ") for line in lines):
        found = [line for line in lines if line.split(" ")[0] in PROGRAMS and not re.search(r" {3,}[\d.]", line)]
        return [Command(text=_COMMENT.sub("", line)) for line in (found if indented else lines) if line.strip()]
    commands: list[Command] = []
    for line in lines:
        if line.startswith("$ "):
            commands.append(Command(text=_COMMENT.sub("", line.removeprefix("$ "))))
        elif commands and line.strip():
            commands[-1] = Command(text=commands[-1].text, output=(*commands[-1].output, line))
    return commands
