"""What a report says in words and numbers; the page, the Markdown and the JSON show the same. Pure.

What is not known is ``-`` or said to be unknown, never 0.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from corebound.api.errors import SpecError
from corebound.api.loading import campaign_from_mapping
from corebound.api.records import SlotState
from corebound.api.writing import campaign_yaml, yaml_text
from corebound.planning.headline import error_headline
from corebound.planning.wording import bytes_text, count_text, duration_text, number_text
from corebound.reporting.report.data import MOST_LISTED, is_feasible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from corebound.api.records import SlotRow
    from corebound.reporting.report.data import ReportData

UNKNOWN: Final = "-"
MOST_SLOTS_NAMED: Final = 12
MOST_ON_FRONT: Final = 60
MOST_WORKERS: Final = 200
_VARYING: Final = re.compile(r"0x[0-9a-fA-F]+|\d+(?:\.\d+)?(?:e[+-]?\d+)?")


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Slots that ended, or whose last attempt ended, for the same reason."""

    reason: str
    """The headline of the first one's error."""
    slots: Sequence[int]
    text: str
    """The whole error of the first one."""
    is_final: bool
    """Whether these slots are closed; others go on or wait."""

    @property
    def named(self) -> str:
        """The first slots."""
        more = len(self.slots) - MOST_SLOTS_NAMED
        return ", ".join(map(str, self.slots[:MOST_SLOTS_NAMED])) + (f" and {more} more" if more > 0 else "")


def value_text(value: object) -> str:
    """A value or parameter for people."""
    return f"{value:.5g}" if isinstance(value, float) else str(value)


def best_rows(data: ReportData) -> list[list[str]]:
    """Parameter and value of the best trial; none with several objectives or without a best one."""
    best = data.summary.best
    return (
        []
        if best is None
        else [[name, value_text(best.params[name])] for name in data.parameters if name in best.params]
    )


def top_table(data: ReportData) -> tuple[list[str], list[list[str]]]:
    """The best trials; with several objectives the front and nothing else, unless all break a constraint."""
    head = ["slot", *data.called.metrics.values(), *data.called.parameters.values(), "CPU time", "attempts"]
    return head, [_top_row(data, row) for row in _top(data)]


def top_caption(data: ReportData) -> str:
    """Which trials those are of how many."""
    shown, found = len(_top(data)), f"{len(data.ranked)} trials with a result"
    if not data.front:
        return f"The best {shown} of {found}; corebound results shows all."
    beaten = f"the {len(data.front)} of {found} that no other one beats"
    which = (
        f"The first {shown}, by {data.metrics[0]}, of {beaten}"
        if shown < len(data.front)
        else f"{beaten[:1].upper()}{beaten[1:]}"
    )
    return f"{which}; corebound results shows all."


def _top(data: ReportData) -> Sequence[SlotRow]:
    return data.front[:MOST_ON_FRONT] if data.front else data.ranked[:MOST_LISTED]


def _top_row(data: ReportData, row: SlotRow) -> list[str]:
    infeasible = "" if is_feasible(row) else " (infeasible)"
    values = [value_text(value) for value in row.values or ()]
    params = [value_text(row.params[name]) if name in row.params else UNKNOWN for name in data.parameters]
    return [f"{row.slot}{infeasible}", *values, *params, duration_text(row.cpu_seconds), str(row.attempt)]


def cost_rows(data: ReportData) -> list[list[str]]:
    """Where the reserved cores' time went."""
    summary = data.summary
    failed = sum(row.cpu_seconds for row in data.rows if row.state is SlotState.FAILED)
    pruned = sum(row.cpu_seconds for row in data.rows if row.state is SlotState.PRUNED)
    trials = sum(row.cpu_seconds for row in data.rows)
    idle = max(0.0, summary.worker_seconds - summary.cpu_seconds)
    parts = [
        ("CPU time of trials with a result", trials - failed - pruned),
        ("CPU time of pruned trials", pruned),
        ("CPU time of failed trials", failed),
        ("CPU time of workers beside trials (imports, sampling)", max(0.0, summary.cpu_seconds - trials)),
        ("reserved but idle", idle),
    ]
    whole = summary.worker_seconds
    rows = [[name, duration_text(seconds), f"{seconds / whole:.1%}" if whole else UNKNOWN] for name, seconds in parts]
    return [
        *rows,
        ["reserved in all", duration_text(whole), ""],
        ["of this, throttled by the system", duration_text(summary.throttled_seconds), ""],
    ]


