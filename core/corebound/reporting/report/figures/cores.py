"""How the reserved cores were used over time: lines of all together, and a row for each worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from corebound.planning.wording import duration_text, number_text
from corebound.reporting.report.core_use import BINS, use_of
from corebound.reporting.report.figures.figure import BLUE, GREY, SCALE, Figure, colour_key, titled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from corebound.reporting.report.core_use import Use
    from corebound.reporting.report.data import ReportData

KEY = "cores"
TITLE = "Use of the cores over time"
MOST_ROWS: Final = 200
ROWS_TOP: Final = 212


def cores(data: ReportData) -> Figure:
    """On top cores used of cores reserved, below a row for each worker."""
    use = use_of(data)
    if use is None:
        return Figure(key=KEY, title=TITLE, caption="No worker has measured anything yet.")
    names = list(use.workers)[:MOST_ROWS]
    cells = [
        [place, row, round(100 * share)]
        for row, name in enumerate(names)
        for place, share in enumerate(use.workers[name])
        if share is not None
    ]
    rows_height = min(560, max(60, 26 * len(names) if len(names) <= 12 else 8 * len(names)))
    option = {
        "legend": {"top": 4, "data": ["reserved", "used"]},
        "tooltip": {"trigger": "item"},
        "grid": [
            {"left": 110, "right": 24, "top": 40, "height": 150},
            {"left": 110, "right": 24, "top": ROWS_TOP, "height": rows_height},
        ],
        "xAxis": _time_axes(use),
        "yAxis": _value_axes(names),
        "visualMap": colour_key(
            most=100,
            ends=("100 % of its cores", "0 %"),
            seriesIndex=2,
            top=ROWS_TOP + rows_height + 56,
            outOfRange={"color": SCALE[-1]},
        ),
        "series": [*_lines(use), _rows(cells)],
    }
    return Figure(
        key=KEY,
        title=TITLE,
        caption=_caption(use, hidden=len(use.workers) - len(names)),
        option=option,
        height=ROWS_TOP + rows_height + 96,
        marks=len(cells),
    )


def _time_axes(use: Use) -> list[dict[str, Any]]:
    """The same one twice; what it says stands below the rows."""
    labels = [duration_text(round((place + 0.5) * use.seconds, 1)) for place in range(BINS)]
    axis = {"type": "category", "data": labels, "axisTick": {"show": False}}
    ticks = {"interval": BINS // 8 - 1, "hideOverlap": True}
    return [
        {**axis, "gridIndex": 0, "axisLabel": {"show": False}},
        {**axis, "gridIndex": 1, "axisLabel": ticks, **titled("time with workers")},
    ]


def _value_axes(names: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {"type": "value", "min": 0, "gridIndex": 0, **titled("cores", vertical=True)},
        {
            "type": "category",
            "data": names,
            "gridIndex": 1,
            "inverse": True,
            "axisTick": {"show": False},
            "axisLabel": {"width": 96, "overflow": "truncate"},
        },
    ]


def _lines(use: Use) -> list[dict[str, Any]]:
    line = {"type": "line", "step": "middle", "symbol": "none"}
    return [
        {
            **line,
            "name": "reserved",
            "data": [round(each, 2) for each in use.reserved],
            "lineStyle": {"color": GREY, "width": 1.5, "type": "dashed"},
            "itemStyle": {"color": GREY},
        },
        {
            **line,
            "name": "used",
            "data": [round(each, 2) for each in use.used],
            "lineStyle": {"color": BLUE},
            "itemStyle": {"color": BLUE},
            "areaStyle": {"color": BLUE, "opacity": 0.25},
        },
    ]


def _rows(cells: Sequence[Sequence[int]]) -> dict[str, Any]:
    return {
        "name": "% of its cores",
        "type": "heatmap",
        "xAxisIndex": 1,
        "yAxisIndex": 1,
        "data": cells,
        "itemStyle": {"borderWidth": 0},
    }


def _caption(use: Use, *, hidden: int) -> str:
    piece = duration_text(use.seconds) if use.seconds >= 0.1 else f"{number_text(use.seconds * 1000)} ms"
    text = (
        f"Above: cores used of those reserved; below: each worker, in pieces of {piece}; empty where it was not there."
    )
    if use.pauses:
        text += f" {use.pauses} times without any worker are left out."
    return text + (f" {hidden} further workers are not drawn." if hidden else "")
