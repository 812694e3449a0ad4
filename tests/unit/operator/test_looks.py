"""How often pods are listed: at once at each change of the Job, ever more rarely while it stays as it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from corebound.api.jobs import job_view
from corebound.cluster.resources import PODS, Resource
from corebound_operator.decide.decision import MOST_FAILURES_IN_A_ROW
from corebound_operator.loop.pods import LONGEST_WAIT_SECONDS, Pods

if TYPE_CHECKING:
    from corebound.cluster.client import Cluster

WAITING = job_view({"metadata": {"name": "j", "uid": "u"}, "status": {"active": 2}})


class Listed:
    """Counts the lists of pods; time moves by ``now``."""

    def __init__(self) -> None:
        self.pods: list[dict[str, Any]] = []
        self.count = 0
        self.now = 0.0

    def list(self, resource: Resource, **_: Any) -> list[dict[str, Any]]:
        self.count += resource is PODS
        return self.pods if resource is PODS else []


def look(pods: Pods, job: Any = WAITING) -> Any:
    return pods.of(job, uid="c", namespace="default", last_close=None, now=datetime.now(UTC))


def made() -> tuple[Pods, Listed]:
    listed = Listed()
    return Pods(cast("Cluster", listed), clock=lambda: listed.now), listed


def test_pods_that_wait_are_listed_ever_more_rarely() -> None:
    pods, listed = made()
    counts = []
    for second in range(121):
        listed.now = float(second)
        look(pods)
        counts.append(listed.count)
    assert counts[0] == 1
    assert counts[4] >= 3
    last_minute = counts[120] - counts[60]
    assert 60 / LONGEST_WAIT_SECONDS - 1 <= last_minute <= 60 / LONGEST_WAIT_SECONDS + 1


def test_a_change_of_the_job_is_looked_at_at_once() -> None:
    pods, listed = made()
    look(pods)
    listed.now = 100.0
    look(pods)
    listed.now = 101.0
    look(pods)
    assert listed.count == 2
    look(pods, replace(WAITING, ready=1))
    assert listed.count == 3


def test_what_was_seen_stands_until_the_next_look() -> None:
    pods, listed = made()
    listed.pods = [{"metadata": {"name": "p", "deletionTimestamp": "2026-11-25T14:00:00Z"}}]
    for second in (0.0, 50.0, 51.0):
        listed.now = second
        assert look(pods).leave
    assert listed.count == 2


def test_a_broken_contract_is_looked_at_each_time() -> None:
    pods, listed = made()
    broken = replace(WAITING, outcome="Failed", reason="PodFailurePolicy", message="its own words")
    for _ in range(3):
        assert look(pods, broken).broken_contract == "its own words"
    assert listed.count == 3


def test_pods_that_failed_long_ago_are_not_listed_all_the_time() -> None:
    pods, listed = made()
    failed = replace(WAITING, ready=2, failed_pods=MOST_FAILURES_IN_A_ROW)
    look(pods, failed)
    listed.now = 100.0
    look(pods, failed)
    listed.now = 102.0
    look(pods, failed)
    assert listed.count == 2
    look(pods, replace(failed, failed_pods=MOST_FAILURES_IN_A_ROW + 1))
    assert listed.count == 3


def test_pods_that_are_to_end_are_looked_at_though_the_others_run() -> None:
    pods, listed = made()
    at = (datetime.now(UTC) - timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    metadata = {"name": "p", "deletionTimestamp": at, "ownerReferences": [{"uid": WAITING.uid}]}
    listed.pods = [{"metadata": metadata, "status": {"phase": "Running"}}]
    assert look(pods, replace(WAITING, ready=2)).lost == 0
    assert look(pods, replace(WAITING, ready=2, terminating=1)).lost == 1


def test_nothing_is_listed_while_all_run() -> None:
    pods, listed = made()
    look(pods)
    assert look(pods, replace(WAITING, ready=2)).trouble is None
    assert listed.count == 1
