"""How a child begins: as a fresh interpreter, or forked from a worker that has done nothing yet.

A forked one shares what has been imported: by a nursery for all workers of this machine, in a pod by its worker. That is safe
only before the worker has a thread or a connection, so it is for the first child; those that replace it are fresh. What could
go wrong: what the worker holds (cores, sockets) must not live on in its child, and the child's output must go into the pipe
as a fresh one's would: unbuffered.
"""

from __future__ import annotations

import gc
import importlib
import io
import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from corebound_trial.runner.wire import FarEnd, Wire

if TYPE_CHECKING:
    from typing import IO

UNBUFFERED: Final = {"PYTHONUNBUFFERED": "1"}
PREPARED: Final = (
    "corebound.ledger.ledger",
    "corebound.ledger.storage",
    "corebound_trial.objectives.command",
    "corebound_trial.objectives.loading",
    "corebound_trial.runner.artifacts",
    "corebound_trial.runner.attempt",
    "corebound_trial.runner.callbacks",
    "corebound_trial.runner.child",
    "corebound_trial.runner.worker",
    "numpy",
    "sqlalchemy.dialects.postgresql.psycopg",
    "psycopg",
    "threadpoolctl",
)
"""Of worker and child, whatever the objective is. A library that starts threads when it is imported must not be here."""


class Process(Protocol):
    """What the worker needs of its child's process; :class:`subprocess.Popen` is one."""

    @property
    def pid(self) -> int:
        """Its number."""

    def poll(self) -> int | None:
        """Its exit status, negative for a signal; None while it runs."""

    def wait(self) -> int:
        """Until it has ended."""


@dataclass(frozen=True, kw_only=True)
class StartedChild:
    """A child that waits for its first message."""

    process: Process
    output: IO[bytes]
    wire: Wire
    far_end: FarEnd


class ForkedProcess:
    """A fork of this process."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._status: int | None = None

    def poll(self) -> int | None:
        """As :class:`subprocess.Popen`."""
        return self._waited(os.WNOHANG)

    def wait(self) -> int:
        """As :class:`subprocess.Popen`."""
        status = self._waited(0)
        return 0 if status is None else status

    def _waited(self, options: int) -> int | None:
        if self._status is None:
            waited, status = os.waitpid(self.pid, options)
            if waited:
                self._status = os.waitstatus_to_exitcode(status)
        return self._status


def prepare() -> None:
    """Import what the processes that will be forked from this one need."""
    gc.disable()  # else it looks through what is imported again and again, a sixth of the time that this takes
    for name in PREPARED:
        importlib.import_module(name)
    gc.freeze()  # a collection in a forked process would write to, and so copy, every page with an object
    gc.enable()


def fresh_child() -> StartedChild:
    """A new interpreter in a session of its own."""
    mine, theirs = socket.socketpair()
    with theirs:
        far_end = FarEnd.of(theirs)
        process = subprocess.Popen(
            [sys.executable, "-m", "corebound_trial.runner.child", str(theirs.fileno())],
            pass_fds=(theirs.fileno(),),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, **UNBUFFERED},
        )
    if process.stdout is None:
        raise AssertionError("a process started with a pipe has one")
    return StartedChild(process=process, output=process.stdout, wire=Wire(mine), far_end=far_end)


def forked_child() -> StartedChild | None:
    """A fork of this process, which must have one thread and no connection; None in the child itself once it is done."""
    mine, theirs = socket.socketpair()
    reading, writing = os.pipe()
    far_end = FarEnd.of(theirs)
    pid = os.fork()
    if pid:
        theirs.close()
        os.close(writing)
        output = os.fdopen(reading, "rb", buffering=0)
        return StartedChild(process=ForkedProcess(pid), output=output, wire=Wire(mine), far_end=far_end)
    from corebound_trial.runner.child import Child

    os.setsid()
    # As in a new interpreter: what a worker does at these is its own.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    mine.close()
    for standard in (1, 2):
        os.dup2(writing, standard)
    _close_all_but(theirs.fileno())
    _write_through()
    os.environ.update(UNBUFFERED)
    with theirs:
        child = Child(Wire(theirs))
        child.main()
    if child.runs_users_code:
        sys.exit(0)  # as any program; the others spare the machine the copies of all pages that they share
    return None


def _close_all_but(kept: int) -> None:
    """As an exec would: among the others are the locks on the worker's cores, which must not outlive it."""
    for entry in list(Path("/proc/self/fd").iterdir()):
        descriptor = int(entry.name)
        if descriptor > 2 and descriptor != kept:
            try:
                os.close(descriptor)
            except OSError:
                continue  # the listing's own


def _write_through() -> None:
    """The standard streams as ``PYTHONUNBUFFERED`` makes them."""
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        before = getattr(sys, name)
        raw = io.FileIO(descriptor, "w", closefd=False)
        # A buffer of no size is what -u has; TextIOWrapper takes a raw stream as well.
        stream = io.TextIOWrapper(
            raw,
            encoding=before.encoding,
            errors=before.errors,
            write_through=True,
        )
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
