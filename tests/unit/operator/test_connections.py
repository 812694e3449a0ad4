"""The database's connections are shared out among campaigns, and one that finds too few left waits and says so."""

from __future__ import annotations

import threading

import pytest

from corebound.api.errors import PlanError
from corebound.api.records import Phase
from corebound_operator.decide.decision import decide
from corebound_operator.decide.report import report
from corebound_operator.decide.workers import places_of
from corebound_operator.decide.world import CreateJob, Obstacle, ResizeJob, SuspendJob
from corebound_operator.loop.connections import Connections

from .test_planned import decided, planned
from .test_report import EMPTY
from .worlds import job, summary, world


def test_each_campaign_is_planned_beside_what_the_others_hold() -> None:
    shared = Connections()
    assert shared.hold("one", workers=60, taken=shared.of_others("one"), of=200)
    assert (shared.of_others("one"), shared.of_others("two")) == (0, 120)
    assert shared.hold("two", workers=3, taken=120, of=200)
    assert shared.of_others("one") == 6
    assert shared.hold("one", workers=0, taken=0, of=100), "fewer are held whatever the others have"
    shared.let_go("two")
    assert shared.of_others("three") == 0


@pytest.mark.parametrize(("of", "held"), [(200, 1), (240, 2), (10_000, 8)])
def test_of_campaigns_that_were_planned_at_once_those_are_planned_anew_for_which_too_few_are_left(
    of: int, held: int
) -> None:
    """Were it all but one, whatever is left, of a hundred campaigns each would wait for all the others."""
    shared, began, found = Connections(), threading.Barrier(8), []

    def turn(uid: str) -> None:
        taken = shared.of_others(uid)
        began.wait()
        found.append(shared.hold(uid, workers=60, taken=taken, of=of))

    threads = [threading.Thread(target=turn, args=(str(place),)) for place in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found.count(True) == held


def test_places_are_held_from_the_decision_to_make_them_until_the_last_pod_has_gone() -> None:
    gone = job(active=0, ready=0, outcome="Complete")
    for jobs, actions, places in (
        ([], [], 0),
        ([], [CreateJob(number=1, workers=4)], 9),
        ([job()], [], 9),
        ([job(active=0, suspended=True, queued=True)], [], 9),
        ([job(active=0, suspended=True)], [], 0),
        ([job(active=0, suspended=True)], [SuspendJob(name="poles-r1", suspend=False)], 9),
        ([job(active=3, suspended=True)], [SuspendJob(name="poles-r1", suspend=True)], 3),
        ([gone], [], 0),
        ([gone], [ResizeJob(name="poles-r1", parallelism=4)], 9),
    ):
        assert places_of(jobs, actions, wanted=9) == places, (jobs, actions)


def test_connections_that_others_have_are_not_planned_with() -> None:
    assert planned(16, connections=100, taken=90).workers == 5
    with pytest.raises(PlanError, match=r"100 database connections, of which other campaigns have 90 / 2 a worker"):
        planned(16, parallelism=6, connections=100, taken=90)
    with pytest.raises(PlanError, match="100 connections for workers, of which other campaigns have 99, one worker"):
        planned(16, connections=100, taken=99)


def test_what_a_campaign_has_at_work_is_its_own_and_what_it_had_is_not() -> None:
    assert planned(16, decided(40), parallelism=40, connections=100, taken=90).workers == 40
    with pytest.raises(PlanError, match="of which other campaigns have 90"):
        planned(16, decided(40), parallelism=40, connections=100, taken=90, at_work=False)


@pytest.mark.parametrize("begun", [False, True])
def test_a_campaign_that_waits_says_for_what_and_is_accepted(begun: bool) -> None:
    counts = {"open": 6, "succeeded": 4} if begun else {"open": 10}
    problem = Obstacle(reason="WaitsForConnections", message="waits for the connections of other campaigns: ...")
    seen = world(summary(phase=Phase.SUSPENDED if begun else Phase.PENDING, **counts), plan=problem)
    decision = decide(seen, poll_seconds=2)
    assert decision.actions == ()
    assert decision.phase is (Phase.RUNNING if begun else Phase.PENDING)
    assert decision.again_in is not None
    status = report(seen, decision, before=EMPTY, generation=1)
    said = {each.type.value: (each.status.value, each.reason) for each in status.conditions}
    assert said["Accepted"] == ("True", "SpecAccepted")
    assert said["Running"] == ("False", "WaitsForConnections")
    assert status.message == problem.message
