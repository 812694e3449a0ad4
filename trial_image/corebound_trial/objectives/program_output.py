"""What a program prints, read piece by piece in constant memory: metrics, reports and the last lines for an error.

What could go wrong: output without end, lines without end (they are never metrics), progress bars that rewrite their line
(what stands after the last carriage return counts).
"""

from __future__ import annotations

import contextlib
import re
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST_LINE: Final = 4096
SHOWN_LINES: Final = 10
SHOWN_CHARACTERS: Final = 300


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One line ``metric=value``, with ``step=K`` a report."""

    metric: str
    value: float
    step: int | None


class Tail:
    """The last lines of all streams of a program, in the order they came."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=SHOWN_LINES)

    def add(self, lines: Sequence[bytes]) -> None:
        """Keep the last of these lines."""
        for line in lines[-SHOWN_LINES:]:
            self._lines.append(line.rpartition(b"\r")[2][:SHOWN_CHARACTERS].decode(errors="replace"))

    def __str__(self) -> str:
        return "\n".join(self._lines) or "(nothing)"


class OutputReader:
    """Cuts one stream into lines."""

    def __init__(self, tail: Tail, *, metrics: Sequence[str] = ()) -> None:
        self._tail = tail
        self._rest = b""
        self._in_long_line = False
        names = "|".join(map(re.escape, metrics)).encode()
        # One pattern over a whole piece: a program may print millions of lines that are none of ours.
        self._pattern = (
            re.compile(
                rb"^(?:[^\n]*\r)?[ \t]*(%b)[ \t]*=[ \t]*(\S+)(?:[ \t]+step[ \t]*=[ \t]*(\d+))?[ \t\r]*$" % names, re.M
            )
            if metrics
            else None
        )

    def feed(self, piece: bytes) -> list[Reading]:
        """The readings in the lines that ``piece`` completes."""
        complete, newline, self._rest = (self._rest + piece).rpartition(b"\n")
        if newline and self._in_long_line:
            _, _, complete = complete.partition(b"\n")
            self._in_long_line = False
        if len(self._rest) > LONGEST_LINE:
            if not self._in_long_line:
                self._tail.add([self._rest])
            self._rest, self._in_long_line = b"", True
        if not complete:
            return []
        self._tail.add(complete.rsplit(b"\n", SHOWN_LINES)[-SHOWN_LINES:])
        return list(self._readings(complete)) if self._pattern else []

    def close(self) -> list[Reading]:
        """The stream has ended, perhaps without a last newline."""
        return self.feed(b"\n") if self._rest else []

    def _readings(self, lines: bytes) -> list[Reading]:
        found: list[Reading] = []
        for match in self._pattern.finditer(lines) if self._pattern else ():
            with contextlib.suppress(ValueError):
                step = None if match[3] is None else int(match[3])
                found.append(Reading(metric=match[1].decode(), value=float(match[2]), step=step))
        return found
