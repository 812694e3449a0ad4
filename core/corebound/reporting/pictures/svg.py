"""SVG elements as text: escaped, with short numbers; and the axes that charts share.

What could go wrong: text of users (tasks, classes, variables) that is markup, and numbers that are none; both are dealt with
here.
"""

from __future__ import annotations

import html
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

COLOURS: Final = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#999933", "#882255", "#44aa99")
"""Paul Tol's, which people who see colours otherwise can tell apart, too."""
INK, PALE = "#333333", "#bbbbbb"
LINES_OF_A_GRID: Final = 5


def element(name: str, *content: str, **attributes: float | str) -> str:
    """``<name attributes>content</name>``; ``content`` is markup already, ``_`` in names of attributes is ``-``."""
    written = "".join(f' {key.strip("_").replace("_", "-")}="{_value(value)}"' for key, value in attributes.items())
    return f"<{name}{written}>{''.join(content)}</{name}>" if content else f"<{name}{written}/>"


def words(text: str, x: float, y: float, **attributes: float | str) -> str:
    """A line of text."""
    return element("text", html.escape(text), x=x, y=y, **{"font_size": 12, "fill": INK, **attributes})


def hint(text: str) -> str:
    """What is shown where the mouse rests."""
    return element("title", html.escape(text))


def drawing(*content: str, width: float, height: float, label: str) -> str:
    """The whole picture; ``label`` is read out to those who do not see it."""
    return element(
        "svg",
        hint(label),
        *content,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width:g} {height:g}",
        width=width,
        height=height,
        role="img",
        font_family="system-ui, sans-serif",
        style="max-width:100%;height:auto",
    )


def number(value: float) -> str:
    """For people."""
    return f"{value:.4g}"


@dataclass(frozen=True, kw_only=True)
class Axes:
    """A rectangle of the picture with its scales; ``low`` ... are values at its edges."""

    left: float
    top: float
    width: float
    height: float
    first: float
    last: float
    low: float
    high: float

    def x(self, value: float) -> float:
        """Where ``value`` lies."""
        return self.left + self.width * _share(value, self.first, self.last)

    def y(self, value: float) -> float:
        """Where ``value`` lies."""
        return self.top + self.height * (1 - _share(value, self.low, self.high))

    def frame(self, *, title: str, below: str = "") -> str:
        """Grid, numbers and names."""
        parts = [words(title, self.left, self.top - 8, font_weight="bold")]
        for value in steps(self.low, self.high):
            y = self.y(value)
            parts.append(element("line", x1=self.left, x2=self.left + self.width, y1=y, y2=y, stroke="#e5e5e5"))
            parts.append(words(number(value), self.left - 6, y + 4, text_anchor="end", font_size=11))
        bottom = self.top + self.height
        for value in steps(self.first, self.last):
            parts.append(words(number(value), self.x(value), bottom + 15, text_anchor="middle", font_size=11))
        if below:
            parts.append(words(below, self.left + self.width / 2, bottom + 31, text_anchor="middle"))
        return "".join(parts)

    def line(self, places: Sequence[float], values: Sequence[float], *, colour: str, name: str) -> str:
        """A line through the points; those that are no finite numbers are left out."""
        both = zip(places, values, strict=True)
        points = [f"{self.x(place):.1f},{self.y(value):.1f}" for place, value in both if math.isfinite(value)]
        return element("polyline", hint(name), points=" ".join(points), fill="none", stroke=colour, stroke_width=2)


def steps(low: float, high: float) -> list[float]:
    """A few round numbers from ``low`` to ``high``."""
    if not math.isfinite(high - low) or high <= low:
        return [low] if math.isfinite(low) else []
    raw = (high - low) / LINES_OF_A_GRID
    unit = 10.0 ** math.floor(math.log10(raw))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= raw * 0.999)
    return [
        round(index * step, 12) for index in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
    ]


def legend(entries: Sequence[tuple[str, str]], *, x: float, y: float) -> str:
    """Colours and names, one below the other."""
    parts = []
    for index, (colour, name) in enumerate(entries):
        parts.append(element("rect", x=x, y=y + 18 * index - 9, width=12, height=10, fill=colour))
        parts.append(words(name, x + 18, y + 18 * index, font_size=11))
    return "".join(parts)


def _share(value: float, low: float, high: float) -> float:
    return (value - low) / (high - low) if high > low else 0.5


def _value(value: float | str) -> str:
    return html.escape(value) if isinstance(value, str) else f"{round(value, 2):g}"
