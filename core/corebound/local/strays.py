"""Processes that outlived their worker: found by a mark in the environment they were started with, and ended.

A worker ends all that descends from it, unless it is killed itself: then what its trial had started, daemons above all, is
nobody's. Whatever is marked and does not descend from a living worker is such a stray. What could go wrong: a program that
clears its environment is not found; other users' processes cannot be read, nor are they ours.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

MARK: Final = "COREBOUND_RUN"
LOOKS: Final = 20
"""At most; one that forks while it is looked for is found at the next."""
LOOK_SECONDS: Final = 0.05


def new_mark() -> str:
    """A value of :data:`MARK` that no other run has."""
    return f"{os.getpid()}-{time.time_ns()}"


def end_strays(mark: str, *, below: int | None) -> int:
    """End what carries ``mark`` and does not descend from the process ``below``; how many there were."""
    ended: set[int] = set()
    for _ in range(LOOKS):
        found = [pid for pid in _marked(mark) if not _descends(pid, below)]
        if not found:
            break
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        ended.update(found)
        time.sleep(LOOK_SECONDS)
    return len(ended)


def _marked(mark: str) -> Iterator[int]:
    wanted = f"{MARK}={mark}".encode()
    for name in os.listdir("/proc"):  # noqa: PTH208 - thousands of entries, none of which is needed as a path
        if name.isdigit() and int(name) != os.getpid():
            with contextlib.suppress(OSError):
                # A zombie's is empty: it has ended already.
                if wanted in Path("/proc", name, "environ").read_bytes().split(b"\0"):
                    yield int(name)


def _descends(pid: int, ancestor: int | None) -> bool:
    while ancestor is not None and pid > 1:
        if pid == ancestor:
            return True
        try:
            stat = Path("/proc", str(pid), "stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return True  # gone meanwhile
        pid = int(stat[stat.rindex(")") + 2 :].split()[1])
    return False
