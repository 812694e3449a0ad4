"""Whether time has jumped: a machine that slept, a virtual one that stood still, a clock that was set forward.

Heartbeats go by the steady clock, which stands still meanwhile, leases by the database's, which does not: after a jump every
lease looks as if its worker were dead. So nobody takes another one's slot until each has had time for a heartbeat. What could
go wrong: a jump of the database's machine alone; it cannot be seen from here.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class ClockWatch:
    """Asked now and then; a jump is one by more than ``heartbeat`` seconds since it was asked before."""

    def __init__(
        self,
        heartbeat: float,
        *,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._heartbeat, self._wall, self._steady = heartbeat, wall, steady
        self._ahead = wall() - steady()
        self._jumped_at = float("-inf")

    def has_jumped(self) -> bool:
        """Since it was asked before."""
        before, self._ahead = self._ahead, self._wall() - self._steady()
        if self._ahead - before <= self._heartbeat:
            return False
        self._jumped_at = self._steady()
        return True

    def is_settling(self) -> bool:
        """Whether others may not have had time for a heartbeat since the last jump."""
        self.has_jumped()
        return self._steady() - self._jumped_at < self._heartbeat
