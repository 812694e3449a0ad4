"""The status of a campaign from what is seen and decided: recomputed each time, of constant size.

What could go wrong: the ledger is away. Then what the last status said of trials stays, and a condition says since when it
is old; a phase is never taken back because of it. Nor does the phase of an earlier specification ever stand beside the
generation of a later one: who waits for the end of 5 trials would be told that of the first 3.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from corebound.api.errors import refusal
from corebound.api.reasons import ReasonWord
from corebound.api.records import Phase
from corebound.api.status import (
    Best,
    CampaignStatus,
    Condition,
    ConditionStatus,
    ConditionType,
    EfficiencyStatus,
    PlanStatus,
    TrialCounts,
    WorkersStatus,
    kept_transitions,
)
from corebound.planning.cost import reserved_cost
from corebound.planning.waves import makespan_seconds
from corebound.planning.wording import count_text, money_text
from corebound_operator.decide.world import Obstacle, SpecObstacle

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from corebound.api.plan import Plan
    from corebound.api.records import LedgerSummary
    from corebound_operator.decide.world import Decision, World

ROUNDED_TO_SECONDS: Final = 60
SLOW_PARTS: Final = frozenset({"efficiency", "cpuHours", "cost", "estimatedCompletionTime"})
"""What changes all the time and is written more rarely."""
_OF_THE_PHASE: Final = frozenset({ConditionType.RUNNING, ConditionType.COMPLETE, ConditionType.FAILED})


def report(world: World, decision: Decision, *, before: CampaignStatus, generation: int) -> CampaignStatus:
    """The status to show now."""
    kept = before if isinstance(world.ledger, Obstacle) else CampaignStatus()
    phase, observed = _phase(world, decision, before=before, generation=generation)
    known = {} if isinstance(world.ledger, Obstacle) else _figures(world.ledger, phase)
    plan = world.plan if not isinstance(world.plan, Obstacle) else None
    conditions = _conditions(world, decision, phase, observed=observed, generation=generation)
    return CampaignStatus.model_validate(
        {
            **dict(kept),
            "completion_time": kept.completion_time if phase.is_final else None,
            **known,
            "observed_generation": observed,
            "phase": phase,
            "conditions": kept_transitions(before.conditions, conditions),
            "plan": _plan(plan) if plan is not None else before.plan,
            "workers": _workers(world, plan, phase),
            "estimated_completion_time": _expected_end(world, plan, phase),
            "message": decision.message,
        }
    )


def slow_parts_only(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Whether the two differ at most in what is written rarely."""
    return {name: part for name, part in before.items() if name not in SLOW_PARTS} == {
        name: part for name, part in after.items() if name not in SLOW_PARTS
    }


def _phase(world: World, decision: Decision, *, before: CampaignStatus, generation: int) -> tuple[Phase, int]:
    """The phase, and the generation of the specification that it is of."""
    if not isinstance(world.ledger, Obstacle) or before.phase is None:
        return decision.phase, generation
    observed = before.observed_generation or generation
    if observed == generation or not isinstance(world.campaign, SpecObstacle):
        return before.phase, observed
    # Refused, which needs no ledger; but what is refused has not ended.
    return decision.phase if before.phase.is_final else before.phase, generation


def _figures(ledger: LedgerSummary, phase: Phase) -> dict[str, Any]:
    campaign, cost = ledger.campaign, reserved_cost(ledger)
    best: Best | None = None
    if ledger.best is not None:
        best = Best.of_trial(ledger.best)
    elif ledger.front_size is not None:
        best = Best.of_front(ledger.front_size)
    efficiency = ledger.efficiency
    return {
        "trials": TrialCounts.counted(ledger.counts, of=campaign.trials),
        "best": best,
        "efficiency": None if efficiency is None else EfficiencyStatus(cpu=f"{efficiency:.0%}"),
        "cpu_hours": f"{ledger.cpu_seconds / 3600:.2f}",
        "cost": None if cost is None else money_text(cost, campaign.currency),
        "start_time": ledger.first_claim_at,
        "completion_time": campaign.finished_at if phase.is_final else None,
    }


def _plan(plan: Plan) -> PlanStatus:
    return PlanStatus(
        threads=plan.threads,
        workers=plan.workers,
        waves=plan.waves,
        pool=f"{plan.pool.name}: {plan.pool.source}",
        predicted_seconds=None if plan.seconds is None else round(plan.seconds),
        predicted_cost=None if plan.cost is None else money_text(plan.cost, plan.currency),
    )


def _workers(world: World, plan: Plan | None, phase: Phase) -> WorkersStatus:
    running = sum(job.ready for job in world.jobs if job.is_live)
    over = phase.is_final or phase is Phase.SUSPENDED
    if over or plan is None or isinstance(world.ledger, Obstacle):
        return WorkersStatus(running=running, wanted=0 if over else running)
    left = world.ledger.campaign.trials - world.ledger.done
    return WorkersStatus(running=running, wanted=min(plan.workers, left))