def attempt_rows(data: ReportData) -> list[list[str]]:
    """How many slots needed how many attempts."""
    counts = Counter(row.attempt for row in data.rows if row.attempt)
    lost = sum(row.lost_attempts for row in data.rows)
    rows = [[count_text(attempts, "attempt"), count_text(count, "slot")] for attempts, count in sorted(counts.items())]
    return [*rows, ["attempts lost (worker died, time-out, database away)", str(lost)]]


def failures(data: ReportData) -> list[Failure]:
    """Errors by their headline, numbers apart; the most frequent first."""
    groups: dict[tuple[bool, str], list[SlotRow]] = {}
    for row in data.rows:
        if row.error and row.state is not SlotState.SKIPPED:
            groups.setdefault((row.state.is_closed, _VARYING.sub("#", error_headline(row.error))), []).append(row)
    found = [
        Failure(
            reason=error_headline(rows[0].error or ""),
            slots=[row.slot for row in rows],
            text=rows[0].error or "",
            is_final=final,
        )
        for (final, _), rows in groups.items()
    ]
    return sorted(found, key=lambda failure: (-len(failure.slots), failure.slots[0]))


def worker_table(data: ReportData) -> tuple[list[str], list[list[str]]]:
    """Each worker, the newest last; of very many the last ones."""
    head = [
        "worker",
        "host",
        "cores",
        "threads",
        "lived",
        "CPU efficiency",
        "most threads at work",
        "memory",
        "throttled",
        "how it ended",
    ]
    rows = []
    for worker in list(data.workers)[-MOST_WORKERS:]:
        measured = worker.telemetry
        lived = ((worker.ended_at or worker.seen_at) - worker.started_at).total_seconds()
        share = measured.cpu_seconds / (measured.wall_seconds * worker.threads) if measured.wall_seconds else None
        ended = (
            "at work"
            if worker.ended_at is None
            else f"status {worker.exit_code}" + (f": {worker.message}" if worker.message else "")
        )
        rows.append(
            [
                worker.name,
                worker.host,
                worker.cores or UNKNOWN,
                str(worker.threads),
                duration_text(lived),
                UNKNOWN if share is None else f"{share:.0%}",
                str(measured.most_threads_at_work or UNKNOWN),
                bytes_text(measured.memory_bytes) if measured.memory_bytes else UNKNOWN,
                duration_text(measured.throttled_seconds),
                ended,
            ]
        )
    return head, rows


def skipped_reasons(data: ReportData) -> list[list[str]]:
    """Why slots were never run to their end."""
    reasons = Counter(
        error_headline(row.error or "no reason was kept") for row in data.rows if row.state is SlotState.SKIPPED
    )
    return [[count_text(count, "slot"), reason] for reason, count in reasons.most_common(MOST_LISTED)]


def made_rows(data: ReportData) -> list[list[str]]:
    """Times and places: of the campaign, and of this report, which may be made elsewhere and later."""
    campaign = data.campaign
    times = [
        ("campaign made", campaign.created_at),
        ("first begun", campaign.started_at),
        ("ended", campaign.finished_at),
        ("this report", data.made_at),
    ]
    hosts = sorted({worker.host for worker in data.workers})
    many = f" and {len(hosts) - MOST_SLOTS_NAMED} more" if len(hosts) > MOST_SLOTS_NAMED else ""
    return [
        *([name, at.strftime("%Y-%m-%d %H:%M:%S %Z")] for name, at in times if at is not None),
        ["campaign's identity", str(campaign.uid)],
        ["study", campaign.study_name],
        ["hosts of its workers", (", ".join(hosts[:MOST_SLOTS_NAMED]) + many) or UNKNOWN],
        ["usable cores of a node", UNKNOWN if campaign.cores is None else number_text(campaign.cores)],
        ["PostgreSQL", data.database or UNKNOWN],
        [
            "this report made with",
            ", ".join(f"{name} {version}" for name, version in data.made_with.items()) or UNKNOWN,
        ],
        ["this report made on", data.made_on or UNKNOWN],
    ]


def specification_text(data: ReportData) -> str:
    """The campaign's file, in the order of its fields; as it is kept where this version would not accept it."""
    kept = dict(data.campaign.specification)
    try:
        return campaign_yaml(campaign_from_mapping(kept))
    except SpecError:
        return yaml_text(kept)


def importance_rows(data: ReportData) -> list[list[str]]:
    """Parameters and their shares."""
    return [[name, f"{share:.3f}"] for name, share in sorted(data.importance.shares.items(), key=lambda item: -item[1])]
