"""The status of a campaign, written when it has changed: guarded by the version that was read, whole, and not too often.

What could go wrong: somebody changed the object meanwhile (ClusterConflictError, the next turn reads it), or it is gone.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Final

from corebound.api.status import CampaignStatus
from corebound.cluster.resources import CAMPAIGNS
from corebound_operator.decide.report import report, slow_parts_only

if TYPE_CHECKING:
    from corebound.cluster.client import Cluster
    from corebound_operator.decide.world import Decision, World
    from corebound_operator.loop.objects import Objects
    from corebound_operator.loop.recorder import Recorder

Manifest = dict[str, Any]

STATUS_SECONDS: Final = 2.0
SLOW_STATUS_SECONDS: Final = 15.0


class Statuses:
    """Safe for several threads with different campaigns."""

    def __init__(self, cluster: Cluster, objects: Objects, recorder: Recorder) -> None:
        self._cluster, self._objects, self._recorder = cluster, objects, recorder
        self._lock = threading.Lock()
        self._written: dict[str, float] = {}
        """When the status of a campaign (by UID) was last written."""

    def write(self, found: Manifest, world: World, decision: Decision) -> float | None:
        """Write what has changed; returns when to come again."""
        metadata, uid = found["metadata"], found["metadata"]["uid"]
        before = found.get("status") or {}
        status = report(world, decision, before=CampaignStatus.read(before), generation=metadata.get("generation", 0))
        after = status.to_mapping()
        again = decision.again_in
        if after == before:
            return again
        wait = SLOW_STATUS_SECONDS if slow_parts_only(before, after) else STATUS_SECONDS
        with self._lock:
            since = time.monotonic() - self._written.get(uid, float("-inf"))
        phase_changed = before.get("phase") != after.get("phase")
        if since < wait and not phase_changed:
            return min(again if again is not None else wait, wait - since)
        gone = {name: None for name in before if name not in after}
        guard = {"resourceVersion": metadata["resourceVersion"]}
        change = {"metadata": guard, "status": {**gone, **_replaced(before, after)}}
        key = metadata["namespace"], metadata["name"]
        written = self._cluster.patch(CAMPAIGNS, key[1], change, namespace=key[0], subresource="status")
        if written is not None:
            self._objects.wrote_status(key, written)
        with self._lock:
            self._written[uid] = time.monotonic()
        self._recorder.phase(found, before=before.get("phase"), status=status)
        return again

    def forget(self, uid: str) -> None:
        """The campaign is gone."""
        with self._lock:
            self._written.pop(uid, None)


def _replaced(before: Manifest, after: Manifest) -> Manifest:
    """A merge patch keeps names of mappings that it does not mention: those that went are set to null."""
    change: Manifest = {}
    for name, part in after.items():
        was = before.get(name)
        if isinstance(part, dict) and isinstance(was, dict):
            change[name] = {**{each: None for each in was if each not in part}, **_replaced(was, part)}
        else:
            change[name] = part
    return change
