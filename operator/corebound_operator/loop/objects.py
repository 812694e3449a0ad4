"""A campaign's object and its Jobs, read anew when a watch has brought something of them, else as they were read last.

A running campaign is looked at every 2 s for what its workers have written into the ledger; without events the API server has
nothing new to tell, and a hundred campaigns would keep it busy. A campaign that was not known is taken from its event. What
could go wrong: an event that was missed; what was read is good for 15 s at most. A status that we wrote ourselves comes back
as an event, too: it is known by its version.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from corebound.api.records import Phase
from corebound.cluster.resources import CAMPAIGNS

if TYPE_CHECKING:
    from collections.abc import Callable

    from corebound.api.jobs import JobView
    from corebound.cluster.client import Cluster
    from corebound_operator.loop.jobs import Jobs
    from corebound_operator.loop.queue import Key

Manifest = dict[str, Any]

GOOD_SECONDS: Final = 15.0
_FINAL: Final = frozenset(phase.value for phase in Phase if phase.is_final)


@dataclass(frozen=True, kw_only=True)
class Read:
    """What was read, no part of it before ``at``."""

    campaign: Manifest
    jobs: tuple[JobView, ...]
    at: float


@dataclass(frozen=True, kw_only=True)
class _Known:
    """The same with parts that are to be read. Each change makes another one: nobody overwrites what he has not seen."""

    uid: str | None = None
    """Of the object that the parts belong to: another one of the same name has none of them."""
    campaign: Manifest | None = None
    jobs: tuple[JobView, ...] | None = None
    at: float


def is_over(campaign: Manifest) -> bool:
    """Whether nothing is to be done for it, as far as its own status says."""
    status, generation = campaign.get("status") or {}, campaign["metadata"].get("generation")
    return status.get("phase") in _FINAL and status.get("observedGeneration") == generation


class Objects:
    """The door to campaigns; safe for several threads with different keys."""

    def __init__(self, cluster: Cluster, jobs: Jobs, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._cluster, self._jobs, self._clock = cluster, jobs, clock
        self._lock = threading.Lock()
        self._known: dict[Key, _Known] = {}

    def read(self, key: Key) -> Read | None:
        """The campaign and its Jobs; None when it is gone or going."""
        with self._lock:
            begun = self._known.get(key)
            if begun is None or self._clock() - begun.at >= GOOD_SECONDS:
                # Kept until it is read, so that an event of the time between makes the next turn read again.
                begun = self._known[key] = _Known(at=self._clock())
        campaign = begun.campaign
        if campaign is None:
            namespace, name = key
            campaign = self._cluster.get(CAMPAIGNS, name, namespace=namespace)
        if campaign is None or "deletionTimestamp" in campaign["metadata"]:
            self.forget(key)
            return None
        uid = campaign["metadata"]["uid"]
        jobs = begun.jobs if begun.uid == uid else None
        if jobs is None:
            jobs = self._jobs.of(campaign)
        with self._lock:
            if self._known.get(key) is begun:
                self._known[key] = replace(begun, uid=uid, campaign=campaign, jobs=jobs)
        return Read(campaign=campaign, jobs=jobs, at=begun.at)

    def heard(self, key: Key, campaign: Manifest) -> bool:
        """A watch has brought ``campaign``; whether that is news."""
        uid, version = campaign["metadata"]["uid"], campaign["metadata"]["resourceVersion"]
        with self._lock:
            known = self._known.get(key)
            if known is None:
                # Without a status it had no turn to its end, so no Job; were there one, its name would be taken.
                jobs = None if campaign.get("status") else ()
                self._known[key] = _Known(uid=uid, campaign=campaign, jobs=jobs, at=self._clock())
                return True
            if known.campaign is not None and known.campaign["metadata"]["resourceVersion"] == version:
                return False
            # Events come late: what is known may be newer than this one, so it is read.
            self._known[key] = replace(known, campaign=None)
            return True

    def wrote_status(self, key: Key, campaign: Manifest) -> None:
        """``campaign`` is the object as the server has it after our write."""
        with self._lock:
            known = self._known.get(key)
            if known is not None and known.campaign is not None and known.uid == campaign["metadata"]["uid"]:
                self._known[key] = replace(known, campaign=campaign)

    def jobs_changed(self, key: Key) -> None:
        """A watch has brought a Job, or we have changed one ourselves: the next turn lists them."""
        with self._lock:
            known = self._known.get(key)
            if known is not None:
                self._known[key] = replace(known, jobs=None)

    def forget(self, key: Key) -> None:
        """The next turn reads everything."""
        with self._lock:
            self._known.pop(key, None)
