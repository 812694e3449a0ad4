"""The output of attempts on a worker's own standard output, which is the pod's log: marked, the head and the tail of each.

The head goes out as it comes. What follows is kept in memory, its newest part only, and goes out when the attempt ends. What
could go wrong: a worker that is killed takes the tail and the error of its attempt with it; the head is in the log by then.
"""

from __future__ import annotations

from collections import deque

from corebound.api.attempt_marks import Mark, Point
from corebound.ledger.slots import cleaned
from corebound.local.output import GAP, HEAD_BYTES, TAIL_BYTES
from corebound_trial.runner.last_words import forward


class PodOutput:
    """Writes the output of one attempt."""

    def __init__(self, *, slot: int, attempt: int) -> None:
        self._slot, self._attempt = slot, attempt
        self._room = HEAD_BYTES
        self._tail: deque[bytes] = deque()
        self._tail_bytes = 0
        self._dropped = False
        self._ends_line = True
        self._mark(Point.BEGINS)

    def write(self, data: bytes) -> None:
        """Let ``data`` out, or keep it for the end; never raises."""
        head, rest = data[: self._room], data[self._room :]
        self._room -= len(head)
        self._out(head)
        if rest:
            self._tail.append(rest)
            self._tail_bytes += len(rest)
        while self._tail_bytes > TAIL_BYTES:
            self._tail_bytes -= len(self._tail.popleft())
            self._dropped = True

    def close(self, error: str | None = None) -> None:
        """The attempt has ended: its tail goes out, the error that it has left, and a line that says so."""
        if self._dropped:
            self._out(GAP)
        for piece in self._tail:
            self._out(piece)
        self._tail.clear()
        if error is not None:
            self._mark(Point.ERROR)
            self._out((cleaned(error) or "").encode())
        self._mark(Point.ENDS)

    def _mark(self, point: Point) -> None:
        if not self._ends_line:
            self._out(b"\n")
        self._out(Mark(slot=self._slot, attempt=self._attempt, point=point).line)

    def _out(self, piece: bytes) -> None:
        if piece:
            self._ends_line = piece.endswith(b"\n")
            forward(piece, descriptor=1)
