"""Learning curves: what trials reported step by step, with the pruned ones marked where they ended."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from corebound.api.records import SlotState
from corebound.reporting.report.data import MOST_CURVES
from corebound.reporting.report.figures.figure import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    SKY,
    YELLOW,
    Figure,
    finite,
    span_of,
    titled,
    value_axis,
)

if TYPE_CHECKING:
    from corebound.reporting.report.data import ReportData

KEY = "curves"
TITLE = "Learning curves"
KINDS = {
    SlotState.SUCCEEDED: ("finished", SKY, "solid", "none"),
    SlotState.PRUNED: ("pruned", ORANGE, "dashed", "triangle"),
    SlotState.FAILED: ("failed", YELLOW, "dotted", "rect"),
    SlotState.RUNNING: ("running", GREEN, "solid", "emptyCircle"),
}
"""Name, colour, line and the mark at its end."""


def curves(data: ReportData) -> Figure:
    """A line for each chosen trial; the best one is thick."""
    if not data.curves:
        return Figure(
            key=KEY, title=TITLE, caption="No trial has reported a step (trial.report, or a line metric=value step=K)."
        )
    best = data.ranked[0].slot if data.ranked else None
    rows = {row.slot: row for row in data.rows}
    values = [value for curve in data.curves.values() for _, value in curve if math.isfinite(value)]
    span = span_of(values, maximize=data.campaign.maximize[0])
    series: list[dict[str, Any]] = []
    for slot, curve in sorted(data.curves.items(), key=lambda item: item[0] == best):
        name, colour, line, mark = KINDS.get(rows[slot].state, ("stopped", GREY, "dotted", "rect"))
        is_best = slot == best
        colour = BLUE if is_best else colour
        points = [[step, finite(value), slot] for step, value in curve]
        series.append(
            {
                "name": "best" if is_best else name,
                "type": "line",
                "symbol": "circle" if len(points) == 1 else "none",
                "data": points,
                "dimensions": ["step", "value", "slot"],
                "encode": {"x": 0, "y": 1, "tooltip": [2, 0, 1]},
                "lineStyle": {
                    "color": colour,
                    "type": line,
                    "width": 3.5 if is_best else 1.2,
                    "opacity": 1 if is_best else 0.75,
                },
                "itemStyle": {"color": colour},
                "emphasis": {"lineStyle": {"width": 3, "opacity": 1}},
                "triggerLineEvent": True,
                "z": 6 if is_best else 3,
            }
            | _end(points, mark, colour)
        )
    which = ""
    if len(data.reports) > len(data.curves):
        shown, best_ones = f"{len(data.curves)} of {len(data.reports):,}", MOST_CURVES // 3
        which = f" Shown are {shown}: the best {best_ones}, the others spread over the campaign."
    steps = max((reports.count for slot, reports in data.reports.items() if slot in data.curves), default=0)
    most = max(map(len, data.curves.values()))
    thinned = f" Longer ones are thinned to about {most} of up to {steps} steps." if steps > most else ""
    ends = (
        " A triangle is where a trial was pruned."
        if any(rows[slot].state is SlotState.PRUNED for slot in data.curves)
        else ""
    )
    option = {
        "legend": {"top": 4, "data": list(dict.fromkeys(each["name"] for each in series))},
        "tooltip": {"trigger": "item"},
        "grid": {"left": 76, "right": 24, "top": 40, "bottom": 52},
        "xAxis": {"type": "value", "minInterval": 1, "scale": True, "splitLine": {"show": False}, **titled("step")},
        "yAxis": value_axis(data.metrics[0] if len(data.metrics) == 1 else "reported value", span),
        "series": series,
    }
    caption = "What trials reported step by step." + ends + which + thinned + span.caption
    return Figure(
        key=KEY, title=TITLE, caption=caption, option=option, height=380, marks=sum(map(len, data.curves.values()))
    )


def _end(points: list[list[Any]], mark: str, colour: str) -> dict[str, Any]:
    last = points[-1]
    if mark == "none" or last[1] is None:
        return {}
    return {
        "markPoint": {
            "symbol": mark,
            "symbolSize": 8,
            "symbolRotate": 180 if mark == "triangle" else 0,
            "itemStyle": {"color": colour},
            "label": {"show": False},
            "silent": True,
            "data": [{"coord": last[:2]}],
        }
    }
