"""This machine as a pool: which cores, how much of them, how much memory.

What a process may use is the smaller of its affinity mask and its CPU quota; the number of CPUs that the machine *has*
is never asked, because it is exactly the number that starts too many threads. What could go wrong: a quota below one
core (the planner refuses it, with both numbers), and machines that hide their topology (then every CPU counts as a
core of its own).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from corebound.api.errors import PlanError
from corebound.local.cgroups import MACHINE, cpu_quota, memory_limit
from corebound.planning.pools import machine_pool, whole_cores

if TYPE_CHECKING:
    from decimal import Decimal
    from pathlib import Path

    from corebound.api.plan import Pool


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What this process may use of the machine it runs on."""

    core_ids: tuple[int, ...]
    """The logical CPUs of the affinity mask, ascending."""
    quota_cores: float | None
    """CPU quota in cores; None without one."""
    cores: float
    """Usable cores: the smaller of the two above."""
    memory_bytes: int
    """The smaller of the machine's memory and the cgroup's limit."""
    core_groups: tuple[tuple[int, ...], ...]
    """``core_ids`` grouped by physical core: hyper-threads of one core stand together."""

    def as_pool(self, *, price_per_hour: Decimal | None, currency: str) -> Pool:
        """What a plan is made for."""
        return machine_pool(
            core_ids=self.core_ids,
            cores=self.cores,
            memory_bytes=self.memory_bytes,
            price_per_hour=price_per_hour,
            currency=currency,
        )


def this_machine(*, root: Path = MACHINE) -> Machine:
    """Look at affinity, quota, memory and topology of this process, now.

    ``root`` is where ``proc``, ``sys`` and the cgroup mounts are looked up; the affinity mask is always our own.
    """
    core_ids = tuple(sorted(os.sched_getaffinity(0)))
    quota = cpu_quota(root=root).cores
    total = _total_memory_bytes(root=root)
    limit = memory_limit(root=root)
    return Machine(
        core_ids=core_ids,
        quota_cores=quota,
        cores=float(len(core_ids)) if quota is None else min(float(len(core_ids)), quota),
        memory_bytes=total if limit is None else min(total, limit),
        core_groups=physical_cores(core_ids, root=root),
    )


def core_sets(
    machine: Machine, *, threads: int, workers: int, among: tuple[int, ...] | None = None
) -> list[tuple[int, ...]]:
    """``workers`` disjoint sets of ``threads`` logical CPUs each, ascending inside a set; of those ``among`` if named.

    Hyper-threads of one core go to the same worker where they can: two workers on one core slow each other down. With
    one thread per worker different cores are filled first, so that siblings are shared only when there is no core left.

    Raises:
        PlanError: more CPUs asked for than the process may use.
    """
    usable = machine.core_ids if among is None else among
    whole = min(whole_cores(machine.cores), len(usable))
    if threads < 1 or workers < 0 or threads * workers > whole:
        message = (
            f"{workers} workers x {threads} threads need {threads * workers} cores; this process may use "
            f"{machine.cores:g} ({whole} whole). Use fewer workers or threads."
        )
        raise PlanError(message)
    free = [[core for core in group if core in usable] for group in machine.core_groups]
    return [_take(free, threads) for _ in range(workers)]


def _take(free: list[list[int]], threads: int) -> tuple[int, ...]:
    """Take ``threads`` CPUs: each time from the core that gives most of what is still wanted, then the freest one."""
    taken: list[int] = []
    while len(taken) < threads:
        wanted = threads - len(taken)
        group = max(free, key=lambda siblings: (min(len(siblings), wanted), len(siblings)))
        taken.extend(group[:wanted])
        del group[:wanted]
    return tuple(sorted(taken))


def physical_cores(core_ids: tuple[int, ...], *, root: Path = MACHINE) -> tuple[tuple[int, ...], ...]:
    """``core_ids`` grouped by the physical core they belong to, in the order of each group's first CPU.

    Source: ``/sys/devices/system/cpu/cpuN/topology/{physical_package_id,core_id}``; a CPU without them is its own core.
    """
    groups: dict[tuple[str, ...], list[int]] = {}
    for core in core_ids:
        topology = root / "sys" / "devices" / "system" / "cpu" / f"cpu{core}" / "topology"
        try:
            key = tuple((topology / name).read_text().strip() for name in ("physical_package_id", "core_id"))
        except OSError:
            key = (f"cpu{core}",)
        groups.setdefault(key, []).append(core)
    return tuple(tuple(group) for group in groups.values())


def _total_memory_bytes(*, root: Path) -> int:
    """Memory of the whole machine: MemTotal of /proc/meminfo is in units of 1024 bytes."""
    for line in (root / "proc" / "meminfo").read_text().splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) * 1024
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
