"""What a figure is, and what all of them share: colours, number ranges, axes.

Colours are Okabe's and Ito's, which people with any colour vision can tell apart, and shapes differ as well. Options are
plain JSON: what they mean is decided by ECharts, which escapes every text that it shows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

BLUE: Final = "#0072B2"
SKY: Final = "#56B4E9"
ORANGE: Final = "#D55E00"
GREEN: Final = "#009E73"
YELLOW: Final = "#E69F00"
GREY: Final = "#8a929c"
PALE: Final = "#d5dae1"
INK: Final = "#1c2733"
SCALE: Final = ["#e7e4d3", "#b3cfa0", "#5fb08f", "#21868d", "#2a5783", "#2d2a57"]
"""From pale to dark: also a difference of brightness, so that it survives a grey printer."""

MOST_AS_DRAWING: Final = 2500
"""Marks up to which a figure is drawn as SVG, which prints sharply; beyond, as pixels, which stays quick."""
LOG_SPAN: Final = 1000.0


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One figure of the report."""

    key: str
    title: str
    caption: str
    """What is seen and what was left out; where nothing can be drawn, why."""
    option: dict[str, Any] | None = None
    height: int = 340
    """In CSS pixels."""
    marks: int = 0
    """How many marks are drawn."""

    @property
    def renderer(self) -> str:
        """How ECharts draws it."""
        return "svg" if self.marks <= MOST_AS_DRAWING else "canvas"


@dataclass(frozen=True, kw_only=True)
class Span:
    """What of the values an axis shows."""

    low: float | None
    """None where the axis may choose."""
    high: float | None
    is_log: bool
    hidden: int
    """Values that lie beyond it."""

    def shows(self, value: float) -> bool:
        """Whether a value, of whatever trial, is on the axis."""
        if self.is_log and value <= 0:
            return False
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)

    @property
    def caption(self) -> str:
        """What to say of it."""
        scale = " The axis is logarithmic." if self.is_log else ""
        beyond = f" {self.hidden} far worse than most are beyond the axis." if self.hidden else ""
        return scale + beyond


def span_of(values: Sequence[float], *, maximize: bool) -> Span:
    """An axis on which a few terrible values do not flatten all the others; the best are always on it."""
    found = sorted(values)
    if not found:
        return Span(low=None, high=None, is_log=False, hidden=0)
    if found[0] > 0 and found[-1] / found[0] > LOG_SPAN:
        return Span(low=None, high=None, is_log=True, hidden=0)
    worse = found[len(found) // 10] if maximize else found[-1 - len(found) // 10]
    best = found[-1] if maximize else found[0]
    room = 2.0 * abs(worse - best)
    if maximize and found[0] < worse - room and room:
        low = _even(worse - room / 4, room, down=True)
        return Span(low=low, high=None, is_log=False, hidden=sum(value < low for value in found))
    if not maximize and found[-1] > worse + room and room:
        high = _even(worse + room / 4, room, down=False)
        return Span(low=None, high=high, is_log=False, hidden=sum(value > high for value in found))
    return Span(low=None, high=None, is_log=False, hidden=0)


def value_axis(name: str, span: Span, **more: Any) -> dict[str, Any]:
    """A vertical axis of values."""
    limits = {key: value for key, value in (("min", span.low), ("max", span.high)) if value is not None}
    return {"type": "log" if span.is_log else "value", "scale": True, **titled(name, vertical=True), **limits, **more}


def titled(name: str, *, vertical: bool = False) -> dict[str, Any]:
    """An axis's title in the middle beside it."""
    gap = 52 if vertical else 28
    style = {"color": INK, "width": 220, "overflow": "truncate"}
    return {"name": name, "nameLocation": "middle", "nameGap": gap, "nameTextStyle": style}


def colour_key(*, most: float, ends: tuple[str, str], colours: Sequence[str] = SCALE, **more: Any) -> dict[str, Any]:
    """Marks coloured by a number from 0 to ``most``, with the key to it below or above; ``ends``: what most and 0 mean."""
    return {
        "type": "continuous",
        "min": 0,
        "max": most,
        "text": list(ends),
        "orient": "horizontal",
        "left": "center",
        "itemHeight": 110,
        "itemWidth": 12,
        "inRange": {"color": list(colours)},
        **more,
    }


def finite(value: float) -> float | None:
    """Five significant digits; None for what no axis has."""
    return float(f"{value:.5g}") if math.isfinite(value) else None


def _even(value: float, room: float, *, down: bool) -> float:
    """A round number just beyond ``value``."""
    unit = 10.0 ** math.floor(math.log10(room) - 1)
    return (math.floor if down else math.ceil)(value / unit) * unit
