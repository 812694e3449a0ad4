"""The value against each of the most important parameters: where good trials are found."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, Any

from corebound.reporting.report.data import has_result, is_feasible
from corebound.reporting.report.figures.column import MISSING, Column
from corebound.reporting.report.figures.figure import SCALE, Figure, colour_key, finite, span_of, titled, value_axis

if TYPE_CHECKING:
    from corebound.reporting.report.data import ReportData

KEY = "slices"
TITLE = "Value against parameters"
PANELS = 3
MOST_POINTS = 1500


def slices(data: ReportData) -> Figure:
    """A panel for each of the first parameters; the darker a mark, the later its trial."""
    found = [
        row
        for row in data.closed
        if has_result(row) and is_feasible(row) and math.isfinite((row.values or (math.nan,))[0])
    ]
    names = data.parameters[:PANELS]
    if len(found) < 2 or not names:
        return Figure(key=KEY, title=TITLE, caption="It needs at least two trials with parameters and a finite value.")
    order = {row.slot: place for place, row in enumerate(found)}
    shown = found if len(found) <= MOST_POINTS else random.Random(0).sample(found, MOST_POINTS)  # noqa: S311 - no secret
    metric = data.called.metrics[data.metrics[0]]
    span = span_of([(row.values or ())[0] for row in found], maximize=data.campaign.maximize[0])
    grids: list[dict[str, Any]] = []
    x_axes: list[dict[str, Any]] = []
    y_axes: list[dict[str, Any]] = []
    series: list[dict[str, Any]] = []
    share = 92 / len(names)
    for place, name in enumerate(names):
        called = data.called.parameters[name]
        column = Column(name, [row.params.get(name, MISSING) for row in found], data.distributions.get(name, ()))
        grids.append({"left": f"{8 + place * share:.1f}%", "width": f"{share - 3:.1f}%", "top": 10, "bottom": 84})
        x_axes.append(
            {**column.scale(), "gridIndex": place, "splitLine": {"show": False}, "splitNumber": 4, **titled(called)}
        )
        y_axes.append(
            value_axis(
                metric if place == 0 else "",
                span,
                gridIndex=place,
                **({} if place == 0 else {"axisLabel": {"show": False}}),
            )
        )
        series.append(
            {
                "name": name,
                "type": "scatter",
                "symbolSize": 8 if len(shown) <= 100 else 4,
                "itemStyle": {"opacity": 0.8},
                "dimensions": [called, metric, "trials closed", "slot"],
                "encode": {"x": 0, "y": 1, "tooltip": [3, 0, 1]},
                "data": [
                    [column.place(row.params[name]), finite((row.values or ())[0]), order[row.slot], row.slot]
                    for row in shown
                    if name in row.params
                ],
                "xAxisIndex": place,
                "yAxisIndex": place,
            }
        )
    option = {
        "tooltip": {"trigger": "item"},
        "grid": grids,
        "xAxis": x_axes,
        "yAxis": y_axes,
        "series": series,
        "visualMap": colour_key(most=len(found) - 1, ends=("late", "early"), colours=SCALE[1:], dimension=2, bottom=0),
    }
    which = "the most important parameters" if data.importance.shares else "the first parameters by name"
    sample = f" Drawn are {len(shown)} trials at random of {len(found)}." if len(shown) < len(found) else ""
    caption = f"{metric} against {which}; the darker, the later. Where dark marks gather, the sampler looked."
    return Figure(
        key=KEY,
        title=TITLE,
        caption=caption + sample + span.caption,
        option=option,
        height=310,
        marks=len(shown) * len(names),
    )
