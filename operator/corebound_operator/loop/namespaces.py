"""Namespaces as they were a moment ago: of a hundred campaigns that are applied at once not each asks for the same one.

What could go wrong: a namespace that is deleted and made again; one that is seen to go is asked for each time, until another
one, with another UID, has its name.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Final

from corebound.cluster.resources import NAMESPACES

if TYPE_CHECKING:
    from corebound.cluster.client import Cluster

Manifest = dict[str, Any]

KEPT_SECONDS: Final = 1.0
GOING: Final = "because it is being terminated"
"""The API server's words where something is to be made in a namespace that is being deleted; all there goes with it."""


class Namespaces:
    """The door to namespaces; safe for several threads."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._lock = threading.Lock()
        self._seen: dict[str, tuple[float, Manifest]] = {}

    def uid(self, name: str) -> str | None:
        """Its UID; None when there is none of that name."""
        found = self._read(name)
        return None if found is None else str(found["metadata"]["uid"])

    def is_going(self, name: str) -> bool:
        """Whether it is gone or being deleted: nothing new can be made there."""
        found = self._read(name)
        return found is None or _is_going(found)

    def _read(self, name: str) -> Manifest | None:
        with self._lock:
            at, seen = self._seen.get(name, (float("-inf"), {}))
        if time.monotonic() - at < KEPT_SECONDS:
            return seen
        at, found = time.monotonic(), self._cluster.get(NAMESPACES, name)
        with self._lock:
            self._seen.pop(name, None)
            if found is not None and not _is_going(found):
                self._seen[name] = at, found
        return found


def _is_going(found: Manifest) -> bool:
    return "deletionTimestamp" in found["metadata"]