def _expected_end(world: World, plan: Plan | None, phase: Phase) -> datetime | None:
    """To the minute: a time that moves by seconds would be written all the time."""
    if isinstance(world.ledger, Obstacle) or plan is None or phase is not Phase.RUNNING or plan.trial_seconds is None:
        return None
    left = world.ledger.campaign.trials - world.ledger.done
    if not left:
        return None
    seconds = makespan_seconds(trials=left, workers=min(plan.workers, left), trial_seconds=plan.trial_seconds)
    expected = world.ledger.now + timedelta(seconds=seconds)
    return expected - timedelta(seconds=expected.timestamp() % ROUNDED_TO_SECONDS)


def _conditions(world: World, decision: Decision, phase: Phase, *, observed: int, generation: int) -> list[Condition]:
    def condition(kind: ConditionType, status: ConditionStatus, reason: str, message: str) -> Condition:
        return Condition(
            type=kind,
            status=status,
            reason=reason,
            message=message,
            observed_generation=observed if kind in _OF_THE_PHASE else generation,
            last_transition_time=world.now,
        )

    return [condition(*parts) for parts in _parts(world, decision, phase)]


def _parts(world: World, decision: Decision, phase: Phase) -> Iterator[tuple[ConditionType, ConditionStatus, str, str]]:
    yield (ConditionType.ACCEPTED, *_accepted(world))
    yield (ConditionType.STORAGE_READY, *_storage(world))
    yield (ConditionType.RUNNING, *_running(world, decision, phase))
    yield (ConditionType.THREADS_EXACT, *_threads(world))
    for kind, wanted in ((ConditionType.COMPLETE, Phase.SUCCEEDED), (ConditionType.FAILED, Phase.FAILED)):
        status = ConditionStatus.TRUE if phase is wanted else ConditionStatus.FALSE
        reason = decision.reason if phase is wanted else ReasonWord.of_standing(phase)
        yield kind, status, reason, decision.message if phase is wanted else ""


def _accepted(world: World) -> tuple[ConditionStatus, str, str]:
    problem = next((each for each in (world.campaign, world.plan) if isinstance(each, SpecObstacle)), None)
    if problem is not None:
        return ConditionStatus.FALSE, problem.reason, problem.message
    return ConditionStatus.TRUE, ReasonWord.SPEC_ACCEPTED, ""


def _storage(world: World) -> tuple[ConditionStatus, str, str]:
    if isinstance(world.campaign, Obstacle) and isinstance(world.ledger, Obstacle):
        return ConditionStatus.UNKNOWN, ReasonWord.NOT_ASKED, "a specification that is not accepted needs no storage"
    if isinstance(world.ledger, Obstacle):
        return ConditionStatus.FALSE, world.ledger.reason, world.ledger.message
    return ConditionStatus.TRUE, ReasonWord.LEDGER_READY, ""


def _running(world: World, decision: Decision, phase: Phase) -> tuple[ConditionStatus, str, str]:
    ready = sum(job.ready for job in world.jobs if job.is_live)
    if phase.is_final or phase is Phase.SUSPENDED:
        return ConditionStatus.FALSE, ReasonWord.of_standing(phase), decision.message
    if ready:
        return ConditionStatus.TRUE, ReasonWord.WORKERS_RUNNING, f"{count_text(ready, 'worker')} running"
    if world.trouble is not None:
        return ConditionStatus.FALSE, world.trouble.reason, world.trouble.message
    if isinstance(world.plan, Obstacle) and not isinstance(world.plan, SpecObstacle):
        return ConditionStatus.FALSE, world.plan.reason, world.plan.message
    if isinstance(world.campaign, Obstacle) or isinstance(world.plan, Obstacle):
        return ConditionStatus.FALSE, ReasonWord.NOT_ACCEPTED, "nothing runs for a specification that is not accepted"
    return ConditionStatus.FALSE, ReasonWord.STARTING, decision.message


def _threads(world: World) -> tuple[ConditionStatus, str, str]:
    broken = ReasonWord.THREAD_CONTRACT_BROKEN
    if world.broken_contract is not None:
        # Its workers may refuse to work for another reason.
        reason, message = refusal(world.broken_contract)
        if reason is broken:
            return ConditionStatus.FALSE, broken, message
    if isinstance(world.ledger, Obstacle):
        return ConditionStatus.UNKNOWN, ReasonWord.NOT_ASKED, "the ledger does not answer"
    if world.ledger.campaign.reason == broken:
        return ConditionStatus.FALSE, broken, world.ledger.campaign.message or ""
    threads = world.ledger.campaign.threads
    if world.ledger.first_claim_at is None or threads is None:
        return (
            ConditionStatus.UNKNOWN,
            ReasonWord.NOT_CHECKED_YET,
            "the first worker checks them before its first trial",
        )
    return (
        ConditionStatus.TRUE,
        ReasonWord.CHECKED_BY_EACH_WORKER,
        f"{count_text(threads, 'thread')} = CPU request = CPU limit, checked in each pod before its first trial",
    )
