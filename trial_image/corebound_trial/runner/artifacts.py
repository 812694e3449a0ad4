"""The files that trials leave in ``COREBOUND_ARTIFACTS``: an empty folder for each attempt, kept once its trial is told.

Paths are copied to, URLs go through fsspec. The trial's value is safe before the first byte is copied. What could go wrong:
the place is full, read-only or away (tried again, then said in the slot's row), or a file that is no file (left out).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from corebound.local.artifacts import is_url
from corebound.planning.wording import count_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

VARIABLE: Final = "COREBOUND_ARTIFACTS"
PAUSES: Final = (1.0, 5.0)
"""Seconds before the second and the third try."""
PIECE_BYTES: Final = 4 * 2**20


@dataclass(frozen=True, kw_only=True)
class Kept:
    """Where the files of a trial are, and why they are not."""

    place: str | None = None
    failure: str | None = None


class Artifacts:
    """The artifacts of one worker's attempts, one after another."""

    def __init__(self, folder: Path, *, keep_in: str | None, pauses: Sequence[float] = PAUSES) -> None:
        self.folder = folder
        self._keep_in = keep_in
        self._pauses = pauses

    def begin(self) -> None:
        """An empty folder for the next attempt, whatever the last one left."""
        if self.folder.exists():
            shutil.rmtree(self.folder, ignore_errors=True)
        # On a full disk only a trial that wants to leave something fails, by its own error.
        with contextlib.suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
        os.environ[VARIABLE] = str(self.folder)

    def keep(self, slot: int, *, on_progress: Callable[[], None]) -> Kept:
        """Copy what the trial of ``slot`` has left; never raises."""
        try:
            files = found_files(self.folder)
        except OSError as error:
            return Kept(failure=f"the files in {VARIABLE} were not kept: {error}")
        if not files:
            return Kept()
        if self._keep_in is None:
            count = count_text(len(files), "file")
            sys.stdout.write(
                f"corebound: {count} left in {VARIABLE} will be deleted; spec.trial.artifacts keeps them\n"
            )
            return Kept()
        place = f"{self._keep_in}/{slot}"
        failure = self._copy(files, place, on_progress)
        if failure is not None:
            return Kept(failure=f"the files in {VARIABLE} were not kept: {place}: {type(failure).__name__}: {failure}")
        return Kept(place=place)

    def _copy(self, files: Sequence[str], place: str, on_progress: Callable[[], None]) -> Exception | None:
        """Every file, tried again as often as there are pauses; the last error when some were left."""
        left = list(files)
        pauses = list(self._pauses)
        while True:
            on_progress()
            try:
                put = _putter(place, on_progress)
                while left:
                    if (self.folder / left[0]).is_file():  # else a process of the trial has removed it meanwhile
                        put(self.folder / left[0], left[0])
                    del left[0]
            except Exception as error:  # noqa: BLE001 - each file system has errors of its own
                if not pauses:
                    return error
                time.sleep(pauses.pop(0))
            else:
                return None


def found_files(folder: Path) -> list[str]:
    """The relative paths of all files, links to files among them; pipes and links to folders are left out."""
    return [
        (Path(parent) / name).relative_to(folder).as_posix()
        for parent, _, names in os.walk(folder)
        for name in sorted(names)
        if (Path(parent) / name).is_file()
    ]


def _putter(place: str, on_progress: Callable[[], None]) -> Callable[[Path, str], None]:
    """How a file gets to its relative path below ``place``."""
    return _url_putter(place, on_progress) if is_url(place) else _path_putter(Path(place), on_progress)


def _path_putter(place: Path, on_progress: Callable[[], None]) -> Callable[[Path, str], None]:
    def put(source: Path, name: str) -> None:
        target = place / name
        target.parent.mkdir(parents=True, exist_ok=True)
        # Nobody sees half a file under its name.
        half = target.with_name(f"{target.name}.part")
        with source.open("rb") as reading, half.open("wb") as writing:
            while piece := reading.read(PIECE_BYTES):
                writing.write(piece)
                on_progress()
        shutil.copymode(source, half)
        half.replace(target)

    return put


def _url_putter(place: str, on_progress: Callable[[], None]) -> Callable[[Path, str], None]:
    import fsspec

    class Progress(fsspec.Callback):  # type: ignore[misc]  # fsspec has no types
        def call(self, hook_name: str | None = None, **named: Any) -> None:
            del hook_name, named
            on_progress()

    system, path = fsspec.url_to_fs(place)

    def put(source: Path, name: str) -> None:
        target = f"{path}/{name}"
        system.makedirs(target.rpartition("/")[0], exist_ok=True)
        system.put_file(str(source), target, callback=Progress())
        on_progress()

    return put
