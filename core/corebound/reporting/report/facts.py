"""What a report says in words and numbers; the page, the Markdown and the JSON show the same. Pure.

What is not known is ``-`` or said to be unknown, never 0.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from corebound.api.records import Phase, SlotState
from corebound.planning.cost import cpu_cost, reserved_cost
from corebound.planning.ending import EndReason
from corebound.planning.waves import waves
from corebound.planning.wording import bytes_text, count_text, duration_text, money_text, number_text
from corebound.reporting.report.data import MOST_LISTED, is_feasible
from corebound.reporting.report.figures.history import best_so_far

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from decimal import Decimal

    from corebound.api.records import SlotRow
    from corebound.reporting.report.data import ReportData

UNKNOWN: Final = "-"
MOST_SLOTS_NAMED: Final = 12
MOST_WORKERS: Final = 200
_VARYING: Final = re.compile(r"0x[0-9a-fA-F]+|\d+(?:\.\d+)?(?:e[+-]?\d+)?")


@dataclass(frozen=True, kw_only=True)
class Tile:
    """One number of the first screen."""

    label: str
    value: str
    note: str
    unit: str = ""
    """Behind the value, smaller."""
    share: float | None = None
    """0 ... 1, drawn as a bar."""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Slots that ended, or whose last attempt ended, for the same reason."""

    reason: str
    """The last line of the first one's error."""
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


def standing(data: ReportData) -> str:
    """The phase in a word or two."""
    phase = data.campaign.phase
    if phase in (Phase.PENDING, Phase.RUNNING) and not data.attended:
        return "not running"
    return phase.value.lower()


def headline(data: ReportData) -> str:
    """The outcome in a sentence or two."""
    summary, campaign = data.summary, data.campaign
    if data.front:
        best = f"{count_text(len(data.front), 'trial')} on the Pareto front of {' and '.join(data.metrics)}."
    elif summary.best is not None:
        best = f"Best {data.metrics[0]} {value_text(summary.best.value)}, found in slot {summary.best.slot}."
    elif summary.done:
        best = "No trial has brought a feasible value."
    else:
        best = "No trial has finished yet."
    done = f"{summary.done:,} of {campaign.trials:,} slots are closed"
    went_on = "so far" if not campaign.phase.is_final else ""
    time = _seconds(data)
    took = f" in {duration_text(time)}" if time is not None else ""
    # Why it ended is news unless it simply came to its end.
    message = campaign.message if campaign.reason != EndReason.ALL_TRIALS_CLOSED else None
    said = f" {message[0].upper()}{message[1:].rstrip('.')}." if message else ""
    return f"{best} {done}{took}{' ' if went_on else ''}{went_on}.{said}"


def tiles(data: ReportData) -> list[Tile]:
    """Outcome, cost and quality at a glance."""
    return [
        _best_tile(data),
        _quality_tile(data),
        _trials_tile(data),
        _cost_tile(data),
        _time_tile(data),
        _efficiency_tile(data),
    ]


def _best_tile(data: ReportData) -> Tile:
    summary, metric = data.summary, data.metrics[0]
    if len(data.metrics) > 1:
        return Tile(
            label="Pareto front",
            value=str(len(data.front)),
            note="trials that no other one beats in " + " and ".join(data.metrics),
        )
    direction = "maximize" if data.campaign.maximize[0] else "minimize"
    if summary.best is None:
        return Tile(label=f"Best {metric}", value=UNKNOWN, note=f"no feasible value yet ({direction})")
    target = data.campaign.specification["spec"]["objectives"][0].get("target")
    reached = ""
    if target is not None:
        is_reached = summary.best.value >= target if data.campaign.maximize[0] else summary.best.value <= target
        reached = f", target {value_text(target)} {'reached' if is_reached else 'not reached'}"
    return Tile(
        label=f"Best {metric}",
        value=value_text(summary.best.value),
        note=f"slot {summary.best.slot}, {direction}{reached}",
    )


