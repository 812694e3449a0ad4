"""A program's checkpoint folder as bytes and back: a tar of its regular files.

What could go wrong: files that change or vanish while they are read (it is tried again, then left for the next time), more
than a checkpoint may hold, links and devices (left out), and archives that reach outside (refused).
"""

from __future__ import annotations

import io
import shutil
import stat
import tarfile
from typing import TYPE_CHECKING, Final

from corebound.api.errors import ObjectiveError
from corebound_trial.objectives.protocol import MOST_CHECKPOINT_BYTES

if TYPE_CHECKING:
    from pathlib import Path

    from corebound_trial.objectives.protocol import AttemptContext

TRIES: Final = 3
Contents = dict[str, tuple[int, int]]
"""Each regular file's path, with its size and time of change."""


class CheckpointFolder:
    """The folder of one attempt; stored only when something in it has changed."""

    def __init__(self, folder: Path, context: AttemptContext) -> None:
        self._folder, self._context = folder, context
        self._stored: Contents = {}

    def restore(self) -> None:
        """Make the folder, with what the last attempt left. Raises :class:`ObjectiveError`."""
        self._folder.mkdir()
        payload = self._context.load_bytes()
        if payload is not None:
            unpack(payload, self._folder)
            self._stored = contents(self._folder)

    def store(self) -> None:
        """Keep it, if it has changed. Raises :class:`ObjectiveError` when it is too large."""
        for _ in range(TRIES):
            try:
                found = contents(self._folder)
                if found == self._stored:
                    break
                payload = pack(self._folder, found)
            except OSError:
                continue  # the program is at work in it just now
            self._context.save_payload(payload)
            self._stored = found
            return
        self._context.put_off_checkpoint()


def contents(folder: Path) -> Contents:
    """What is in the folder now."""
    found: Contents = {}
    for path in sorted(folder.rglob("*")):
        about = path.lstat()
        if stat.S_ISREG(about.st_mode):
            found[path.relative_to(folder).as_posix()] = (about.st_size, about.st_mtime_ns)
    return found


def pack(folder: Path, files: Contents) -> bytes:
    """The files as an uncompressed tar. Raises OSError when one has shrunk or gone meanwhile."""
    size = sum(size for size, _ in files.values())
    if size > MOST_CHECKPOINT_BYTES:
        raise ObjectiveError(
            f"COREBOUND_CHECKPOINT_DIR holds {size / 2**20:.1f} MiB in {len(files)} files, expected at most "
            f"{MOST_CHECKPOINT_BYTES // 2**20} MiB; keep only what is needed to go on, delete older checkpoints"
        )
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, (expected, _) in files.items():
            with (folder / name).open("rb") as file:
                entry = tarfile.TarInfo(name)
                entry.size = expected
                archive.addfile(entry, file)
    return buffer.getvalue()


def unpack(payload: bytes, folder: Path) -> None:
    """Write the files back; links, devices and names that lead outside are refused. Raises :class:`ObjectiveError`."""
    try:
        with tarfile.open(fileobj=io.BytesIO(payload)) as archive:
            members = archive.getmembers()
            if sum(member.size for member in members) > MOST_CHECKPOINT_BYTES:
                raise ObjectiveError(f"the checkpoint unpacks to more than {MOST_CHECKPOINT_BYTES // 2**20} MiB")
            if strange := [member.name for member in members if not (member.isreg() or member.isdir())]:
                raise ObjectiveError(f"the checkpoint holds {strange[0]!r}, which is no regular file")
            for member in members:
                _write(archive, member, folder)
    except tarfile.TarError as error:
        raise ObjectiveError(f"the checkpoint cannot be unpacked: {error}; run the campaign with --fresh") from error


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    """One member below ``folder``. By hand: filters of ``extractall`` came with Python 3.11.4, and Debian 12 has 3.11.2."""
    path = (folder / member.name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise ObjectiveError(f"the checkpoint cannot be unpacked: {member.name!r} leads outside its folder")
    if member.isdir():
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    content = archive.extractfile(member)
    if content is not None:
        with path.open("wb") as file:
            shutil.copyfileobj(content, file)
