"""How numbers are written in reasons, warnings and refusals: cores, times, bytes, money. Pure."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Final

BYTE_UNITS: Final = (("Ti", 2**40), ("Gi", 2**30), ("Mi", 2**20), ("Ki", 2**10))
SMALL_MONEY: Final = Decimal("0.10")


def number_text(number: float) -> str:
    """Without needless zeros: 126.62, 2, 0.5."""
    return f"{number:.2f}".rstrip("0").rstrip(".")


def count_text(count: int, noun: str) -> str:
    """A count with its noun: 1 worker, 2 workers."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def duration_text(seconds: float) -> str:
    """The two largest units: 1 d 3 h, 1 h 54 min, 3 min 20 s, 12.5 s."""
    if seconds < 60:
        return f"{number_text(round(seconds, 1))} s"
    whole = round(seconds)
    if whole < 3600:
        minutes, rest = divmod(whole, 60)
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    minutes = round(seconds / 60)
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(round(seconds / 3600), 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def bytes_text(count: int) -> str:
    """In Kubernetes' binary units, to two places: 1Gi, 23.54Gi."""
    for unit, size in BYTE_UNITS:
        if count >= size:
            return f"{number_text(count / size)}{unit}"
    return f"{count} bytes"


def money_text(amount: Decimal, currency: str) -> str:
    """To the cent; below ten cents to a hundredth of a cent, so that a small search is not shown as free."""
    places = Decimal("0.0001") if abs(amount) < SMALL_MONEY else Decimal("0.01")
    return f"{amount.quantize(places, rounding=ROUND_HALF_UP)} {currency}"