def _quality_tile(data: ReportData) -> Tile:
    closed = len(data.closed)
    found = best_so_far(data)
    if not found or not closed:
        return Tile(label="Search", value=UNKNOWN, note="nothing to judge yet")
    since = closed - found[-1][0]
    note = f"last of {count_text(len(found), 'improvement')}; {count_text(since, 'trial')} since without a better one"
    if len(data.metrics) > 1:
        note = f"of {data.metrics[0]}: {note}"
    return Tile(
        label="Found at trial", value=f"{found[-1][0]:,}", unit=f"of {closed:,}", note=note, share=found[-1][0] / closed
    )


def _trials_tile(data: ReportData) -> Tile:
    counts, trials = data.summary.counts, data.campaign.trials
    order = (
        SlotState.SUCCEEDED,
        SlotState.PRUNED,
        SlotState.FAILED,
        SlotState.SKIPPED,
        SlotState.RUNNING,
        SlotState.OPEN,
    )
    named = ", ".join(f"{counts[state]} {state.value}" for state in order if counts.get(state))
    return Tile(
        label="Trials closed",
        value=f"{data.summary.done:,}",
        unit=f"of {trials:,}",
        note=named,
        share=data.summary.done / trials,
    )


def _cost_tile(data: ReportData) -> Tile:
    cost, core_hours = reserved_cost(data.summary), data.summary.worker_seconds / 3600
    reserved = f"{core_hours:.3g} core-hours reserved"
    if cost is None:
        return Tile(label="Cost", value="no price", note=f"{reserved}; pool.pricePerHour turns them into money")
    amount, _, currency = money_text(cost, data.campaign.currency).partition(" ")
    node = f"{number_text(data.campaign.cores or 0)} cores"
    note = f"{reserved}, at {data.campaign.price_per_hour} {currency} an hour of {node}"
    return Tile(label="Cost", value=amount, unit=currency, note=note)


def _time_tile(data: ReportData) -> Tile:
    time, mean = _seconds(data), data.summary.mean_trial_seconds
    each = "" if mean is None else f"a trial takes {duration_text(mean)} on average"
    return Tile(
        label="Time", value=UNKNOWN if time is None else duration_text(time), note=each or "first claim to last close"
    )


def _efficiency_tile(data: ReportData) -> Tile:
    efficiency = data.summary.efficiency
    if efficiency is None:
        return Tile(label="CPU efficiency", value=UNKNOWN, note="no worker has measured anything yet")
    used, reserved = duration_text(data.summary.cpu_seconds), duration_text(data.summary.worker_seconds)
    note = f"{used} of CPU time on {reserved} of reserved cores"
    return Tile(label="CPU efficiency", value=f"{efficiency:.0%}", note=note, share=min(1.0, efficiency))


def best_rows(data: ReportData) -> list[list[str]]:
    """Parameter and value of the best trial; none with several objectives or without a best one."""
    best = data.summary.best
    return (
        []
        if best is None
        else [[name, value_text(best.params[name])] for name in data.parameters if name in best.params]
    )


def top_table(data: ReportData) -> tuple[list[str], list[list[str]]]:
    """The best trials, or the front."""
    ranked = data.ranked[: max(MOST_LISTED, min(len(data.front), 3 * MOST_LISTED))]
    head = ["slot", *data.metrics, *data.parameters, "CPU time", "attempts"]
    return head, [_top_row(data, row) for row in ranked]


def _top_row(data: ReportData, row: SlotRow) -> list[str]:
    infeasible = "" if is_feasible(row) else " (infeasible)"
    values = [value_text(value) for value in row.values or ()]
    params = [value_text(row.params[name]) if name in row.params else UNKNOWN for name in data.parameters]
    return [f"{row.slot}{infeasible}", *values, *params, duration_text(row.cpu_seconds), str(row.attempt)]


