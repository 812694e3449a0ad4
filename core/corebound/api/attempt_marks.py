"""The lines by which a worker says in its pod's log where an attempt's output and error begin and end. Pure.

A log flows in piece by piece, its text and the marks between flow out, in constant memory whatever the lines are. What could
go wrong: a program that prints such a line itself; it deceives only who reads the log of its own pod.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

BEGINNING: Final = b"corebound: slot "
LONGEST: Final = 80


class Point(StrEnum):
    """What begins at a mark: an attempt's output, the error that it has left if it has, what is no attempt's."""

    BEGINS = "begins"
    ERROR = "has left this error"
    ENDS = "ends"


_POINTS: Final = "|".join(Point).encode()
_LINE: Final = re.compile(rb"corebound: slot (\d{1,9}), attempt (\d{1,9}) (%b)\r?\n" % _POINTS)


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A point in the life of an attempt."""

    slot: int
    attempt: int
    """1 is the slot's first."""
    point: Point

    @property
    def line(self) -> bytes:
        """As it stands in the log."""
        return b"corebound: slot %d, attempt %d %b\n" % (self.slot, self.attempt, self.point.encode())


def marked(pieces: Iterable[bytes]) -> Iterator[Mark | bytes]:
    """The marks of a log, and the text between them."""
    rest, at_line_start = b"", True
    for piece in pieces:
        rest += piece
        while rest:
            if at_line_start and (found := _LINE.match(rest)):
                yield Mark(slot=int(found[1]), attempt=int(found[2]), point=Point(found[3].decode()))
                rest = rest[found.end() :]
                continue
            if at_line_start and _may_become_a_mark(rest):
                break
            length = _length_of_text(rest)
            yield rest[:length]
            at_line_start, rest = rest[length - 1 : length] == b"\n", rest[length:]
    if rest:
        yield rest


def _length_of_text(rest: bytes) -> int:
    """Up to the next line that may be a mark."""
    candidate = rest.find(b"\n" + BEGINNING)
    if candidate >= 0:
        return candidate + 1
    last_line = rest.rfind(b"\n") + 1
    return last_line if 0 < last_line < len(rest) and _may_become_a_mark(rest[last_line:]) else len(rest)


def _may_become_a_mark(line: bytes) -> bool:
    """Whether what is still to come could make a mark of it."""
    if b"\n" in line or len(line) > LONGEST:
        return False
    return line.startswith(BEGINNING) or BEGINNING.startswith(line)
