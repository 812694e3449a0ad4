"""The threads around the queue: workers that reconcile, a resync that wakes every campaign, and the retention of results.

What could go wrong: a turn that never ends, a thread that died, an API server that is away; :meth:`Loop.trouble` says so to
the liveness probe. A database that is away is no reason to restart: that is a condition of the campaigns.
"""

from __future__ import annotations

import logging
import threading
import time
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from corebound.api.crd import definition
from corebound.api.errors import ClusterConflictError, ClusterRefusedError, ClusterUnreachableError, CoreboundError
from corebound.cluster.resources import CAMPAIGNS
from corebound_operator.decide.definition import definition_difference
from corebound_operator.loop.namespaces import GOING
from corebound_operator.loop.objects import is_over

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from corebound.cluster.client import Cluster
    from corebound_operator.loop.queue import Key, WorkQueue

logger = logging.getLogger(__name__)

WORKERS: Final = 16
LONGEST_TURN_SECONDS: Final = 300.0
MISSED_RESYNCS: Final = 3.0
RETENTION_SECONDS: Final = 3600.0


class Loop:
    """Started by :meth:`start`, ended by :meth:`stop`; ``observe`` hears how each turn went and how long it took."""

    def __init__(
        self,
        *,
        queue: WorkQueue,
        reconcile: Callable[[Key], float | None],
        cluster: Cluster,
        namespaces: Sequence[str],
        resync_seconds: float,
        collect: Callable[[], int],
        observe: Callable[[str, float], None],
    ) -> None:
        self._queue, self._reconcile, self._cluster = queue, reconcile, cluster
        self._namespaces, self._resync_seconds, self._observe = namespaces, resync_seconds, observe
        self._collect = collect
        self._stopped = threading.Event()
        self._synced_at = time.monotonic()
        self._was_synced = threading.Event()
        self._threads: list[threading.Thread] = []
        self._said: str | None = None

    def start(self) -> None:
        """Begin to reconcile."""
        named = [(f"reconcile-{index}", self._work) for index in range(WORKERS)]
        for name, target in [*named, ("resync", self._resync), ("retention", self._retain)]:
            thread = threading.Thread(target=target, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Finish the turns that are under way, and begin no other."""
        self._stopped.set()
        self._queue.close()
        for thread in self._threads:
            thread.join(20)

    def synced(self) -> bool:
        """Whether every campaign was seen at least once."""
        return self._was_synced.is_set()

    def trouble(self) -> str | None:
        """Why the loop should be started anew; None while it is well."""
        dead = [thread.name for thread in self._threads if not thread.is_alive()]
        if dead:
            return f"threads have died: {', '.join(dead)}"
        turn = self._queue.oldest_at_work()
        if turn > LONGEST_TURN_SECONDS:
            return f"one reconcile takes {turn:.0f} s already"
        silent = time.monotonic() - self._synced_at
        if silent > MISSED_RESYNCS * self._resync_seconds:
            return f"the last resync was {silent:.0f} s ago, expected every {self._resync_seconds:.0f} s"
        return None

    def _work(self) -> None:
        while (key := self._queue.take()) is not None:
            began = time.monotonic()
            outcome, again_in = self._turn(key)
            self._observe(outcome, time.monotonic() - began)
            self._queue.done(key, again_in=again_in, failed=outcome != "succeeded")

    def _turn(self, key: Key) -> tuple[str, float | None]:
        """How it went, and when to come again."""
        try:
            return "succeeded", self._reconcile(key)
        except ClusterConflictError as error:
            # Somebody changed the object meanwhile: the next turn sees it.
            logger.debug("changed meanwhile", extra=_about(key, error))
            return "conflict", None
        except CoreboundError as error:
            if GOING in str(error):
                return "succeeded", None
            logger.warning("reconcile failed", extra=_about(key, error))
        except Exception as error:  # a defect of ours must not end the thread
            logger.exception("reconcile failed unexpectedly", extra=_about(key, error))
        return "failed", None

    def _resync(self) -> None:
        wait = 0.0
        watched: Sequence[str | None] = self._namespaces or (None,)
        while not self._stopped.wait(wait):
            wait = self._resync_seconds
            try:
                self.check_definition()
                for namespace in watched:
                    self._wake_all(namespace)
                self._synced_at = time.monotonic()
                self._was_synced.set()
            except CoreboundError as error:
                wait = min(10.0, self._resync_seconds)
                logger.warning("resync failed", extra={"error": str(error)})
            except Exception:  # a defect of ours: the probe notices that no resync succeeds
                logger.exception("resync failed unexpectedly")

    def _wake_all(self, namespace: str | None) -> None:
        """One of several namespaces may be gone, and our rights in it with it: the others are served all the same."""
        try:
            for campaign in self._cluster.each(CAMPAIGNS, namespace=namespace):
                over = is_over(campaign)
                if over and self._was_synced.is_set():
                    continue  # it had its turn since the start, and a change would have woken it
                self._queue.add((campaign["metadata"]["namespace"], campaign["metadata"]["name"]), first=not over)
        except ClusterRefusedError as error:
            if namespace is None:
                raise
            logger.warning("a namespace cannot be served", extra={"namespace": namespace, "error": str(error)})

    def _retain(self) -> None:
        while not self._stopped.wait(RETENTION_SECONDS):
            try:
                if removed := self._collect():
                    logger.info("removed old results", extra={"campaigns": removed})
            except CoreboundError as error:
                logger.warning("retention failed", extra={"error": str(error)})
            except Exception:  # a defect of ours: nothing waits for it
                logger.exception("retention failed unexpectedly")

    def check_definition(self) -> None:
        """Say when the CRD is of another version. Raises :class:`ClusterUnreachableError` when there is none."""
        served = self._cluster.served_schema(CAMPAIGNS, "SearchCampaign")
        if served is None:
            raise ClusterUnreachableError("the CRD searchcampaigns.corebound.dev is not installed; apply it first")
        said = definition_difference(served["properties"]["spec"], _known_spec())
        if said is not None and said != self._said:
            logger.warning("the CRD differs", extra={"error": said})
        self._said = said


@cache
def _known_spec() -> dict[str, Any]:
    schema = definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    known: dict[str, Any] = schema["properties"]["spec"]
    return known


def _about(key: Key, error: Exception) -> dict[str, str]:
    return {"namespace": key[0], "campaign": key[1], "error": f"{type(error).__name__}: {error}"}
