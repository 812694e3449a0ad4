"""The values in the order in which trials were closed, and the best so far."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from corebound.api.records import SlotState
from corebound.planning.wording import count_text
from corebound.reporting.report.data import best_so_far, has_result, is_feasible
from corebound.reporting.report.figures.figure import (
    BLUE,
    GREY,
    ORANGE,
    SKY,
    Figure,
    finite,
    span_of,
    titled,
    value_axis,
)

if TYPE_CHECKING:
    from corebound.reporting.report.data import ReportData

KEY = "history"
TITLE = "History of values"


def history(data: ReportData) -> Figure:
    """One panel for each objective, and a strip with the trials that brought no value."""
    closed = data.closed
    if not any(row.values is not None for row in closed):
        nothing = "No trial has brought a value yet." if not closed else "None of the closed trials brought a value."
        return Figure(key=KEY, title=TITLE, caption=nothing)
    grids: list[dict[str, Any]] = []
    x_axes: list[dict[str, Any]] = []
    y_axes: list[dict[str, Any]] = []
    series: list[dict[str, Any]] = []
    caption = ["Each mark is a trial, the line the best so far."]
    top, height = 40, 250 if len(data.metrics) == 1 else 170
    infinite = 0
    for objective, metric in enumerate(data.called.metrics.values()):
        placed = [(place, row) for place, row in enumerate(closed, start=1) if row.values is not None]
        marks = [(place, row, (row.values or ())[objective]) for place, row in placed]
        infinite += sum(not math.isfinite(value) for _, _, value in marks)
        marks = [mark for mark in marks if math.isfinite(mark[2])]
        span = span_of(
            [value for _, row, value in marks if has_result(row)], maximize=data.campaign.maximize[objective]
        )
        axis = {"xAxisIndex": objective, "yAxisIndex": objective}
        for name, colour, symbol, chosen in _kinds():
            points = [
                [place, finite(value), row.slot] for place, row, value in marks if chosen(row) and span.shows(value)
            ]
            if points:
                series.append(_points(name, colour, symbol, points, metric, many=len(marks)) | axis)
        line = [
            [place, finite(value), slot] for place, value, slot in best_so_far(data, objective) if math.isfinite(value)
        ]
        if line:
            series.append(_line([*line, [len(closed), line[-1][1], line[-1][2]]], metric) | axis)
        direction = "larger is better" if data.campaign.maximize[objective] else "smaller is better"
        # The axis is that of the results: an early report may be far from all of them.
        pruned = sum(not span.shows(value) for _, row, value in marks if not has_result(row))
        beyond = (
            f" {count_text(pruned, 'pruned trial')} {'is' if pruned == 1 else 'are'} beyond the axis." if pruned else ""
        )
        caption.append(f"{metric}: {direction}.{span.caption}{beyond}")
        grids.append({"left": 76, "right": 24, "top": top, "height": height})
        last = objective == len(data.metrics) - 1
        x_axes.append(
            {
                "type": "value",
                "min": 0,
                "max": len(closed),
                "minInterval": 1,
                "gridIndex": objective,
                "splitLine": {"show": False},
            }
            | (titled("trials closed") if last else {})
        )
        y_axes.append(value_axis(metric, span, gridIndex=objective))
        top += height + 44
    without = [[place, 0, row.slot] for place, row in enumerate(closed, start=1) if row.values is None]
    if without:
        caption.append(f"{count_text(len(without), 'trial')} without a value: the ticks below the axis.")
        index = len(grids)
        grids.append({"left": 76, "right": 24, "top": top + 6, "height": 14})
        x_axes.append({"type": "value", "min": 0, "max": len(closed), "gridIndex": index, "show": False})
        y_axes.append({"type": "value", "min": -1, "max": 1, "gridIndex": index, "show": False})
        series.append(_ticks(without) | {"xAxisIndex": index, "yAxisIndex": index})
        top += 30
    if infinite:
        caption.append(f"{infinite} infinite values are not shown.")
    option = {
        "legend": {"top": 4, "data": list(dict.fromkeys(each["name"] for each in series))},
        "tooltip": {"trigger": "item"},
        "grid": grids,
        "xAxis": x_axes,
        "yAxis": y_axes,
        "series": series,
    }
    return Figure(
        key=KEY,
        title=TITLE,
        caption=" ".join(caption),
        option=option,
        height=top + 12,
        marks=len(closed) * len(data.metrics),
    )


def _kinds() -> list[tuple[str, str, str, Any]]:
    return [
        ("trial", SKY, "circle", lambda row: has_result(row) and is_feasible(row)),
        ("infeasible", GREY, "emptyCircle", lambda row: has_result(row) and not is_feasible(row)),
        ("pruned", GREY, "triangle", lambda row: row.state is SlotState.PRUNED),
    ]


def _points(name: str, colour: str, symbol: str, points: list[list[Any]], metric: str, *, many: int) -> dict[str, Any]:
    return {
        "name": name,
        "type": "scatter",
        "symbol": symbol,
        "symbolSize": 9 if many <= 60 else 6 if many <= 600 else 3,
        "itemStyle": {"color": colour, "opacity": 0.85 if many <= 600 else 0.5},
        "dimensions": ["trials closed", metric, "slot"],
        "encode": {"x": 0, "y": 1, "tooltip": [2, 1, 0]},
        "data": points,
    }


def _ticks(points: list[list[Any]]) -> dict[str, Any]:
    """Of trials without a value."""
    many = len(points) > 100
    return {
        "name": "no value",
        "type": "scatter",
        "symbol": "rect",
        "symbolSize": [1 if many else 2, 12],
        "itemStyle": {"color": ORANGE, "opacity": 0.5 if many else 1},
        "dimensions": ["trials closed", "", "slot"],
        "encode": {"tooltip": [2]},
        "data": points,
    }


def _line(points: list[list[Any]], metric: str) -> dict[str, Any]:
    return {
        "name": "best so far",
        "type": "line",
        "step": "end",
        "symbol": "diamond",
        "symbolSize": 8,
        "showSymbol": len(points) <= 40,
        "lineStyle": {"width": 2.5, "color": BLUE},
        "itemStyle": {"color": BLUE},
        "dimensions": ["trials closed", metric, "slot"],
        "encode": {"x": 0, "y": 1, "tooltip": [2, 1, 0]},
        "data": points,
        "z": 5,
    }
