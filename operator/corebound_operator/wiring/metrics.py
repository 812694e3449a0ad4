"""Figures for Prometheus: the queue, reconciles, the database, campaigns by phase, slots by state, how well cores are used.

No label has the name of a campaign: their number is not bounded.
"""

from __future__ import annotations

import math
import threading
from collections import Counter as Tally
from typing import TYPE_CHECKING, Final, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from corebound.api.records import Phase, SlotState

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from prometheus_client import Metric

    from corebound.api.records import LedgerSummary
    from corebound_operator.loop.queue import WorkQueue

BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """All of the operator's figures."""

    def __init__(self, queue: WorkQueue) -> None:
        self.registry = CollectorRegistry()
        self._reconciles = Counter(
            "corebound_reconcile_total", "Turns, by how they ended.", ["result"], registry=self.registry
        )
        self._seconds = Histogram(
            "corebound_reconcile_seconds", "Duration of a turn.", buckets=BUCKETS, registry=self.registry
        )
        depth = Gauge("corebound_queue_depth", "Campaigns that are due and wait for a turn.", registry=self.registry)
        depth.set_function(queue.depth)
        oldest = Gauge("corebound_oldest_reconcile_seconds", "How long the longest turn takes.", registry=self.registry)
        oldest.set_function(queue.oldest_at_work)
        self._api = Histogram(
            "corebound_api_seconds",
            "Duration of a request to the API server.",
            ["method", "code"],
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._database = Histogram(
            "corebound_database_seconds", "Duration of a look at a ledger.", buckets=BUCKETS, registry=self.registry
        )
        self._database_up = Gauge(
            "corebound_database_up",
            "Whether the database could be used when it was last asked: 1 or 0.",
            registry=self.registry,
        )
        self._database_up.set(math.nan)  # not asked yet is no outage
        self._campaigns = Campaigns()
        self.registry.register(self._campaigns)

    def turn(self, result: str, seconds: float) -> None:
        """A turn has ended."""
        self._reconciles.labels(result=result).inc()
        self._seconds.observe(seconds)

    def requested(self, method: str, status: int, seconds: float) -> None:
        """The API server has answered."""
        self._api.labels(method=method, code=str(status)).observe(seconds)

    def looked(self, seconds: float) -> None:
        """A ledger has answered."""
        self._database.observe(seconds)

    def asked(self, is_up: bool) -> None:
        """The database was asked whether it can be used."""
        self._database_up.set(is_up)

    def saw(self, key: tuple[str, str], summary: LedgerSummary | None) -> None:
        """What a turn saw of a campaign; None when it is gone."""
        self._campaigns.saw(key, summary)


class Seen(NamedTuple):
    """What is kept of a summary."""

    phase: Phase
    counts: Mapping[SlotState, int]
    cpu_seconds: float
    worker_seconds: float
    throttled_seconds: float


class Campaigns(Collector):
    """Figures of all campaigns together, added up when they are asked for: turns are many more than questions.

    Every phase and state has its figure at each moment, for alerts that ask how long something is so.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[tuple[str, str], Seen] = {}
        self._throttled_seconds = 0.0
        """What was added since our start: a sum over campaigns would fall with one that is deleted."""

    def saw(self, key: tuple[str, str], summary: LedgerSummary | None) -> None:
        """As :meth:`Metrics.saw`."""
        with self._lock:
            if summary is None:
                self._seen.pop(key, None)
                return
            before = self._seen.get(key)
            if before is not None:
                # Less is another campaign of this name. What was before our first look nobody can give a time.
                self._throttled_seconds += max(0.0, summary.throttled_seconds - before.throttled_seconds)
            self._seen[key] = Seen(
                phase=summary.campaign.phase,
                counts=summary.counts,
                cpu_seconds=summary.cpu_seconds,
                worker_seconds=summary.worker_seconds,
                throttled_seconds=summary.throttled_seconds,
            )

    def collect(self) -> Iterator[Metric]:
        """The figures as they are now."""
        with self._lock:
            seen, throttled_seconds = [*self._seen.values()], self._throttled_seconds
        phases, slots = Tally(each.phase for each in seen), Tally[SlotState]()
        for each in seen:
            slots.update(each.counts)
        yield _by("corebound_campaigns", "Campaigns by phase.", "phase", {each.value: phases[each] for each in Phase})
        yield _by("corebound_slots", "Slots by state.", "state", {each.value: slots[each] for each in SlotState})
        yield _efficiency([each for each in seen if each.phase is Phase.RUNNING])
        yield CounterMetricFamily(
            "corebound_throttled_seconds", "Time for which workers were throttled.", value=throttled_seconds
        )


def _by(name: str, about: str, label: str, values: Mapping[str, int]) -> Metric:
    family = GaugeMetricFamily(name, about, labels=[label])
    for each, value in values.items():
        family.add_metric([each], value)
    return family


def _efficiency(running: Sequence[Seen]) -> Metric:
    """Without a figure where nothing is reserved: neither a good nor a bad use of it."""
    family = GaugeMetricFamily(
        "corebound_cpu_efficiency", "Share that is used of the CPU time that running campaigns have reserved."
    )
    if reserved := sum(each.worker_seconds for each in running):
        family.add_metric([], sum(each.cpu_seconds for each in running) / reserved)
    return family
