"""The database's connections, shared out among campaigns: who has workers, or is about to make them, holds two for each.

One server serves all campaigns, and each campaign is planned by itself, several at the same time. So a plan is made against
what the others hold, and holds its own before a Job is made; where another one was quicker, and too few are left, it is made
anew. What could go wrong: an operator that was started just now knows of each campaign only after its first turn; what is
made too much until then waits in its workers.
"""

from __future__ import annotations

import threading

from corebound.planning.planner import CONNECTIONS_PER_WORKER


class Connections:
    """By the UIDs of campaigns; safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[str, int] = {}

    def of_others(self, uid: str) -> int:
        """How many connections all other campaigns hold."""
        with self._lock:
            return self._others(uid)

    def hold(self, uid: str, *, workers: int, taken: int, of: int) -> bool:
        """Hold those of so many workers, or of none; False where others hold more than the ``taken`` of the plan by now, and
        too few are left of all.

        Fewer than before are always held: that takes nothing from anybody.
        """
        wanted = workers * CONNECTIONS_PER_WORKER
        with self._lock:
            others = self._others(uid)
            if wanted > self._held.get(uid, 0) and others > taken and others + wanted > of:
                return False
            self._held[uid] = wanted
            return True

    def let_go(self, uid: str) -> None:
        """The campaign is gone."""
        with self._lock:
            self._held.pop(uid, None)

    def _others(self, uid: str) -> int:
        return sum(held for each, held in self._held.items() if each != uid)
