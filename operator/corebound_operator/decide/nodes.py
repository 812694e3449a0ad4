"""What the cluster's nodes have to give to trials: allocatable, less what DaemonSets have on each of them. Pure.

Nodes that are cordoned, not ready, or tainted beyond what trials tolerate do not count. Nodes of one size are one pool; of
several sizes the one that has most cores together is taken, and said. What could go wrong: a quantity that this program does
not read; such a node gives nothing.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from corebound.api.plan import Pool
from corebound.api.quantities import parse_cpu, parse_memory
from corebound.planning.pools import campaign_currency, whole_cores
from corebound.planning.wording import count_text, number_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from corebound.api.spec import CampaignSpec

Manifest = dict[str, Any]

MEMORY_STEP: Final = 2**30
KEEPS_AWAY: Final = ("NoSchedule", "NoExecute")
"""Effects of taints; PreferNoSchedule is a wish."""


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What DaemonSets have on one node."""

    cores: float = 0.0
    memory_bytes: int = 0
    pods: int = 0


@dataclass(frozen=True, kw_only=True)
class Taint:
    """What keeps pods from a node that do not tolerate it."""

    key: str
    value: str
    effect: str


@dataclass(frozen=True, kw_only=True)
class NodeRoom:
    """What one node has left for trials."""

    cores: float
    memory_bytes: int
    pods: int
    taints: tuple[Taint, ...] = ()
    """Those that keep pods away."""

    @property
    def size(self) -> tuple[int, int, int]:
        """Nodes that differ by less than a core and a GiB are of one size."""
        return whole_cores(self.cores), self.memory_bytes // MEMORY_STEP, self.pods

    def suits(self, tolerations: Sequence[Mapping[str, Any]]) -> bool:
        """Whether pods with these tolerations may come here (core/v1 Toleration)."""
        return all(any(_tolerates(each, taint) for each in tolerations) for taint in self.taints)


def taken_by_daemons(pods: Iterable[Manifest]) -> dict[str, Taken]:
    """What DaemonSets have, by node; other pods come and go."""
    found: dict[str, Taken] = defaultdict(Taken)
    for pod in pods:
        if any(each.get("kind") == "DaemonSet" for each in pod["metadata"].get("ownerReferences", [])):
            node = pod["spec"].get("nodeName", "")
            requests = [each.get("resources", {}).get("requests", {}) for each in pod["spec"]["containers"]]
            found[node] = Taken(
                cores=found[node].cores + sum(_cores(each.get("cpu")) for each in requests),
                memory_bytes=found[node].memory_bytes + sum(_bytes(each.get("memory")) for each in requests),
                pods=found[node].pods + 1,
            )
    return found


def rooms(nodes: Sequence[Manifest], taken: Mapping[str, Taken]) -> list[NodeRoom]:
    """What each node that takes pods has left."""
    return [
        _room(node, taken.get(node["metadata"]["name"], Taken()))
        for node in nodes
        if _is_ready(node) and not node.get("spec", {}).get("unschedulable")
    ]


def pool_of_rooms(found: Sequence[NodeRoom], spec: CampaignSpec) -> Pool:
    """The pool of the size that has most cores together."""
    by_size: dict[tuple[int, int, int], list[NodeRoom]] = defaultdict(list)
    for room in found:
        by_size[room.size].append(room)
    alike = max(by_size.values(), key=lambda each: each[0].size[0] * len(each))
    cores, count = min(room.cores for room in alike), len(alike)
    most = spec.pool.max_nodes if spec.pool is not None and "max_nodes" in spec.pool.model_fields_set else count
    others = len(found) - count
    beside = f" (beside {count_text(others, 'node')} of other sizes, not used)" if others else ""
    return Pool(
        name=f"{count_text(count, 'node')} of the cluster",
        cores=cores,
        nodes=min(count, most),
        memory_bytes=min(room.memory_bytes for room in alike),
        pods=alike[0].pods,
        price_per_hour=spec.pool.price_per_hour if spec.pool is not None else None,
        currency=campaign_currency(spec),
        source=f"{count_text(count, 'matching node')}, {number_text(cores)} cores each that no DaemonSet has{beside}",
    )


def _room(node: Manifest, taken: Taken) -> NodeRoom:
    gives = node.get("status", {}).get("allocatable", {})
    taints = node.get("spec", {}).get("taints") or []
    return NodeRoom(
        cores=max(_cores(gives.get("cpu")) - taken.cores, 0.0),
        memory_bytes=max(_bytes(gives.get("memory")) - taken.memory_bytes, 0),
        pods=int(gives.get("pods", 0)) - taken.pods,
        taints=tuple(
            Taint(key=each["key"], value=each.get("value", ""), effect=each["effect"])
            for each in taints
            if each["effect"] in KEEPS_AWAY
        ),
    )


def _is_ready(node: Manifest) -> bool:
    conditions = node.get("status", {}).get("conditions") or []
    return all(each["status"] == "True" for each in conditions if each["type"] == "Ready")


def _tolerates(toleration: Mapping[str, Any], taint: Taint) -> bool:
    if toleration.get("effect") not in (None, "", taint.effect):
        return False
    if toleration.get("operator") == "Exists":
        return toleration.get("key") in (None, "", taint.key)
    return bool(toleration.get("key") == taint.key and (toleration.get("value") or "") == taint.value)


def _cores(text: object) -> float:
    try:
        return parse_cpu(text)
    except ValueError:
        return 0.0


def _bytes(text: object) -> int:
    try:
        return parse_memory(text)
    except ValueError:
        return 0
