"""What nodes have to give: allocatable less what DaemonSets have, in pools of nodes of one size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from corebound.api.loading import campaign_from_mapping
from corebound.planning.pools import places
from corebound_operator.decide.nodes import pool_of_rooms, rooms, taken_by_daemons

from .worlds import mapping

if TYPE_CHECKING:
    from corebound.api.plan import Pool

Manifest = dict[str, Any]


def node(name: str, cpu: str = "126620m", *, memory: str = "480Gi", unschedulable: bool = False) -> Manifest:
    return {
        "metadata": {"name": name},
        "spec": {"unschedulable": unschedulable},
        "status": {"allocatable": {"cpu": cpu, "memory": memory, "pods": "250"}},
    }


def pod(on: str, *, cpu: str = "500m", kind: str = "DaemonSet") -> Manifest:
    return {
        "metadata": {"name": f"pod-{on}-{kind}", "ownerReferences": [{"kind": kind}]},
        "spec": {"nodeName": on, "containers": [{"resources": {"requests": {"cpu": cpu, "memory": "1Gi"}}}]},
    }


def pool(nodes: list[Manifest], pods: list[Manifest] | None = None, **spec: Any) -> Pool:
    campaign = campaign_from_mapping(mapping(**spec))
    return pool_of_rooms(rooms(nodes, taken_by_daemons(pods or [])), campaign.spec)


def test_what_daemonsets_have_is_not_there_for_trials() -> None:
    bare, shared = pool([node("a")]), pool([node("a")], [pod("a"), pod("a", cpu="300m")])
    assert places(bare, threads=1, memory_bytes=2**30) == 126
    assert places(shared, threads=1, memory_bytes=2**30) == 125
    assert shared.pods == 248
    assert shared.memory_bytes == 478 * 2**30


def test_other_pods_come_and_go_and_do_not_count() -> None:
    assert pool([node("a")], [pod("a", cpu="100", kind="ReplicaSet")]).cores == 126.62


def test_two_workers_of_64_threads_never_fit_128_cores() -> None:
    assert places(pool([node("a")]), threads=64, memory_bytes=2**30) == 1
    assert places(pool([node("a")]), threads=63, memory_bytes=2**30) == 2


def test_the_size_with_most_cores_together_is_taken_and_said() -> None:
    found = pool([node("a", "16"), node("b", "4"), node("c", "4"), node("d", "15900m")])
    assert (found.cores, found.nodes) == (16.0, 1)
    assert "beside 3 nodes of other sizes" in found.source
    many = pool([node("a", "16"), *(node(f"n{index}", "4100m") for index in range(5))])
    assert (many.cores, many.nodes) == (4.1, 5)


def test_nodes_that_take_no_pods_and_quantities_that_cannot_be_read_give_nothing() -> None:
    assert pool([node("a"), node("b", unschedulable=True)]).nodes == 1
    assert pool([node("a"), node("b", "lots")]).nodes == 1


def tainted(name: str, *taints: Manifest, ready: str = "True") -> Manifest:
    found = node(name)
    found["spec"]["taints"] = list(taints)
    found["status"]["conditions"] = [{"type": "Ready", "status": ready}]
    return found


SPOT = {"key": "spot", "value": "yes", "effect": "NoSchedule"}


@pytest.mark.parametrize(
    ("toleration", "suits"),
    [
        (None, False),
        ({"operator": "Exists"}, True),
        ({"key": "spot", "operator": "Exists"}, True),
        ({"key": "spot", "operator": "Exists", "effect": "NoExecute"}, False),
        ({"key": "spot", "value": "yes"}, True),
        ({"key": "spot", "operator": "Equal", "value": "yes", "effect": "NoSchedule"}, True),
        ({"key": "spot", "value": "no"}, False),
        ({"key": "gpu", "operator": "Exists"}, False),
    ],
)
def test_a_taint_keeps_trials_away_that_do_not_tolerate_it(toleration: Manifest | None, suits: bool) -> None:
    [room] = rooms([tainted("a", SPOT)], {})
    assert room.suits([toleration] if toleration else []) is suits


def test_every_taint_has_to_be_tolerated_and_a_wish_is_none() -> None:
    wish = {"key": "later", "effect": "PreferNoSchedule"}
    [both, wished] = rooms([tainted("a", SPOT, {"key": "gpu", "effect": "NoExecute"}), tainted("b", wish)], {})
    assert not both.suits([{"key": "spot", "operator": "Exists"}])
    assert wished.suits([])


def test_a_node_that_is_not_ready_does_not_count() -> None:
    assert rooms([tainted("a", ready="Unknown"), tainted("b", ready="False")], {}) == []


def test_max_nodes_limits_them() -> None:
    nodes = [node(f"n{index}", "8") for index in range(6)]
    assert pool(nodes).nodes == 6
    assert pool(nodes, pool={"maxNodes": 2}).nodes == 2
