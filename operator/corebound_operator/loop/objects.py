"""A campaign's object and its Jobs, read anew when a watch has brought something of them, else as they were read last.

A running campaign is looked at every 2 s for what its workers have written into the ledger; without events the API server has
nothing new to tell, and a hundred campaigns would keep it busy. What could go wrong: an event that was missed; what was read
is good for 15 s at most. A status that we wrote ourselves comes back as an event, too: it is known by its version.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from corebound.cluster.resources import CAMPAIGNS

if TYPE_CHECKING:
    from collections.abc import Callable

    from corebound.api.jobs import JobView
    from corebound.cluster.client import Cluster
    from corebound_operator.loop.jobs import Jobs
    from corebound_operator.loop.queue import Key

Manifest = dict[str, Any]

GOOD_SECONDS: Final = 15.0


@dataclass(frozen=True, kw_only=True)
class Read:
    """What was read at ``at``."""

    campaign: Manifest
    jobs: tuple[JobView, ...]
    at: float


class Objects:
    """The door to campaigns; safe for several threads with different keys."""

    def __init__(self, cluster: Cluster, jobs: Jobs, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._cluster, self._jobs, self._clock = cluster, jobs, clock
        self._lock = threading.Lock()
        self._reads: dict[Key, Read] = {}

    def read(self, key: Key) -> Read | None:
        """The campaign and its Jobs; None when it is gone or going."""
        with self._lock:
            known = self._reads.get(key)
            if known is not None and self._clock() - known.at < GOOD_SECONDS:
                return known
            # Until it is read, so that an event of the time between makes the next turn read again.
            begun = Read(campaign={}, jobs=(), at=float("-inf"))
            self._reads[key] = begun
        at = self._clock()
        namespace, name = key
        found = self._cluster.get(CAMPAIGNS, name, namespace=namespace)
        if found is None or "deletionTimestamp" in found["metadata"]:
            self.changed(key)
            return None
        read = Read(campaign=found, jobs=self._jobs.of(found), at=at)
        with self._lock:
            if self._reads.get(key) is begun:
                self._reads[key] = read
        return read

    def wrote_status(self, key: Key, campaign: Manifest) -> None:
        """``campaign`` is the object as the server has it after our write."""
        with self._lock:
            known = self._reads.get(key)
            if known is not None and known.campaign:
                self._reads[key] = Read(campaign=campaign, jobs=known.jobs, at=known.at)

    def changed(self, key: Key) -> None:
        """A watch has brought something, or we have changed something ourselves: the next turn reads."""
        with self._lock:
            self._reads.pop(key, None)

    def is_known(self, key: Key, version: str) -> bool:
        """Whether an event brings the very object that is known."""
        with self._lock:
            known = self._reads.get(key)
            return known is not None and known.campaign.get("metadata", {}).get("resourceVersion") == version
