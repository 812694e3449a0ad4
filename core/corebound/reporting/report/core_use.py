"""How the reserved cores were used over time, all together and each worker's.

Heartbeats flow in. What could go wrong: a worker that lived less than one heartbeat, or died between two, has no sample of
the time since: what its totals say beyond its samples is spread over that time. A campaign that stood still for days would
leave nothing to be seen of its work: time without any worker is left out.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from corebound.api.records import WorkerRow
    from corebound.reporting.report.data import ReportData

BINS: Final = 120
LONGEST_PAUSE: Final = 60.0


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
