"""docs/practices.md names only files that there are, and only tests that stand in a file of the same row."""

from __future__ import annotations

import re

import pytest

from .pages import PATH, ROOT, missing, rows

PAGE = (ROOT / "docs" / "practices.md").read_text(encoding="utf-8")
MUSTS = {*range(1, 30), 45, 51}


@pytest.mark.parametrize("row", rows("practices.md"), ids=lambda row: row[0])
def test_what_a_row_names_is_there(row: list[str]) -> None:
    _, _, state, where = row
    assert missing(where) == []
    assert state in ("met", "partly", "not yet")
    assert state != "met" or PATH.findall(where), "what is met stands somewhere"


def test_every_must_has_a_row() -> None:
    musts = PAGE.split("## Musts")[1].split("## Cheap ones")[0]
    assert {int(number) for number in re.findall(r"^\| (\d+) \|", musts, re.MULTILINE)} == MUSTS
