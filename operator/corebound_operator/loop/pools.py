"""The pool of a campaign: what its ``spec.pool`` says, else the nodes that match, else the operator's default.

Nodes of one size are one pool; of several sizes the one that has most cores together is taken, and said. What could go
wrong: no right to list nodes (the default is used), no node yet (an autoscaler at 0: then ``spec.pool`` is needed, and the
refusal says so).
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from corebound.api.errors import ClusterRefusedError, PlanError
from corebound.api.plan import Pool
from corebound.api.quantities import parse_cpu, parse_memory
from corebound.cluster.resources import NODES
from corebound.planning.pools import campaign_currency, campaign_pool
from corebound.planning.wording import count_text, number_text

if TYPE_CHECKING:
    from corebound.api.spec import CampaignSpec
    from corebound.cluster.client import Cluster
    from corebound_operator.build.settings import Settings

Manifest = dict[str, Any]

KEPT_SECONDS: Final = 30.0


@dataclass(frozen=True)
class _Size:
    cores: float
    memory_bytes: int
    pods: int


class Pools:
    """Pools of campaigns; nodes are listed at most every 30 s for the same selector."""

    def __init__(self, cluster: Cluster, settings: Settings) -> None:
        self._cluster, self._settings = cluster, settings
        self._lock = threading.Lock()
        self._listed: dict[str, tuple[float, list[Manifest] | None]] = {}

    def of(self, spec: CampaignSpec) -> Pool:
        """The pool. Raises :class:`PlanError` where none can be found."""
        described = campaign_pool(spec)
        if described is not None:
            return described
        own = spec.pool.node_selector if spec.pool else {}
        selector = {**self._settings.trial_defaults.node_selector, **own, **spec.trial.template.node_selector}
        nodes = self._nodes(",".join(f"{name}={value}" for name, value in sorted(selector.items())))
        if nodes:
            return _pool_of_nodes(nodes, spec)
        default = self._settings.default_pool
        if default is not None:
            return Pool(
                name="the operator's default pool",
                cores=default.cpu,
                nodes=default.max_nodes,
                memory_bytes=default.memory_bytes,
                price_per_hour=default.price_per_hour if spec.pool is None else spec.pool.price_per_hour,
                currency=campaign_currency(spec),
                source=f"{number_text(default.cpu)} allocatable cores a node, as the operator's settings say",
            )
        shown = ", ".join(f"{name}={value}" for name, value in selector.items()) or "any"
        raise PlanError(
            f"found no node that matches ({shown}) and takes pods, and the campaign does not say what a node has to give: "
            "set spec.pool (cpu, memory, maxNodes), as is needed where an autoscaler starts at no node"
        )

    def _nodes(self, selector: str) -> list[Manifest] | None:
        """Nodes that take pods; None where they may not be listed."""
        with self._lock:
            known = self._listed.get(selector)
        if known is not None and time.monotonic() - known[0] < KEPT_SECONDS:
            return known[1]
        try:
            found = [node for node in self._cluster.list(NODES, labels=selector) if _takes_pods(node)]
        except ClusterRefusedError as error:
            if error.status != 403:
                raise
            found = None
        with self._lock:
            self._listed[selector] = (time.monotonic(), found)
        return found


def _takes_pods(node: Manifest) -> bool:
    return not node.get("spec", {}).get("unschedulable")


def _pool_of_nodes(nodes: list[Manifest], spec: CampaignSpec) -> Pool:
    by_size: dict[_Size, int] = defaultdict(int)
    for node in nodes:
        gives = node.get("status", {}).get("allocatable", {})
        cpu, memory, pods = gives.get("cpu", "1m"), gives.get("memory", "1Mi"), gives.get("pods", "1")
        by_size[_Size(parse_cpu(cpu), parse_memory(memory), int(pods))] += 1
    size, count = max(by_size.items(), key=lambda each: each[0].cores * each[1])
    most = spec.pool.max_nodes if spec.pool is not None and "max_nodes" in spec.pool.model_fields_set else count
    others = sum(by_size.values()) - count
    beside = f" (beside {count_text(others, 'node')} of other sizes, not used)" if others else ""
    return Pool(
        name=f"{count_text(count, 'node')} of the cluster",
        cores=size.cores,
        nodes=min(count, most),
        memory_bytes=size.memory_bytes,
        pods=size.pods,
        price_per_hour=spec.pool.price_per_hour if spec.pool is not None else None,
        currency=campaign_currency(spec),
        source=f"{count_text(count, 'matching node')}, {number_text(size.cores)} allocatable cores each{beside}",
    )
