"""Where progress is shown: redrawn in place on a terminal, as plain lines elsewhere, nowhere when quiet.

Drawing is done here rather than by a library: the drawn lines are all known, so that after the terminal was made
narrower the lines they have become can be counted and taken back (a live display that only remembers their number leaves
some behind), and there is no thread beside the signal handlers. What could go wrong: the terminal is closed while
something is drawn; from then on nothing is shown and what is shown must not matter.
"""

from __future__ import annotations

import os
import re
import time
from typing import TYPE_CHECKING, Final, TextIO

from corebound.reporting.status import screen_lines, slot_lines, status_line

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from corebound.reporting.status import Shown

PLAIN_SECONDS: Final = 10.0
SLOTS_IN_A_LOG: Final = 16
FALLBACK_SIZE: Final = os.terminal_size((80, 24))
_UP: Final = "\x1b[{}A"
_CLEAR_BELOW: Final = "\r\x1b[J"
_COLOURS: Final = (
    (re.compile(r"\bSucceeded\b"), "32"),
    (re.compile(r"\b(Failed|\d+ failed)\b"), "31"),
    (re.compile(r"\b(Suspended|nobody runs it now)\b"), "33"),
    (re.compile(r"\bbest \S+"), "36"),
)


def can_redraw(stream: TextIO) -> bool:
    """Whether ``stream`` is a terminal that can move its cursor."""
    try:
        return stream.isatty() and os.environ.get("TERM", "dumb") not in ("", "dumb")
    except ValueError:
        return False


class Display:
    """Shows views of campaigns as they come; a context manager, so that the terminal is left clean."""

    def __init__(self, *, quiet: bool, stream: TextIO) -> None:
        self._stream = stream
        self._silent = quiet
        self._redraws = can_redraw(stream)
        self._colour = not os.environ.get("NO_COLOR")
        self._drawn: list[str] = []
        self._logged_at = float("-inf")
        self._logged: list[str] = []

    def __enter__(self) -> Display:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._write(self._taken_back())

    @property
    def is_due(self) -> bool:
        """Whether :meth:`show` would show anything now; spares its caller the looking."""
        return not self._silent and (self._redraws or time.monotonic() - self._logged_at >= PLAIN_SECONDS)

    def show(self, views: Sequence[Shown]) -> None:
        """The newest views, in place of the last ones, or as lines of a log every now and then."""
        if not self.is_due:
            return
        if self._redraws:
            size = self._size()
            lines = screen_lines(views, width=size.columns, height=size.lines - 1)
            before = self._taken_back()
            self._drawn = lines
            self._write(before + "".join(f"{self._painted(line)}\n" for line in lines))
            return
        statuses = [status_line(view) for view in views]
        if statuses != self._logged:
            self._logged, self._logged_at = statuses, time.monotonic()
            for view, status in zip(views, statuses, strict=True):
                slots = slot_lines(view.running, view.now, most=SLOTS_IN_A_LOG)
                self._write("\n".join([status, *slots]) + "\n")

    def say(self, text: str) -> None:
        """A line that stays, above what is redrawn."""
        drawn, before = self._drawn, self._taken_back()
        self._drawn = drawn
        self._write(f"{before}{text}\n" + "".join(f"{self._painted(line)}\n" for line in drawn))

    def _taken_back(self) -> str:
        """What removes the drawn lines; a line wider than the terminal is now has become several."""
        if not self._drawn:
            return ""
        width = max(1, self._size().columns)
        rows = sum(max(1, -(-len(line) // width)) for line in self._drawn)
        self._drawn = []
        return _UP.format(rows) + _CLEAR_BELOW

    def _painted(self, line: str) -> str:
        if self._colour:
            for pattern, colour in _COLOURS:
                line = pattern.sub(f"\x1b[{colour}m\\g<0>\x1b[0m", line)
        return line

    def _size(self) -> os.terminal_size:
        try:
            size = os.get_terminal_size(self._stream.fileno())
        except (OSError, ValueError):
            return FALLBACK_SIZE
        # Some pseudo-terminals do not know their size and say 0.
        return size if size.columns > 0 and size.lines > 1 else FALLBACK_SIZE

    def _write(self, text: str) -> None:
        if self._silent or not text:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            self._silent = True
