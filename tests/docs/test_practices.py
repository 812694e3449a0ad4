"""docs/practices.md names only files that there are, and only tests that stand in a file of the same row."""

from __future__ import annotations

import re

import pytest

from .pages import ROOT

PAGE = (ROOT / "docs" / "practices.md").read_text(encoding="utf-8")
ROWS = [[cell.strip() for cell in line.split("|")[1:-1]] for line in PAGE.splitlines() if re.match(r"\| \d", line)]
PATH = re.compile(r"`([\w.-]+(?:/[\w.-]+)+|pyproject\.toml|SECURITY\.md)`")
TEST = re.compile(r"`(test_\w+)`")
MUSTS = {*range(1, 30), 45, 51}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_what_a_row_names_is_there(row: list[str]) -> None:
    _, _, state, where = row
    paths = PATH.findall(where)
    for path in paths:
        assert (ROOT / path).is_file(), path
    known = "".join((ROOT / path).read_text(encoding="utf-8") for path in paths if path.startswith("tests/"))
    for name in TEST.findall(where):
        assert f"def {name}(" in known, name
    assert state in ("met", "partly", "not yet")
    assert state != "met" or paths, "what is met stands somewhere"


def test_every_must_has_a_row() -> None:
    musts = PAGE.split("## Musts")[1].split("## Cheap ones")[0]
    assert {int(number) for number in re.findall(r"^\| (\d+) \|", musts, re.MULTILINE)} == MUSTS
