"""Campaigns at the same time on one machine: no core is shared, none is left idle, and whoever waits says for whom."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from typing import TYPE_CHECKING

from corebound.local.machine import this_machine

from .campaigns import processes_of, started, wait_until, written

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

CORES = frozenset(this_machine().core_ids)


def cores_of(campaign: str) -> set[int]:
    """The cores on which its workers may run, seen from outside."""
    return {core for cores in affinities(campaign).values() for core in cores}


def affinities(campaign: str) -> dict[int, set[int]]:
    found = {}
    for pid, name in processes_of(campaign).items():
        if name.startswith("worker-"):  # the others have not begun to be one
            with contextlib.suppress(ProcessLookupError):
                found[pid] = os.sched_getaffinity(pid)
    return found


@contextlib.contextmanager
def watched(*campaigns: str) -> Iterator[None]:
    """Fails if workers of different campaigns could run on the same core at any look meanwhile."""
    shared: list[str] = []
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.1):
            found = [(campaign, *each) for campaign in campaigns for each in affinities(campaign).items()]
            for campaign, pid, cores in found:
                for other, other_pid, other_cores in found:
                    if campaign < other and cores & other_cores and {pid, other_pid} <= living(campaign, other):
                        shared.append(f"{campaign} ({pid}) and {other} ({other_pid}) share {cores & other_cores}")

    def living(*names: str) -> set[int]:
        return {pid for name in names for pid in affinities(name)}

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
    assert not shared


def until(folder: Path, name: str) -> dict[str, list[str]]:
    return {"command": ["sh", "-c", f"until [ -e {folder / name} ]; do sleep 0.2; done; echo loss=1"]}


def line_with(process: subprocess.Popen[str], text: str) -> str:
    assert process.stderr is not None
    read = []
    while text not in (line := process.stderr.readline()):
        assert line, f"it ended without a word of: {text}\n{''.join(read)}"
        read.append(line)
    return line


def test_two_campaigns_share_the_machine_core_by_core(
    command: list[str], environment: dict[str, str], tmp_path: Path
) -> None:
    assert len(CORES) > 1, "with one core there is nothing to share"
    first = written(tmp_path, "sharing-first", trials=1, trial=until(tmp_path, "go-first"))
    second = written(
        tmp_path, "sharing-second", trials=2 * len(CORES), parallelism="auto", trial=until(tmp_path, "go-second")
    )
    with watched(first.stem, second.stem), started(*command, "run", "-f", str(first), environment=environment) as one:
        wait_until(lambda: len(cores_of(first.stem)) == 1, "the first campaign's worker")
        [taken] = cores_of(first.stem)
        with started(*command, "run", "-f", str(second), environment=environment) as two:
            said = line_with(two, "cores that are in use by")
            assert f"1 of {len(CORES)} workers waits for cores that are in use by {first.stem} (core {taken})" in said
            wait_until(lambda: cores_of(second.stem) == CORES - {taken}, "a worker on each core that is free")
            (tmp_path / "go-first").touch()
            _, said = one.communicate(timeout=120)
            assert one.returncode == 0, said
            wait_until(lambda: cores_of(second.stem) == CORES, "a worker on the core that came free")
            (tmp_path / "go-second").touch()
            _, said = two.communicate(timeout=120)
            assert two.returncode == 0, said
            assert "in use by" not in said, "said once"


def test_cores_of_a_killed_campaign_are_free_once_its_workers_are_gone(
    command: list[str], environment: dict[str, str], tmp_path: Path
) -> None:
    # Leaves 3 s after it was asked to.
    slow = "trap 'sleep 3; exit 1' TERM; while true; do sleep 0.1; done"
    first = written(
        tmp_path, "shared-killed-first", trials=9, parallelism="auto", trial={"command": ["sh", "-c", slow]}
    )
    second = written(tmp_path, "shared-killed-second", trials=1, trial={"command": ["sh", "-c", "echo loss=1"]})
    with watched(first.stem, second.stem), started(*command, "run", "-f", str(first), environment=environment) as one:
        wait_until(lambda: cores_of(first.stem) == CORES, "a worker on each core")
        with started(*command, "run", "-f", str(second), environment=environment) as two:
            line_with(two, f"1 of 1 workers waits for cores that are in use by {first.stem}")
            assert not affinities(second.stem)
            one.send_signal(signal.SIGKILL)
            _, said = two.communicate(timeout=120)
            assert two.returncode == 0, said
    wait_until(lambda: not processes_of(first.stem), "the end of what was killed")
