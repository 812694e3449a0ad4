"""The kept output of attempts: the head and the tail of each, at most about 10 MB on disk.

A worker writes ``slot-00012.attempt-1.log`` (the first :data:`HEAD_BYTES`), and what follows into ``.part-1``, ``.part-2``
and so on beside it, of which the newest two are kept; their numbers tell whether something between is missing. What could
go wrong: a full disk (output is then counted and dropped, a trial does not fail for it), a part that is removed while it
is read (it is held open).
"""

from __future__ import annotations

import contextlib
import re
import time
from typing import TYPE_CHECKING, BinaryIO, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

HEAD_BYTES: Final = 4_000_000
TAIL_BYTES: Final = 3_000_000
KEPT_PARTS: Final = 2
PIECE_BYTES: Final = 1_000_000
FOLLOW_SECONDS: Final = 0.3
GAP: Final = b"\n... (the middle of this output was not kept) ...\n"

_NAME: Final = re.compile(r"slot-(\d+)\.attempt-(\d+)\.log")


class AttemptOutput:
    """Writes the output of one attempt."""

    def __init__(self, folder: Path, *, slot: int, attempt: int) -> None:
        self.path = _head(folder, slot=slot, attempt=attempt)
        self.received = 0
        self.dropped = 0
        self._file: BinaryIO | None = None
        self._room = HEAD_BYTES
        self._part = 0
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = self.path.open("wb", buffering=0)

    def write(self, data: bytes) -> None:
        """Keep ``data`` if there is room and a disk to keep it on; never raises."""
        self.received += len(data)
        while data:
            if self._room == 0:
                self._next_part()
            piece, data = data[: self._room], data[self._room :]
            self._room -= len(piece)
            if not self._written(piece):
                self.dropped += len(piece)

    def close(self, error: str | None = None) -> None:
        """End the file; the error is in the ledger, which is at hand wherever the file is."""
        del error
        if self._file is not None:
            self._file.close()
            self._file = None

    def _written(self, piece: bytes) -> bool:
        if self._file is None:
            return False
        try:
            self._file.write(piece)
        except OSError:
            return False
        return True

    def _next_part(self) -> None:
        """The head or a part is full: go on in a fresh one, keeping one before it."""
        self.close()
        self._part += 1
        self._room = TAIL_BYTES
        with contextlib.suppress(OSError):
            self._file = _part(self.path, self._part).open("wb", buffering=0)
            if self._part > KEPT_PARTS:
                _part(self.path, self._part - KEPT_PARTS).unlink(missing_ok=True)


def _head(folder: Path, *, slot: int, attempt: int) -> Path:
    return folder / f"slot-{slot:05d}.attempt-{attempt}.log"


def _part(head: Path, number: int) -> Path:
    return head if number == 0 else head.with_suffix(f".part-{number}")


def attempts(folder: Path, slot: int) -> list[int]:
    """The attempts of ``slot`` whose output is kept, oldest first."""
    if not folder.is_dir():
        return []
    found = [_NAME.fullmatch(path.name) for path in folder.iterdir()]
    return sorted(int(match[2]) for match in found if match and int(match[1]) == slot)


def read_output(folder: Path, *, slot: int, attempt: int) -> Iterator[bytes]:
    """The kept output of one attempt in pieces, with one line where something is missing."""
    yield from follow_output(folder, slot=slot, attempt=attempt, still_running=lambda: False)


def follow_output(folder: Path, *, slot: int, attempt: int, still_running: Callable[[], bool]) -> Iterator[bytes]:
    """The output of a running attempt as it grows, until ``still_running()`` is false and all has been read."""
    parts = _Parts(_head(folder, slot=slot, attempt=attempt))
    with contextlib.closing(parts):
        while True:
            # Asked before reading: what was written until then is read below.
            running = still_running()
            yield from parts.unread()
            if not running:
                return
            time.sleep(FOLLOW_SECONDS)


class _Parts:
    """Reads the head and the kept parts in order, also while they are written and removed."""

    def __init__(self, head: Path) -> None:
        self._head = head
        self._number = -1
        self._file: BinaryIO | None = None

    def close(self) -> None:
        """Let go of the file at hand."""
        if self._file is not None:
            self._file.close()

    def unread(self) -> Iterator[bytes]:
        """What there is now beyond what was read."""
        while True:
            # Looked for before reading: a part that has a successor will not grow any more.
            successor = self._successor()
            while self._file is not None and (piece := self._file.read(PIECE_BYTES)):
                yield piece
            before = self._number
            if successor is None or not self._open(successor):
                return
            if successor > before + 1:
                yield GAP

    def _open(self, number: int) -> bool:
        try:
            file = _part(self._head, number).open("rb")
        except OSError:
            return False
        self.close()
        self._file, self._number = file, number
        return True

    def _successor(self) -> int | None:
        """The part that follows the one at hand; the head's number is 0."""
        if self._number < 0:
            return 0 if self._head.exists() else None
        suffixes = [path.suffix for path in self._head.parent.glob(f"{self._head.stem}.part-*")]
        numbers = [int(suffix.removeprefix(".part-")) for suffix in suffixes]
        return min((number for number in numbers if number > self._number), default=None)
