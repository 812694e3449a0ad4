"""A contender's processes, daemons included: started, counted, and ended by their ids.

The contender puts itself into a control group of its own before it imports anything; whatever it starts stays in there,
double forks and new sessions included. This process is also the reaper of orphans (``PR_SET_CHILD_SUBREAPER``), so
that nothing escapes where no group can be made; CPU time is then that of all processes waited for. What could go wrong:
a process ignores SIGTERM (SIGKILL follows), or the group's folder is busy for a moment after its last process ended.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

PR_SET_CHILD_SUBREAPER: Final = 36
PATIENCE_SECONDS: Final = 10.0


def adopt_orphans() -> None:
    """Make this process the parent of what its descendants leave behind."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


@contextlib.contextmanager
def control_group() -> Iterator[Path | None]:
    """A new group that counts CPU time, below this process's own; None where none can be made."""
    group = next((made for parent in _parents() if (made := _made(parent)) is not None), None)
    try:
        yield group
    finally:
        if group is not None:
            _remove(group)


def _parents() -> list[Path]:
    """Folders of this process's groups that count CPU time: version 1's ``cpuacct``, then version 2."""
    found: list[Path] = []
    for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines():
        _, controllers, path = line.split(":", 2)
        if "cpuacct" in controllers.split(","):
            found.insert(0, Path("/sys/fs/cgroup/cpuacct") / path.lstrip("/"))
        elif not controllers:
            found.append(Path("/sys/fs/cgroup") / path.lstrip("/"))
    return found


def _made(parent: Path) -> Path | None:
    group = parent / f"corebound-compare-{os.getpid()}-{time.monotonic_ns()}"
    try:
        group.mkdir()
    except OSError:
        return None
    counts = (group / "cpuacct.usage").exists() or (group / "cpu.stat").exists()
    if counts and os.access(group / "cgroup.procs", os.W_OK):
        return group
    group.rmdir()
    return None


def _remove(group: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            group.rmdir()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def members(group: Path | None) -> set[int]:
    """All processes of the contender: those of its group, and our own descendants."""
    ids = _descendants(os.getpid())
    if group is not None:
        ids |= {int(pid) for pid in (group / "cgroup.procs").read_text(encoding="utf-8").split()}
    return ids


def _descendants(top: int) -> set[int]:
    children: dict[int, set[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, parent = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[:2]
            if state != "Z":
                children.setdefault(int(parent), set()).add(int(stat.parent.name))
    found: set[int] = set()
    asked = [top]
    while asked:
        new = children.get(asked.pop(), set()) - found
        found |= new
        asked += new
    return found


def end(process: subprocess.Popen[bytes], group: Path | None) -> int:
    """End and reap whatever is left of a contender; how many processes that were."""
    left = members(group)
    for order in (signal.SIGTERM, signal.SIGKILL):
        for pid in members(group):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, order)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while members(group) and time.monotonic() < deadline:
            _reap(process)
            time.sleep(0.05)
    _reap(process)
    return len(left)


def _reap(process: subprocess.Popen[bytes]) -> None:
    process.poll()  # it keeps its own status
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def waited_cpu_seconds() -> float:
    """CPU time of all processes that this one has waited for, and theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def machine_cpu_seconds() -> float:
    """CPU time of all that runs on this machine since it started."""
    with Path("/proc/stat").open(encoding="utf-8") as stat:
        numbers = [int(number) for number in stat.readline().split()[1:]]
    idle, steal = sum(numbers[3:5]), sum(numbers[7:])
    return (sum(numbers) - idle - steal) / os.sysconf("SC_CLK_TCK")
