"""How the reserved cores were used over time, all together and each worker's.

Heartbeats flow in. What could go wrong: a worker that lived less than one heartbeat, or died between two, has no sample of
the time since: what its totals say beyond its samples is spread over that time. A campaign that stood still for days would
leave nothing to be seen of its work: time without any worker is left out.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from corebound.planning.wording import duration_text
from corebound.reporting.report.figures.figure import BLUE, GREY, SCALE, Figure, colour_key, titled

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from corebound.api.records import WorkerRow
    from corebound.reporting.report.data import ReportData

KEY = "cores"
TITLE = "Use of the cores over time"
BINS = 120
LONGEST_PAUSE = 60.0
MOST_ROWS = 200


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """What a worker did from ``start`` to ``end``, in seconds of the campaign's busy time."""

    worker_id: int
    start: float
    end: float
    cpu_seconds: float


@dataclass(frozen=True, kw_only=True)
class Use:
    """Equal pieces of time; lists have one entry for each."""

    seconds: float
    """Of one piece."""
    reserved: list[float]
    """Cores that workers had for themselves, on average."""
    used: list[float]
    """Cores' worth of CPU time."""
    workers: dict[str, list[float | None]]
    """Share of its own cores that each worker used; None while it was not there."""
    pauses: int
    """Times without any worker that were left out."""


def use_of(data: ReportData) -> Use | None:
    """None when no worker was there long enough to measure anything."""
    clock = _BusyClock(data.workers)
    stretches = _stretches(data, clock)
    if not stretches or clock.total <= 0:
        return None
    width = clock.total / BINS
    threads = {worker.worker_id: worker.threads for worker in data.workers}
    names = _names(data.workers)
    present: dict[str, list[float]] = defaultdict(lambda: [0.0] * BINS)
    cpu: dict[str, list[float]] = defaultdict(lambda: [0.0] * BINS)
    for stretch in stretches:
        name, cores = names[stretch.worker_id], threads[stretch.worker_id]
        length = max(stretch.end - stretch.start, 1e-9)
        for place in range(max(0, int(stretch.start / width)), min(BINS, int(stretch.end / width) + 1)):
            within = min(stretch.end, (place + 1) * width) - max(stretch.start, place * width)
            if within > 0:
                present[name][place] += within * cores
                cpu[name][place] += within / length * stretch.cpu_seconds
    order = list(dict.fromkeys(names[worker.worker_id] for worker in data.workers))
    return Use(
        seconds=width,
        reserved=[sum(present[name][place] for name in order) / width for place in range(BINS)],
        used=[sum(cpu[name][place] for name in order) / width for place in range(BINS)],
        workers={
            name: [
                cpu[name][place] / present[name][place] if present[name][place] > width / 20 else None
                for place in range(BINS)
            ]
            for name in order
        },
        pauses=clock.pauses,
    )


