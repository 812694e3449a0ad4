"""Reasons stand in one module, and docs/operator.md lists them as they stand there."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from corebound.api.reasons import ClusterWord, ReasonWord
from corebound.api.records import Phase

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "operator.md").read_text(encoding="utf-8")
SOURCES = [path for folder in ("core", "operator", "trial_image") for path in sorted((ROOT / folder).rglob("*.py"))]
CAMEL_CASE = re.compile(r"([A-Z][a-z]+)+")
OF_THE_PROTOCOL = {"ClusterRefusedError", "ClusterConflictError"}
"""What is given ``reason`` and means the API's own for a request: NotFound, Forbidden."""


def written_by_hand(tree: ast.AST) -> Iterator[str]:
    """Reasons of ours as mere text, and words that are given as a reason and are none of ours."""
    ours = set(ReasonWord) - set(Phase)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node.value in ours:
            yield str(node.value)
        if isinstance(node, ast.Call) and getattr(node.func, "id", None) not in OF_THE_PROTOCOL:
            for given in node.keywords:
                if given.arg == "reason" and isinstance(given.value, ast.Constant):
                    word = str(given.value.value)
                    if CAMEL_CASE.fullmatch(word) and word not in ours:
                        yield word


def test_each_stands_in_one_module() -> None:
    found = {
        f"{path.relative_to(ROOT)}: {word}"
        for path in SOURCES
        if path != ROOT / "core" / "corebound" / "api" / "reasons.py"
        for word in written_by_hand(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert found == set(), "found reasons as text, expected ReasonWord's members (corebound/api/reasons.py)"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('f(reason="JobRejected")', ["JobRejected"]),
        ('Problem(reason="MadeUp", message="")', ["MadeUp"]),
        ('return "Starting"', ["Starting"]),
        ('ClusterRefusedError("", status=404, reason="NotFound")', []),
        ('phase == "Running"', []),
        ('f(reason="no trial has succeeded yet")', []),
    ],
)
def test_what_is_written_by_hand_is_found(source: str, found: list[str]) -> None:
    assert list(written_by_hand(ast.parse(source))) == found


@pytest.mark.parametrize("word", ReasonWord)
def test_each_is_given_by_something(word: ReasonWord) -> None:
    of_a_phase = {ReasonWord.of_standing(phase) for phase in Phase} | set(Phase)
    named = f"ReasonWord.{word.name}"
    assert word in of_a_phase or any(named in path.read_text(encoding="utf-8") for path in SOURCES)


@pytest.mark.parametrize(("words", "heading"), [(ReasonWord, "Reasons"), (ClusterWord, "Kubernetes' own reasons")])
def test_the_page_lists_each_and_no_other(words: type[ReasonWord | ClusterWord], heading: str) -> None:
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0].split("\n### ")[0]
    assert [line for line in section.splitlines() if line.startswith("| `")] == [
        f"| `{word}` | {word.meaning} |" for word in words
    ]


def test_words_are_what_the_crd_takes() -> None:
    for word in (*ReasonWord, *ClusterWord):
        assert re.fullmatch("[A-Za-z][A-Za-z0-9]{0,63}", word)
