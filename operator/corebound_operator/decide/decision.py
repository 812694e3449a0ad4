"""``decide``: where a campaign stands, and what to do next. It reads like the life of a campaign.

The first rule that applies decides. What could go wrong is someone else's input: Jobs edited or deleted by hand, a ledger
that is away, an operator that was down; each time the whole world is looked at again, so that nothing depends on having
seen an event.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from corebound.api.errors import refusal
from corebound.api.reasons import ClusterWord, ReasonWord
from corebound.api.records import Phase, SlotState
from corebound.planning.cost import reserved_cost
from corebound.planning.ending import Ending, campaign_ending
from corebound_operator.decide.workers import live_job, round_of_jobs, size_of_jobs, stop_jobs
from corebound_operator.decide.world import (
    Action,
    BeginCampaign,
    CountTime,
    Decision,
    DeleteCampaign,
    DeleteJob,
    FinishCampaign,
    KeepPlan,
    Obstacle,
    RequestStop,
    SpecObstacle,
    World,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from corebound.api.jobs import JobView
    from corebound.api.plan import Plan
    from corebound.api.records import LedgerSummary
    from corebound.api.spec import CampaignSpec

MOST_FAILURES_IN_A_ROW: Final = 10
LEAVING_SECONDS: Final = 60.0
"""How long workers of a finished campaign may take to leave by themselves."""
AWAY_SECONDS: Final = 10.0
PLANNED_AGAIN_SECONDS: Final = 30.0
STOPPING_SECONDS: Final = 1.0


def decide(world: World, *, poll_seconds: float) -> Decision:
    """What to do for the campaign, and its phase."""
    if isinstance(world.campaign, Obstacle):
        return _refused(world, world.campaign)
    if isinstance(world.ledger, Obstacle):
        return _away(world, world.ledger)
    spec, ledger = world.campaign.spec, world.ledger
    if ledger.campaign.phase.is_final and not ledger.has_slots_left:
        return _over(world, spec, ledger)
    # A campaign that was over and has grown begins anew: how it ended before no longer counts.
    ending = None if ledger.campaign.phase.is_final else _ending(world, spec, ledger)
    if ending is not None and ending.phase.is_final:
        return _finishing(ledger, ending)
    if ending is not None or spec.suspend:
        return _suspending(world, ledger, ending)
    if isinstance(world.plan, SpecObstacle):
        return _refused(world, world.plan, again_in=PLANNED_AGAIN_SECONDS)
    if isinstance(world.plan, Obstacle):
        return _waits(world, ledger, world.plan)
    if world.plan is None:
        return _away(world, Obstacle(reason=ReasonWord.NOT_ASKED, message="the plan waits for the database"))
    return _running(world, ledger, world.plan, poll_seconds=poll_seconds)


def _refused(world: World, problem: Obstacle, *, again_in: float | None = None) -> Decision:
    """Nothing is made for what cannot be accepted; what already runs is let alone.

    A specification has to be edited first, but nodes come and go.
    """
    phase = Phase.PENDING if isinstance(world.ledger, Obstacle) else _under_way(world.jobs, world.ledger)
    return Decision(phase=phase, reason=problem.reason, message=problem.message, again_in=again_in)


def _away(world: World, problem: Obstacle) -> Decision:
    """The database does not answer: workers wait for it by themselves, nothing is touched."""
    phase = Phase.RUNNING if any(job.is_live for job in world.jobs) else Phase.PENDING
    return Decision(phase=phase, reason=problem.reason, message=problem.message, again_in=AWAY_SECONDS)


def _waits(world: World, ledger: LedgerSummary, problem: Obstacle) -> Decision:
    """Nothing is made before others leave what it needs; that may be soon."""
    phase = _under_way(world.jobs, ledger)
    return Decision(phase=phase, reason=problem.reason, message=problem.message, again_in=AWAY_SECONDS)


def _over(world: World, spec: CampaignSpec, ledger: LedgerSummary) -> Decision:
    """Finished: workers leave by themselves, stragglers are removed, and after its time the object goes."""
    campaign, now = ledger.campaign, ledger.now
    finished = campaign.finished_at or now
    actions: list[Action] = []
    waits: list[float] = []
    live = live_job(world.jobs)
    if live is not None:
        left = (finished + timedelta(seconds=LEAVING_SECONDS) - now).total_seconds()
        if left <= 0 or live.suspended:
            actions.append(DeleteJob(name=live.name, uid=live.uid, why="its campaign is over"))
        else:
            waits.append(left)
    ttl = spec.ttl_seconds_after_finished
    if ttl is not None:
        left = (finished + timedelta(seconds=ttl) - now).total_seconds()
        if left <= 0:
            actions.append(DeleteCampaign())
        else:
            waits.append(left)
    return Decision(
        phase=campaign.phase,
        reason=campaign.reason or campaign.phase.value,
        message=campaign.message or "",
        actions=tuple(actions),
        again_in=min(waits, default=None),
    )


def _ending(world: World, spec: CampaignSpec, ledger: LedgerSummary) -> Ending | None:
    """How it ends now: by its own rules, or because its workers cannot work."""
    left = ledger.has_slots_left
    if world.broken_contract is not None and left:
        reason, message = refusal(world.broken_contract)
        return Ending(phase=Phase.FAILED, reason=reason, message=message, stops_running=True)
    if world.failures_in_a_row >= MOST_FAILURES_IN_A_ROW and left:
        why = f": {world.trouble.message}" if world.trouble else ""
        return Ending(
            phase=Phase.FAILED,
            reason=ReasonWord.WORKERS_KEEP_DYING,
            message=f"{world.failures_in_a_row} pods in a row ended without closing a slot{why}",
            stops_running=True,
        )
    return campaign_ending(spec, ledger, cost_so_far=reserved_cost(ledger))


def _finishing(ledger: LedgerSummary, ending: Ending) -> Decision:
    """Running trials are asked to stop; the phase is set when none of them holds its slot any more."""
    held = _held(ledger)
    if ending.stops_running and held:
        asked: tuple[Action, ...] = ()
        if ledger.campaign.stop_requested is None:
            asked = (RequestStop(reason=f"{ending.reason}: {ending.message}"),)
        return Decision(
            phase=Phase.RUNNING,
            reason=ending.reason,
            message=f"{ending.message}; stopping {held} running trials",
            actions=asked,
            again_in=STOPPING_SECONDS,
        )
    finish = FinishCampaign(phase=ending.phase, reason=ending.reason, message=ending.message)
    return Decision(
        phase=ending.phase,
        reason=ending.reason,
        message=ending.message,
        actions=(finish,),
        again_in=STOPPING_SECONDS,
    )


def _suspending(world: World, ledger: LedgerSummary, ending: Ending | None) -> Decision:
    """Suspended by its owner or its budget: pods get a checkpoint written and go, everything is kept."""
    reason: str = ReasonWord.SUSPENDED_BY_SPEC
    message = "spec.suspend is true; set it to false to go on"
    if ending is not None:
        reason, message = ending.reason, ending.message
    actions = list(stop_jobs(world.jobs, why="its campaign is suspended"))
    stopping = sum(job.active for job in world.jobs if job.is_live)
    if not stopping and ledger.campaign.phase is not Phase.SUSPENDED:
        actions.append(FinishCampaign(phase=Phase.SUSPENDED, reason=reason, message=message))
    return Decision(
        phase=Phase.SUSPENDED if not stopping else Phase.RUNNING,
        reason=reason,
        message=message if not stopping else f"{message}; {stopping} workers write their checkpoints",
        actions=tuple(actions),
        again_in=STOPPING_SECONDS if stopping else None,
    )


def _running(world: World, ledger: LedgerSummary, plan: Plan, *, poll_seconds: float) -> Decision:
    """One live Job with as many workers as the plan and the slots that are left want."""
    actions: list[Action] = []
    if ledger.campaign.phase is not Phase.RUNNING:
        # Pods that are told to end are no longer active, but may be at their checkpoints: their slots are still theirs.
        if _held(ledger) or any(job.active for job in world.jobs if job.is_live):
            return Decision(
                phase=_under_way(world.jobs, ledger),
                reason=ReasonWord.STARTING,
                message="waits for the workers of the earlier run to go",
                again_in=STOPPING_SECONDS,
            )
        actions.append(BeginCampaign(plan=plan))
    elif _is_planned_anew(ledger, plan):
        actions.append(KeepPlan(plan=plan))
    live = live_job(world.jobs)
    actions += _clock(ledger, live)
    wanted = _wanted_workers(ledger, plan)
    if live is not None:
        actions += size_of_jobs(
            live, wanted=wanted, most=plan.workers, claimable=ledger.claimable, lost=world.pods_lost
        )
    elif ledger.claimable:
        # What workers that are gone still hold comes free with their leases; new ones would find nothing, and leave.
        last_close = ledger.last_close_at
        actions += round_of_jobs(world.jobs, wanted=wanted, now=world.now, last_close=last_close)
    return Decision(
        phase=_under_way(world.jobs, ledger),
        reason=ReasonWord.RUNNING,
        message=_running_message(world, ledger, live),
        actions=tuple(actions),
        again_in=poll_seconds,
    )


def _clock(ledger: LedgerSummary, live: JobView | None) -> Iterator[Action]:
    """Time in a queue counts against no deadline: the queue has not let the Job begin, or has taken its place away."""
    counts = ledger.campaign.active_since is not None
    if ledger.campaign.phase is Phase.RUNNING and counts == _waits_in_queue(live):
        yield CountTime(counts=not counts)


def _waits_in_queue(live: JobView | None) -> bool:
    return live is not None and live.queued and live.suspended and not live.active


def _is_planned_anew(ledger: LedgerSummary, plan: Plan) -> bool:
    """Whether it has another shape than the newest one that was kept; expected times change all the time."""
    if not ledger.campaign.plans:
        return False
    newest = ledger.campaign.plans[-1]
    return (newest.trials, newest.threads, newest.workers) != (plan.trials, plan.threads, plan.workers)


def _wanted_workers(ledger: LedgerSummary, plan: Plan) -> int:
    """Enough for what runs and what can be claimed, and no more than the plan has places for."""
    return min(plan.workers, _held(ledger) + ledger.claimable)


def _held(ledger: LedgerSummary) -> int:
    """Running slots whose worker is alive: ``claimable`` counts those whose lease has run out."""
    open_slots = ledger.counts.get(SlotState.OPEN, 0)
    expired = ledger.claimable - open_slots
    return max(0, ledger.counts.get(SlotState.RUNNING, 0) - expired)


def _under_way(jobs: tuple[JobView, ...], ledger: LedgerSummary) -> Phase:
    """The phase while slots are left and nothing ends it: never the ledger's, which may be the end before an edit."""
    has_run = any(job.ready or job.succeeded for job in jobs) or ledger.first_claim_at is not None
    return Phase.RUNNING if has_run else Phase.PENDING


def _running_message(world: World, ledger: LedgerSummary, live: JobView | None) -> str:
    # Pods that wait for a free core are no trouble while others run: the next one that ends makes room.
    ready = live.ready if live is not None else 0
    if world.trouble is not None and not (ready and world.trouble.reason == ClusterWord.UNSCHEDULABLE):
        return world.trouble.message
    closed = f"{ledger.done} of {ledger.campaign.trials} trials closed"
    if _waits_in_queue(live):
        return f"{closed}; waits in the queue"
    return closed
