"""Durations, memory and CPU in Kubernetes' own forms.

Text or numbers flow in, seconds, bytes and cores flow out. What could go wrong: a unit that Kubernetes does not know;
every error says what was found and which forms are allowed.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

_DURATION: Final = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|h|m|s))+")
_DURATION_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_QUANTITY: Final = re.compile(r"(\d+(?:\.\d+)?)([a-zA-Z]*)")
_BYTES: Final = {"": 1} | {
    f"{prefix}{suffix}": base**power
    for suffix, base in (("", 1000), ("i", 1024))
    for power, prefix in enumerate(("k" if not suffix else "K", "M", "G", "T", "P"), start=1)
}


def parse_duration(value: object) -> float:
    """``60s``, ``2h``, ``1h30m``, ``500ms`` or a number of seconds, as seconds > 0. Raises ValueError."""
    if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
        return float(value)
    if isinstance(value, str) and _DURATION.fullmatch(value):
        seconds = sum(float(number) * _SECONDS[unit] for number, unit in _DURATION_PART.findall(value))
        if seconds > 0:
            return seconds
    raise ValueError(f"found {value!r}, expected a duration above zero such as 60s, 90m or 1h30m")


def parse_memory(value: object) -> int:
    """``1Gi``, ``512Mi``, ``1G`` or a number of bytes, as bytes > 0. Raises ValueError."""
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    if isinstance(value, str) and (match := _QUANTITY.fullmatch(value)) and match[2] in _BYTES:
        size = int(Decimal(match[1]) * _BYTES[match[2]])
        if size > 0:
            return size
    raise ValueError(f"found {value!r}, expected an amount of memory such as 512Mi, 1Gi or a number of bytes")


def parse_cpu(value: object) -> float:
    """``126620m``, ``4`` or ``1.5``, as cores > 0. Raises ValueError."""
    text = str(value)
    if not isinstance(value, bool) and (match := _QUANTITY.fullmatch(text)) and match[2] in ("", "m"):
        cores = float(Decimal(match[1]) / (1000 if match[2] else 1))
        if cores > 0:
            return cores
    raise ValueError(f"found {value!r}, expected CPU cores such as 4, 1.5 or 126620m")
