"""The plan as it was decided then, against what was asked for and what happened. Pure.

Nothing is planned anew: the machine that makes a report is not the one that was planned for. What could go wrong: a campaign
begun by a version that kept no plan; then threads and workers of its newest run are known, and what follows from them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from corebound.api.plan import DecidedPlan, plan_figures
from corebound.planning.cost import cpu_cost, reserved_cost
from corebound.planning.waves import waves
from corebound.planning.wording import duration_text, money_text, number_text
from corebound.reporting.report.facts import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from corebound.reporting.report.data import ReportData

HEAD: Final = ["", "asked for", "planned", "happened"]


def plan_rows(data: ReportData) -> list[list[str]]:
    """What was asked, what was planned, what happened; where the newest plan is another one, that too."""
    spec, campaign, summary = data.campaign.specification.get("spec", {}), data.campaign, data.summary
    budget, deadline = spec.get("budget"), spec.get("activeDeadlineSeconds")
    cost = reserved_cost(summary)
    return [
        [
            "trials",
            str(spec.get("trials", campaign.trials)),
            _trials(data),
            f"{summary.done} closed",
        ],
        [
            "threads of a worker",
            str(spec.get("threads", "auto")),
            _planned(data, lambda plan: str(plan.threads)),
            ", ".join(str(each) for each in sorted({worker.threads for worker in data.workers})) or UNKNOWN,
        ],
        [
            "workers at once",
            str(spec.get("parallelism", "auto")),
            _planned(data, lambda plan: str(plan.workers)),
            f"at most {most_at_once(data)}; {len(data.workers)} started in all",
        ],
        [
            "waves",
            UNKNOWN,
            _planned(data, lambda plan: str(plan.waves)),
            number_text(len(data.closed) / campaign.workers) if campaign.workers else UNKNOWN,
        ],
        [
            "time",
            f"at most {duration_text(deadline)}" if deadline else UNKNOWN,
            _planned(data, lambda plan: _time(data, plan)),
            UNKNOWN if data.seconds is None else duration_text(data.seconds),
        ],
        [
            "cost",
            f"at most {budget['amount']} {campaign.currency}" if budget else UNKNOWN,
            _planned(data, lambda plan: _cost(data, plan)),
            UNKNOWN if cost is None else money_text(cost, campaign.currency),
        ],
    ]


def caption(data: ReportData) -> str:
    """When that was planned."""
    plans = data.campaign.plans
    if not plans:
        return "The plan against what happened"
    newest = "" if len(plans) == 1 else f", the newest one at {plans[-1].decided_at:%Y-%m-%d %H:%M:%S %Z}"
    return f"The plan, decided at {plans[0].decided_at:%Y-%m-%d %H:%M:%S %Z}{newest}, against what happened"


def plan_mappings(data: ReportData) -> list[dict[str, Any]]:
    """The first plan and the newest one as JSON objects; money as text."""
    return [{"decided_at": plan.decided_at.isoformat(), **plan_figures(plan)} for plan in data.campaign.plans]


def most_at_once(data: ReportData) -> int:
    """The largest number of workers that lived at the same time."""
    changes = sorted(
        change
        for worker in data.workers
        for change in ((worker.started_at, 1), (worker.ended_at or data.summary.now, -1))
    )
    alive = most = 0
    for _, change in changes:
        alive += change
        most = max(most, alive)
    return most


def _trials(data: ReportData) -> str:
    """The newest plan may be for those that were left; a campaign that has grown may have begun twice with as many."""
    plans = _plans(data)
    if len(plans) == 2 and plans[0].trials != data.campaign.trials:
        return f"{plans[0].trials}; {plans[1].trials} by the newest plan"
    return _planned(data, lambda plan: str(plan.trials))


def _planned(data: ReportData, shown: Callable[[DecidedPlan], str]) -> str:
    plans = _plans(data)
    if not plans:
        return UNKNOWN
    first, newest = shown(plans[0]), shown(plans[-1])
    return first if first == newest else f"{first}; {newest} by the newest plan"


def _plans(data: ReportData) -> tuple[DecidedPlan, ...]:
    """The first and the newest one; of a campaign that has none, what its newest run began with."""
    campaign = data.campaign
    if not campaign.plans and campaign.workers and campaign.threads:
        known = DecidedPlan(
            decided_at=campaign.created_at,
            trials=campaign.trials,
            threads=campaign.threads,
            workers=campaign.workers,
            waves=waves(trials=campaign.trials, workers=campaign.workers),
            seconds=None,
            cost=None,
            currency=campaign.currency,
        )
        return (known,)
    return campaign.plans


def _time(data: ReportData, plan: DecidedPlan) -> str:
    if plan.seconds is not None:
        return duration_text(plan.seconds)
    seconds = _by_mean(data, plan)
    return "unknown then" if seconds is None else f"unknown then ({duration_text(seconds)} by the mean trial)"


def _cost(data: ReportData, plan: DecidedPlan) -> str:
    if plan.cost is not None:
        return f"{money_text(plan.cost, plan.currency)} for whole nodes"
    if data.campaign.price_per_hour is None:
        return UNKNOWN
    cost = _cost_by_mean(data, plan)
    return "unknown then" if cost is None else f"unknown then ({money_text(cost, plan.currency)} by the mean trial)"


def _by_mean(data: ReportData, plan: DecidedPlan) -> float | None:
    """What the planned waves take at the time that trials took."""
    mean = data.summary.mean_trial_seconds
    return None if mean is None else plan.waves * mean


def _cost_by_mean(data: ReportData, plan: DecidedPlan) -> Decimal | None:
    """What the planned workers' cores cost for so long."""
    campaign, seconds = data.campaign, _by_mean(data, plan)
    if seconds is None or campaign.price_per_hour is None or campaign.cores is None:
        return None
    core_seconds = seconds * plan.workers * plan.threads
    return cpu_cost(cpu_seconds=core_seconds, price_per_hour=campaign.price_per_hour, cores=campaign.cores)
