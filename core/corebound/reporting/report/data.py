"""All that a report shows, gathered once from an open ledger; where that ledger is does not matter here.

What could go wrong: a campaign that still runs changes between two questions, so a report of it is of about one moment.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from corebound.api.records import SlotState
from corebound.reporting.headings import headings
from corebound.reporting.report.importance import Importance, importance_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from corebound.api.records import CampaignRecord, CoreUse, LedgerSummary, Reports, SlotRow, WorkerRow
    from corebound.ledger.ledger import Ledger

MOST_CURVES: Final = 60
POINTS_OF_A_CURVE: Final = 120
STRETCHES: Final = 240
MOST_LISTED: Final = 20
OTHER_HEADINGS: Final = ("slot", "trials closed", "CPU time", "attempts")
"""What else tables and figures name beside parameters and metrics."""


@dataclass(frozen=True, kw_only=True)
class Called:
    """Headings by name; no two are equal, whatever users name alike."""

    parameters: Mapping[str, str]
    metrics: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class ReportData:
    """One campaign at about one moment."""

    summary: LedgerSummary
    attended: bool
    """Whether anybody runs it now."""
    rows: Sequence[SlotRow]
    """Only the best has what neuro-evolution keeps in its user attributes."""
    workers: Sequence[WorkerRow]
    core_use: Sequence[CoreUse]
    reports: Mapping[int, Reports]
    curves: Mapping[int, Sequence[tuple[int, float]]]
    """Of some slots, thinned: see :func:`chosen_curves`."""
    distributions: Mapping[str, Sequence[Mapping[str, Any]]]
    importance: Importance
    made_at: datetime
    made_with: Mapping[str, str] = field(default_factory=dict)
    """Versions of the programs with which the report was made; those of the workers are in ``workers``."""
    made_on: str = ""
    """The machine on which it was made."""
    database: str = ""
    """Version of PostgreSQL."""

    @property
    def campaign(self) -> CampaignRecord:
        """Its record."""
        return self.summary.campaign

    @property
    def metrics(self) -> list[str]:
        """The objectives' metrics, in their order."""
        return self.campaign.metrics

    @property
    def parameters(self) -> list[str]:
        """The most important first; those of which nothing is known by name."""
        known = self.importance.shares
        return sorted(
            {name for row in self.rows for name in row.params}, key=lambda name: (-known.get(name, 0.0), name)
        )

    @functools.cached_property
    def called(self) -> Called:
        """What parameters and metrics are called in tables and figures."""
        of_parameters, of_metrics = headings(OTHER_HEADINGS, parameters=self.parameters, metrics=self.metrics)
        return Called(
            parameters=dict(zip(self.parameters, of_parameters, strict=True)),
            metrics=dict(zip(self.metrics, of_metrics, strict=True)),
        )

    @property
    def closed(self) -> list[SlotRow]:
        """Slots whose trial ran to an end of its own, in the order in which they were closed."""
        ended = [row for row in self.rows if row.state in (SlotState.SUCCEEDED, SlotState.PRUNED, SlotState.FAILED)]
        return sorted(ended, key=lambda row: (row.finished_at or self.made_at, row.slot))

    @functools.cached_property
    def ranked(self) -> list[SlotRow]:
        """Trials with a result, the best first; with several objectives the front comes first, then by the first one."""
        found = [row for row in self.rows if has_result(row)]
        front = {row.slot for row in self.front}
        return sorted(found, key=lambda row: (not is_feasible(row), row.slot not in front, self.costs(row), row.slot))

    @functools.cached_property
    def front(self) -> list[SlotRow]:
        """With several objectives: feasible trials that no other one beats in all of them; by the first objective."""
        if len(self.metrics) == 1:
            return []
        import numpy

        feasible = sorted((row for row in self.rows if has_result(row) and is_feasible(row)), key=self.costs)
        costs = numpy.array([self.costs(row) for row in feasible]).reshape(len(feasible), len(self.metrics))
        front: list[int] = []
        for place, own in enumerate(costs):
            # In this order only an earlier row can beat a later one; one that is equal does not.
            others = costs[front]
            if not ((others <= own).all(axis=1) & (others < own).any(axis=1)).any():
                front.append(place)
        return [feasible[place] for place in front]

    @property
    def seconds(self) -> float | None:
        """From the first claim to the last close."""
        first, last = self.summary.first_claim_at, self.summary.last_close_at
        return (last - first).total_seconds() if first and last else None

    def costs(self, row: SlotRow) -> tuple[float, ...]:
        """The row's values so that less is better."""
        return tuple(
            -value if maximize else value
            for value, maximize in zip(row.values or (), self.campaign.maximize, strict=True)
        )


