"""Callbacks that cannot be called are found before any trial, with what was expected."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from corebound.api.errors import ObjectiveError
from corebound_trial.runner.callbacks import load_callbacks

if TYPE_CHECKING:
    from pathlib import Path

CALLBACKS = """
def good(study, trial): ...
def one(study): ...
class Unmade:
    def __init__(self): raise RuntimeError("no data here")
class Uncallable: ...
ready = print
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "callbacks_here.py").write_text(CALLBACKS)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "callbacks_here", raising=False)
    return tmp_path


def test_functions_and_anything_that_can_be_called(folder: Path) -> None:
    good, ready = load_callbacks(["callbacks_here.py:good", "callbacks_here.py:ready"], folder=folder)
    assert (good.__name__, ready) == ("good", print)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "one",
            r"callbacks_here\.py:one cannot be called: too many positional arguments; expected .* \(study, trial\)",
        ),
        ("Unmade", r"callbacks_here\.py:Unmade could not be made, it raised:[\s\S]*RuntimeError: no data here"),
        ("Uncallable", r"callbacks_here\.py:Uncallable cannot be called: .*; expected a function of \(study, trial\)"),
        ("goood", r"has no 'goood'; did you mean 'good'\?"),
    ],
)
def test_what_cannot_be_called_says_why(name: str, said: str, folder: Path) -> None:
    with pytest.raises(ObjectiveError, match=said):
        load_callbacks([f"callbacks_here.py:{name}"], folder=folder)
