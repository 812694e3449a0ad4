"""This machine as a pool: the smaller of affinity and quota, and cores that belong together."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corebound.api.errors import PlanError
from corebound.local.machine import Machine, core_sets, physical_cores, this_machine

if TYPE_CHECKING:
    from pathlib import Path


def some_machine(groups: list[tuple[int, ...]], *, quota: float | None = None) -> Machine:
    core_ids = tuple(sorted(core for group in groups for core in group))
    return Machine(
        core_ids=core_ids,
        quota_cores=quota,
        cores=len(core_ids) if quota is None else min(quota, len(core_ids)),
        memory_bytes=2**34,
        core_groups=tuple(groups),
    )


def recorded(root: Path, *, quota: str, memory_limit: str = "max") -> Path:
    for folder in ("proc/self", "sys/fs/cgroup"):
        (root / folder).mkdir(parents=True)
    (root / "proc/self/cgroup").write_text("0::/\n")
    (root / "proc/self/mountinfo").write_text("35 24 0:31 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n")
    (root / "proc/meminfo").write_text("MemTotal:        8388608 kB\nMemFree:         1 kB\n")
    (root / "sys/fs/cgroup/cpu.max").write_text(quota)
    (root / "sys/fs/cgroup/memory.max").write_text(memory_limit)
    return root


def test_the_real_machine_is_its_affinity_mask() -> None:
    machine = this_machine()
    assert machine.core_ids == tuple(sorted(os.sched_getaffinity(0)))
    assert 0 < machine.cores <= len(machine.core_ids)
    assert machine.memory_bytes > 2**20
    assert sorted(core for group in machine.core_groups for core in group) == list(machine.core_ids)


def test_a_narrower_mask_is_a_smaller_machine() -> None:
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert this_machine().core_ids == (min(before),)
        assert this_machine().cores <= 1
    finally:
        os.sched_setaffinity(0, before)


def test_a_quota_below_the_mask_decides(tmp_path: Path) -> None:
    machine = this_machine(root=recorded(tmp_path, quota="50000 100000"))
    assert machine.quota_cores == 0.5
    assert machine.cores == 0.5
    assert machine.memory_bytes == 8 * 2**30


def test_a_quota_above_the_mask_changes_nothing(tmp_path: Path) -> None:
    machine = this_machine(root=recorded(tmp_path, quota="99900000 100000", memory_limit="1048576"))
    assert machine.cores == len(machine.core_ids)
    assert machine.memory_bytes == 2**20


def test_siblings_are_found_in_the_topology(tmp_path: Path) -> None:
    for core, (package, number) in enumerate([("0", "0"), ("0", "1"), ("0", "0"), ("0", "1"), ("1", "0")]):
        folder = tmp_path / f"sys/devices/system/cpu/cpu{core}/topology"
        folder.mkdir(parents=True)
        (folder / "physical_package_id").write_text(package + "\n")
        (folder / "core_id").write_text(number + "\n")
    assert physical_cores((0, 1, 2, 3, 4, 9), root=tmp_path) == ((0, 2), (1, 3), (4,), (9,))


def test_two_threads_share_one_core_and_single_threads_do_not() -> None:
    machine = some_machine([(0, 4), (1, 5), (2, 6), (3, 7)])
    assert core_sets(machine, threads=2, workers=4) == [(0, 4), (1, 5), (2, 6), (3, 7)]
    assert core_sets(machine, threads=1, workers=4) == [(0,), (1,), (2,), (3,)]
    assert core_sets(machine, threads=4, workers=2) == [(0, 1, 4, 5), (2, 3, 6, 7)]


def test_a_third_thread_takes_half_a_core_of_its_own() -> None:
    machine = some_machine([(0, 4), (1, 5), (2, 6), (3, 7)])
    assert core_sets(machine, threads=3, workers=2) == [(0, 1, 4), (2, 3, 6)]


def test_a_quota_of_one_and_a_half_holds_one_worker() -> None:
    machine = some_machine([(0,), (1,)], quota=1.5)
    assert core_sets(machine, threads=1, workers=1) == [(0,)]
    with pytest.raises(PlanError, match=r"2 workers x 1 threads need 2 cores; this process may use 1\.5 \(1 whole\)"):
        core_sets(machine, threads=1, workers=2)


@given(
    siblings=st.lists(st.integers(1, 4), min_size=1, max_size=12),
    threads=st.integers(1, 12),
    workers=st.integers(0, 12),
)
def test_sets_are_disjoint_and_exact_or_refused(siblings: list[int], threads: int, workers: int) -> None:
    ids = iter(range(sum(siblings)))
    machine = some_machine([tuple(next(ids) for _ in range(count)) for count in siblings])
    if threads * workers > sum(siblings):
        with pytest.raises(PlanError):
            core_sets(machine, threads=threads, workers=workers)
        return
    sets = core_sets(machine, threads=threads, workers=workers)
    assert [len(cores) for cores in sets] == [threads] * workers
    used = [core for cores in sets for core in cores]
    assert len(used) == len(set(used))
    assert set(used) <= set(machine.core_ids)
