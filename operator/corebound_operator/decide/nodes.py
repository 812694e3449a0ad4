"""What the cluster's nodes have to give to trials: allocatable, less what DaemonSets have on each of them. Pure.

Nodes of one size are one pool; of several sizes the one that has most cores together is taken, and said. What could go
wrong: a quantity that this program does not read; such a node gives nothing.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from corebound.api.plan import Pool
from corebound.api.quantities import parse_cpu, parse_memory
from corebound.planning.pools import campaign_currency, whole_cores
from corebound.planning.wording import count_text, number_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from corebound.api.spec import CampaignSpec

Manifest = dict[str, Any]

MEMORY_STEP = 2**30


@dataclass(frozen=True, kw_only=True)
class NodeRoom:
    """What one node has left for trials."""

    cores: float
    memory_bytes: int
    pods: int

    @property
    def size(self) -> tuple[int, int, int]:
        """Nodes that differ by less than a core and a GiB are of one size."""
        return whole_cores(self.cores), self.memory_bytes // MEMORY_STEP, self.pods


def rooms(nodes: Sequence[Manifest], pods: Sequence[Manifest]) -> list[NodeRoom]:
    """What each node that takes pods has left; ``pods`` are those that run, of which DaemonSets' count."""
    daemons: dict[str, list[Manifest]] = defaultdict(list)
    for pod in pods:
        if any(each.get("kind") == "DaemonSet" for each in pod["metadata"].get("ownerReferences", [])):
            daemons[pod["spec"].get("nodeName", "")].append(pod)
    return [
        _room(node, daemons[node["metadata"]["name"]])
        for node in nodes
        if not node.get("spec", {}).get("unschedulable")
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


def _room(node: Manifest, daemons: Sequence[Manifest]) -> NodeRoom:
    gives = node.get("status", {}).get("allocatable", {})
    requests = [
        container.get("resources", {}).get("requests", {}) for pod in daemons for container in pod["spec"]["containers"]
    ]
    cores = _cores(gives.get("cpu")) - sum(_cores(each.get("cpu")) for each in requests)
    memory = _bytes(gives.get("memory")) - sum(_bytes(each.get("memory")) for each in requests)
    return NodeRoom(cores=max(cores, 0.0), memory_bytes=max(memory, 0), pods=int(gives.get("pods", 0)) - len(daemons))


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
