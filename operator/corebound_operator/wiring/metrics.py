"""Figures for Prometheus: the queue, reconciles, campaigns by phase, slots by state, how well cores are used.

No label has the name of a campaign: their number is not bounded.
"""

from __future__ import annotations

import threading
from collections import Counter as Tally
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from corebound.api.records import Phase, SlotState

if TYPE_CHECKING:
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
        self._campaigns = Gauge("corebound_campaigns", "Campaigns by phase.", ["phase"], registry=self.registry)
        self._slots = Gauge("corebound_slots", "Slots by state.", ["state"], registry=self.registry)
        self._efficiency = Gauge(
            "corebound_cpu_efficiency", "Share of all reserved CPU time that was used.", registry=self.registry
        )
        self._throttled = Gauge(
            "corebound_throttled_seconds", "Time for which workers were throttled.", registry=self.registry
        )
        self._lock = threading.Lock()
        self._seen: dict[tuple[str, str], LedgerSummary] = {}

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

    def saw(self, key: tuple[str, str], summary: LedgerSummary | None) -> None:
        """What a turn saw of a campaign; None when it is gone."""
        with self._lock:
            if summary is None:
                self._seen.pop(key, None)
            else:
                self._seen[key] = summary
            self._show(list(self._seen.values()))

    def _show(self, seen: list[LedgerSummary]) -> None:
        """Every phase and state has its figure at each moment, for alerts that ask how long something is so."""
        phases = Tally(each.campaign.phase for each in seen)
        slots: Tally[SlotState] = Tally()
        for each in seen:
            slots.update(each.counts)
        for phase in Phase:
            self._campaigns.labels(phase=phase.value).set(phases[phase])
        for state in SlotState:
            self._slots.labels(state=state.value).set(slots[state])
        reserved = sum(each.worker_seconds for each in seen)
        self._efficiency.set(sum(each.cpu_seconds for each in seen) / reserved if reserved else 0.0)
        self._throttled.set(sum(each.throttled_seconds for each in seen))
