"""The status that people see: true, of constant size, and never older than it says."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from corebound.api.jobs import PodTrouble
from corebound.api.reasons import ReasonWord
from corebound.api.records import Phase
from corebound.api.status import CampaignStatus, ConditionStatus, ConditionType
from corebound_operator.decide.decision import decide
from corebound_operator.decide.report import report, slow_parts_only
from corebound_operator.decide.world import Obstacle, SpecObstacle, World

from .worlds import NOW, job, summary, world

EMPTY = CampaignStatus()
AWAY = Obstacle(reason=ReasonWord.DATABASE_UNREACHABLE, message="no answer")
NOT_ASKED = Obstacle(reason=ReasonWord.NOT_ASKED, message="")


def reported(seen: World, before: CampaignStatus = EMPTY, *, generation: int = 3) -> CampaignStatus:
    return report(seen, decide(seen, poll_seconds=2), before=before, generation=generation)


def condition(status: CampaignStatus, kind: ConditionType) -> tuple[ConditionStatus, str]:
    found = status.condition(kind)
    assert found is not None
    assert found.observed_generation == 3
    return found.status, found.reason


def test_a_running_campaign() -> None:
    status = reported(world(summary(open=3, running=4, succeeded=3, best=0.25), job()))
    assert status.phase is Phase.RUNNING
    assert status.trials is not None and status.trials.progress == "3/10"
    assert status.best is not None and status.best.parameters == {"x": 1.5}
    assert status.workers is not None and (status.workers.running, status.workers.wanted) == (4, 4)
    assert status.efficiency is not None and status.efficiency.cpu == "97%"
    assert condition(status, ConditionType.RUNNING) == (ConditionStatus.TRUE, "WorkersRunning")
    assert condition(status, ConditionType.THREADS_EXACT)[0] is ConditionStatus.TRUE
    assert condition(status, ConditionType.COMPLETE)[0] is ConditionStatus.FALSE


def test_every_condition_is_always_there() -> None:
    for seen in (world(summary(open=10)), world(AWAY, plan=None), world(summary(phase=Phase.FAILED, failed=10))):
        assert {each.type for each in reported(seen).conditions} == set(ConditionType)


def test_a_database_that_is_away_leaves_what_was_known_and_says_since_when() -> None:
    before = reported(world(summary(open=3, running=4, succeeded=3), job()))
    away = world(AWAY, job(), plan=None, now=NOW + timedelta(hours=1))
    status = reported(away, before)
    assert status.trials == before.trials
    assert status.phase is Phase.RUNNING
    storage = status.condition(ConditionType.STORAGE_READY)
    assert storage is not None and storage.status is ConditionStatus.FALSE
    assert storage.last_transition_time == NOW + timedelta(hours=1)
    assert status.message == "no answer"


def test_a_finished_campaign_is_not_taken_back_by_an_outage() -> None:
    before = reported(world(summary(phase=Phase.SUCCEEDED, succeeded=10)))
    assert reported(world(AWAY, plan=None), before).phase is Phase.SUCCEEDED


@pytest.mark.parametrize("phase", [Phase.RUNNING, Phase.SUSPENDED, Phase.SUCCEEDED, Phase.FAILED])
def test_an_edit_during_an_outage_is_not_observed_before_the_ledger_is(phase: Phase) -> None:
    """It may be more trials: who waits for their end must not be told that of the earlier ones."""
    left = {} if phase.is_final else {"open": 5}
    before = reported(world(summary(phase=phase, succeeded=10, **left), spec={"suspend": phase is Phase.SUSPENDED}))
    status = reported(world(AWAY, plan=None, spec={"trials": 20}), before, generation=4)
    assert (status.observed_generation, status.phase, status.trials) == (3, phase, before.trials)
    speak_of = {each.type: each.observed_generation for each in status.conditions}
    of_the_phase = {ConditionType.RUNNING, ConditionType.COMPLETE, ConditionType.FAILED}
    assert speak_of == {kind: 3 if kind in of_the_phase else 4 for kind in ConditionType}
    after = reported(world(summary(phase=phase, succeeded=10, open=10), spec={"trials": 20}), status, generation=4)
    assert (after.observed_generation, after.phase) == (4, Phase.RUNNING)
    assert {each.observed_generation for each in after.conditions} == {4}


@pytest.mark.parametrize("phase", [Phase.SUCCEEDED, Phase.FAILED])
def test_a_refused_edit_is_observed_and_has_no_end(phase: Phase) -> None:
    before = reported(world(summary(phase=phase, succeeded=10, finished_ago=60)))
    problem = SpecObstacle(reason=ReasonWord.SPEC_REFUSED, message="these fields cannot change: threads")
    refused = world(NOT_ASKED, plan=None, campaign=problem)
    status = reported(refused, before, generation=4)
    assert (status.observed_generation, status.phase, status.completion_time) == (4, Phase.PENDING, None)
    for kind in (ConditionType.COMPLETE, ConditionType.FAILED):
        found = status.condition(kind)
        assert found is not None and found.status is ConditionStatus.FALSE
    # The same words about the specification that has ended so (a newer operator may read it otherwise) change nothing.
    assert reported(refused, before).phase is phase
    running = reported(world(summary(open=3, running=4, succeeded=3), job()))
    assert reported(refused, running, generation=4).phase is Phase.RUNNING, "its workers are let alone"


def test_what_cannot_be_accepted() -> None:
    problem = SpecObstacle(reason=ReasonWord.PLAN_IMPOSSIBLE, message="50 workers x 4 threads")
    status = reported(world(summary(phase=Phase.PENDING, open=10), plan=problem))
    assert condition(status, ConditionType.ACCEPTED) == (ConditionStatus.FALSE, "PlanImpossible")
    assert status.phase is Phase.PENDING
    assert status.message == "50 workers x 4 threads"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("ThreadContractBroken: 2 CPUs", (ConditionStatus.FALSE, "ThreadContractBroken")),
        ("SchemaMismatch: tables of version 9", (ConditionStatus.UNKNOWN, "NotCheckedYet")),
    ],
)
def test_workers_that_refuse_to_work_for_another_reason_break_no_contract(
    said: str, expected: tuple[ConditionStatus, str]
) -> None:
    status = reported(world(summary(open=10), job(outcome="Failed", active=0, ready=0), broken_contract=said))
    assert condition(status, ConditionType.THREADS_EXACT) == expected


def test_trouble_of_pods_is_the_message() -> None:
    trouble = PodTrouble(reason="ImagePullBackOff", message="no such tag")
    status = reported(world(summary(open=10), job(ready=0), trouble=trouble))
    assert condition(status, ConditionType.RUNNING) == (ConditionStatus.FALSE, "ImagePullBackOff")
    assert status.message == "no such tag"


def test_a_pod_that_waits_for_a_core_is_no_trouble_while_others_run() -> None:
    trouble = PodTrouble(reason="Unschedulable", message="Insufficient cpu")
    status = reported(world(summary(open=6, running=3), job(ready=3), trouble=trouble))
    assert condition(status, ConditionType.RUNNING)[0] is ConditionStatus.TRUE
    assert "closed" in (status.message or "")


def test_a_transition_keeps_its_time_until_it_changes() -> None:
    seen = world(summary(open=6, running=4), job())
    first = reported(seen)
    later = reported(replace(seen, now=NOW + timedelta(minutes=5)), first)
    assert later.conditions == first.conditions


def test_its_size_does_not_depend_on_the_number_of_trials() -> None:
    small = len(json.dumps(reported(world(summary(open=5, running=4, succeeded=1), job())).to_mapping()))
    large = len(json.dumps(reported(world(summary(open=500_000, running=4, succeeded=500_000), job())).to_mapping()))
    assert large - small < 50


def test_slow_parts_are_told_apart() -> None:
    before = reported(world(summary(open=6, running=4), job())).to_mapping()
    assert slow_parts_only(before, {**before, "cost": "1 USD", "efficiency": {"cpu": "50%"}})
    assert not slow_parts_only(before, {**before, "message": "other"})
