"""Measuring a worker's process tree: CPU time, threads at work, memory, context switches.

``/proc`` flows in, one :class:`TreeSample` per call of :meth:`TreeSampler.sample` flows out, and :class:`Meter` adds
samples up to the :class:`WorkerTelemetry` of a heartbeat. What could go wrong:

- *CPU time counted twice or lost.* A parent's ``cutime`` grows by a child's time when it waits for it. So the sum of
  own and reaped time over the living is exact, except for children that nobody waits for (``SIGCHLD`` ignored):
  what was last seen of those is kept. The sum never falls.
- *Processes that leave the tree* by a double fork come back to the worker's parent if that is a subreaper
  (:mod:`.process`); those once seen are followed by number and start time wherever they go.
- *Threads that take turns counted as if at once.* A program that runs one short subprocess after another has one thread
  at work, though within a second several used CPU. See :func:`_at_work`.
- *So many threads that each gets next to nothing.* 64 that share one core have 1.6 % of it each. See :func:`_at_work`.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from corebound.api.records import WorkerTelemetry
from corebound_trial.binding import proc

if TYPE_CHECKING:
    from collections.abc import Callable

BUSY_SHARE: Final = 0.05
"""Share of one core above which a thread counts as at work."""
LEAST_CROWD: Final = 16
"""Threads that count whatever their share, when all want a core at once: of fewer each gets over 5 % even of a single one."""
SHORTEST_INTERVAL: Final = 0.5
"""Seconds; the kernel counts in hundredths, so 5 % of less cannot be told from nothing."""


@dataclass(frozen=True, kw_only=True)
class BusyThread:
    """A thread at work, with what is needed to name it."""

    pid: int
    tid: int
    name: str
    """The thread's own name, at most 15 characters."""
    program: str
    """Start of its process's command line, without options (they may hold secrets)."""
    share: float
    """Of one core within the interval, 0 ... 1."""


@dataclass(frozen=True, kw_only=True)
class TreeSample:
    """One look at the tree. Totals are since the root was started; ``interval`` is since the last judged sample."""

    at: float
    """Monotonic clock, seconds."""
    interval: float
    cpu_seconds: float
    processes: int
    threads: int
    busy: tuple[BusyThread, ...] | None
    """Threads at work; None when too little time has passed since the last sample to judge."""
    memory_bytes: int
    """Sum of resident memory; pages that processes share are counted in each."""
    voluntary_switches: int
    involuntary_switches: int


class _Process(NamedTuple):
    """A process as it was last seen."""

    pid: int
    started: int
    cpu_ticks: int
    reaped_ticks: int


class _Thread(NamedTuple):
    pid: int
    tid: int
    started: int


@dataclass(frozen=True, kw_only=True)
class _ThreadSeen:
    name: str
    state: str
    cpu_ticks: int
    switches: tuple[int, int]


