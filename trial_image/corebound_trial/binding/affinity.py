"""Which cores this process runs on: binding, reading back, and core lists as text (``0-3,6``).

Core numbers flow in from the plan and out to the ledger's worker rows. What could go wrong: the kernel accepts a
request that it can fulfil only in part (a cpuset took some of the cores away) without an error, and
``sched_setaffinity`` changes a single thread; so every thread is bound and the mask is read back.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from corebound.api.errors import ThreadContractError

if TYPE_CHECKING:
    from collections.abc import Iterable


def bind_to_cores(core_ids: Iterable[int]) -> tuple[int, ...]:
    """Bind every thread of this process to ``core_ids``; returns what the kernel then reports, in order.

    Children started later inherit it. Raises :class:`ThreadContractError` when a core does not exist or is not allowed.
    """
    wanted = frozenset(core_ids)
    allowed = bound_cores()
    try:
        for entry in os.scandir("/proc/self/task"):
            os.sched_setaffinity(int(entry.name), wanted)
    except OSError as error:
        raise ThreadContractError(
            f"cannot bind to cores {format_cores(wanted) or '(none)'}: {error.strerror}; this process may use "
            f"{format_cores(allowed)}; plan again with the cores that are there"
        ) from error
    bound = bound_cores()
    if frozenset(bound) != wanted:
        raise ThreadContractError(
            f"asked for cores {format_cores(wanted)}, the kernel gave {format_cores(bound)}: a cpuset or container "
            "allows no more; plan again with the cores that are there"
        )
    return bound


def bound_cores(pid: int = 0) -> tuple[int, ...]:
    """The cores that the main thread of ``pid`` may run on (0: the calling thread), in order."""
    return tuple(sorted(os.sched_getaffinity(pid)))


def format_cores(core_ids: Iterable[int]) -> str:
    """``(0, 1, 2, 3, 6)`` as ``0-3,6``; the empty string for no cores."""
    runs: list[list[int]] = []
    for core in sorted(set(core_ids)):
        if runs and core == runs[-1][-1] + 1:
            runs[-1].append(core)
        else:
            runs.append([core])
    return ",".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def parse_cores(text: str) -> tuple[int, ...]:
    """``0-3,6`` as ``(0, 1, 2, 3, 6)``; raises :class:`ValueError` for anything that is no core list."""
    cores: set[int] = set()
    for part in filter(None, text.strip().split(",")):
        matched = re.fullmatch(r"\s*(\d+)(?:-(\d+))?\s*", part, flags=re.ASCII)
        if matched is None or (matched[2] is not None and int(matched[2]) < int(matched[1])):
            raise ValueError(f"{part!r} in {text!r} is no core or range of cores; write for example 0-3,6")
        cores.update(range(int(matched[1]), int(matched[2] or matched[1]) + 1))
    return tuple(sorted(cores))
