"""The JSON file that a program may write for its result.

What could go wrong: it is no JSON, of another shape, huge, or names a metric that nobody asked for; each is said with what
was found and what was expected.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from corebound.api.errors import ObjectiveError
from corebound.api.model import nearest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MOST_BYTES: Final = 16 * 2**20
EXPECTED: Final = '{"values": {"metric": number}, "user_attrs": {...}, "constraints": {"name": number}}'
_KEYS: Final = ("values", "user_attrs", "constraints")


@dataclass(frozen=True, kw_only=True)
class CommandResult:
    """What the file says; nothing when there is none."""

    values: dict[str, float] = field(default_factory=dict)
    user_attrs: dict[str, Any] = field(default_factory=dict)
    constraints: dict[str, float] = field(default_factory=dict)


def read_result(path: Path, *, metrics: Sequence[str]) -> CommandResult:
    """Raises :class:`ObjectiveError` for a file that is there and cannot be used."""
    if not path.is_file():
        return CommandResult()
    try:
        if (size := path.stat().st_size) > MOST_BYTES:
            raise ValueError(f"it has {size} bytes, expected at most {MOST_BYTES}; leave large results in files")
        result = _mapping(json.loads(path.read_text(encoding="utf-8")), "it")
        _only(result, _KEYS, "key")
        parts = {key: _mapping(result.get(key, {}), key) for key in _KEYS}
        _only(parts["values"], metrics, "metric")
        return CommandResult(
            values={name: _number(value, f"values.{name}") for name, value in parts["values"].items()},
            user_attrs=parts["user_attrs"],
            constraints={name: _number(value, f"constraints.{name}") for name, value in parts["constraints"].items()},
        )
    except (ValueError, RecursionError) as error:
        raise ObjectiveError(
            f"the file named by COREBOUND_RESULT cannot be used: {error}; expected {EXPECTED}"
        ) from error


def _mapping(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{what} is {json.dumps(value)[:80]}, no object")
    return value


def _only(found: dict[str, Any], allowed: Sequence[str], what: str) -> None:
    for name in found:
        if name not in allowed:
            hint = nearest(name, allowed) or f"; expected {', '.join(allowed)}"
            raise ValueError(f"there is no {what} {name!r}{hint}")


def _number(value: Any, what: str) -> float:
    """A number; infinities also as text, since JSON has no word for them. NaN is left to be judged as a result."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str):
        number = float(value)
        if math.isinf(number):
            return number
    raise ValueError(f'{what} is {json.dumps(value)[:80]}, expected a number, "inf" or "-inf"')
