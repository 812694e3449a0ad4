"""Durations, memory, CPU and money in Kubernetes' own forms.

Text or numbers flow in, seconds, bytes, cores and decimals flow out. What could go wrong: a unit that Kubernetes does
not know or means otherwise (``512m`` of memory is half a byte); every error says what was found and what is allowed.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from corebound.api.model import shown

LONGEST_SECONDS: Final = 9_223_372_036
"""292 years: Kubernetes counts a duration in 64 bits of nanoseconds."""
LEAST_SECONDS: Final = 0.001
LEAST_MEMORY: Final = 2**20
LESS_MEMORY_THAN: Final = 2**63 - 1
"""Kubernetes takes any larger amount for this one."""
MOST_CORES: Final = 1_000_000
LONGEST_QUANTITY: Final = 64

DURATION_EXPECTED: Final = "a duration above zero in h, m, s or ms, such as 60s, 90m or 1h30m"
MEMORY_EXPECTED: Final = "an amount of memory such as 512Mi or 1Gi"
CPU_EXPECTED: Final = 'CPU cores above zero such as 4, "1.5" or 126620m'
MONEY_EXPECTED: Final = 'an amount such as "3.50"'
AMOUNT_EXPECTED: Final = 'an amount above zero such as "3.50"'

_NUMBER: Final = r"\d{1,18}(?:\.\d{1,18})?"
_DURATION: Final = re.compile(rf"(?:{_NUMBER}(?:ms|h|m|s))+", re.ASCII)
_DURATION_PART: Final = re.compile(rf"({_NUMBER})(ms|h|m|s)", re.ASCII)
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_QUANTITY: Final = re.compile(rf"({_NUMBER}) ?([a-zA-Z]*)", re.ASCII)
_MONEY: Final = re.compile(_NUMBER, re.ASCII)
_BYTES: Final = {"": 1} | {
    f"{prefix}{suffix}": base**power
    for suffix, base in (("", 1000), ("i", 1024))
    for power, prefix in enumerate(("k" if not suffix else "K", "M", "G", "T", "P", "E"), start=1)
}


def parse_duration(value: object) -> float:
    """``60s``, ``2h``, ``1h30m``, ``500ms`` or a whole number of seconds, as seconds > 0. Raises ValueError."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= LONGEST_SECONDS:
        return float(value)
    if isinstance(value, str) and len(value) <= LONGEST_QUANTITY and _DURATION.fullmatch(value):
        seconds = sum(float(number) * _SECONDS[unit] for number, unit in _DURATION_PART.findall(value))
        if LEAST_SECONDS <= seconds <= LONGEST_SECONDS:
            return seconds
    raise ValueError(f"found {shown(value)}, expected {DURATION_EXPECTED}{_quotes(value)}")


def duration_form(seconds: float) -> int | str:
    """A duration as :func:`parse_duration` takes it: an API server keeps no fraction there, only a text."""
    return int(seconds) if float(seconds).is_integer() else f"{Decimal(repr(float(seconds))):f}s"


def parse_memory(value: object) -> int:
    """``1Gi``, ``512Mi``, ``1G`` or a number of bytes, as bytes. Raises ValueError."""
    hint = ""
    size = value if isinstance(value, int) and not isinstance(value, bool) else 0
    if isinstance(value, str) and len(value) <= LONGEST_QUANTITY and (match := _QUANTITY.fullmatch(value)):
        if match[2] in _BYTES and " " not in value:
            size = int(Decimal(match[1]) * _BYTES[match[2]])
        else:
            hint = _nearest_amount(match[1], match[2])
    if LEAST_MEMORY <= size < LESS_MEMORY_THAN:
        return size
    if 0 < size < LEAST_MEMORY:
        hint = f"; {shown(value)} are {size} bytes, at least 1Mi is needed"
    raise ValueError(f"found {shown(value)}, expected {MEMORY_EXPECTED}{hint}")


def bytes_form(size: int) -> int | str:
    """An amount as :func:`parse_memory` takes it, in the largest binary unit that divides it."""
    for unit, factor in (("Ti", 2**40), ("Gi", 2**30), ("Mi", 2**20)):
        if size % factor == 0:
            return f"{size // factor}{unit}"
    return size


def parse_cpu(value: object) -> float:
    """``126620m``, ``4`` or ``1.5``, as cores > 0. Raises ValueError."""
    text = str(value)
    is_form = isinstance(value, int | str) and not isinstance(value, bool) and len(text) <= LONGEST_QUANTITY
    if is_form and (match := _QUANTITY.fullmatch(text)) and match[2] in ("", "m"):
        cores = float(Decimal(match[1]) / (1000 if match[2] else 1))
        if 0 < cores <= MOST_CORES and " " not in text:
            return cores
    raise ValueError(f"found {shown(value)}, expected {CPU_EXPECTED}{_quotes(value)}")


def cpu_form(cores: float) -> int | str:
    """CPU as :func:`parse_cpu` takes it."""
    return int(cores) if float(cores).is_integer() else f"{Decimal(repr(float(cores))):f}"


def parse_money(value: object) -> Decimal:
    """``"3.50"`` or a whole number, as an exact amount >= 0. Raises ValueError."""
    is_form = isinstance(value, int | str) and not isinstance(value, bool)
    if is_form and _MONEY.fullmatch(str(value)):
        return Decimal(str(value))
    raise ValueError(f"found {shown(value)}, expected {MONEY_EXPECTED}{_quotes(value)}")


def parse_money_above_zero(value: object) -> Decimal:
    """As :func:`parse_money`, but above zero. Raises ValueError."""
    amount = parse_money(value)
    if not amount:
        raise ValueError(f"found {shown(value)}, expected {AMOUNT_EXPECTED}")
    return amount


def _quotes(value: object) -> str:
    """Why a number with a fraction is refused: an API server has a type for whole numbers or texts, but none for all."""
    return "; put a number with a fraction in quotes" if isinstance(value, float) else ""


def _nearest_amount(number: str, unit: str) -> str:
    """Kubernetes' unit for one that people write: ``GB``, ``gb`` and ``GiB`` are ``Gi``, and so is a lower case ``m``."""
    letter = unit[:1].upper()
    if letter not in tuple("KMGTPE") or unit[1:].lower() not in ("", "b", "i", "ib", "bytes", "bit"):
        return ""
    return f"; did you mean {number}{letter}i?"
