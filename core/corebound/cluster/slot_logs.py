"""The output and the errors of attempts, out of the logs of a campaign's pods: found by the marks that workers write there.

Only the API is asked. A pod runs many slots one after the other, and nothing outside its log says which, so logs are read,
several at a time, the newest pods first. What could go wrong: a right that is missing (named), a pod that is gone with its
log, a log that its node has cut or does not give (said in the end, if the attempt is nowhere else).
"""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from corebound.api.attempt_marks import Point, marked
from corebound.api.errors import ClusterError, ClusterRefusedError
from corebound.api.jobs import CAMPAIGN_UID
from corebound.cluster.resources import PODS
from corebound.cluster.rights import needing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from corebound.cluster.client import Cluster

AT_ONCE: Final = 8
CUT: Final = b"... (the beginning of this output was not kept by its node) ...\n"


@dataclass(frozen=True, kw_only=True)
class AttemptLog:
    """Where the output of one attempt stands."""

    pod: str
    attempt: int
    running: bool
    """Whether it is still written to."""
    cut: bool = False
    """Whether the node has thrown its beginning away: only its end is marked."""
    ended: bool = True
    """Whether its worker has said so; one that was killed could not, nor what error it was."""


@dataclass(frozen=True)
class Piece:
    """Of what an attempt has left in a log."""

    text: bytes
    of_error: bool = False


@dataclass(frozen=True, kw_only=True)
class Search:
    """What the logs of a campaign's pods hold of one slot."""

    attempts: list[AttemptLog]
    pods: int
    unreadable: dict[str, str]
    """The pods whose log was not given, each with the reason."""


class SlotLogs:
    """The logs of one campaign's pods."""

    def __init__(self, cluster: Cluster, *, namespace: str, uid: str) -> None:
        self._cluster, self._namespace, self._uid = cluster, namespace, uid
        self._read: dict[tuple[str, int], list[AttemptLog]] = {}
        """By the UID of a pod that has ended, and slot: its log does not change any more."""

    def search(self, slot: int) -> Search:
        """All attempts at ``slot``, the first one first."""
        pods = self._pods()
        attempts: list[AttemptLog] = []
        unreadable: dict[str, str] = {}
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="logs") as threads:
            for pod, found in zip(pods, threads.map(lambda pod: self._attempts_in(pod, slot), pods), strict=True):
                if isinstance(found, ClusterError):
                    if isinstance(found, ClusterRefusedError) and found.status == 403:
                        raise found
                    unreadable[pod["metadata"]["name"]] = str(found)
                else:
                    attempts += found
        # A pod that was thought dead may have begun the same attempt's successor already; the newest log counts.
        newest = {each.attempt: each for each in reversed(attempts)}
        ordered = [newest[attempt] for attempt in sorted(newest)]
        return Search(attempts=ordered, pods=len(pods), unreadable=unreadable)

    def output(self, found: AttemptLog, *, slot: int, follow: bool) -> Iterator[Piece]:
        """What the attempt has printed, then its error; with ``follow`` until it has ended."""
        own, of_error = found.cut, False
        if own:
            yield Piece(CUT)
        with contextlib.closing(
            self._cluster.log(found.pod, namespace=self._namespace, follow=follow and found.running)
        ) as log:
            for part in marked(log):
                if isinstance(part, bytes):
                    if own:
                        yield Piece(part, of_error)
                elif own and part.point is not Point.ERROR:
                    return
                else:
                    own = part.point is not Point.ENDS and (part.slot, part.attempt) == (slot, found.attempt)
                    of_error = part.point is Point.ERROR

    def _pods(self) -> list[dict[str, Any]]:
        """Those that have a log, the newest first."""
        with needing("list", "pods", namespace=self._namespace):
            pods = self._cluster.list(PODS, namespace=self._namespace, labels=f"{CAMPAIGN_UID}={self._uid}")
        begun = [pod for pod in pods if pod.get("status", {}).get("phase") != "Pending"]
        return sorted(begun, key=lambda pod: str(pod["metadata"]["creationTimestamp"]), reverse=True)

    def _attempts_in(self, pod: dict[str, Any], slot: int) -> list[AttemptLog] | ClusterError:
        name, lives = pod["metadata"]["name"], pod["status"].get("phase") == "Running"
        key = pod["metadata"]["uid"], slot
        if key in self._read:
            return self._read[key]
        open_attempts: dict[int, bool] = {}
        cut: int | None = None
        marks = 0
        try:
            with (
                needing("get", "pods/log", namespace=self._namespace),
                contextlib.closing(self._cluster.log(name, namespace=self._namespace)) as log,
            ):
                for part in marked(log):
                    if isinstance(part, bytes):
                        continue
                    if marks == 0 and part.point is not Point.BEGINS and part.slot == slot:
                        cut = part.attempt
                    marks += 1
                    if part.slot == slot:
                        open_attempts[part.attempt] = part.point is not Point.ENDS
        except ClusterError as error:
            return error
        found = [
            AttemptLog(pod=name, attempt=attempt, running=unended and lives, cut=attempt == cut, ended=not unended)
            for attempt, unended in open_attempts.items()
        ]
        if not lives:
            self._read[key] = found
        return found
