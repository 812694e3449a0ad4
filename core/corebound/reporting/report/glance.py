"""The first screen: outcome, cost and quality of the search in ten seconds. Pure.

What is not known is ``-`` or said to be unknown, never 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from corebound.api.reasons import ReasonWord
from corebound.api.records import Phase, SlotState
from corebound.planning.cost import reserved_cost
from corebound.planning.wording import count_text, duration_text, money_text, number_text
from corebound.reporting.report.data import best_so_far
from corebound.reporting.report.facts import UNKNOWN, value_text

if TYPE_CHECKING:
    from corebound.reporting.report.data import ReportData


@dataclass(frozen=True, kw_only=True)
class Tile:
    """One number of the first screen."""

    label: str
    value: str
    note: str
    unit: str = ""
    """Behind the value, smaller."""
    share: float | None = None
    """0 ... 1, drawn as a bar."""


def standing(data: ReportData) -> str:
    """The phase in a word or two."""
    phase = data.campaign.phase
    if phase in (Phase.PENDING, Phase.RUNNING) and not data.attended:
        return "not running"
    return phase.value.lower()


def headline(data: ReportData) -> str:
    """The outcome in a sentence or two."""
    summary, campaign = data.summary, data.campaign
    if data.front:
        best = f"{count_text(len(data.front), 'trial')} on the Pareto front of {' and '.join(data.metrics)}."
    elif summary.best is not None:
        best = f"Best {data.metrics[0]} {value_text(summary.best.value)}, found in slot {summary.best.slot}."
    elif summary.done:
        best = "No trial has brought a feasible value."
    else:
        best = "No trial has finished yet."
    done = f"{summary.done:,} of {campaign.trials:,} slots are closed"
    went_on = "so far" if not campaign.phase.is_final else ""
    time = data.seconds
    took = f" in {duration_text(time)}" if time is not None else ""
    # Why it ended is news unless it simply came to its end.
    message = campaign.message if campaign.reason != ReasonWord.ALL_TRIALS_CLOSED else None
    said = f" {message[0].upper()}{message[1:].rstrip('.')}." if message else ""
    return f"{best} {done}{took}{' ' if went_on else ''}{went_on}.{said}"


def tiles(data: ReportData) -> list[Tile]:
    """Outcome, cost and quality at a glance."""
    return [
        _best_tile(data),
        _quality_tile(data),
        _trials_tile(data),
        _cost_tile(data),
        _time_tile(data),
        _efficiency_tile(data),
    ]


def _best_tile(data: ReportData) -> Tile:
    summary, metric = data.summary, data.metrics[0]
    if len(data.metrics) > 1:
        return Tile(
            label="Pareto front",
            value=str(len(data.front)),
            note="trials that no other one beats in " + " and ".join(data.metrics),
        )
    direction = "maximize" if data.campaign.maximize[0] else "minimize"
    if summary.best is None:
        return Tile(label=f"Best {metric}", value=UNKNOWN, note=f"no feasible value yet ({direction})")
    target = data.campaign.specification["spec"]["objectives"][0].get("target")
    reached = ""
    if target is not None:
        is_reached = summary.best.value >= target if data.campaign.maximize[0] else summary.best.value <= target
        reached = f", target {value_text(target)} {'reached' if is_reached else 'not reached'}"
    return Tile(
        label=f"Best {metric}",
        value=value_text(summary.best.value),
        note=f"slot {summary.best.slot}, {direction}{reached}",
    )


def _quality_tile(data: ReportData) -> Tile:
    closed = len(data.closed)
    found = best_so_far(data)
    if not found or not closed:
        return Tile(label="Search", value=UNKNOWN, note="nothing to judge yet")
    since = closed - found[-1][0]
    note = f"last of {count_text(len(found), 'improvement')}; {count_text(since, 'trial')} since without a better one"
    if len(data.metrics) > 1:
        note = f"of {data.metrics[0]}: {note}"
    return Tile(
        label="Found at trial", value=f"{found[-1][0]:,}", unit=f"of {closed:,}", note=note, share=found[-1][0] / closed
    )


def _trials_tile(data: ReportData) -> Tile:
    counts, trials = data.summary.counts, data.campaign.trials
    order = (
        SlotState.SUCCEEDED,
        SlotState.PRUNED,
        SlotState.FAILED,
        SlotState.SKIPPED,
        SlotState.RUNNING,
        SlotState.OPEN,
    )
    named = ", ".join(f"{counts[state]} {state.value}" for state in order if counts.get(state))
    return Tile(
        label="Trials closed",
        value=f"{data.summary.done:,}",
        unit=f"of {trials:,}",
        note=named,
        share=data.summary.done / trials,
    )


def _cost_tile(data: ReportData) -> Tile:
    cost, core_hours = reserved_cost(data.summary), data.summary.worker_seconds / 3600
    reserved = f"{core_hours:.3g} core-hours reserved"
    if cost is None:
        return Tile(label="Cost", value="no price", note=f"{reserved}; pool.pricePerHour turns them into money")
    amount, _, currency = money_text(cost, data.campaign.currency).partition(" ")
    node = f"{number_text(data.campaign.cores or 0)} cores"
    note = f"{reserved}, at {data.campaign.price_per_hour} {currency} an hour of {node}"
    return Tile(label="Cost", value=amount, unit=currency, note=note)


def _time_tile(data: ReportData) -> Tile:
    time, mean = data.seconds, data.summary.mean_trial_seconds
    each = "" if mean is None else f"a trial takes {duration_text(mean)} on average"
    return Tile(
        label="Time", value=UNKNOWN if time is None else duration_text(time), note=each or "first claim to last close"
    )


def _efficiency_tile(data: ReportData) -> Tile:
    efficiency = data.summary.efficiency
    if efficiency is None:
        return Tile(label="CPU efficiency", value=UNKNOWN, note="no worker has measured anything yet")
    used, reserved = duration_text(data.summary.cpu_seconds), duration_text(data.summary.worker_seconds)
    note = f"{used} of CPU time on {reserved} of reserved cores"
    return Tile(label="CPU efficiency", value=f"{efficiency:.0%}", note=note, share=min(1.0, efficiency))
