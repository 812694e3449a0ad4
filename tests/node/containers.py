"""A pod's containers seen from outside: the quota of their control group, and the threads that work in it.

Both cgroup versions, as the kernel has them, and the names that the kubelet's two drivers give. The standard library only: it
runs as a program on the node (``watching.py`` starts it there), which reads UIDs of pods, one a line, and at the end of its
input prints what it saw of each, one line of JSON. What could go wrong: a container that ends while it is looked at, which
then has neither threads nor time.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

CGROUPS: Final = Path("/sys/fs/cgroup")
BUSY_SHARE: Final = 0.05
"""Of a core within an interval: that thread is at work."""
TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Container:
    """One control group below that of a pod."""

    group: Path
    """Of the CPU controller."""
    top: Path = CGROUPS
    """Where control groups are mounted."""

    @property
    def quota(self) -> float | None:
        """In cores; None without one."""
        if (self.group / "cpu.max").exists():
            quota, period = (self.group / "cpu.max").read_text().split()
            return None if quota == "max" else int(quota) / int(period)
        quota = (self.group / "cpu.cfs_quota_us").read_text()
        return None if int(quota) < 0 else int(quota) / int((self.group / "cpu.cfs_period_us").read_text())

    @property
    def cpu_seconds(self) -> float:
        """Of all its processes, those that ended, too."""
        if (self.group / "cpu.stat").exists() and (self.group / "cpu.max").exists():
            lines = dict(line.split() for line in (self.group / "cpu.stat").read_text().splitlines())
            return int(lines["usage_usec"]) / 1e6
        accounted = self.top / "cpuacct" / self.group.relative_to(self.top / "cpu")
        return int((accounted / "cpuacct.usage").read_text()) / 1e9

    def threads(self) -> dict[tuple[int, int], tuple[str, int]]:
        """State and ticks of each thread, by process and thread."""
        found = {}
        for pid in (self.group / "cgroup.procs").read_text().split():
            for task in Path(f"/proc/{pid}/task").glob("*"):
                try:
                    fields = (task / "stat").read_text().rpartition(")")[2].split()
                except OSError:
                    continue
                found[int(pid), int(task.name)] = (fields[0], int(fields[11]) + int(fields[12]))
        return found


def containers(pod_uid: str, top: Path = CGROUPS) -> list[Container]:
    """The containers of a pod that runs, its sandbox (which has no quota) left out."""
    found = []
    for group in [group for pod in pod_groups(pod_uid, top) for group in pod.glob("*/")]:
        with contextlib.suppress(OSError):  # it has just ended
            if (container := Container(group, top)).quota is not None:
                found.append(container)
    return found


def pod_groups(pod_uid: str, top: Path) -> list[Path]:
    """Where the kubelet puts a pod: ``kubepods/burstable/pod1-2`` by itself, and by way of systemd
    ``kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1_2.slice``. In kind, below a group of the kubelet's.
    """
    hierarchy = top / "cpu" if (top / "cpu").is_dir() else top
    above = [f"{kubelet}*kubepods*/{quality}" for kubelet in ("", "kubelet*/") for quality in ("", "*/")]
    names = (f"pod{pod_uid}", f"*-pod{pod_uid.replace('-', '_')}.slice")
    return [group for place in above for name in names for group in hierarchy.glob(place + name)]


@dataclass
class Seen:
    """What a watcher saw of one container."""

    quotas: set[float] = field(default_factory=set)
    at_work: list[int] = field(default_factory=list)
    """Threads at work in each interval."""
    cpu_seconds: float = 0.0
    last: dict[tuple[int, int], tuple[str, int]] = field(default_factory=dict)
    busy: frozenset[tuple[int, int]] = frozenset()
    """In the interval before."""


class Watcher:
    """Looks at every container of the given pods twice a second, until :meth:`stop`."""

    def __init__(self, top: Path = CGROUPS) -> None:
        self.seen: dict[str, Seen] = {}
        """By the pod's UID."""
        self._top = top
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def add(self, pod_uid: str) -> None:
        self.seen.setdefault(pod_uid, Seen())

    def stop(self) -> dict[str, Seen]:
        self._over.set()
        self._thread.join(10)
        return self.seen

    def _watch(self) -> None:
        before = time.monotonic()
        while not self._over.wait(0.5):
            now = time.monotonic()
            for uid, seen in list(self.seen.items()):
                for container in containers(uid, self._top):
                    try:
                        self._look(container, seen, interval=now - before)
                    except (OSError, ValueError):
                        continue  # it has just ended
            before = now

    @staticmethod
    def _look(container: Container, seen: Seen, *, interval: float) -> None:
        quota = container.quota
        if quota is not None:
            seen.quotas.add(quota)
        seen.cpu_seconds = max(seen.cpu_seconds, container.cpu_seconds)
        threads = container.threads()
        least = BUSY_SHARE * interval * TICKS
        used = {who: ticks - seen.last.get(who, ("", 0))[1] for who, (_, ticks) in threads.items()}
        busy = frozenset(who for who, ticks in used.items() if ticks > least)
        if seen.last:
            # A worker that closes a trial and the trial's child work within one interval, but one after the other. At once
            # are those that were at work in the interval before, too.
            seen.at_work.append(len(busy & seen.busy))
        seen.last, seen.busy = threads, busy


def main() -> None:
    """``python containers.py FOLDER``: where the node's control groups are mounted."""
    watcher = Watcher(Path(sys.argv[1]))
    for line in sys.stdin:
        watcher.add(line.strip())
    for uid, seen in watcher.stop().items():
        quotas, work = sorted(seen.quotas), seen.at_work
        print(json.dumps({"pod": uid, "quotas": quotas, "at_work": work, "cpu_seconds": seen.cpu_seconds}))


if __name__ == "__main__":
    main()
