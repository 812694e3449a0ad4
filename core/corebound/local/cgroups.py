"""What the kernel's control groups let a process have: CPU quota, time it stood still for it, memory.

``/proc/PID/cgroup`` says in which groups a process is, ``/proc/self/mountinfo`` where those hierarchies can be read;
from the process's own group every visible ancestor is asked, because a limit anywhere above binds as well. Version 1,
version 2, both at once (hybrid) and the narrowed view inside a container are read by the same walk. What could go
wrong: files that are missing, unreadable or strange count as *no limit*, never as an error, since most machines have
no such groups at all; limits above a container's own namespace cannot be seen from inside.

Source of the formats: the kernel's ``admin-guide/cgroup-v1/``, ``admin-guide/cgroup-v2.rst`` and
``scheduler/sched-bwc.rst``; proc(5).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

MACHINE: Final = Path("/")
UNLIMITED_MEMORY_BYTES: Final = 2**60
"""Version 1 spells "no limit" as the largest page-aligned number; nothing real comes near this."""

Controller = Literal["cpu", "memory"]


@dataclass(frozen=True, kw_only=True)
class CpuQuota:
    """The tightest CPU bandwidth limit above a process."""

    cores: float | None
    """Quota divided by period: 1.5 means one and a half cores; None without a limit."""
    period: float | None
    """Length of the accounting period in seconds, usually 0.1."""
    source: str
    """The file that holds the limit, or why there is none."""


@dataclass(frozen=True, kw_only=True)
class _Group:
    """One group directory of one hierarchy."""

    folder: Path
    version: int


@dataclass(frozen=True, kw_only=True)
class _Mount:
    version: int
    point: str
    top: str
    """Which group of the hierarchy is seen at ``point``."""
    controllers: frozenset[str]


def cpu_quota(pid: int | str = "self", *, root: Path = MACHINE) -> CpuQuota:
    """The smallest quota of the process's group and its visible ancestors.

    ``root`` is where ``proc`` and the mount points are looked up; another one is a recorded machine.
    """
    tightest = CpuQuota(cores=None, period=None, source="no CPU quota is set")
    for group in _groups(pid, "cpu", root=root):
        found = _quota_of(group)
        if found is not None and found.cores is not None and (tightest.cores is None or found.cores < tightest.cores):
            tightest = found
    return tightest


def throttled_seconds(pid: int | str = "self", *, root: Path = MACHINE) -> float:
    """CPU-seconds for which the process's group stood still because its quota was used up, since the group exists.

    Each group counts only the limit set on itself, so the largest figure on the way up is taken; adding them would
    count twice what an ancestor and its descendant were stopped for at the same moment.
    """
    return max((_throttled_of(group) for group in _groups(pid, "cpu", root=root)), default=0.0)


def memory_limit(pid: int | str = "self", *, root: Path = MACHINE) -> int | None:
    """Bytes the tightest group above the process may use; None without a limit."""
    found = (
        _number(group.folder / ("memory.max" if group.version == 2 else "memory.limit_in_bytes"))
        for group in _groups(pid, "memory", root=root)
    )
    return min((limit for limit in found if limit and 0 < limit < UNLIMITED_MEMORY_BYTES), default=None)


def kernel_kills(pid: int | str = "self", *, root: Path = MACHINE) -> int:
    """How many processes of the process's own group the kernel has killed for memory, since the group exists."""
    for group in _groups(pid, "memory", root=root):
        text = _text(group.folder / ("memory.events" if group.version == 2 else "memory.oom_control"))
        for line in text.splitlines():
            key, _, value = line.partition(" ")
            if key == "oom_kill":
                return _integer(value) or 0
    return 0


def cgroup_versions(*, root: Path = MACHINE) -> list[str]:
    """Which versions this process sees: ``1``, ``2``, both on a hybrid machine, none without control groups."""
    return sorted({str(mount.version) for mount in _mounts(root=root)})


def _quota_of(group: _Group) -> CpuQuota | None:
    """The limit of exactly this group; None where there is none or it cannot be read."""
    if group.version == 2:
        file = group.folder / "cpu.max"
        words = _text(file).split()
        quota, period = (_integer(words[0]), _integer(words[1])) if len(words) == 2 else (None, None)
    else:
        file = group.folder / "cpu.cfs_quota_us"
        quota, period = _number(file), _number(group.folder / "cpu.cfs_period_us")
    if quota is None or period is None or quota <= 0 or period <= 0:
        return None
    return CpuQuota(cores=quota / period, period=period / 1e6, source=str(file))


def _throttled_of(group: _Group) -> float:
    """Version 1 counts in nanoseconds under another name than version 2, which counts in microseconds."""
    name, per_second = ("throttled_usec", 1e6) if group.version == 2 else ("throttled_time", 1e9)
    for line in _text(group.folder / "cpu.stat").splitlines():
        key, _, value = line.partition(" ")
        if key == name:
            return (_integer(value) or 0) / per_second
    return 0.0


def _groups(pid: int | str, controller: Controller, *, root: Path) -> Iterator[_Group]:
    """The process's group in each hierarchy that may limit ``controller``, each followed by its ancestors."""
    memberships = _memberships(pid, root=root)
    for mount in _mounts(root=root):
        if mount.version == 1 and controller not in mount.controllers:
            continue
        path = memberships.get("" if mount.version == 2 else controller)
        if path is None:
            continue
        top = root / mount.point.lstrip("/")
        below = _below(path, mount.top)
        for depth in range(len(below), -1, -1):
            yield _Group(folder=top.joinpath(*below[:depth]), version=mount.version)


def _below(path: str, top: str) -> list[str]:
    """The parts of a group's path below what is mounted.

    A path that does not lie there (a container without a namespace of its own that mounts just its own group, or a
    group outside the namespace, shown with ``..``) is answered by the mount point itself: the nearest that is visible.
    """
    parts = [part for part in path.split("/") if part]
    top_parts = [part for part in top.split("/") if part]
    if ".." in parts or parts[: len(top_parts)] != top_parts:
        return []
    return parts[len(top_parts) :]


def _memberships(pid: int | str, *, root: Path) -> dict[str, str]:
    """Controller name -> path of the process's group; the empty name is version 2."""
    found: dict[str, str] = {}
    for line in _text(root / "proc" / str(pid) / "cgroup").splitlines():
        fields = line.split(":", 2)
        if len(fields) == 3:
            found.update(dict.fromkeys(fields[1].split(","), fields[2]))
    return found


def _mounts(*, root: Path) -> Iterator[_Mount]:
    """The hierarchies this process can read; always our own mount table, because we are the one who opens the files."""
    for line in _text(root / "proc" / "self" / "mountinfo").splitlines():
        before, separator, after = line.partition(" - ")
        fields, kind = before.split(), after.split()
        if not separator or len(fields) < 5 or len(kind) < 3 or kind[0] not in {"cgroup", "cgroup2"}:
            continue
        yield _Mount(
            version=2 if kind[0] == "cgroup2" else 1,
            point=_unescaped(fields[4]),
            top=_unescaped(fields[3]),
            controllers=frozenset(kind[-1].split(",")),
        )


def _unescaped(field: str) -> str:
    r"""Mountinfo writes blanks and backslashes in octal: ``\040``."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match.group(1), 8)), field)


def _text(file: Path) -> str:
    """What a kernel file holds; empty where it is missing, unreadable or gone while we looked."""
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _number(file: Path) -> int | None:
    return _integer(_text(file))


def _integer(text: str) -> int | None:
    """A whole number; None for ``max``, nothing and nonsense."""
    try:
        return int(text)
    except ValueError:
        return None
