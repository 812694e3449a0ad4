"""What the workers ran on, as each said when it registered: those that agree are one line, and differences are named. Pure.

Results of workers that ran on different versions or processors may differ although everything else was the same. What could
go wrong: workers of a version that did not say it; they are counted, never taken for equal or for different.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from corebound.planning.wording import count_text, number_text
from corebound.reporting.report.facts import MOST_SLOTS_NAMED, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from corebound.api.records import RunsOn, WorkerRow
    from corebound.reporting.report.data import ReportData

MOST_LINES: Final = 20
DIFFERS: Final = "differs in"


@dataclass(frozen=True, kw_only=True)
class Alike:
    """Workers that ran on the same."""

    workers: int
    hosts: Sequence[str]
    runs_on: RunsOn | None
    """None of those that did not say it."""
    differs_in: Sequence[str]
    """Properties in which they differ from the line with most workers."""


def alike(data: ReportData) -> list[Alike]:
    """The most workers first; those that did not say it last."""
    groups: dict[tuple[tuple[str, str], ...] | None, list[WorkerRow]] = defaultdict(list)
    for worker in data.workers:
        key = None if worker.runs_on is None else tuple(sorted(properties(worker.runs_on).items()))
        groups[key].append(worker)
    ordered = sorted(groups.values(), key=lambda group: (group[0].runs_on is None, -len(group), group[0].worker_id))
    usual = ordered[0][0].runs_on if ordered else None
    return [
        Alike(
            workers=len(group),
            hosts=sorted({worker.host for worker in group}),
            runs_on=group[0].runs_on,
            differs_in=_differences(usual, group[0].runs_on),
        )
        for group in ordered
    ]


def properties(runs_on: RunsOn) -> dict[str, str]:
    """By name, as they are shown."""
    machine = {
        "CPU": runs_on.processor,
        "usable cores": number_text(runs_on.cores),
        "kernel": runs_on.kernel,
        "cgroup": runs_on.cgroup or "none",
    }
    return {**{name: str(version) for name, version in runs_on.versions.items()}, **machine}


def in_words(groups: Sequence[Alike]) -> str:
    """Whether all ran on the same, and if not, in what they differ."""
    known = [group for group in groups if group.runs_on is not None]
    silent = sum(group.workers for group in groups if group.runs_on is None)
    not_kept = f"Of {count_text(silent, 'worker')}, started by an earlier version of Corebound, it is not known."
    if not known:
        return not_kept if silent else "No worker has started yet."
    workers = sum(group.workers for group in known)
    if len(known) == 1:
        said = "All workers ran on the same." if workers > 1 else "There was one worker."
    else:
        names = list(dict.fromkeys(name for group in known for name in group.differs_in))
        said = f"The workers did not all run on the same: they differ in {_listed(names)}."
    return f"{said} {not_kept}" if silent else said


def ran_on_table(groups: Sequence[Alike]) -> tuple[list[str], list[list[str]]]:
    """A line for each group, at most :data:`MOST_LINES`; versions that none of them has are no column."""
    found = [(group, properties(group.runs_on) if group.runs_on is not None else {}) for group in groups]
    if not any(known for _, known in found):
        return [], []
    names = list(dict.fromkeys(name for _, known in found for name in known))
    differ = any(group.differs_in for group in groups)
    head = ["workers", "hosts", *names, *([DIFFERS] if differ else [])]
    rows = [
        [
            str(group.workers),
            _hosts(group.hosts),
            *(known.get(name, UNKNOWN) for name in names),
            *([", ".join(group.differs_in)] if differ else []),
        ]
        for group, known in found[:MOST_LINES]
    ]
    return head, rows


def ran_on_mappings(groups: Sequence[Alike]) -> list[dict[str, Any]]:
    """Each group as a JSON object."""
    return [
        {
            "workers": group.workers,
            "hosts": list(group.hosts),
            "runs_on": None if group.runs_on is None else asdict(group.runs_on),
            "differs_in": list(group.differs_in),
        }
        for group in groups
    ]


def _differences(usual: RunsOn | None, other: RunsOn | None) -> list[str]:
    if usual is None or other is None:
        return []
    these, those = properties(usual), properties(other)
    return [name for name in {**these, **those} if these.get(name) != those.get(name)]


def _hosts(hosts: Sequence[str]) -> str:
    hidden = len(hosts) - MOST_SLOTS_NAMED
    return ", ".join(hosts[:MOST_SLOTS_NAMED]) + (f" and {hidden} more" if hidden > 0 else "")


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
