"""Parallel coordinates: each line is a trial through its parameters to its value, coloured by its rank."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, Any

from corebound.reporting.report.figures.column import MISSING, Column
from corebound.reporting.report.figures.figure import Figure, colour_key, finite, span_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from corebound.api.records import SlotRow
    from corebound.reporting.report.data import ReportData

KEY = "parallel"
TITLE = "Parallel coordinates"
MOST_LINES = 1000
MOST_AXES = 12
_HALO = {"textBorderColor": "#fff", "textBorderWidth": 3}
"""Labels are read across the lines."""


def parallel(data: ReportData) -> Figure:
    """The most important parameters, then the objectives; where the lines are too many, the best and a sample."""
    ranked = [row for row in data.ranked if all(map(math.isfinite, row.values or ()))]
    if len(ranked) < 2 or not data.parameters:
        why = (
            "It needs at least two trials with a finite value." if data.parameters else "The trials have no parameters."
        )
        return Figure(key=KEY, title=TITLE, caption=why)
    shown = _chosen(ranked)
    names = data.parameters[:MOST_AXES]
    columns = [
        Column(
            data.called.parameters[name],
            [row.params.get(name, MISSING) for row in ranked],
            data.distributions.get(name, ()),
        )
        for name in names
    ]
    axes = [column.axis(place) for place, column in enumerate(columns)]
    axes += [
        _objective_axis(data, ranked, objective, dim=len(axes) + objective) for objective in range(len(data.metrics))
    ]
    better = {row.slot: 100 - 100 * place / max(1, len(ranked) - 1) for place, row in enumerate(ranked)}
    lines = [
        [
            *(column.place(row.params.get(name, MISSING)) for name, column in zip(names, columns, strict=True)),
            *(_within(value, axis) for value, axis in zip(row.values or (), axes[len(names) :], strict=True)),
            round(better[row.slot], 1),
        ]
        for row in reversed(shown)
    ]
    option = {
        "parallel": {
            "left": 56,
            "right": 70,
            "top": 64,
            "bottom": 24,
            "parallelAxisDefault": {"nameGap": 14, "nameRotate": 0},
        },
        "parallelAxis": [
            {**axis, "nameTruncate": {"maxWidth": 110}, "axisLabel": {**_HALO, **axis.get("axisLabel", {})}}
            for axis in axes
        ],
        "visualMap": colour_key(most=100, ends=("best", "worst"), dimension=len(axes), top=0),
        "series": [
            {
                "name": "trials",
                "type": "parallel",
                "lineStyle": {"width": 1.6 if len(shown) <= 100 else 1, "opacity": 0.8 if len(shown) <= 100 else 0.45},
                "data": lines,
            }
        ],
    }
    return Figure(
        key=KEY,
        title=TITLE,
        caption=_caption(data, trials=len(ranked), lines=len(shown)),
        option=option,
        height=400,
        marks=len(shown) * len(axes),
    )


def _objective_axis(data: ReportData, ranked: Sequence[SlotRow], objective: int, *, dim: int) -> dict[str, Any]:
    """Better values are on top."""
    maximize = data.campaign.maximize[objective]
    span = span_of([(row.values or ())[objective] for row in ranked], maximize=maximize)
    return {
        "dim": dim,
        "name": list(data.called.metrics.values())[objective],
        "type": "log" if span.is_log else "value",
        "scale": True,
        "nameTextStyle": {"fontWeight": "bold"},
        "inverse": not maximize,
        "nameLocation": "end" if maximize else "start",
        "min": span.low,
        "max": span.high,
    }


def _caption(data: ReportData, *, trials: int, lines: int) -> str:
    text = (
        "Each line is a trial, the darker the better its rank; better values are on top. Drag along an axis to choose a "
        "range, click on the axis to let it go."
    )
    if lines < trials:
        text += (
            f" Shown: the best {MOST_LINES // 4} trials and {MOST_LINES - MOST_LINES // 4} at random, of {trials:,}."
        )
    if len(data.parameters) > MOST_AXES:
        text += f" {len(data.parameters) - MOST_AXES} less important parameters are left out."
    return text


def _within(value: float, axis: Mapping[str, Any]) -> float | None:
    low, high = axis["min"], axis["max"]
    return finite(min(max(value, low if low is not None else value), high if high is not None else value))


def _chosen(ranked: Sequence[SlotRow]) -> list[SlotRow]:
    """The best first."""
    if len(ranked) <= MOST_LINES:
        return list(ranked)
    best = MOST_LINES // 4
    drawn = sorted(random.Random(0).sample(range(best, len(ranked)), MOST_LINES - best))  # noqa: S311 - no secret
    return [*ranked[:best], *(ranked[place] for place in drawn)]
