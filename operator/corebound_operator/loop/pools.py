"""The pool of a campaign: what its ``spec.pool`` says, else the nodes that match, else the operator's default.

What could go wrong: no right to list nodes (the default is used), no node yet (an autoscaler at 0: then ``spec.pool`` is
needed, and the refusal says so).
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

from corebound.api.errors import ClusterRefusedError, PlanError
from corebound.api.plan import Pool
from corebound.cluster.resources import NODES, PODS
from corebound.planning.pools import campaign_currency, campaign_pool
from corebound.planning.wording import number_text
from corebound_operator.decide.nodes import pool_of_rooms, rooms, taken_by_daemons

if TYPE_CHECKING:
    from corebound.api.spec import CampaignSpec
    from corebound.cluster.client import Cluster
    from corebound_operator.build.settings import Settings
    from corebound_operator.decide.nodes import NodeRoom, Taken

KEPT_SECONDS: Final = 30.0
RUNNING: Final = "spec.nodeName!=,status.phase!=Succeeded,status.phase!=Failed"


class Pools:
    """Pools of campaigns; nodes are listed at most every 30 s for the same selector, pods at most every 30 s."""

    def __init__(self, cluster: Cluster, settings: Settings) -> None:
        self._cluster, self._settings = cluster, settings
        self._lock = threading.Lock()
        self._listed: dict[str, tuple[float, list[NodeRoom] | None]] = {}
        self._daemons: tuple[float, dict[str, Taken]] = (float("-inf"), {})

    def of(self, spec: CampaignSpec) -> Pool:
        """The pool. Raises :class:`PlanError` where none can be found."""
        described = campaign_pool(spec)
        if described is not None:
            return described
        own = spec.pool.node_selector if spec.pool else {}
        selector = {**self._settings.trial_defaults.node_selector, **own, **spec.trial.template.node_selector}
        own_tolerations = [each.model_dump(mode="json", by_alias=True) for each in spec.trial.template.tolerations]
        tolerations = [*self._settings.trial_defaults.tolerations, *own_tolerations]
        listed = self._rooms(",".join(f"{name}={value}" for name, value in sorted(selector.items())))
        found = [room for room in listed or () if room.suits(tolerations)]
        if found:
            return pool_of_rooms(found, spec)
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
            f"found no node that matches ({shown}), is ready and has no taint that trials do not tolerate, and the campaign "
            "does not say what a node has to give: set spec.pool (cpu, memory, maxNodes), as is needed where an autoscaler "
            "starts at no node"
        )

    def _rooms(self, selector: str) -> list[NodeRoom] | None:
        """What matching nodes have left; None where they may not be listed. One thread lists, the others wait for it."""
        with self._lock:
            at, found = self._listed.get(selector, (float("-inf"), None))
            if time.monotonic() - at < KEPT_SECONDS:
                return found
            try:
                nodes = self._cluster.list(NODES, labels=selector)
                found = rooms(nodes, self._taken()) if nodes else []
            except ClusterRefusedError as error:
                if error.status != 403:
                    raise
                found = None
            self._listed[selector] = (time.monotonic(), found)
            return found

    def _taken(self) -> dict[str, Taken]:
        """What DaemonSets have on each node. Pods are many: they are looked at page by page, and none is kept."""
        at, found = self._daemons
        if time.monotonic() - at >= KEPT_SECONDS:
            found = taken_by_daemons(self._cluster.each(PODS, fields=RUNNING))
            self._daemons = (time.monotonic(), found)
        return found
