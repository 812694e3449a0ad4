"""The kept output of attempts: the head and the tail of each, at most about 10 MB on disk.

A worker writes ``slot-00012.attempt-1.log`` (the first :data:`HEAD_BYTES`), and what follows into a ``.tail`` beside it that
is rotated once it is full. ``corebound logs`` reads the three in order. What could go wrong: a full disk; output is then
counted and dropped, a trial does not fail for it.
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

_NAME: Final = re.compile(r"slot-(\d+)\.attempt-(\d+)\.log")


class AttemptOutput:
    """Writes the output of one attempt."""

    def __init__(self, folder: Path, *, slot: int, attempt: int) -> None:
        self.path = folder / f"slot-{slot:05d}.attempt-{attempt}.log"
        self.received = 0
        self.dropped = 0
        self._file: BinaryIO | None = None
        self._room = HEAD_BYTES
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = self.path.open("wb", buffering=0)

    def write(self, data: bytes) -> None:
        """Keep ``data`` if there is room and a disk to keep it on; never raises."""
        self.received += len(data)
        while data:
            piece, data = data[: self._room], data[self._room :]
            try:
                if self._file is None:
                    raise OSError("no file")
                self._file.write(piece)
            except OSError:
                self.dropped += len(piece)
            self._room -= len(piece)
            if self._room <= 0:
                self._next_part()

    def close(self) -> None:
        """End the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _next_part(self) -> None:
        """The head is full, or a part of the tail is: go on in a fresh part, keeping one before it."""
        self.close()
        tail, older = self.path.with_suffix(".tail"), self.path.with_suffix(".tail-older")
        self._room = TAIL_BYTES
        with contextlib.suppress(OSError):
            if tail.exists():
                tail.replace(older)
            self._file = tail.open("wb", buffering=0)


def attempts(folder: Path, slot: int) -> list[int]:
    """The attempts of ``slot`` whose output is kept, oldest first."""
    if not folder.is_dir():
        return []
    found = [_NAME.fullmatch(path.name) for path in folder.iterdir()]
    return sorted(int(match[2]) for match in found if match and int(match[1]) == slot)


def read_output(folder: Path, *, slot: int, attempt: int) -> Iterator[bytes]:
    """The kept output of one attempt in pieces, with one line where something is missing."""
    path = folder / f"slot-{slot:05d}.attempt-{attempt}.log"
    parts = [path, path.with_suffix(".tail-older"), path.with_suffix(".tail")]
    for part in parts:
        if part.exists():
            if part.suffix == ".tail-older":
                yield b"\n... (the middle of this output was not kept) ...\n"
            yield part.read_bytes()


def follow_output(folder: Path, *, slot: int, attempt: int, still_running: Callable[[], bool]) -> Iterator[bytes]:
    """The output of a running attempt as it grows, until ``still_running()`` is false and all has been read."""
    path = folder / f"slot-{slot:05d}.attempt-{attempt}.log"
    position = 0
    while True:
        running = still_running()
        if path.exists():
            with path.open("rb") as file:
                file.seek(position)
                piece = file.read()
            position += len(piece)
            if piece:
                yield piece
        if not running:
            yield from (part.read_bytes() for part in [path.with_suffix(".tail")] if part.exists())
            return
        time.sleep(0.3)
