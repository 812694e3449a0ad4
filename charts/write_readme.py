"""Writes the table of charts/corebound/README.md from values.yaml: every value, its default and its comment.

A value's meaning is the comment directly above it, else the one above the mapping it stands in.

python charts/write_readme.py           write it
python charts/write_readme.py --check   status 1 when it is stale or a value has no comment; the tests ask this
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CHART: Final = Path(__file__).parent / "corebound"
PAGE: Final = CHART / "README.md"
BEGIN: Final = "<!-- written by charts/write_readme.py: begin -->\n"
END: Final = "<!-- written by charts/write_readme.py: end -->\n"


@dataclass(frozen=True, kw_only=True)
class Value:
    """One value of the chart: ``database.external.key``."""

    path: str
    default: str
    meaning: str


def main() -> int:
    """Write or check; the exit status."""
    found = values((CHART / "values.yaml").read_text(encoding="utf-8"))
    silent = [value.path for value in found if not value.meaning]
    if silent:
        sys.stderr.write(f"values.yaml says nothing about {', '.join(silent)}; put a comment above each\n")
        return 1
    page = PAGE.read_text(encoding="utf-8")
    wanted = with_table(page, found)
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(wanted, encoding="utf-8")
        return 0
    if page != wanted:
        sys.stderr.write("charts/corebound/README.md is stale; write it anew with: python charts/write_readme.py\n")
        return 1
    return 0


def with_table(page: str, found: Sequence[Value]) -> str:
    """``page`` with the table of ``found`` between its markers."""
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    rows = [f"| `{value.path}` | `{value.default}` | {value.meaning} |" for value in found]
    return (
        before
        + BEGIN
        + "\n".join(["", "| value | default | meaning |", "| --- | --- | --- |", *rows, ""])
        + END
        + after
    )


def values(text: str) -> list[Value]:
    """Every value of a values file, in its order; a mapping written in one line is one value."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode):
        raise TypeError("values.yaml holds no mapping")
    return list(_values(root, text.splitlines(), path="", inherited=""))


def _values(node: yaml.MappingNode, lines: Sequence[str], *, path: str, inherited: str) -> Iterator[Value]:
    for key, value in node.value:
        place = f"{path}.{key.value}".lstrip(".")
        meaning = comment_above(lines, key.start_mark.line) or inherited
        if isinstance(value, yaml.MappingNode) and not value.flow_style:
            yield from _values(value, lines, path=place, inherited=meaning)
        else:
            source = value.start_mark.buffer[value.start_mark.pointer : value.end_mark.pointer]
            yield Value(path=place, default=source.replace("|", "&#124;"), meaning=meaning)


def comment_above(lines: Sequence[str], line: int) -> str:
    """The comment that ends directly above ``line`` at its indentation, as one cell; its examples as code."""
    mark = " " * (len(lines[line]) - len(lines[line].lstrip(" "))) + "#"
    found: list[str] = []
    while line > 0 and lines[line - 1].startswith(mark):
        line -= 1
        found.insert(0, lines[line].removeprefix(mark).removeprefix(" ").rstrip())
    cell = " ".join(f"<br>`{each.strip()}`" if each.startswith("  ") else each for each in found)
    return cell.replace("|", "&#124;")


if __name__ == "__main__":
    sys.exit(main())
