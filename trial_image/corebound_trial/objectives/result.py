"""What an objective returned, judged: values, or a sentence that says why it is no result."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any


def values_of(returned: object, *, metrics: Sequence[str]) -> list[float] | str:
    """The values in the order of ``metrics``, or why ``returned`` is none; infinities are values, NaN is not."""
    expected = "one number" if len(metrics) == 1 else f"{len(metrics)} numbers ({', '.join(metrics)})"
    parts: list[Any] = [returned]
    if len(metrics) > 1 or (isinstance(returned, Sequence) and not isinstance(returned, str | bytes)):
        if isinstance(returned, str | bytes) or not isinstance(returned, Sequence):
            return f"the objective returned {_shown(returned)}, expected {expected}"
        parts = list(returned)
    if len(parts) != len(metrics):
        return f"the objective returned {_shown(returned)}, {len(parts)} values, expected {expected}"
    values: list[float] = []
    for part in parts:
        if isinstance(part, str | bytes) or part is None:
            return f"the objective returned {_shown(returned)}, expected {expected}"
        try:
            value = float(part)
        except (TypeError, ValueError):
            return f"the objective returned {_shown(returned)}, expected {expected}"
        if math.isnan(value):
            return f"the objective returned NaN, expected {expected}"
        values.append(value)
    return values


def _shown(value: object) -> str:
    text = repr(value)
    return f"{text if len(text) <= 80 else text[:77] + '...'} ({type(value).__name__})"
