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
from corebound_operator.decide.nodes import pool_of_rooms, rooms

if TYPE_CHECKING:
    from corebound.api.spec import CampaignSpec
    from corebound.cluster.client import Cluster
    from corebound_operator.build.settings import Settings
    from corebound_operator.decide.nodes import NodeRoom

KEPT_SECONDS: Final = 30.0
RUNNING: Final = "spec.nodeName!=,status.phase!=Succeeded,status.phase!=Failed"


class Pools:
    """Pools of campaigns; nodes are listed at most every 30 s for the same selector."""

    def __init__(self, cluster: Cluster, settings: Settings) -> None:
        self._cluster, self._settings = cluster, settings
        self._lock = threading.Lock()
        self._listed: dict[str, tuple[float, list[NodeRoom] | None]] = {}

    def of(self, spec: CampaignSpec) -> Pool:
        """The pool. Raises :class:`PlanError` where none can be found."""
        described = campaign_pool(spec)
        if described is not None:
            return described
        own = spec.pool.node_selector if spec.pool else {}
        selector = {**self._settings.trial_defaults.node_selector, **own, **spec.trial.template.node_selector}
        found = self._rooms(",".join(f"{name}={value}" for name, value in sorted(selector.items())))
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
            f"found no node that matches ({shown}) and takes pods, and the campaign does not say what a node has to give: "
            "set spec.pool (cpu, memory, maxNodes), as is needed where an autoscaler starts at no node"
        )

    def _rooms(self, selector: str) -> list[NodeRoom] | None:
        """What matching nodes have left; None where they may not be listed."""
        with self._lock:
            known = self._listed.get(selector)
        if known is not None and time.monotonic() - known[0] < KEPT_SECONDS:
            return known[1]
        try:
            nodes = self._cluster.list(NODES, labels=selector)
            found = rooms(nodes, self._cluster.list(PODS, fields=RUNNING)) if nodes else []
        except ClusterRefusedError as error:
            if error.status != 403:
                raise
            found = None
        with self._lock:
            self._listed[selector] = (time.monotonic(), found)
        return found
