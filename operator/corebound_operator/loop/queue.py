"""A queue of keys as client-go's: never the same key twice at once, and none forgotten.

A key that is added while it is being worked on is dirty and comes again when it is done. Failures wait longer each time;
one success forgets them. Between two turns of a key there is a minimum interval, so that a hundred events make one turn. A
key that never had a turn goes first: of a hundred new campaigns none waits for the echoes of the others, and at a start none
for what has been over for long.
Time is ``clock``'s, for tests. What could go wrong: a worker that never calls :meth:`done`; its key then waits for ever,
which :meth:`oldest_at_work` shows to the liveness probe.
"""

from __future__ import annotations

import heapq
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

Key = tuple[str, str]
"""Namespace and name of a campaign."""

FIRST_WAIT_SECONDS: Final = 0.2
LONGEST_WAIT_SECONDS: Final = 60.0
DIRTY_WAIT_SECONDS: Final = 2.0
LEAST_INTERVAL_SECONDS: Final = 0.25
NEVER: Final = float("inf")
"""When a key comes again that is gone for good."""
MOST_LEFT_BEHIND: Final = 64
HEAD_START_SECONDS: Final = 30.0
"""Of a new key: before what became due less long ago, so that nothing waits for ever."""


@dataclass(order=True)
class _Entry:
    due: float
    key: Key = field(compare=False)


class WorkQueue:
    """Keys with the time at which each is due; safe for several threads."""

    def __init__(
        self, *, clock: Callable[[], float] = time.monotonic, interval: float = LEAST_INTERVAL_SECONDS
    ) -> None:
        self._clock, self._interval = clock, interval
        self._changed = threading.Condition()
        self._heap: list[_Entry] = []
        self._due: dict[Key, float] = {}
        self._at_work: dict[Key, float] = {}
        self._dirty: dict[Key, float] = {}
        self._failures: dict[Key, int] = {}
        self._last: dict[Key, float] = {}
        self._closed = False

    def add(self, key: Key, *, after: float = 0.0, first: bool = True) -> None:
        """``key`` is due in ``after`` seconds, or when it was already to come; not ``first``: behind those that are new."""
        with self._changed:
            last = self._last.get(key)
            due = self._clock() + after
            if last is not None:
                due = max(due, last + self._interval)
            elif first and after <= 0:
                due -= HEAD_START_SECONDS
            if key in self._at_work:
                self._dirty[key] = min(due, self._dirty.get(key, float("inf")))
            elif due < self._due.get(key, float("inf")):
                self._due[key] = due
                heapq.heappush(self._heap, _Entry(due, key))
                self._tidy()
                self._changed.notify()

    def take(self) -> Key | None:
        """The next due key, waiting for one; None when the queue is closed."""
        with self._changed:
            while not self._closed:
                now = self._clock()
                while self._heap and self._due.get(self._heap[0].key) != self._heap[0].due:
                    heapq.heappop(self._heap)  # was moved to an earlier time, or taken
                if self._heap and self._heap[0].due <= now:
                    key = heapq.heappop(self._heap).key
                    del self._due[key]
                    self._at_work[key] = now
                    return key
                self._changed.wait(self._heap[0].due - now if self._heap else None)
            return None

    def done(self, key: Key, *, again_in: float | None = None, failed: bool = False) -> None:
        """``key`` has had its turn; it comes again after ``again_in`` seconds, after a failure or when it is dirty.

        With :data:`NEVER` nothing of it is kept, unless it is dirty: there is another one of its name.
        """
        with self._changed:
            self._at_work.pop(key, None)
            dirty = self._dirty.pop(key, None)
            if again_in == NEVER and dirty is None:
                for kept in (self._due, self._failures, self._last):
                    kept.pop(key, None)
                return
            self._last[key] = self._clock()
            if failed:
                count = self._failures[key] = self._failures.get(key, 0) + 1
                again_in = min(FIRST_WAIT_SECONDS * 2 ** (count - 1), LONGEST_WAIT_SECONDS)
                if dirty is not None:
                    # What was in its way may be gone. Its own writes make it dirty, too, so not at once.
                    again_in = min(again_in, DIRTY_WAIT_SECONDS)
            else:
                self._failures.pop(key, None)
                if dirty is not None:
                    self.add(key, after=dirty - self._clock())
        if again_in is not None and again_in != NEVER:
            self.add(key, after=again_in)

    def _tidy(self) -> None:
        """Keys that come in days and are often moved to an earlier time would leave an entry behind each time."""
        if len(self._heap) > 2 * len(self._due) + MOST_LEFT_BEHIND:
            self._heap = [_Entry(due, key) for key, due in self._due.items()]
            heapq.heapify(self._heap)

    def close(self) -> None:
        """Every :meth:`take` returns None from now on."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def depth(self) -> int:
        """Keys that are due and wait for a worker."""
        with self._changed:
            now = self._clock()
            return sum(due <= now for due in self._due.values())

    def oldest_at_work(self) -> float:
        """Seconds since the longest running turn began."""
        with self._changed:
            return max((self._clock() - began for began in self._at_work.values()), default=0.0)
