"""The line that stands for an error: tracebacks as Python writes them, and the texts of ours around them."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

import pytest

from corebound.planning.headline import COMMAND_OUTPUT, error_headline

if TYPE_CHECKING:
    from collections.abc import Callable


def of_several_lines() -> None:
    raise ValueError("bad shape for input:\n  expected (3, 4)\nfound (4, 3)")


def with_a_cause() -> None:
    try:
        of_several_lines()
    except ValueError as error:
        raise RuntimeError("no batch") from error


def with_one_in_its_message() -> None:
    try:
        of_several_lines()
    except ValueError:
        raised = traceback.format_exc()
    raise RuntimeError(f"caught in a loader:\nOriginal {raised}\n{raised}")


def of_a_file() -> None:
    compile("a = (\n", "train.py", "exec")


def of_a_group() -> None:
    raise ExceptionGroup("two of the folds", [KeyError("a"), ValueError("first\nsecond")])


def without_a_message() -> None:
    raise KeyboardInterrupt


def raised_by(function: Callable[[], None]) -> str:
    try:
        function()
    except BaseException:
        return traceback.format_exc().strip()
    raise AssertionError("it was to raise")


@pytest.mark.parametrize(
    ("function", "line"),
    [
        (of_several_lines, "ValueError: bad shape for input: …"),
        (with_a_cause, "RuntimeError: no batch"),
        (with_one_in_its_message, "RuntimeError: caught in a loader: …"),
        (of_a_file, "SyntaxError: '(' was never closed"),
        (of_a_group, "ExceptionGroup: two of the folds (2 sub-exceptions) …"),
        (without_a_message, "KeyboardInterrupt"),
    ],
)
def test_a_traceback_is_named_by_the_line_that_begins_its_exception(function: Callable[[], None], line: str) -> None:
    raised = raised_by(function)
    assert error_headline(raised) == line
    assert error_headline(f"train.py:objective cannot be imported, it raised:\n{raised}\n") == line


def test_a_traceback_that_was_cut_still_has_its_exception() -> None:
    frames, exception = raised_by(of_several_lines).split("\nValueError", maxsplit=1)
    assert (
        error_headline(f"{frames}\n[...]\nrest of a line\nValueError{exception}")
        == "ValueError: bad shape for input: …"
    )
    assert error_headline(f"{frames}\n[...]\n    rest of a frame") == "rest of a frame", "there is nothing better"


def test_what_is_no_traceback_is_named_by_its_last_line_and_stacks_by_their_reason() -> None:
    assert error_headline("") == ""
    assert error_headline("boom") == "boom"
    stacks = "lost 1 times, the last: took longer than timeout 2 s; its stacks:\nThread 1\n  in hang"
    assert error_headline(stacks) == "lost 1 times, the last: took longer than timeout 2 s"
    said = f"{COMMAND_OUTPUT}\n{raised_by(of_several_lines)}\nthe command ended with status 1, expected 0"
    assert error_headline(said) == "the command ended with status 1, expected 0"
