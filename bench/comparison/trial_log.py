"""The log that trials write while they run, read back: when they began and ended, and what was used in between.  Pure.

What could go wrong: the last line is half-written when its process is killed (it does not count), or a process's clock
counts switches of what it did before its first trial (only differences between lines of one process are used).
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Line:
    """A trial's begin or end, as ``contenders.work.note`` writes it."""

    event: str
    trial: str
    pid: int
    seconds: float
    cpu: float | None
    own_cpu: float
    switches: int
    check: float | None


@dataclass(frozen=True, kw_only=True)
class Window:
    """From the first trial's begin to the last one's end."""

    began: float
    ended: float
    cpu_seconds: float
    """Of the whole control group; without one, of the processes that ran trials."""
    switches: int
    """Context switches of the processes that ran trials, all threads."""
    made: int
    finished: int


def parsed(text: str) -> list[Line]:
    """All whole lines, in the order written."""
    return [Line(**json.loads(line)) for line in text.split("\n")[:-1]]


def window(lines: list[Line]) -> Window | None:
    """None when no trial has ended."""
    ends = [line for line in lines if line.event == "ended"]
    if not ends:
        return None
    begins = [line for line in lines if line.event == "began"]
    first, last = min(begins, key=lambda line: line.seconds), max(ends, key=lambda line: line.seconds)
    of_process: dict[int, list[Line]] = defaultdict(list)
    for line in lines:
        if line.seconds <= last.seconds:
            of_process[line.pid].append(line)
    if first.cpu is not None and last.cpu is not None:
        cpu = last.cpu - first.cpu
    else:
        cpu = sum(_span([line.own_cpu for line in each]) for each in of_process.values())
    return Window(
        began=first.seconds,
        ended=last.seconds,
        cpu_seconds=cpu,
        switches=int(sum(_span([line.switches for line in each]) for each in of_process.values())),
        made=len(begins),
        finished=len(ends),
    )


def victim(lines: list[Line], *, after: int) -> int | None:
    """The process of the trial that began last and still runs, once ``after`` trials have ended; None until then."""
    ended = {line.trial for line in lines if line.event == "ended"}
    running = [line.pid for line in lines if line.event == "began" and line.trial not in ended]
    return running[-1] if running and len(ended) >= after else None


def same_results(logs: list[list[Line]]) -> bool:
    """Whether every trial of every contender computed the same number, but for the order of its sums."""
    checks = [line.check for lines in logs for line in lines if line.check is not None]
    return not checks or max(checks) - min(checks) < 1e-4


def _span(values: list[float] | list[int]) -> float:
    return max(values) - min(values)
