"""Processes that must not outlive their worker: leashes, adoption, and ending a whole tree.

What could go wrong: a parent dies before its child has asked to be told (:func:`die_with_parent` checks afterwards); a
daemon leaves the tree by a double fork (a subreaper inherits it); a process number is given to a stranger between
looking and killing (start times are compared); a fork races with the killing (the tree is looked at until nobody new is
found; a bomb that forks faster than it can be read is left to the container's limit on processes).

Source: prctl(2), PR_SET_PDEATHSIG and PR_SET_CHILD_SUBREAPER.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from corebound_trial.binding import proc

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

_SET_DEATH_SIGNAL: Final = 1
_SET_CHILD_SUBREAPER: Final = 36
_LIBC: Final = ctypes.CDLL(None, use_errno=True)

POLL_SECONDS: Final = 0.02
QUIET_LOOKS: Final = 2
"""Looks in a row that must find neither anybody alive nor anybody new; one can be passed by between two forks."""
KILL_SECONDS: Final = 5.0
"""How long killed processes may take to disappear; longer ones hang in the kernel (state D)."""


def die_with_parent(parent: int, *, signum: int = signal.SIGKILL) -> None:
    """Have the kernel send ``signum`` to this process when its parent ends; at once if it has ended already.

    ``parent`` is the process number of who started us, as it told us itself: asking afterwards would answer with the
    one who adopted us. The kernel watches the *thread* that forked, so start children from a thread that lives on.
    """
    _prctl(_SET_DEATH_SIGNAL, signum)
    if os.getppid() != parent:
        os.kill(os.getpid(), signum)


def leash() -> Callable[[], None]:
    """A ``preexec_fn`` for :class:`subprocess.Popen`: the program is killed when this process ends.

    Survives the exec, not a further fork. It does two system calls and takes no lock, so it is safe after a fork of a
    process with threads.
    """
    parent = os.getpid()
    prctl, getppid, end = _LIBC.prctl, os.getppid, os._exit

    def hold() -> None:
        prctl(_SET_DEATH_SIGNAL, int(signal.SIGKILL), 0, 0, 0)
        if getppid() != parent:
            end(128 + signal.SIGKILL)

    return hold


def adopt_orphans() -> None:
    """Make this process the one that inherits descendants whose parent ends (instead of init)."""
    _prctl(_SET_CHILD_SUBREAPER, 1)


def prefer_for_oom(score: int) -> bool:
    """Set how readily the kernel's OOM killer takes this process, -1000 ... 1000; children inherit it.

    Returns whether it could: lowering it needs a privilege, and some sandboxes have no such file.
    """
    try:
        Path("/proc/self/oom_score_adj").write_text(str(score))
    except OSError:
        return False
    return True


def descendants(pid: int) -> list[int]:
    """All living descendants of ``pid``, parents first, zombies not."""
    return [found for found in proc.descendants(pid) if (stat := proc.process_stat(found)) and not stat.has_ended]


def reap_adopted(*, managed: Collection[int] = ()) -> int:
    """Wait for ended children that nobody else will wait for; returns how many.

    ``managed`` are children started by :mod:`subprocess` or :mod:`multiprocessing`, which wait for them themselves.
    """
    reaped = 0
    for pid in proc.children(os.getpid()):
        stat = proc.process_stat(pid)
        if pid not in managed and stat is not None and stat.has_ended:
            with contextlib.suppress(ChildProcessError):
                reaped += os.waitpid(pid, os.WNOHANG)[0] == pid
    return reaped


def end_tree(roots: Iterable[int], *, grace: float) -> tuple[int, ...]:
    """End the processes ``roots`` and all their descendants: SIGTERM, ``grace`` seconds, then SIGKILL.

    This process itself as a root means all its descendants, those included that it adopted. Process groups led by one
    of them are signalled as a whole. Returns when all are gone (zombies count as gone, their parent waits for them)
    with the processes that are still there after :data:`KILL_SECONDS`: normally none.
    """
    tree = _Tree(roots)
    if grace > 0:
        tree.signal_all(signal.SIGTERM)
        tree.signal_all(signal.SIGCONT)  # a stopped process could not act on the SIGTERM
        deadline = time.monotonic() + grace
        while tree.living() and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
    deadline = time.monotonic() + KILL_SECONDS
    quiet_looks = 0
    while quiet_looks < QUIET_LOOKS and time.monotonic() < deadline:
        members = tree.members_seen
        tree.kill()
        left = tree.living()
        grown = tree.members_seen > members
        quiet_looks = 0 if left or grown else quiet_looks + 1
        if not grown:
            time.sleep(POLL_SECONDS)
    return tuple(tree.living())


class _Tree:
    """The roots and all that was ever seen below them, known by number and start time."""

    def __init__(self, roots: Iterable[int]) -> None:
        self._own = os.getpid()
        self._own_group = os.getpgrp()
        self._known: dict[int, int] = {}
        self.members_seen = 0
        """Grows with every process found, also one that has ended by then: while it grows, the tree is not empty."""
        self._everything_of_ours = False
        self._children_before = frozenset(proc.children(self._own))
        for root in roots:
            if root == self._own:
                self._everything_of_ours = True
            else:
                self._add(root)

    def living(self) -> list[int]:
        """Who is there now, after looking for descendants that are new."""
        for pid in self._below():
            self._add(pid)
        return [pid for pid in self._known if self._is_there(pid)]

    def kill(self) -> None:
        """SIGKILL to everybody: at once to the groups and members known, to each new one at the moment it is found."""
        self.signal_all(signal.SIGKILL)
        for pid in self._below():
            self._add(pid)
            if pid in self._known and self._is_there(pid):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
        if self._everything_of_ours:
            # Children that appeared meanwhile were adopted, nobody else waits for them; left as zombies, the ended
            # members of a family that forks all the time would make each look longer than the last.
            reap_adopted(managed=self._children_before)

    def _below(self) -> Iterator[int]:
        """Every descendant that can be found from ourselves (if asked for) or from any member that still lives."""
        met: set[int] = set()
        for start in [*([self._own] if self._everything_of_ours else []), *self._known]:
            if start not in met and (start == self._own or self._is_there(start)):
                for pid in proc.descendants(start):
                    met.add(pid)
                    yield pid

    def signal_all(self, signum: int) -> None:
        """Each process once: as a member of a group that one of the tree leads, else singly.

        Once, because a second SIGTERM tells many programs to drop what they were about to save.
        """
        groups = {pid: stat.group for pid in self.living() if (stat := proc.process_stat(pid)) is not None}
        leaders = {pid for pid, group in groups.items() if pid == group and group != self._own_group}
        for pid, group in groups.items():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if pid in leaders:
                    os.killpg(pid, signum)
                elif group not in leaders:
                    os.kill(pid, signum)

    def _add(self, pid: int) -> None:
        stat = proc.process_stat(pid)
        if stat is not None and pid != self._own and self._known.get(pid) != stat.started:
            self._known[pid] = stat.started
            self.members_seen += 1

    def _is_there(self, pid: int) -> bool:
        stat = proc.process_stat(pid)
        return stat is not None and stat.started == self._known[pid] and not stat.has_ended


def _prctl(option: int, value: int) -> None:
    if _LIBC.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl({option}, {value}): {os.strerror(number)}")
