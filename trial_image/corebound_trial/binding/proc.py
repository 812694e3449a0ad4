"""What ``/proc`` says about processes and threads, read with as few system calls as it takes.

A worker reads its tree every second, 128 workers a node: psutil's objects cost ten times as much. What could go wrong:
a process or thread may end between any two reads; every function answers that with None or nothing, never with an
error. A number is given again to another process one day, so a process is known by its number *and* its start time.

Source of the fields: proc(5), ``/proc/PID/stat``.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")
PAGE_BYTES: Final = os.sysconf("SC_PAGESIZE")
ENDED_STATES: Final = frozenset("ZXx")
_EXITING: Final = 0x4
"""PF_EXITING in the kernel's include/linux/sched.h."""
_VOLUNTARY: Final = b"\nvoluntary_ctxt_switches:"


class Stat(NamedTuple):
    """One line of ``stat``, of a process or of one thread."""

    name: str
    state: str
    parent: int
    group: int
    cpu_ticks: int
    """User and system time; for a process with its ended threads."""
    reaped_ticks: int
    """The same of children that it has waited for, and of theirs."""
    started: int
    """Ticks since boot."""
    memory_bytes: int
    flags: int
    """The kernel's own; always 0 in some sandboxes."""

    @property
    def has_ended(self) -> bool:
        """A zombie: nothing runs any more, but nobody has waited for it."""
        return self.state in ENDED_STATES

    @property
    def may_be_ending(self) -> bool:
        """Whether it has ended, or is on its way: the kernel closes its files some time before it is a zombie."""
        return self.has_ended or not self.flags or bool(self.flags & _EXITING)


def process_stat(pid: int) -> Stat | None:
    """The process ``pid``; None when it is gone."""
    return _stat(f"/proc/{pid}/stat")


def thread_stat(pid: int, tid: int) -> Stat | None:
    """The thread ``tid`` of ``pid``; None when it is gone."""
    return _stat(f"/proc/{pid}/task/{tid}/stat")


def thread_ids(pid: int) -> list[int]:
    """All threads of ``pid``; empty when it is gone."""
    try:
        with os.scandir(f"/proc/{pid}/task") as entries:
            return [int(entry.name) for entry in entries]
    except OSError:
        return []


def thread_switches(pid: int, tid: int) -> tuple[int, int]:
    """Voluntary and involuntary context switches of a thread; zeros when it is gone."""
    text = _read(f"/proc/{pid}/task/{tid}/status")
    start = text.rfind(_VOLUNTARY)
    if start < 0:
        return 0, 0
    words = text[start:].split()
    return int(words[1]), int(words[3])


def caught_signals(pid: int) -> int:
    """The signals that ``pid`` has a handler for, as the kernel's mask (bit 0 is signal 1); 0 when it is gone."""
    for line in _read(f"/proc/{pid}/status").splitlines():
        if line.startswith(b"SigCgt:"):
            return int(line.split()[1], 16)
    return 0


def command_line(pid: int) -> list[str]:
    """The words a process was started with; empty for a zombie or when it is gone."""
    return _read(f"/proc/{pid}/cmdline").decode(errors="replace").rstrip("\0").split("\0")


def children(pid: int, threads: list[int] | None = None) -> list[int]:
    """Direct children of ``pid``, whichever of its threads started them.

    The kernel's list may miss a child while a sibling ends at the same moment: who must not miss one asks again.
    """
    if not _KERNEL_LISTS_CHILDREN:
        return [other for other in _all_processes() if (stat := process_stat(other)) is not None and stat.parent == pid]
    found: list[int] = []
    for tid in thread_ids(pid) if threads is None else threads:
        found += map(int, _read(f"/proc/{pid}/task/{tid}/children").split())
    return found


def descendants(pid: int) -> Iterator[int]:
    """Children of ``pid``, their children and so on; zombies included, ``pid`` not.

    Each is given out as soon as it is found, parents before children and the newest child first: who kills a family
    that forks all the time must not finish its list first.
    """
    seen = {pid}
    level = [pid]
    while level:
        below: list[int] = []
        for parent in level:
            for child in reversed(children(parent)):
                if child not in seen:
                    seen.add(child)
                    below.append(child)
                    yield child
        level = below


def proportional_memory(pid: int) -> int:
    """Bytes of memory of ``pid`` with each shared page divided by its sharers (PSS); 0 when it is gone or not ours.

    Takes milliseconds for a large process: ask only when the plain sum comes near a limit.
    """
    for line in _read(f"/proc/{pid}/smaps_rollup").splitlines():
        if line.startswith(b"Pss:"):
            return int(line.split()[1]) * 1024
    # Some sandboxes have no such file: then what is shared with files or others is left out.
    sizes = _read(f"/proc/{pid}/statm").split()
    return (int(sizes[1]) - int(sizes[2])) * PAGE_BYTES if len(sizes) > 2 else 0


def _stat(path: str) -> Stat | None:
    text = _read(path)
    end_of_name = text.rfind(b")")
    if end_of_name < 0:
        return None
    fields = text[end_of_name + 2 :].split()
    return Stat(
        name=text[text.index(b"(") + 1 : end_of_name].decode(errors="replace"),
        state=fields[0].decode(),
        parent=int(fields[1]),
        group=int(fields[2]),
        cpu_ticks=int(fields[11]) + int(fields[12]),
        reaped_ticks=int(fields[13]) + int(fields[14]),
        started=int(fields[19]),
        memory_bytes=int(fields[21]) * PAGE_BYTES,
        flags=int(fields[6]),
    )


def _read(path: str) -> bytes:
    """A whole file of the kernel; empty when it is gone or may not be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        parts = []
        while part := os.read(descriptor, 1 << 16):
            parts.append(part)
        return b"".join(parts)
    except OSError:
        return b""
    finally:
        os.close(descriptor)


def _all_processes() -> list[int]:
    with os.scandir("/proc") as entries:
        return [int(entry.name) for entry in entries if entry.name.isdigit()]


_KERNEL_LISTS_CHILDREN: Final = os.access(f"/proc/self/task/{os.getpid()}/children", os.R_OK)
"""Whether the kernel was built with CONFIG_PROC_CHILDREN; all distributions' are, some sandboxes' are not."""
