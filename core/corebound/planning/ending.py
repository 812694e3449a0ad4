"""When a campaign is over, and how: one pure decision over its specification and the ledger's summary.

The local supervisor and the operator ask the same function, so that a campaign ends alike on a laptop and on a cluster.
A stop that was once requested stays the answer: slots that it closed as skipped must not look like a finished search
afterwards. What could go wrong: a summary older than the specification (``trials`` has grown, its slots have not); then
nothing is over yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from corebound.api.reasons import ReasonWord
from corebound.api.records import Phase, SlotState
from corebound.planning.headline import error_headline
from corebound.planning.wording import count_text, duration_text, money_text

if TYPE_CHECKING:
    from decimal import Decimal

    from corebound.api.records import LedgerSummary
    from corebound.api.spec import CampaignSpec


_GOOD_STOPS = frozenset({ReasonWord.TARGET_REACHED, ReasonWord.STOPPED_BY_OBJECTIVE})


@dataclass(frozen=True, kw_only=True)
class Ending:
    """What a campaign becomes, and why."""

    phase: Phase
    """Succeeded or Failed, which are final, or Suspended."""
    reason: str
    """A :class:`ReasonWord`, or what a program of another version has asked to stop with."""
    message: str
    """A sentence with the numbers."""
    stops_running: bool
    """Whether running trials are to be stopped for good, told FAIL with the reason, and open slots skipped.

    False when nothing runs any more, and for Suspended: there running trials write a checkpoint and release
    their slots.
    """


def campaign_ending(
    spec: CampaignSpec,
    summary: LedgerSummary,
    *,
    cost_so_far: Decimal | None = None,
) -> Ending | None:
    """How the campaign ends now, or None while it goes on.

    Args:
        spec: the campaign as it is wanted now.
        summary: the campaign as it is.
        cost_so_far: what its nodes cost until now, in the budget's currency; None where no price is known.
    """
    return (
        _requested(summary)
        or _target(spec, summary)
        or _failures(spec, summary)
        or _completion(spec, summary)
        or _deadline(spec, summary)
        or _budget(spec, cost_so_far)
    )


def _requested(summary: LedgerSummary) -> Ending | None:
    """The stop that was already asked for: it decides, whatever the slots look like since."""
    requested = summary.campaign.stop_requested
    if requested is None:
        return None
    word, _, said = (part.strip() for part in requested.partition(":"))
    remembered = summary.campaign.message if summary.campaign.reason == word else None
    return Ending(
        phase=Phase.SUCCEEDED if word in _GOOD_STOPS else Phase.FAILED,
        reason=word,
        message=remembered or said or requested,
        stops_running=summary.has_slots_left,
    )


def _target(spec: CampaignSpec, summary: LedgerSummary) -> Ending | None:
    if len(spec.objectives) != 1 or spec.objectives[0].target is None or summary.best is None:
        return None
    objective, best = spec.objectives[0], summary.best
    target = float(spec.objectives[0].target)
    reached = best.value >= target if objective.direction == "maximize" else best.value <= target
    if not reached:
        return None
    return Ending(
        phase=Phase.SUCCEEDED,
        reason=ReasonWord.TARGET_REACHED,
        message=f"{objective.metric} = {best.value:g} in trial {best.number} reached the target {target:g}",
        stops_running=summary.has_slots_left,
    )


def _failures(spec: CampaignSpec, summary: LedgerSummary) -> Ending | None:
    failed = summary.counts.get(SlotState.FAILED, 0)
    if failed and failed == summary.done and _all_closed(spec, summary):
        return _failure(summary, ReasonWord.ALL_TRIALS_FAILED, f"{_all_of(failed)} failed{_last_error(summary)}")
    limit = spec.failure_policy.max_failed_trials
    if limit is not None and failed > limit:
        text = f"{count_text(failed, 'trial')} failed, failurePolicy.maxFailedTrials is {limit}{_last_error(summary)}"
        return _failure(summary, ReasonWord.TOO_MANY_FAILED_TRIALS, text)
    if summary.failed_first:
        text = f"the first {min(5, spec.trials)} closed trials all failed{_last_error(summary)}"
        return _failure(summary, ReasonWord.FIRST_TRIALS_FAILED, text)
    return None


def _completion(spec: CampaignSpec, summary: LedgerSummary) -> Ending | None:
    if not _all_closed(spec, summary):
        return None
    useful = summary.counts.get(SlotState.SUCCEEDED, 0) + summary.counts.get(SlotState.PRUNED, 0)
    parts = [
        f"{count} {state.value}"
        for state in (SlotState.SUCCEEDED, SlotState.PRUNED, SlotState.FAILED, SlotState.SKIPPED)
        if (count := summary.counts.get(state, 0))
    ]
    text = f"{count_text(summary.done, 'trial')} closed: {', '.join(parts)}"
    if not useful:
        return _failure(summary, ReasonWord.ALL_TRIALS_FAILED, text + _last_error(summary))
    return Ending(phase=Phase.SUCCEEDED, reason=ReasonWord.ALL_TRIALS_CLOSED, message=text, stops_running=False)


def _deadline(spec: CampaignSpec, summary: LedgerSummary) -> Ending | None:
    deadline = spec.active_deadline_seconds
    if deadline is None or summary.active_seconds < deadline:
        return None
    # Without a count of the closed trials: more of them close while the others are stopped, and the reason stays.
    text = f"ran for {duration_text(summary.active_seconds)}, activeDeadlineSeconds is {deadline:g}"
    return _failure(summary, ReasonWord.DEADLINE_EXCEEDED, text)


def _budget(spec: CampaignSpec, cost_so_far: Decimal | None) -> Ending | None:
    budget = spec.budget
    if budget is None or cost_so_far is None or cost_so_far < budget.amount:
        return None
    return Ending(
        phase=Phase.SUSPENDED,
        reason=ReasonWord.BUDGET_EXHAUSTED,
        message=(
            f"cost {money_text(cost_so_far, budget.currency)} of a budget of "
            f"{money_text(budget.amount, budget.currency)}; raise spec.budget.amount to go on"
        ),
        stops_running=False,
    )


def _failure(summary: LedgerSummary, reason: ReasonWord, message: str) -> Ending:
    return Ending(phase=Phase.FAILED, reason=reason, message=message, stops_running=summary.has_slots_left)


def _last_error(summary: LedgerSummary) -> str:
    return f"; last error: {error_headline(summary.last_error)}" if summary.last_error else ""


def _all_of(trials: int) -> str:
    return "the only trial" if trials == 1 else f"all {trials} trials"


def _all_closed(spec: CampaignSpec, summary: LedgerSummary) -> bool:
    return summary.done >= spec.trials and not summary.has_slots_left
