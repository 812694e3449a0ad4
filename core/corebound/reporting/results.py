"""A campaign's trials as table, CSV or JSON, and its outcome as JSON or in a few lines."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from corebound.planning.cost import reserved_cost
from corebound.planning.headline import error_headline
from corebound.planning.wording import count_text, duration_text, money_text
from corebound.reporting.headings import headings
from corebound.reporting.plain import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from corebound.api.records import LedgerSummary, SlotRow
    from corebound.reporting.status import CampaignView

MOST_NAMED: Final = 8


def row_mapping(row: SlotRow, metrics: Sequence[str]) -> dict[str, Any]:
    """One slot as a JSON object; infinities as text, as JSON has none."""
    return {
        "slot": row.slot,
        "state": row.state.value,
        "number": row.number,
        "params": plain(row.params),
        "values": None if row.values is None else plain(dict(zip(metrics, row.values, strict=True))),
        "user_attrs": plain(row.user_attrs),
        "constraints": plain(row.constraints),
        "attempts": row.attempt,
        "cpu_seconds": round(row.cpu_seconds, 3),
        "started_at": row.started_at and row.started_at.isoformat(),
        "finished_at": row.finished_at and row.finished_at.isoformat(),
        "artifacts": row.artifacts,
        "error": row.error,
    }


def results_csv(rows: Sequence[SlotRow], metrics: Sequence[str]) -> str:
    """One line per slot; parameters and values in columns of their own."""
    names = sorted({name for row in rows for name in row.params})
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    begin, end = ["slot", "state", "number"], ["attempts", "cpu_seconds", "artifacts", "error"]
    of_params, of_values = headings([*begin, *end], parameters=names, metrics=metrics)
    writer.writerow([*begin, *of_params, *of_values, *end])
    for row in rows:
        values = list(row.values) if row.values is not None else [""] * len(metrics)
        params = [row.params.get(name, "") for name in names]
        error = error_headline(row.error or "")
        spent = [row.attempt, f"{row.cpu_seconds:.3f}"]
        writer.writerow([row.slot, row.state.value, row.number, *params, *values, *spent, row.artifacts, error])
    return buffer.getvalue()


def results_table(rows: Sequence[SlotRow], metrics: Sequence[str]) -> list[str]:
    """A heading and one line per slot."""
    names = sorted({name for row in rows for name in row.params})
    kept = ["artifacts"] if any(row.artifacts for row in rows) else []
    begin, end = ["slot", "state"], ["cpu s", "attempts", *kept]
    of_params, of_values = headings([*begin, *end], parameters=names, metrics=metrics)
    lines = [[*begin, *of_params, *of_values, *end]]
    for row in rows:
        values = [_shown(value) for value in row.values] if row.values is not None else ["-"] * len(metrics)
        params = [_shown(row.params.get(name, "-")) for name in names]
        spent = [f"{row.cpu_seconds:.1f}", str(row.attempt), *([row.artifacts or "-"] if kept else [])]
        lines.append([str(row.slot), row.state.value, *params, *values, *spent])
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return ["  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]


def error_lines(rows: Sequence[SlotRow]) -> list[str]:
    """The line of each slot's error that says most, behind an empty line."""
    errors = [f"slot {row.slot}: {error_headline(row.error)}" for row in rows if row.error]
    return ["", *errors] if errors else []


def outcome(summary: LedgerSummary) -> dict[str, Any]:
    """The campaign's outcome as one JSON object."""
    best = summary.best
    first, last = summary.first_claim_at, summary.last_close_at
    cost = reserved_cost(summary)
    return {
        "campaign": summary.campaign.name,
        "phase": summary.campaign.phase.value,
        "reason": summary.campaign.reason,
        "message": summary.campaign.message,
        "trials": summary.campaign.trials,
        "counts": {state.value: count for state, count in summary.counts.items()},
        "threads": summary.campaign.threads,
        "workers": summary.campaign.workers,
        "best": None
        if best is None
        else {"slot": best.slot, "number": best.number, "value": plain(best.value), "params": plain(best.params)},
        "front_size": summary.front_size,
        "seconds": (last - first).total_seconds() if first and last else None,
        "cpu_seconds": round(summary.cpu_seconds, 3),
        "core_seconds": round(summary.worker_seconds, 3),
        "efficiency": summary.efficiency,
        "cost": None if cost is None else f"{cost:.6f}",
        "currency": summary.campaign.currency,
    }


def outcome_lines(result: dict[str, Any]) -> list[str]:
    """The outcome for people."""
    counts = ", ".join(f"{count} {state}" for state, count in result["counts"].items())
    lines = [f"{result['campaign']}: {result['phase']} - {result['message'] or 'finished'}", f"  slots       {counts}"]
    if result["best"]:
        params = ", ".join(f"{name}={_shown(value)}" for name, value in result["best"]["params"].items())
        found = f"{_shown(result['best']['value'])} in slot {result['best']['slot']}"
        lines.append(f"  best        {found}: {params}" if params else f"  best        {found}")
    if result["front_size"]:
        lines.append(f"  best        {result['front_size']} on front")
    elif not result["best"] and result["counts"].get("succeeded"):
        lines.append("  best        none: every trial with a result breaks a constraint")
    plan = f"{count_text(result['workers'], 'worker')} x {count_text(result['threads'], 'thread')}"
    lines.append(f"  plan        {plan}")
    if result["seconds"] is not None:
        lines.append(f"  time        {duration_text(result['seconds'])} from first claim to last close")
    efficiency = "" if result["efficiency"] is None else f", {result['efficiency']:.0%} of the reserved cores' time"
    lines.append(f"  CPU time    {result['cpu_seconds']:.1f} s{efficiency}")
    if result["cost"] is not None:
        lines.append(f"  cost        {money_text(Decimal(result['cost']), result['currency'])} for the cores reserved")
    return lines


def kept_lines(rows: Sequence[SlotRow], steps: Mapping[int, int | None], *, again: str) -> list[str]:
    """After a stop: what is kept of each slot that was begun, by its newest checkpoint's step, and how to go on."""
    begun = [row.slot for row in rows if not row.state.is_closed and row.attempt]
    kept = [
        f"slot {slot}" + ("" if steps[slot] is None else f" (step {steps[slot]})") for slot in begun if slot in steps
    ]
    afresh = [f"slot {slot}" for slot in begun if slot not in steps]
    closed = sum(row.state.is_closed for row in rows)
    lines = [f"  kept        {count_text(closed, 'closed slot')} of {len(rows)}"]
    if kept:
        lines.append(f"              checkpoints of {_listed(kept)}")
    if afresh:
        lines.append(f"              parameters of {_listed(afresh)}: no checkpoint, begins again")
    return [*lines, f"  go on with  {again}"]


def _listed(names: Sequence[str]) -> str:
    hidden = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {hidden} more" if hidden > 0 else "")


def view_mapping(view: CampaignView) -> dict[str, Any]:
    """A campaign at one moment as one JSON object: its outcome so far, and its running slots."""
    running = [
        {
            "slot": row.slot,
            "attempt": row.attempt,
            "step": row.step,
            "steps": row.steps,
            "last_value": plain(row.last_value),
            "last_report_at": row.last_report_at and row.last_report_at.isoformat(),
            "claimed_at": row.claimed_at and row.claimed_at.isoformat(),
            "cpu_seconds": round(row.cpu_seconds, 3),
            "worker": row.worker,
        }
        for row in view.running
    ]
    return {**outcome(view.summary), "attended": view.attended, "running": running}


def _shown(value: object) -> str:
    return f"{value:.5g}" if isinstance(value, float) else str(value)
