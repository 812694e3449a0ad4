"""What the operator does with what it sees: each rule of a campaign's life, without a cluster."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from corebound.api.plan import DecidedPlan
from corebound.api.reasons import ReasonWord
from corebound.api.records import Phase
from corebound_operator.decide.decision import MOST_FAILURES_IN_A_ROW, decide
from corebound_operator.decide.world import (
    BeginCampaign,
    CountTime,
    CreateJob,
    Decision,
    DeleteCampaign,
    DeleteJob,
    FinishCampaign,
    KeepPlan,
    Obstacle,
    RequestStop,
    ResizeJob,
    SpecObstacle,
    SuspendJob,
    World,
)

from .worlds import NOW, job, plan, summary, world

if TYPE_CHECKING:
    from corebound.api.jobs import JobView


def decided(seen: World) -> Decision:
    return decide(seen, poll_seconds=2)


def test_a_new_campaign_begins_and_gets_its_first_job() -> None:
    decision = decided(world(summary(phase=Phase.PENDING, open=10)))
    assert decision.actions == (BeginCampaign(plan=plan(4)), CreateJob(number=1, workers=4))
    assert decision.phase is Phase.PENDING
    assert decision.again_in == 2


def test_never_more_workers_than_slots_that_are_left() -> None:
    decision = decided(world(summary(phase=Phase.PENDING, open=3), workers=100))
    assert CreateJob(number=1, workers=3) in decision.actions


def test_nothing_is_done_while_everything_runs() -> None:
    decision = decided(world(summary(open=6, running=4), job()))
    assert decision.actions == ()
    assert decision.phase is Phase.RUNNING


def test_another_plan_of_a_running_campaign_is_kept_and_the_same_is_not() -> None:
    before = DecidedPlan(
        decided_at=NOW, trials=4, threads=1, workers=4, waves=1, seconds=60.0, cost=None, currency="USD",
    )  # fmt: skip
    running = summary(open=6, running=4)
    kept = replace(running, campaign=replace(running.campaign, plans=(before,)))
    assert decided(world(kept, job())).actions == (), "only its expected time differs"
    actions = decided(world(kept, job(), workers=6)).actions
    assert actions[0] == KeepPlan(plan=plan(6))
    assert [type(action) for action in actions[1:]] == [ResizeJob]


def test_a_job_that_has_just_been_made_is_left_alone() -> None:
    assert decided(world(summary(open=10), job(active=0, ready=0))).actions == ()


@pytest.mark.parametrize("refused", ["spec", "plan"])
def test_what_cannot_be_accepted_makes_nothing(refused: str) -> None:
    problem = SpecObstacle(reason=ReasonWord.PLAN_IMPOSSIBLE, message="4 workers x 64 threads")
    seen = world(summary(phase=Phase.PENDING, open=10), **{"campaign" if refused == "spec" else "plan": problem})
    decision = decided(seen)
    assert decision.actions == ()
    assert (decision.reason, decision.message) == ("PlanImpossible", "4 workers x 64 threads")


def test_a_database_that_is_away_touches_nothing() -> None:
    decision = decided(world(Obstacle(reason=ReasonWord.DATABASE_UNREACHABLE, message="no answer"), job(), plan=None))
    assert decision.actions == ()
    assert decision.again_in


# --- size -------------------------------------------------------------------------------------------------------------


def test_fewer_workers_lower_parallelism_alone() -> None:
    decision = decided(world(summary(open=6, running=4), job(), workers=2))
    assert decision.actions == (ResizeJob(name="poles-r1", parallelism=2),)


def test_more_workers_raise_both_fields_together() -> None:
    decision = decided(world(summary(open=6, running=4), job(), workers=8))
    assert decision.actions == (ResizeJob(name="poles-r1", parallelism=8, completions=8),)


def test_workers_that_have_left_make_room_for_new_indexes() -> None:
    # One long trial still runs, three workers have gone, two slots came back.
    decision = decided(world(summary(open=2, running=1, succeeded=7), job(active=1, ready=1, succeeded=3)))
    assert decision.actions == (ResizeJob(name="poles-r1", parallelism=6, completions=6),)


def test_failed_indexes_are_replaced() -> None:
    decision = decided(world(summary(open=6, running=2), job(active=2, ready=2, failed_indexes=2)))
    assert decision.actions == (ResizeJob(name="poles-r1", parallelism=6, completions=6),)


def test_a_parallelism_that_was_lowered_is_raised_within_the_indexes() -> None:
    decision = decided(world(summary(open=6, running=2), job(active=2, ready=2, parallelism=2)))
    assert decision.actions == (ResizeJob(name="poles-r1", parallelism=4),)


def test_a_pod_that_never_ends_keeps_no_place() -> None:
    # A Job counts it neither as active nor as failed, and makes no other one in its place.
    stuck = job(active=3, ready=3, terminating=1)
    ledger = summary(open=5, running=4, expired=1)
    assert decided(world(ledger, stuck)).actions == (), "it may still write its checkpoint"
    decision = decided(world(ledger, stuck, pods_lost=1))
    assert decision.actions == (ResizeJob(name="poles-r1", parallelism=5, completions=5),)
    replaced = replace(stuck, active=4, ready=4, parallelism=5, completions=5)
    assert decided(world(summary(open=5, running=4), replaced, pods_lost=1)).actions == ()
    fewer = decided(world(summary(open=5, running=4), replaced, workers=2, pods_lost=1))
    assert fewer.actions == (ResizeJob(name="poles-r1", parallelism=3),)


def test_the_tail_does_not_keep_cores() -> None:
    assert decided(world(summary(running=2, succeeded=8), job(active=2, ready=2, succeeded=2))).actions == ()


# --- rounds -----------------------------------------------------------------------------------------------------------


def test_slots_left_after_a_job_is_over_make_the_next_round() -> None:
    over = job(outcome="Complete", active=0, ready=0, succeeded=4)
    decision = decided(world(summary(open=2, succeeded=8), over))
    assert decision.actions == (CreateJob(number=2, workers=2),)


def test_failed_indexes_are_no_failure_of_the_campaign() -> None:
    over = job(outcome="Failed", reason="FailedIndexes", active=0, ready=0, failed_indexes=4)
    decision = decided(world(summary(open=10), over))
    assert decision.actions == (CreateJob(number=2, workers=4),)


def test_a_job_deleted_by_hand_is_made_again_once_its_pods_have_gone() -> None:
    going = job(deleted=True, active=2)
    assert decided(world(summary(open=6, running=4), going)).actions == ()
    # Leases of the killed workers still run: only what is open is claimable, but held slots count as work.
    decision = decided(world(summary(open=6, running=4)))
    assert decision.actions == (CreateJob(number=1, workers=4),)


def test_a_round_waits_for_slots_that_it_could_take() -> None:
    gone = job(outcome="Complete", active=0, ready=0, succeeded=4)
    assert decided(world(summary(running=1, succeeded=9), gone)).actions == ()
    free = decided(world(summary(running=1, expired=1, succeeded=9), gone))
    assert free.actions == (CreateJob(number=2, workers=1),)


# --- ends -------------------------------------------------------------------------------------------------------------


def test_the_last_closed_slot_finishes_the_campaign() -> None:
    decision = decided(world(summary(succeeded=10), job(active=0, ready=0, succeeded=4)))
    assert [type(action) for action in decision.actions] == [FinishCampaign]
    assert decision.phase is Phase.SUCCEEDED


def test_a_target_asks_running_trials_to_stop_and_waits_for_them() -> None:
    spec = {"objectives": [{"metric": "loss", "direction": "minimize", "target": 0.5}]}
    seen = world(summary(open=5, running=2, succeeded=3, best=0.25), job(), spec=spec)
    decision = decided(seen)
    assert [type(action) for action in decision.actions] == [RequestStop]
    assert decision.phase is Phase.RUNNING
    asked = summary(open=5, running=2, succeeded=3, best=0.25, stop_requested="TargetReached: it is")
    assert decided(world(asked, job(), spec=spec)).actions == ()
    stopped = summary(open=7, succeeded=3, best=0.25, stop_requested="TargetReached: it is")
    last = decided(world(stopped, job(), spec=spec))
    assert [type(action) for action in last.actions] == [FinishCampaign]
    assert last.phase is Phase.SUCCEEDED


def test_a_worker_that_is_gone_does_not_hold_up_the_end() -> None:
    spec = {"objectives": [{"metric": "loss", "direction": "minimize", "target": 0.5}]}
    seen = summary(running=2, expired=2, succeeded=8, best=0.25, stop_requested="TargetReached: it is")
    assert decided(world(seen, spec=spec)).phase is Phase.SUCCEEDED


def test_a_broken_contract_fails_the_campaign_with_the_workers_own_words() -> None:
    over = job(outcome="Failed", reason="PodFailurePolicy", active=0, ready=0)
    decision = decided(world(summary(open=10), over, broken_contract="quota 2 CPUs, expected 1"))
    assert decision.phase is Phase.FAILED
    assert decision.reason == "ThreadContractBroken"
    assert "quota 2 CPUs" in decision.message


def test_it_stays_failed_when_its_last_trials_were_stopped_for_it() -> None:
    """They close their slots, after which no pod has failed any more, and nothing is left to break the contract."""
    for asked in ("ThreadContractBroken: quota 2 CPUs", "WorkersKeepDying: 10 pods in a row"):
        decision = decided(world(summary(skipped=10, stop_requested=asked), job()))
        assert decision.phase is Phase.FAILED
        assert decision.reason == asked.partition(":")[0]


def test_pods_that_keep_dying_fail_the_campaign() -> None:
    seen = world(summary(open=10), job(active=0, ready=0, failed_pods=10), failures_in_a_row=MOST_FAILURES_IN_A_ROW)
    assert decided(seen).reason == "WorkersKeepDying"
    assert decided(world(summary(open=10), job(), failures_in_a_row=MOST_FAILURES_IN_A_ROW - 1)).phase is Phase.RUNNING


def test_pods_that_kept_dying_stay_the_reason_though_a_slot_is_closed_meanwhile() -> None:
    """The trials that are stopped for it close their slots, and the row is forgotten."""
    running = summary(open=3, running=1)
    seen = world(running, job(active=1, failed_pods=10), failures_in_a_row=MOST_FAILURES_IN_A_ROW)
    [asked] = decided(seen).actions
    assert isinstance(asked, RequestStop)
    stopped = summary(open=3, skipped=1, stop_requested=asked.reason)
    assert decided(world(stopped, job(active=0, failed_pods=10))).phase is Phase.FAILED


def test_first_trials_that_all_fail_end_it() -> None:
    decision = decided(world(summary(open=5, failed=5, failed_first=True), job(active=0)))
    assert decision.phase is Phase.FAILED


# --- over -------------------------------------------------------------------------------------------------------------


def test_what_is_over_writes_nothing_any_more() -> None:
    over = job(outcome="Complete", active=0, ready=0, succeeded=4)
    decision = decided(world(summary(phase=Phase.SUCCEEDED, succeeded=10, finished_ago=3600), over))
    assert decision.actions == ()
    assert decision.again_in is None


def test_stragglers_are_removed_after_a_while() -> None:
    ended = summary(phase=Phase.SUCCEEDED, succeeded=10, finished_ago=5)
    assert decided(world(ended, job(active=1))).actions == ()
    late = summary(phase=Phase.SUCCEEDED, succeeded=10, finished_ago=61)
    assert [type(action) for action in decided(world(late, job(active=1))).actions] == [DeleteJob]


def test_the_object_goes_after_its_time() -> None:
    spec = {"ttlSecondsAfterFinished": 100}
    early = decided(world(summary(phase=Phase.FAILED, failed=10, finished_ago=40), spec=spec))
    assert early.actions == ()
    assert early.again_in == 60
    late = decided(world(summary(phase=Phase.FAILED, failed=10, finished_ago=100), spec=spec))
    assert late.actions == (DeleteCampaign(),)


def test_more_trials_on_a_finished_campaign_set_it_going_again() -> None:
    grown = summary(phase=Phase.SUCCEEDED, trials=10, succeeded=10, open=5, finished_ago=60)
    over = job(outcome="Complete", active=0, ready=0, succeeded=4)
    decision = decided(world(grown, over, spec={"trials": 15}))
    assert decision.actions == (BeginCampaign(plan=plan(4)), CreateJob(number=2, workers=4))


@pytest.mark.parametrize("phase", [Phase.SUCCEEDED, Phase.FAILED, Phase.SUSPENDED])
@pytest.mark.parametrize("begun", [True, False])
def test_it_is_under_way_again_while_its_earlier_workers_still_leave(phase: Phase, begun: bool) -> None:
    """How it stood before the edit would be taken for the end of what is only to begin."""
    counts = {"succeeded": 3} if begun else {}
    again = summary(phase=phase, open=2, finished_ago=1, **counts)
    decision = decided(world(again, job(active=1, ready=0), spec={"trials": 5}))
    assert decision.actions == ()
    assert "earlier run" in decision.message
    assert decision.phase is (Phase.RUNNING if begun else Phase.PENDING)


@pytest.mark.parametrize("phase", [Phase.SUCCEEDED, Phase.FAILED, Phase.SUSPENDED])
def test_what_cannot_be_planned_is_not_at_the_end_that_it_had_before(phase: Phase) -> None:
    impossible = SpecObstacle(reason=ReasonWord.PLAN_IMPOSSIBLE, message="no node has 4 cores")
    grown = summary(phase=phase, succeeded=3, open=2, finished_ago=60)
    assert decided(world(grown, plan=impossible, spec={"trials": 5})).phase is Phase.RUNNING


# --- suspension -------------------------------------------------------------------------------------------------------


def test_suspend_lets_pods_go_and_then_tells_the_ledger() -> None:
    spec = {"suspend": True}
    first = decided(world(summary(open=6, running=4), job(), spec=spec))
    assert first.actions == (SuspendJob(name="poles-r1", suspend=True),)
    assert first.phase is Phase.RUNNING
    waiting = decided(world(summary(open=6, running=4), job(suspended=True, active=2), spec=spec))
    assert waiting.actions == ()
    gone = decided(world(summary(open=10), job(suspended=True, active=0, ready=0), spec=spec))
    assert [type(action) for action in gone.actions] == [FinishCampaign]
    assert gone.phase is Phase.SUSPENDED
    quiet = decided(world(summary(phase=Phase.SUSPENDED, open=10), job(suspended=True, active=0), spec=spec))
    assert quiet.actions == ()
    assert quiet.again_in is None


def test_a_campaign_made_suspended_creates_nothing() -> None:
    decision = decided(world(summary(phase=Phase.PENDING, open=10), spec={"suspend": True}))
    assert [type(action) for action in decision.actions] == [FinishCampaign]


def test_resume_begins_again_with_the_same_job() -> None:
    decision = decided(world(summary(phase=Phase.SUSPENDED, open=10), job(suspended=True, active=0, ready=0)))
    assert decision.actions == (BeginCampaign(plan=plan(4)), SuspendJob(name="poles-r1", suspend=False))


def test_resume_waits_for_pods_that_still_write_their_checkpoints() -> None:
    ledger = summary(phase=Phase.SUSPENDED, open=8, running=2)
    assert decided(world(ledger, job(suspended=True, active=2))).actions == ()
    assert decided(world(ledger, job(suspended=True, active=0, ready=0, terminating=2))).actions == ()
    lost = summary(phase=Phase.SUSPENDED, open=8, running=2, expired=2)
    assert decided(world(lost, job(suspended=True, active=0, ready=0, terminating=2))).actions


def test_a_budget_that_is_used_up_suspends() -> None:
    spec = {"budget": {"amount": "1"}, "pool": {"cpu": "4", "pricePerHour": "3600"}}
    whole = {"objectives": [{"metric": "loss", "direction": "minimize"}], **spec}
    seen = world(summary(open=6, running=4, worker_seconds=5.0, spec=whole), job(), spec=spec)
    decision = decided(seen)
    assert decision.reason == "BudgetExhausted"
    assert decision.actions == (SuspendJob(name="poles-r1", suspend=True),)


# --- Kueue ------------------------------------------------------------------------------------------------------------


def test_a_queued_job_is_never_resized_and_deleted_to_be_suspended() -> None:
    queued = job(queued=True, suspended=True, active=0, ready=0)
    waiting = summary(open=10)
    waiting = replace(waiting, campaign=replace(waiting.campaign, active_since=None))
    assert decided(world(waiting, queued, workers=8)).actions == ()
    suspending = decided(world(summary(open=10), queued, spec={"suspend": True}))
    assert DeleteJob(name="poles-r1", uid="job-1", why="its campaign is suspended") in suspending.actions


def test_time_in_a_queue_does_not_count() -> None:
    queued = job(queued=True, suspended=True, active=0, ready=0)
    counted = summary(open=10)
    uncounted = replace(counted, campaign=replace(counted.campaign, active_since=None))
    assert decided(world(counted, queued)).actions == (CountTime(counts=False),)
    assert decided(world(counted, replace(queued, active=2))).actions == (), "they are being stopped"
    admitted = replace(queued, suspended=False, active=4, ready=4)
    assert decided(world(uncounted, admitted)).actions == (CountTime(counts=True),)
    assert CountTime(counts=True) in decided(world(uncounted)).actions


def over(number: int, *, ago: float) -> JobView:
    return job(number, active=0, ready=0, outcome="Failed", created=NOW - timedelta(seconds=ago))


def test_rounds_that_close_no_slot_come_ever_more_rarely() -> None:
    ledger = summary(open=4)
    again = CreateJob(number=2, workers=4)
    assert decided(world(ledger, over(1, ago=0.5))).actions == (again,)
    assert decided(world(ledger, over(1, ago=5), over(2, ago=3.9))).actions == ()
    assert decided(world(ledger, over(1, ago=5), over(2, ago=4))).actions == (CreateJob(number=3, workers=4),)
    jobs = [over(number, ago=100 * (20 - number) + 119) for number in range(1, 21)]
    assert decided(world(ledger, *jobs)).actions == ()
    jobs[-1] = over(20, ago=120)
    assert decided(world(ledger, *jobs)).actions == (CreateJob(number=21, workers=4),)


def test_a_slot_that_was_closed_since_makes_it_forget_them() -> None:
    ledger = summary(open=3, succeeded=1)
    assert decided(world(ledger, over(1, ago=5), over(2, ago=1))).actions == (CreateJob(number=3, workers=3),)