def cores(data: ReportData) -> Figure:
    """On top cores used of cores reserved, below a row for each worker."""
    use = use_of(data)
    if use is None:
        return Figure(key=KEY, title=TITLE, caption="No worker has measured anything yet.")
    names = list(use.workers)[:MOST_ROWS]
    labels = [duration_text(round((place + 0.5) * use.seconds, 1)) for place in range(BINS)]
    cells = [
        [place, row, round(100 * share)]
        for row, name in enumerate(names)
        for place, share in enumerate(use.workers[name])
        if share is not None
    ]
    rows_height = min(560, max(60, 26 * len(names) if len(names) <= 12 else 8 * len(names)))
    ticks = {"interval": BINS // 8 - 1, "hideOverlap": True}
    line = {"type": "line", "step": "middle", "symbol": "none"}
    option = {
        "legend": {"top": 4, "data": ["reserved", "used"]},
        "tooltip": {"trigger": "item"},
        "grid": [
            {"left": 110, "right": 24, "top": 40, "height": 150},
            {"left": 110, "right": 24, "top": 212, "height": rows_height},
        ],
        "xAxis": [
            {
                "type": "category",
                "data": labels,
                "gridIndex": 0,
                "axisLabel": {"show": False},
                "axisTick": {"show": False},
            },
            {
                "type": "category",
                "data": labels,
                "gridIndex": 1,
                "axisLabel": ticks,
                "axisTick": {"show": False},
                **titled("time with workers"),
            },
        ],
        "yAxis": [
            {"type": "value", "min": 0, "gridIndex": 0, **titled("cores", vertical=True)},
            {
                "type": "category",
                "data": names,
                "gridIndex": 1,
                "inverse": True,
                "axisTick": {"show": False},
                "axisLabel": {"width": 96, "overflow": "truncate"},
            },
        ],
        "visualMap": colour_key(
            most=100,
            ends=("100 % of its cores", "0 %"),
            seriesIndex=2,
            top=212 + rows_height + 56,
            outOfRange={"color": SCALE[-1]},
        ),
        "series": [
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
            {
                "name": "% of its cores",
                "type": "heatmap",
                "xAxisIndex": 1,
                "yAxisIndex": 1,
                "data": cells,
                "itemStyle": {"borderWidth": 0},
            },
        ],
    }
    return Figure(
        key=KEY,
        title=TITLE,
        caption=_caption(use, hidden=len(use.workers) - len(names)),
        option=option,
        height=212 + rows_height + 96,
        marks=len(cells),
    )


def _caption(use: Use, *, hidden: int) -> str:
    piece = duration_text(round(use.seconds, 1))
    text = (
        f"Above: cores used of those reserved; below: each worker, in pieces of {piece}; empty where it was not there."
    )
    if use.pauses:
        text += f" {use.pauses} times without any worker are left out."
    return text + (f" {hidden} further workers are not drawn." if hidden else "")


class _BusyClock:
    """Turns moments into seconds since the start, not counting longer times without any worker."""

    def __init__(self, workers: Sequence[WorkerRow]) -> None:
        lives = sorted((worker.started_at, worker.ended_at or worker.seen_at) for worker in workers)
        self._periods: list[tuple[datetime, datetime]] = []
        for start, end in lives:
            if self._periods and (start - self._periods[-1][1]).total_seconds() <= LONGEST_PAUSE:
                self._periods[-1] = (self._periods[-1][0], max(self._periods[-1][1], end))
            else:
                self._periods.append((start, end))
        self.total = sum((end - start).total_seconds() for start, end in self._periods)
        self.pauses = max(0, len(self._periods) - 1)

    def at(self, moment: datetime) -> float:
        passed = 0.0
        for start, end in self._periods:
            passed += max(0.0, (min(moment, end) - start).total_seconds())
        return passed


def _stretches(data: ReportData, clock: _BusyClock) -> list[Stretch]:
    found: list[Stretch] = []
    rest = {worker.worker_id: worker.telemetry.cpu_seconds for worker in data.workers}
    covered = {worker.worker_id: clock.at(worker.started_at) for worker in data.workers}
    for use in data.core_use:
        end = clock.at(use.ended_at)
        start = max(covered[use.worker_id], end - use.wall_seconds)
        found.append(Stretch(worker_id=use.worker_id, start=start, end=max(start, end), cpu_seconds=use.cpu_seconds))
        rest[use.worker_id] -= use.cpu_seconds
        covered[use.worker_id] = max(start, end)
    for worker in data.workers:
        end = clock.at(worker.ended_at or worker.seen_at)
        start = covered[worker.worker_id]
        if end - start > 0:
            # Of what was measured between its samples some may be missing there, too: no core does more than one core's work.
            left = min(max(0.0, rest[worker.worker_id]), (end - start) * worker.threads)
            found.append(Stretch(worker_id=worker.worker_id, start=start, end=end, cpu_seconds=left))
    return found


def _names(workers: Sequence[WorkerRow]) -> dict[int, str]:
    """A worker that was started again keeps its row; hosts are told apart where there are several."""
    several = len({worker.host for worker in workers}) > 1
    return {worker.worker_id: f"{worker.name} on {worker.host}" if several else worker.name for worker in workers}
