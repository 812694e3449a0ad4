"""What an objective returned, judged: values, or a sentence that says why it is no result.

Pure. As in Optuna, infinities and booleans are values; unlike there, text never is. What could go wrong: user types whose
conversion raises anything at all.
"""

from __future__ import annotations

import math
import reprlib
from collections.abc import Sequence
from typing import Any

_SHOWN = reprlib.Repr()
_SHOWN.maxstring = _SHOWN.maxother = 80


def values_of(returned: object, *, metrics: Sequence[str]) -> list[float] | str:
    """The values in the order of ``metrics``, or why ``returned`` is none; infinities are values, NaN is not."""
    expected = "one number" if len(metrics) == 1 else f"{len(metrics)} numbers ({', '.join(metrics)})"
    refused = f"the objective returned {_SHOWN.repr(returned)} ({type(returned).__name__}), "
    try:
        parts = _parts(returned)
        if len(parts) != len(metrics):
            return f"{refused}{len(parts)} {'value' if len(parts) == 1 else 'values'}, expected {expected}"
        values = [_number(part) for part in parts]
    except Exception as error:  # noqa: BLE001 - a user's type may raise anything when it is converted
        return f"{refused}which is no number ({error}), expected {expected}"
    for metric, value in zip(metrics, values, strict=True):
        if math.isnan(value):
            return f"{refused}{metric} is NaN, expected {expected}"
    return values


def _parts(returned: Any) -> list[Any]:
    """The single values; arrays and tensors become plain numbers here."""
    if not isinstance(returned, type) and hasattr(returned, "tolist"):
        returned = returned.tolist()
    if isinstance(returned, Sequence) and not isinstance(returned, str | bytes | bytearray):
        return list(returned)
    return [returned]


def _number(part: Any) -> float:
    if part is None or isinstance(part, str | bytes | bytearray):
        raise TypeError(f"found {type(part).__name__}")
    return float(part)
