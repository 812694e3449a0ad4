"""One run of a program: started without a shell, its output read while it runs, ended with its whole family.

Everything happens in the caller's thread: :meth:`Program.read` waits a moment for output, forwards and reads it. So a
program that prints faster than its reports can be stored is slowed down, and memory stays constant.

What could go wrong: a program that cannot be started (the error says why and what is near), one that ignores SIGTERM, leaves
daemons that hold its output open, or prints to an output of ours that nobody reads any more (it is read all the same, or
it would hang).
"""

from __future__ import annotations

import contextlib
import errno
import os
import selectors
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from corebound.api.errors import ObjectiveError
from corebound.api.model import nearest
from corebound_trial.binding.process import end_tree, leash
from corebound_trial.objectives.program_output import OutputReader, Reading, Tail

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

PIECE_BYTES: Final = 65536
DRAIN_SECONDS: Final = 1.0
"""How long output is awaited after the end; a daemon that left the family may hold the pipe open for ever."""


class Program:
    """A context manager: whatever happens inside, nothing of the program's process group is left afterwards."""

    def __init__(
        self, command: Sequence[str], *, folder: Path, environment: Mapping[str, str], metrics: Sequence[str]
    ) -> None:
        """Start it. Raises :class:`ObjectiveError`."""
        self.tail = Tail()
        self._process = _started(command, folder=folder, environment=environment)
        self._selector = selectors.DefaultSelector()
        self._readers: dict[int, tuple[OutputReader, Any]] = {}
        for stream, reader, ours in (
            (self._process.stdout, OutputReader(self.tail, metrics=metrics), sys.stdout),
            (self._process.stderr, OutputReader(self.tail), sys.stderr),
        ):
            if stream is not None:
                self._selector.register(stream, selectors.EVENT_READ)
                self._readers[stream.fileno()] = (reader, ours)
        # Wakes the selector at the end, also of a program that had closed its output before.
        self._end_descriptor: int | None = None
        with contextlib.suppress(OSError):
            self._end_descriptor = os.pidfd_open(self._process.pid)
            self._selector.register(self._end_descriptor, selectors.EVENT_READ)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.finish()

    @property
    def has_ended(self) -> bool:
        """Whether the program itself has; it is left as a zombie, so that nobody else can get its group's number."""
        if self._process.returncode is not None:
            return True
        return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def read(self, seconds: float) -> list[Reading]:
        """Wait at most ``seconds`` for output or the end; the readings in what came."""
        readings: list[Reading] = []
        for key, _ in self._selector.select(seconds):
            if key.fd == self._end_descriptor:
                self._selector.unregister(key.fileobj)
                continue
            piece = os.read(key.fd, PIECE_BYTES)
            reader, ours = self._readers[key.fd]
            readings += reader.feed(piece) if piece else reader.close()
            if piece:
                _forward(piece, ours)
            else:
                self._selector.unregister(key.fileobj)
                del self._readers[key.fd]
        return readings

    def end(self, *, grace: float) -> list[Reading]:
        """SIGTERM to its group, ``grace`` seconds to leave, then SIGKILL to all that it started; what it still said."""
        readings: list[Reading] = []
        if not self.has_ended:
            self._signal(signal.SIGTERM)
        deadline = time.monotonic() + grace
        while not self.has_ended and (left := deadline - time.monotonic()) > 0:
            readings += self.read(min(left, 0.1))
        if not self.has_ended:
            end_tree([self._process.pid], grace=0)
        return readings + self.finish()

    def finish(self) -> list[Reading]:
        """End what is left of its group, read what is left of its output; safe to repeat."""
        if self._process.returncode is not None:
            return []
        if not self.has_ended:
            end_tree([self._process.pid], grace=0)
        self._signal(signal.SIGKILL)
        readings: list[Reading] = []
        deadline = time.monotonic() + DRAIN_SECONDS
        while self._readers and time.monotonic() < deadline:
            readings += self.read(0.05)
        self._process.wait()
        self._selector.close()
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()
        if self._end_descriptor is not None:
            os.close(self._end_descriptor)
        return readings

    @property
    def status(self) -> int:
        """As :mod:`subprocess`: negative for a signal. Only after :meth:`finish`."""
        return int(self._process.returncode)

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)


def signal_name(status: int) -> str:
    """The name of the signal in a negative status; real-time signals have none."""
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"


def _started(command: Sequence[str], *, folder: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    program = command[0]
    path = str(folder / program) if "/" in program else shutil.which(program, path=environment.get("PATH"))
    if path is None:
        raise ObjectiveError(
            f"the program {program!r} cannot be started: there is none of that name on PATH "
            f"({environment.get('PATH', 'empty')}){_nearest_program(program, environment)}; expected one there, or a path "
            f"from {folder}"
        )
    try:
        return subprocess.Popen(
            [path, *command[1:]],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
            preexec_fn=leash(),
        )
    except OSError as error:
        raise ObjectiveError(f"the program {program!r} cannot be started: {_reason(Path(path), error)}") from error


def _reason(path: Path, error: OSError) -> str:
    if path.is_dir():
        return f"{path} is a folder, expected a program"
    if error.errno == errno.ENOENT and path.exists():
        return f"{path} is there, but the interpreter that its first line names is not; correct that line"
    if error.errno == errno.ENOENT:
        near = nearest(path.name, (found.name for found in path.parent.glob("*")))
        return f"{path} does not exist{near or '; expected a path from the YAML'}"
    if error.errno == errno.EACCES:
        return f"{path} is not executable; run chmod +x on it, or name its interpreter first in the command"
    if error.errno == errno.ENOEXEC:
        return (
            f"{path} is neither a program for this machine nor a script that begins with #!; name its interpreter first"
        )
    return f"{error.strerror} (errno {error.errno})"


def _nearest_program(program: str, environment: Mapping[str, str]) -> str:
    names: set[str] = set()
    for place in environment.get("PATH", "").split(os.pathsep):
        with contextlib.suppress(OSError):
            names.update(found.name for found in Path(place or ".").iterdir())
    return nearest(program, names)


def _forward(piece: bytes, ours: Any) -> None:
    with contextlib.suppress(OSError, ValueError):  # nobody reads our output any more; the program's is read on
        ours.buffer.write(piece)
        ours.buffer.flush()
