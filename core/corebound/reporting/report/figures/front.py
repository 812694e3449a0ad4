"""The Pareto front, for campaigns of several objectives."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

from corebound.reporting.report.data import has_result, is_feasible
from corebound.reporting.report.figures.figure import BLUE, GREY, SKY, Figure, Span, finite, span_of, titled, value_axis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from corebound.api.records import SlotRow
    from corebound.reporting.report.data import ReportData

KEY = "front"
TITLE = "Pareto front"
MOST_PAIRS = 3


def front(data: ReportData) -> Figure | None:
    """A panel for each pair of objectives; None with a single objective."""
    metrics = [*data.called.metrics.values()]
    if len(metrics) == 1:
        return None
    found = [row for row in data.rows if has_result(row) and all(map(math.isfinite, row.values or ()))]
    if not found:
        return Figure(key=KEY, title=TITLE, caption="No trial has brought finite values yet.")
    on_front = {row.slot for row in data.front}
    pairs = list(itertools.combinations(range(len(metrics)), 2))[:MOST_PAIRS]
    kinds: list[tuple[str, str, str, int, list[SlotRow]]] = [
        ("infeasible", GREY, "emptyCircle", 6, [row for row in found if not is_feasible(row)]),
        (
            "trial",
            SKY,
            "circle",
            6 if len(found) <= 600 else 4,
            [row for row in found if is_feasible(row) and row.slot not in on_front],
        ),
        ("on the front", BLUE, "diamond", 11, [row for row in found if row.slot in on_front]),
    ]
    spans = [
        span_of([(row.values or ())[place] for row in found], maximize=maximize)
        for place, maximize in enumerate(data.campaign.maximize)
    ]
    grids, x_axes, y_axes, series = [], [], [], []
    share = 100 / len(pairs)
    for place, (across, up) in enumerate(pairs):
        grids.append(
            {
                "left": f"{place * share + 8 / len(pairs) + 1:.1f}%",
                "width": f"{share - 12 / len(pairs) - 1:.1f}%",
                "top": 40,
                "bottom": 56,
            }
        )
        x_axes.append({**_axis(metrics[across], spans[across]), "gridIndex": place})
        y_axes.append(value_axis(metrics[up], spans[up], gridIndex=place))
        for name, colour, symbol, size, rows in kinds:
            if rows:
                series.append(_series(name, colour, symbol, size, rows, metrics, (across, up), place))
    which = "; ".join(
        f"{metric}: {'larger' if maximize else 'smaller'} is better"
        for metric, maximize in zip(metrics, data.campaign.maximize, strict=True)
    )
    hidden = len(list(itertools.combinations(metrics, 2))) - len(pairs)
    more = f" {hidden} further pairs of objectives are not drawn." if hidden > 0 else ""
    beyond = "".join(dict.fromkeys(span.caption for span in spans))
    option = {
        "legend": {"top": 4},
        "tooltip": {"trigger": "item"},
        "grid": grids,
        "xAxis": x_axes,
        "yAxis": y_axes,
        "series": series,
    }
    caption = f"{len(on_front)} trials that no other one beats in all objectives; {which}.{more}{beyond}"
    return Figure(key=KEY, title=TITLE, caption=caption, option=option, height=400, marks=len(found) * len(pairs))


def _axis(name: str, span: Span) -> dict[str, Any]:
    return {**value_axis(name, span), **titled(name)}


def _series(
    name: str,
    colour: str,
    symbol: str,
    size: int,
    rows: Sequence[SlotRow],
    metrics: Sequence[str],
    pair: tuple[int, int],
    place: int,
) -> dict[str, Any]:
    return {
        "name": name,
        "type": "scatter",
        "symbol": symbol,
        "symbolSize": size,
        "itemStyle": {"color": colour, "opacity": 0.9 if size > 6 else 0.6},
        "dimensions": [*metrics, "slot"],
        "encode": {"x": pair[0], "y": pair[1], "tooltip": [len(metrics), *range(len(metrics))]},
        "data": [[*map(finite, row.values or ()), row.slot] for row in rows],
        "xAxisIndex": place,
        "yAxisIndex": place,
    }
