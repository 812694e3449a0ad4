"""Kubernetes events of a campaign: one for each thing that people want to know, never the same again within ten minutes.

Each is a line of the log, too: events are gone after an hour. They are written beside the reconciles, which wait for none.
What could go wrong: an event that cannot be written; it is logged and forgotten, since the status says the same.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from corebound.api.errors import ClusterError
from corebound.api.reasons import ReasonWord
from corebound.cluster.resources import EVENTS
from corebound.planning.wording import count_text
from corebound_operator.decide.world import CreateJob, DeleteCampaign, DeleteJob, ResizeJob, SuspendJob

if TYPE_CHECKING:
    from corebound.api.jobs import PodTrouble
    from corebound.api.status import CampaignStatus
    from corebound.cluster.client import Cluster
    from corebound_operator.decide.world import Action

Manifest = dict[str, Any]
logger = logging.getLogger(__name__)

QUIET_SECONDS: Final = 600.0
LONGEST_NOTE: Final = 1024
"""Bytes; the API server refuses an event with more."""
COMPONENT: Final = "corebound.dev/operator"
LAST_EVENTS_SECONDS: Final = 5.0
"""Of waiting, at the end, for those that are not written yet."""


class Recorder:
    """Writes events; safe for several threads."""

    def __init__(self, cluster: Cluster, *, instance: str) -> None:
        self._cluster, self._instance = cluster, instance
        self._lock = threading.Lock()
        self._said: dict[tuple[str, str, str], float] = {}
        self._events: queue.SimpleQueue[Manifest | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write, name="events", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self) -> None:
        """Write what is left."""
        self._events.put(None)
        self._thread.join(LAST_EVENTS_SECONDS)

    def acted(self, campaign: Manifest, action: Action) -> None:
        """What was done for the campaign, where people would ask."""
        match action:
            case CreateJob(number=number, workers=workers):
                self._record(campaign, ReasonWord.JOB_CREATED, f"round {number} with {count_text(workers, 'worker')}")
            case ResizeJob(name=name, parallelism=parallelism):
                self._record(campaign, ReasonWord.JOB_RESIZED, f"{name}: up to {parallelism} pods")
            case SuspendJob(name=name, suspend=suspend):
                self._record(campaign, ReasonWord.JOB_SUSPENDED if suspend else ReasonWord.JOB_RESUMED, name)
            case DeleteJob(name=name, why=why):
                self._record(campaign, ReasonWord.JOB_DELETED, f"{name}: {why}")
            case DeleteCampaign():
                self._record(campaign, ReasonWord.EXPIRED, "ttlSecondsAfterFinished has passed")
            case _:
                return

    def refused(self, campaign: Manifest, trouble: PodTrouble) -> None:
        """The cluster did not accept what was to be done for it."""
        self._record(campaign, trouble.reason, trouble.message, kind="Warning")

    def phase(self, campaign: Manifest, *, before: str | None, status: CampaignStatus) -> None:
        """The campaign has another phase, or cannot go on."""
        if status.phase is not None and status.phase.value not in (before, "Pending"):
            kind = "Warning" if status.phase.value == "Failed" else "Normal"
            self._record(campaign, ReasonWord[status.phase.name], status.message or status.phase.value, kind=kind)
        for condition in status.conditions:
            if condition.type.value in ("Accepted", "StorageReady") and condition.status.value == "False":
                self._record(campaign, condition.reason, condition.message, kind="Warning")

    def _record(self, campaign: Manifest, reason: str, note: str, *, kind: str = "Normal") -> None:
        metadata = campaign["metadata"]
        key = (metadata["uid"], reason, note)
        now = time.monotonic()
        with self._lock:
            self._said = {each: said for each, said in self._said.items() if now - said < QUIET_SECONDS}
            if key in self._said:
                return
            self._said[key] = now
        about = {"namespace": metadata["namespace"], "campaign": metadata["name"]}
        logger.log(logging.WARNING if kind == "Warning" else logging.INFO, reason, extra={**about, "note": note})
        event = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": f"{metadata['name']}.{uuid4().hex[:16]}", "namespace": metadata["namespace"]},
            "eventTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "reportingController": COMPONENT,
            "reportingInstance": self._instance,
            "type": kind,
            "reason": reason,
            "action": "Reconcile",
            "note": note.encode(errors="replace")[:LONGEST_NOTE].decode(errors="ignore"),
            "regarding": {
                "apiVersion": campaign["apiVersion"],
                "kind": campaign["kind"],
                "name": metadata["name"],
                "namespace": metadata["namespace"],
                "uid": metadata["uid"],
                "resourceVersion": metadata["resourceVersion"],
            },
        }
        self._events.put(event)

    def _write(self) -> None:
        while (event := self._events.get()) is not None:
            try:
                self._cluster.create(EVENTS, event)
            except ClusterError as error:
                about = {"namespace": event["metadata"]["namespace"], "campaign": event["regarding"]["name"]}
                logger.info("an event could not be written", extra={**about, "error": str(error)})
            except Exception:  # a defect of ours: the next event is written all the same
                logger.exception("an event could not be written")
