"""The control groups of a pod's containers, by the names that kubelets give them: a made-up tree for each kind of node."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ...node import containers as module
from ...node.containers import Watcher, containers

UID = "0c9bd2e6-7a1f-4c55-9d3e-6f0b8f6b2a11"
WITH_LINES = UID.replace("-", "_")
GROUPS = {
    "cgroupfs, guaranteed": f"kubepods/pod{UID}/7e1f",
    "cgroupfs, burstable": f"kubepods/burstable/pod{UID}/7e1f",
    "systemd, guaranteed": f"kubepods.slice/kubepods-pod{WITH_LINES}.slice/cri-containerd-7e1f.scope",
    "systemd, burstable": (
        f"kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{WITH_LINES}.slice/crio-7e1f.scope"
    ),
    "kind": (f"kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod{WITH_LINES}.slice/cri-containerd-7e1f.scope"),
    "kind with cgroupfs": f"kubelet/kubepods/burstable/pod{UID}/7e1f",
}


def make(group: Path, cores: int | None, *, version: int) -> None:
    """A control group without processes, and with a quota or none."""
    group.mkdir(parents=True)
    quota = None if cores is None else cores * 100_000
    if version == 2:
        (group / "cpu.max").write_text(f"{quota or 'max'} 100000\n")
        (group / "cpu.stat").write_text("usage_usec 1500000\n")
    else:
        (group / "cpu.cfs_quota_us").write_text(f"{quota or -1}\n")
        (group / "cpu.cfs_period_us").write_text("100000\n")
    (group / "cgroup.procs").write_text("")


@pytest.fixture(params=[1, 2], ids=["cgroup v1", "cgroup v2"])
def version(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.mark.parametrize("kind", GROUPS)
def test_a_container_is_found_and_its_sandbox_and_neighbours_are_not(tmp_path: Path, kind: str, version: int) -> None:
    below = tmp_path / "cpu" if version == 1 else tmp_path
    own = below / GROUPS[kind]
    make(own, 2, version=version)
    make(own.with_name("sandbox"), None, version=version)
    other = GROUPS[kind].replace(UID, "another").replace(WITH_LINES, "another")
    make(below / other, 1, version=version)
    [found] = containers(UID, tmp_path)
    assert (found.group, found.quota) == (own, 2.0)


def test_what_was_seen_is_told_by_pod(tmp_path: Path) -> None:
    make(tmp_path / GROUPS["systemd, guaranteed"], 2, version=2)
    watcher = Watcher(tmp_path)
    watcher.add(UID)
    deadline = time.monotonic() + 60
    while not watcher.seen[UID].quotas:
        assert time.monotonic() < deadline, "it never looked"
        time.sleep(0.05)
    seen = watcher.stop()[UID]
    assert (seen.quotas, seen.cpu_seconds) == ({2.0}, 1.5)


def test_the_program_needs_nothing_but_python_and_ends_with_its_input(tmp_path: Path) -> None:
    source = Path(module.__file__).read_text(encoding="utf-8")
    program = [sys.executable, "-I", "-S", "-c", source, str(tmp_path)]
    done = subprocess.run(program, input=f"{UID}\nnobody\n", capture_output=True, text=True, timeout=60, check=True)
    nothing = {"quotas": [], "at_work": [], "cpu_seconds": 0.0}
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {"pod": pod, **nothing} for pod in (UID, "nobody")
    ]