def plan_rows(data: ReportData) -> list[list[str]]:
    """What was asked, what was planned (by the newest run), what happened."""
    spec, campaign, summary = data.campaign.specification.get("spec", {}), data.campaign, data.summary
    workers, mean = campaign.workers, summary.mean_trial_seconds
    planned_waves = waves(trials=campaign.trials, workers=workers) if workers else None
    planned_seconds = None if planned_waves is None or mean is None else planned_waves * mean
    budget, deadline = spec.get("budget"), spec.get("activeDeadlineSeconds")
    threads = ", ".join(str(each) for each in sorted({worker.threads for worker in data.workers}))
    at_once = f"at most {most_at_once(data)}; {len(data.workers)} started in all"
    done_waves = UNKNOWN if not workers else number_text(len(data.closed) / workers)
    by_mean = "" if planned_seconds is None else f"{duration_text(planned_seconds)} by the mean trial"
    return [
        ["trials", str(spec.get("trials", campaign.trials)), str(campaign.trials), f"{summary.done} closed"],
        ["threads of a worker", str(spec.get("threads", "auto")), _known(campaign.threads), threads or UNKNOWN],
        ["workers at once", str(spec.get("parallelism", "auto")), _known(workers), at_once],
        ["waves", UNKNOWN, _known(planned_waves), done_waves],
        [
            "time",
            f"at most {duration_text(deadline)}" if deadline else UNKNOWN,
            by_mean or UNKNOWN,
            _known(_seconds(data), duration_text),
        ],
        [
            "cost",
            f"at most {budget['amount']} {campaign.currency}" if budget else UNKNOWN,
            _money(data, planned_cost(data, planned_seconds)),
            _money(data, reserved_cost(summary)),
        ],
    ]


def planned_cost(data: ReportData, seconds: float | None) -> Decimal | None:
    """What the planned workers' cores cost for so long; None where something of it is not known."""
    campaign = data.campaign
    if seconds is None or not campaign.workers or not campaign.threads:
        return None
    if campaign.price_per_hour is None or campaign.cores is None:
        return None
    core_seconds = seconds * campaign.workers * campaign.threads
    return cpu_cost(cpu_seconds=core_seconds, price_per_hour=campaign.price_per_hour, cores=campaign.cores)


def most_at_once(data: ReportData) -> int:
    """The largest number of workers that lived at the same time."""
    changes = sorted(
        change
        for worker in data.workers
        for change in ((worker.started_at, 1), (worker.ended_at or data.summary.now, -1))
    )
    alive = most = 0
    for _, change in changes:
        alive += change
        most = max(most, alive)
    return most


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
    """Errors by their last line, numbers apart; the most frequent first."""
    groups: dict[tuple[bool, str], list[SlotRow]] = {}
    for row in data.rows:
        if row.error and row.state is not SlotState.SKIPPED:
            groups.setdefault((row.state.is_closed, _VARYING.sub("#", _last_line(row.error))), []).append(row)
    found = [
        Failure(
            reason=_last_line(rows[0].error or ""),
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
        _last_line(row.error or "no reason was kept") for row in data.rows if row.state is SlotState.SKIPPED
    )
    return [[count_text(count, "slot"), reason] for reason, count in reasons.most_common(MOST_LISTED)]


def made_rows(data: ReportData) -> list[list[str]]:
    """Versions and machine."""
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
        *([name, text] for name, text in data.made_with.items()),
    ]


def importance_rows(data: ReportData) -> list[list[str]]:
    """Parameters and their shares."""
    return [[name, f"{share:.3f}"] for name, share in sorted(data.importance.shares.items(), key=lambda item: -item[1])]


def _seconds(data: ReportData) -> float | None:
    first, last = data.summary.first_claim_at, data.summary.last_close_at
    return (last - first).total_seconds() if first and last else None


def _last_line(error: str) -> str:
    return error.strip().split("\n")[-1]


def _known(value: Any, shown: Callable[[Any], str] = str) -> str:
    return UNKNOWN if value is None else shown(value)


def _money(data: ReportData, amount: Decimal | None) -> str:
    return UNKNOWN if amount is None else money_text(amount, data.campaign.currency)
