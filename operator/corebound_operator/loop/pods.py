"""The pods of a campaign and the events of its Job, listed only where something is missing or broken: they are many.

The first look is at once, and so is one at every change of the Job; while nothing changes the next ones come later and
later: a hundred campaigns that wait for a node would else list thousands of pods every second. What could go wrong: a reason
that changes while the Job does not (an image that cannot be pulled is first only being pulled) is seen up to 15 s late.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from corebound.api.contract import ExitCode
from corebound.cluster.resources import EVENTS, PODS
from corebound_operator.build.names import selector
from corebound_operator.decide.decision import MOST_FAILURES_IN_A_ROW
from corebound_operator.decide.pods import broken_contract, failures_in_a_row, lost_pods, pod_trouble

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from corebound.api.jobs import JobView, PodTrouble
    from corebound.cluster.client import Cluster

Manifest = dict[str, Any]

LONGEST_WAIT_SECONDS: Final = 15.0


@dataclass(frozen=True, kw_only=True)
class PodsSeen:
    """What the pods say about why fewer run than should."""

    trouble: PodTrouble | None = None
    broken_contract: str | None = None
    failures_in_a_row: int = 0
    leave: bool = False
    lost: int = 0


@dataclass(frozen=True, kw_only=True)
class _Look:
    """What was seen at ``at``, of a Job that has been as it is ``since``."""

    job: JobView
    since: float
    at: float
    seen: PodsSeen


class Pods:
    """The door to pods and their Job's events; safe for several threads with different campaigns."""

    def __init__(self, cluster: Cluster, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._cluster, self._clock = cluster, clock
        self._lock = threading.Lock()
        self._looks: dict[str, _Look] = {}

    def of(self, job: JobView, *, uid: str, namespace: str, last_close: datetime | None, now: datetime) -> PodsSeen:
        """What there is to say of the newest Job of the campaign with that ``uid``; nothing while all is well."""
        broken = job.outcome == "Failed" and job.reason == "PodFailurePolicy"
        working = job.is_live and not job.suspended
        lacking = working and (not job.active or job.terminating or job.ready < job.active + bool(job.failed_pods))
        failing = job.failed_pods >= MOST_FAILURES_IN_A_ROW
        ended_badly = job.outcome == "Failed"
        if not (ended_badly or lacking or failing):
            self.forget(uid)
            return PodsSeen()
        with self._lock:
            before = self._looks.get(uid)
        at = self._clock()
        since = before.since if before is not None and before.job == job else at
        if before is not None and since == before.since and not broken:
            waited_before = before.at - before.since
            if at - before.at < min(waited_before / 2, LONGEST_WAIT_SECONDS):
                return before.seen
        pods = self._cluster.list(PODS, namespace=namespace, labels=selector(uid))
        # Of pods that are there the pods themselves tell; events are slow to list, and tell why some cannot be made.
        unmade = working and job.active < min(job.parallelism, job.unfinished)
        events = self._events(job, namespace=namespace) if unmade else []
        seen = PodsSeen(
            trouble=pod_trouble(pods, events, now=now),
            broken_contract=(broken_contract(pods, ExitCode.CONTRACT_BROKEN.value) or job.message) if broken else None,
            failures_in_a_row=failures_in_a_row(pods, last_close),
            leave=any("deletionTimestamp" in pod["metadata"] for pod in pods),
            lost=lost_pods(pods, job=job.uid, now=now),
        )
        with self._lock:
            self._looks[uid] = _Look(job=job, since=since, at=at, seen=seen)
        return seen

    def forget(self, uid: str) -> None:
        """The campaign is gone, or well: the next look is the first one."""
        with self._lock:
            self._looks.pop(uid, None)

    def _events(self, job: JobView, *, namespace: str) -> list[Manifest]:
        return self._cluster.list(EVENTS, namespace=namespace, fields=f"regarding.uid={job.uid}")