class TreeSampler:
    """Looks at the process ``root`` and everything that descends from it.

    The root is the worker's parent process: its CPU time and memory count (they are paid for), its threads do not (they
    are Corebound's, not the objective's). A look takes about 0.1 ms a thread.
    """

    def __init__(self, root: int) -> None:
        self._root = root
        self._processes: dict[int, _Process] = {}
        self._lost_ticks = 0
        self._threads: dict[_Thread, _ThreadSeen] = {}
        self._ended_switches = (0, 0)
        self._judged_at: float | None = None
        self._judged: dict[_Thread, int] = {}

    def sample(self) -> TreeSample:
        """One look; a process or thread that ends meanwhile is no error."""
        at = time.monotonic()
        stats: dict[int, proc.Stat] = {}
        threads: dict[_Thread, _ThreadSeen] = {}
        for pid, stat, tids in self._walk():
            stats[pid] = stat
            if pid != self._root:
                threads.update(_threads_of(pid, tids))
        self._account_processes(stats)
        self._account_threads(threads)
        interval, busy = self._judge(threads, at=at)
        living = [stat for stat in stats.values() if not stat.has_ended]
        return TreeSample(
            at=at,
            interval=interval,
            cpu_seconds=self._total_ticks() / proc.TICKS_PER_SECOND,
            processes=len(living),
            threads=len(threads),
            busy=busy,
            memory_bytes=sum(stat.memory_bytes for stat in living),
            voluntary_switches=self._ended_switches[0] + sum(seen.switches[0] for seen in threads.values()),
            involuntary_switches=self._ended_switches[1] + sum(seen.switches[1] for seen in threads.values()),
        )

    def pids(self) -> tuple[int, ...]:
        """The processes of the last sample, the root included."""
        return tuple(self._processes)

    def proportional_memory(self) -> int:
        """Bytes of the tree with shared pages counted once (PSS): slow, for the moment before a worker is ended."""
        return sum(proc.proportional_memory(pid) for pid in self._processes)

    def _walk(self) -> list[tuple[int, proc.Stat, list[int]]]:
        """Every process of the tree with its threads: downwards from the root, then those seen before but not met."""
        found: list[tuple[int, proc.Stat, list[int]]] = []
        met: set[int] = set()
        to_visit = [self._root]
        followed = iter(list(self._processes.values()))
        while True:
            while to_visit:
                pid = to_visit.pop()
                stat = proc.process_stat(pid)
                if pid in met or stat is None:
                    continue
                met.add(pid)
                tids = proc.thread_ids(pid)
                found.append((pid, stat, tids))
                to_visit += proc.children(pid, tids)
            known = next(followed, None)
            if known is None:
                return found
            if known.pid not in met:
                stat = proc.process_stat(known.pid)
                if stat is not None and stat.started == known.started:
                    to_visit.append(known.pid)

    def _account_processes(self, stats: dict[int, proc.Stat]) -> None:
        """Keep the time of those that vanished, as far as nobody's reaped time grew by it."""
        survivors_reaped = 0
        vanished = 0
        for known in self._processes.values():
            stat = stats.get(known.pid)
            if stat is not None and stat.started == known.started:
                survivors_reaped += stat.reaped_ticks - known.reaped_ticks
            else:
                vanished += known.cpu_ticks + known.reaped_ticks
        self._lost_ticks += max(0, vanished - survivors_reaped)
        self._processes = {
            pid: _Process(pid, stat.started, stat.cpu_ticks, stat.reaped_ticks) for pid, stat in stats.items()
        }

    def _total_ticks(self) -> int:
        return self._lost_ticks + sum(seen.cpu_ticks + seen.reaped_ticks for seen in self._processes.values())

    def _account_threads(self, threads: dict[_Thread, _ThreadSeen]) -> None:
        for thread, seen in self._threads.items():
            if thread not in threads:
                voluntary, involuntary = self._ended_switches
                self._ended_switches = (voluntary + seen.switches[0], involuntary + seen.switches[1])
        self._threads = threads

    def _judge(self, threads: dict[_Thread, _ThreadSeen], *, at: float) -> tuple[float, tuple[BusyThread, ...] | None]:
        """The interval, and the threads at work within it; no judgement on the first look or right after another."""
        interval = at - self._judged_at if self._judged_at is not None else 0.0
        if self._judged_at is not None and interval < SHORTEST_INTERVAL:
            return interval, None
        busy = None if self._judged_at is None else _at_work(threads, self._judged, interval=interval)
        self._judged_at = at
        self._judged = {thread: seen.cpu_ticks for thread, seen in threads.items()}
        return interval, busy