def has_result(row: SlotRow) -> bool:
    """Whether the trial came to a result that counts."""
    return row.state is SlotState.SUCCEEDED and row.values is not None


def is_feasible(row: SlotRow) -> bool:
    """Whether no constraint is broken, as Optuna reads them: above 0 is broken."""
    return all(value <= 0 for value in row.constraints.values())


def gather(
    ledger: Ledger,
    campaign: CampaignRecord,
    *,
    attended: bool,
    made_with: Mapping[str, str] | None = None,
    made_on: str = "",
) -> ReportData:
    """The campaign as it is in ``ledger`` now."""
    rows = ledger.slots.rows(campaign.campaign_id, kept_whole=False)
    reports = ledger.history.reports(campaign.campaign_id)
    shown = chosen_curves(rows, reports, maximize=campaign.maximize[0])
    distributions = ledger.history.distributions(campaign.campaign_id)
    data = ReportData(
        summary=ledger.summaries.of(campaign),
        attended=attended,
        rows=rows,
        workers=ledger.workers.rows(campaign.campaign_id),
        core_use=ledger.history.core_use(campaign.campaign_id, stretches=STRETCHES),
        reports=reports,
        curves=ledger.history.curves(campaign.campaign_id, slots=shown, points=POINTS_OF_A_CURVE),
        distributions=distributions,
        importance=importance_of(rows, distributions, maximize=campaign.maximize),
        made_at=datetime.now(UTC),
        made_with=made_with or {},
        made_on=made_on,
        database=ledger.history.server_version(),
    )
    if not data.ranked:
        return data
    best = data.ranked[0].slot
    evolved = ledger.history.user_attributes(campaign.campaign_id, slot=best)
    return replace(data, rows=[replace(row, user_attrs=evolved) if row.slot == best else row for row in rows])


def chosen_curves(rows: Sequence[SlotRow], reports: Mapping[int, Reports], *, maximize: bool) -> list[int]:
    """All slots with steps, or where they are too many: a third the best, the others spread evenly over the campaign."""
    with_steps = [row for row in rows if row.slot in reports]
    if len(with_steps) <= MOST_CURVES:
        return [row.slot for row in with_steps]

    def cost(row: SlotRow) -> float:
        value = row.values[0] if has_result(row) and row.values else math.inf
        return -value if maximize and has_result(row) else value

    best = [row.slot for row in sorted(with_steps, key=cost)[: MOST_CURVES // 3]]
    others = [row.slot for row in with_steps if row.slot not in set(best)]
    spread = [others[place * len(others) // (MOST_CURVES - len(best))] for place in range(MOST_CURVES - len(best))]
    return sorted({*best, *spread})


def best_so_far(data: ReportData, objective: int = 0) -> list[tuple[int, float, int]]:
    """Each improvement: how many trials were closed, the value, its slot."""
    better = max if data.campaign.maximize[objective] else min
    found: list[tuple[int, float, int]] = []
    for place, row in enumerate(data.closed, start=1):
        if has_result(row) and is_feasible(row) and row.values is not None:
            value = row.values[objective]
            if not found or (value != found[-1][1] and better(value, found[-1][1]) == value):
                found.append((place, value, row.slot))
    return found
