"""Asking a hung child where it stands: the Python stacks of all its threads.

The child installs a handler written in C (``faulthandler``) that writes into a file. It runs at the moment the signal
arrives, even while a C extension holds the GIL for minutes; only a process stuck inside the kernel (state D) does not
answer. A C library's ``sleep`` or ``poll`` may return early from it, so ask only a child that is about to be ended.

What could go wrong: without the handler the signal would *kill* the child, so :func:`ask` looks first whether
the child catches it; and the file grows while it is read, so the answer is what was added, once it stays the same.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import time
from typing import TYPE_CHECKING, Final

from corebound_trial.binding import proc

if TYPE_CHECKING:
    from pathlib import Path

SIGNAL: Final = signal.SIGUSR2
"""SIGUSR1 is left to objectives: batch systems and training loops use it."""
SETTLED_SECONDS: Final = 0.1
"""The answer is whole when the file has not grown for so long."""


def install(path: Path) -> None:
    """In the child: write all stacks to the end of ``path`` whenever the parent asks. The file is made if need be."""
    # Kept open for the life of the process: the handler writes to the descriptor and cannot open files.
    file = path.open("a", encoding="utf-8")
    faulthandler.register(SIGNAL, file=file, all_threads=True, chain=False)
    _kept_open.append(file)


def ask(pid: int, path: Path, *, timeout: float) -> str:
    """In the parent: the child's stacks, or one line in brackets that says why there are none.

    Takes at most ``timeout`` seconds, usually about :data:`SETTLED_SECONDS`. Never raises for a child that is gone.
    """
    if not _catches(pid):
        return f"(no stacks: process {pid} is gone, is not Python, or replaced the handler of {SIGNAL.name})"
    before = path.stat().st_size if path.exists() else 0
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, SIGNAL)
    answer = _wait_for_answer(path, before=before, timeout=timeout)
    if answer:
        return answer
    stat = proc.process_stat(pid)
    state = f"is in state {stat.state}" if stat is not None else "is gone"
    return f"(no stacks: process {pid} did not answer {SIGNAL.name} within {timeout:g} s and {state})"


def _wait_for_answer(path: Path, *, before: int, timeout: float) -> str:
    deadline = time.monotonic() + timeout
    size, grown_at = before, time.monotonic()
    while time.monotonic() < deadline:
        time.sleep(0.01)
        found = path.stat().st_size if path.exists() else before
        if found != size:
            size, grown_at = found, time.monotonic()
        elif size > before and time.monotonic() - grown_at > SETTLED_SECONDS:
            break
    if size <= before:
        return ""
    with path.open("rb") as file:
        file.seek(before)
        return file.read().decode(errors="replace").strip()


def _catches(pid: int) -> bool:
    """Whether the process has a handler of its own for the signal (the ``SigCgt`` mask)."""
    return bool(proc.caught_signals(pid) >> (SIGNAL - 1) & 1)


_kept_open: list[object] = []
