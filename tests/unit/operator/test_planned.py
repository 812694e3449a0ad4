"""Nodes come and go: what a running campaign was given is not taken away from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from corebound.api.errors import PlanError
from corebound.api.loading import campaign_from_mapping
from corebound.api.plan import DecidedPlan, Experience, Pool
from corebound_operator.decide.planned import lasting_plan

from ...made_up import NOW
from .worlds import mapping

if TYPE_CHECKING:
    from corebound.api.plan import Plan


def planned(
    nodes: int | None,
    before: DecidedPlan | None = None,
    *,
    at_work: bool = True,
    connections: int = 1000,
    taken: int = 0,
    **spec: Any,
) -> Plan:
    """On so many nodes of four cores; without nodes none can be found."""

    def find_pool() -> Pool:
        if nodes is None:
            raise PlanError("found no node")
        return Pool(name=f"{nodes} nodes", cores=4, nodes=nodes, source="for a test")

    return lasting_plan(
        campaign_from_mapping(mapping(trials=100, **spec)),
        find_pool,
        before=before,
        at_work=at_work,
        experience=Experience(),
        connections=connections,
        taken=taken,
    )


def decided(workers: int, *, threads: int = 1) -> DecidedPlan:
    return DecidedPlan(
        decided_at=NOW, trials=100, threads=threads, workers=workers, waves=1, seconds=None, cost=None, currency="USD"
    )


def test_a_node_that_goes_takes_no_workers_from_a_campaign_at_work() -> None:
    assert planned(4).workers == 16
    assert planned(3, decided(16)).workers == 16
    assert planned(3, decided(16), at_work=False).workers == 12


def test_more_nodes_are_used_at_once() -> None:
    assert planned(5, decided(16)).workers == 20


def test_without_any_node_it_stays_as_it_was_so_that_its_pods_ask_for_nodes() -> None:
    plan = planned(None, decided(3, threads=2), threads=2, at_work=False)
    assert (plan.threads, plan.workers) == (2, 3)
    with pytest.raises(PlanError, match="found no node"):
        planned(None)


def test_what_was_asked_for_stays_possible_when_a_node_is_cordoned() -> None:
    with pytest.raises(PlanError):
        planned(1, parallelism=8)
    assert planned(1, decided(8), parallelism=8).workers == 8


def test_fewer_workers_are_planned_when_the_user_asks_for_them() -> None:
    assert planned(4, decided(16), parallelism=2).workers == 2


def test_more_than_it_ever_had_is_refused_in_the_words_of_the_nodes_that_there_are() -> None:
    with pytest.raises(PlanError, match="1 nodes has 4 usable cores"):
        planned(1, decided(8), parallelism=32)