class Meter:
    """Adds samples up to what a heartbeat reports.

    ``throttled`` reads the control group's throttled seconds; None where that group is not this worker's alone.
    """

    def __init__(self, *, throttled: Callable[[], float] | None = None) -> None:
        self._throttled = throttled
        self._throttled_before = throttled() if throttled is not None else 0.0
        # From the process's own start: its imports are in its CPU time, so they must be in its wall time.
        self._started_at = time.monotonic() - _seconds_since_process_start()
        self._told_at = self._started_at
        self._told_cpu_seconds = 0.0
        self._last: TreeSample | None = None
        self._most_since_told = 0
        self._most = 0

    def add(self, sample: TreeSample) -> None:
        """Take one sample in."""
        self._last = sample
        at_work = len(sample.busy) if sample.busy is not None else 0
        self._most_since_told = max(self._most_since_told, at_work)
        self._most = max(self._most, at_work)

    @property
    def cpu_seconds(self) -> float:
        """Of the whole tree since its root was started, as of the last sample."""
        return self._last.cpu_seconds if self._last is not None else 0.0

    def telemetry(self) -> WorkerTelemetry:
        """Totals, and the interval since the last call; ``threads_at_work`` is the most seen in that interval."""
        now = time.monotonic()
        last = self._last
        if last is None:
            return WorkerTelemetry(wall_seconds=now - self._started_at, interval_wall_seconds=now - self._told_at)
        told = WorkerTelemetry(
            cpu_seconds=last.cpu_seconds,
            wall_seconds=now - self._started_at,
            interval_cpu_seconds=last.cpu_seconds - self._told_cpu_seconds,
            interval_wall_seconds=now - self._told_at,
            throttled_seconds=max(0.0, self._throttled() - self._throttled_before) if self._throttled else 0.0,
            threads=last.threads,
            threads_at_work=self._most_since_told,
            most_threads_at_work=self._most,
            memory_bytes=last.memory_bytes,
            voluntary_switches=last.voluntary_switches,
            involuntary_switches=last.involuntary_switches,
        )
        self._told_at, self._told_cpu_seconds, self._most_since_told = now, last.cpu_seconds, 0
        return told


def _threads_of(pid: int, tids: list[int]) -> dict[_Thread, _ThreadSeen]:
    found: dict[_Thread, _ThreadSeen] = {}
    for tid in tids:
        stat = proc.thread_stat(pid, tid)
        if stat is not None and not stat.has_ended:
            found[_Thread(pid, tid, stat.started)] = _ThreadSeen(
                name=stat.name, state=stat.state, cpu_ticks=stat.cpu_ticks, switches=proc.thread_switches(pid, tid)
            )
    return found


def _at_work(
    threads: dict[_Thread, _ThreadSeen], before: dict[_Thread, int], *, interval: float
) -> tuple[BusyThread, ...]:
    """The threads that used more than :data:`BUSY_SHARE` of a core.

    A thread that was started within the interval may have worked while an older one waited for it. So the answer is the
    largest of the groups that were certainly there together: the busy threads that existed all the time, the busy
    threads, old and new, that are running at this moment, and a crowd of at least :data:`LEAST_CROWD` that are running or
    waiting for a core at this moment and have used any CPU at all, where no share can be told from nothing.
    """
    least_ticks = BUSY_SHARE * interval * proc.TICKS_PER_SECOND
    used = {thread: seen.cpu_ticks - before.get(thread, 0) for thread, seen in threads.items()}
    busy = [thread for thread, ticks in used.items() if ticks > least_ticks]
    lasting = [thread for thread in busy if thread in before]
    running = [thread for thread in busy if threads[thread].state == "R"]
    crowd = [thread for thread, ticks in used.items() if ticks > 0 and threads[thread].state == "R"]
    if len(crowd) < LEAST_CROWD:
        crowd = []
    return tuple(
        BusyThread(
            pid=thread.pid,
            tid=thread.tid,
            name=threads[thread].name,
            program=_program(thread.pid),
            share=used[thread] / proc.TICKS_PER_SECOND / interval,
        )
        for thread in max(lasting, running, crowd, key=len)
    )


def _program(pid: int) -> str:
    """``python train.py`` of ``/usr/bin/python -u train.py --token=...``: at most three words that are no options."""
    words = proc.command_line(pid)
    shown = [words[0].rpartition("/")[2]]
    for word in words[1:]:
        if word == "-c":
            shown.append("-c ...")
            break
        if word == "-m":
            continue
        if not word.startswith("-"):
            shown.append(word.rpartition("/")[2])
            break
    return " ".join(shown)[:60]


def _seconds_since_process_start() -> float:
    stat = proc.process_stat(os.getpid())
    started = stat.started / proc.TICKS_PER_SECOND if stat is not None else 0.0
    return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - started)
