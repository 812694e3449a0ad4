"""CONTRIBUTING.md names folders, files and commands that there are, and every part of the packages and of the tests."""

from __future__ import annotations

import re

import pytest

from .pages import ROOT

PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
CODE = re.findall(r"`([^`\n]+)`", PAGE) + [
    line.split("#")[0].strip() for line in PAGE.splitlines() if line[:4] == "    "
]


def part_of(folder: str) -> set[str]:
    """The names in code in the folder's row."""
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{folder}` |"))
    return set(re.findall(r"`(\w+)`", row.split("|")[2]))


def test_files_and_targets_are_there() -> None:
    for code in CODE:
        program, _, rest = code.partition(" ")
        if program == "make" and rest:
            assert re.search(rf"^{rest}:", MAKEFILE, re.MULTILINE), code
        for path in re.findall(r"[\w.-]+(?:/[\w.-]+)+", code):
            assert path.startswith(".venv/") or (ROOT / path).exists(), code


@pytest.mark.parametrize("folder", ["core/corebound", "operator/corebound_operator", "trial_image/corebound_trial"])
def test_every_part_of_a_package_is_told(folder: str) -> None:
    there = {path.parent.name for path in (ROOT / folder).glob("*/*.py")}
    assert part_of(folder) == there


def test_every_folder_of_tests_is_told() -> None:
    assert part_of("tests") == {path.name for path in (ROOT / "tests").iterdir() if any(path.rglob("*.py"))}
