"""Which parameters matter: bars."""

from __future__ import annotations

from typing import TYPE_CHECKING

from corebound.reporting.report.figures.figure import BLUE, INK, Figure, titled

if TYPE_CHECKING:
    from corebound.reporting.report.data import ReportData

KEY = "importance"
TITLE = "Importance of parameters"
MOST_SHOWN = 20


def importance(data: ReportData) -> Figure:
    """A bar for each parameter, the longest on top."""
    found = data.importance
    if not found.shares:
        return Figure(key=KEY, title=TITLE, caption=f"Not computed: {found.why_not}.")
    shown = sorted(found.shares.items(), key=lambda item: -item[1])[:MOST_SHOWN]
    caption = "How much each parameter decides whether a trial is among the best tenth (PED-ANOVA; shares add up to 1)"
    aim = ", judged by all objectives together." if len(data.metrics) > 1 else "."
    sample = (
        f" Computed from {found.of_trials} trials drawn at random from {found.trials}."
        if found.of_trials < found.trials
        else ""
    )
    hidden = (
        f" {len(found.shares) - MOST_SHOWN} less important parameters are not shown."
        if len(found.shares) > MOST_SHOWN
        else ""
    )
    option = {
        "tooltip": {"trigger": "item"},
        "grid": {"left": 12, "right": 56, "top": 8, "bottom": 44, "containLabel": True},
        "xAxis": {"type": "value", "min": 0, **titled("share")},
        "yAxis": {
            "type": "category",
            "inverse": True,
            "data": [name for name, _ in shown],
            "axisLabel": {"width": 180, "overflow": "truncate", "color": INK, "interval": 0},
            "axisTick": {"show": False},
        },
        "series": [
            {
                "name": "share",
                "type": "bar",
                "data": [float(f"{share:.3g}") for _, share in shown],
                "itemStyle": {"color": BLUE, "borderRadius": [0, 3, 3, 0]},
                "barMaxWidth": 20,
                "label": {"show": True, "position": "right"},
            }
        ],
    }
    height = 70 + 28 * len(shown)
    return Figure(
        key=KEY,
        title=TITLE,
        caption=caption + aim + sample + hidden,
        option=option,
        height=max(180, height),
        marks=len(shown),
    )
