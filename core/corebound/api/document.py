"""JSON values with what is known about the file that they come from, and with everything that cannot be kept of them.

A worker and the operator get values that are JSON already, from the ledger or an API server; only a file needs a reader of
YAML (:mod:`.reading`). What could go wrong: a number or a character that nothing can keep, nesting without end.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Final

from corebound.api.errors import Problem, SpecError
from corebound.api.model import Path, shown
from corebound.api.scalars import json_number

MOST_BYTES: Final = 3 * 2**20
"""What an API server accepts in one request."""
DEEPEST: Final = 100
KEY: Final = -1
"""Ends the path of a key itself in ``written``, as opposed to its value's."""


@dataclass(frozen=True, kw_only=True)
class Document:
    """JSON values, and where a file has each."""

    value: Any
    lines: dict[Path, int] = field(default_factory=dict)
    """Where each key and each list item stands; counted from 1."""
    written: dict[Path, str] = field(default_factory=dict)
    """How an unquoted scalar is written that is no text, so that a message can show it."""
    problems: tuple[Problem, ...] = ()
    """What is wrong but leaves the rest readable; ``value`` has null there."""


def document_of(value: object) -> Document:
    """A value that is JSON already, with its numbers as an API server keeps them. Raises :class:`SpecError`."""
    problems: list[Problem] = []
    return Document(value=_as_json(value, (), problems), problems=tuple(problems))


def _as_json(value: object, path: Path, problems: list[Problem]) -> Any:
    if len(path) > DEEPEST:
        raise refused("", f"is nested deeper than {DEEPEST} levels")
    if isinstance(value, dict):
        return {
            _as_json_text(name, path, problems): _as_json(inner, (*path, str(name)), problems)
            for name, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [_as_json(inner, (*path, index), problems) for index, inner in enumerate(value)]
    if isinstance(value, str):
        return _as_json_text(value, path, problems)
    if isinstance(value, int | float) and not isinstance(value, bool):
        number = json_number(value)
        if math.isfinite(number):
            return number
        message = f"found {number}, expected a finite number: JSON and an API server know no other"
        problems.append(Problem(field=field_text(path), message=message))
        return None
    if value is not None and not isinstance(value, bool):
        problems.append(Problem(field=field_text(path), message=f"found {shown(value)}, which JSON cannot hold"))
        return None
    return value


def _as_json_text(text: object, path: Path, problems: list[Problem]) -> str:
    """``text``, without what no database keeps."""
    if not isinstance(text, str):
        message = f"found the key {shown(text)}, expected a name; JSON knows texts only"
    elif "\0" in text:
        message = "holds a NUL character, which no database keeps; remove it"
    elif not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
        message = "holds half of a character, which is no Unicode; correct it"
    else:
        return text
    problems.append(Problem(field=field_text(path), message=message))
    return str(text)


def field_text(path: Path) -> str:
    """``spec.search.parameters[0].low``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def refused(file: str, message: str, line: int | None = None) -> SpecError:
    """What nothing can be read of; ``file`` is empty for a value that comes from none."""
    return SpecError([Problem(file=file, line=line, message=message)])
