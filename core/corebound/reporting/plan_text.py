"""A plan as text and as JSON: what it is, why, what to beware of, and what other workers would change.

Plain lines without colour or width of their own, so that a terminal, a log and a test show the same. What is not known
is shown as ``-`` (null in JSON), never as 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from corebound.planning.wording import count_text, duration_text, money_text, number_text

if TYPE_CHECKING:
    from decimal import Decimal

    from corebound.api.plan import Plan

UNKNOWN = "-"


def plan_headline(plan: Plan) -> str:
    """The plan in one line: ``1 thread x 2 workers x 50 waves, 3 min 20 s, 0.01 USD``."""
    shape = " x ".join(
        (count_text(plan.threads, "thread"), count_text(plan.workers, "worker"), count_text(plan.waves, "wave"))
    )
    known = [_time(plan.seconds), _money(plan.cost, plan.currency)]
    return ", ".join([shape, *(text for text in known if text != UNKNOWN)])


def plan_lines(plan: Plan, *, name: str) -> list[str]:
    """The whole plan of campaign ``name``: headline, one reason per choice, warnings, options."""
    width = max(len(reason.choice) for reason in plan.reasons)
    lines = [f"Plan of {name}: {plan_headline(plan)}", ""]
    lines += [f"  {reason.choice:<{width}}  {reason.text}" for reason in plan.reasons]
    for warning in plan.warnings:
        lines += ["", f"Warning: {warning}"]
    if plan.options:
        lines += ["", "Time and cost by adaptive rounds (5 are tolerable, 10 are good):", "", *_options_table(plan)]
    return lines


def _options_table(plan: Plan) -> list[str]:
    """This plan and its options by their rounds; numbers to the right."""
    own = _row(plan, plan.rounds or 0.0, plan.workers, plan.waves, plan.seconds, plan.cost, "this plan")
    found = [(plan.rounds or 0.0, own)]
    for option in plan.options:
        note = f"parallelism: {option.workers}" if option.fits else "does not fit on this pool"
        row = _row(plan, option.rounds, option.workers, option.waves, option.seconds, option.cost, note)
        found.append((option.rounds, row))
    rows = [("rounds", "workers", "waves", "time", "cost", ""), *(row for _, row in sorted(found))]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    return [
        "  "
        + ("  ".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=False)) + f"  {row[5]}").rstrip()
        for row in rows
    ]


def _row(
    plan: Plan, rounds: float, workers: int, waves: int, seconds: float | None, cost: Decimal | None, note: str
) -> tuple[str, ...]:
    return (number_text(rounds), str(workers), str(waves), _time(seconds), _money(cost, plan.currency), note)


def plan_mapping(plan: Plan, *, name: str) -> dict[str, Any]:
    """The plan as one JSON object; money as strings, because binary fractions are no money."""
    pool = plan.pool
    return {
        "campaign": name,
        "threads": plan.threads,
        "workers": plan.workers,
        "waves": plan.waves,
        "rounds": plan.rounds,
        "nodes": plan.nodes,
        "trialSeconds": plan.trial_seconds,
        "seconds": plan.seconds,
        "cost": _exact(plan.cost),
        "currency": plan.currency,
        "pool": {
            "name": pool.name,
            "cores": pool.cores,
            "nodes": pool.nodes,
            "memoryBytes": pool.memory_bytes,
            "pods": pool.pods,
            "coreIds": list(pool.core_ids),
            "pricePerHour": _exact(pool.price_per_hour),
            "source": pool.source,
        },
        "reasons": {reason.choice: reason.text for reason in plan.reasons},
        "warnings": list(plan.warnings),
        "options": [
            {
                "rounds": option.rounds,
                "workers": option.workers,
                "waves": option.waves,
                "seconds": option.seconds,
                "cost": _exact(option.cost),
                "fits": option.fits,
            }
            for option in plan.options
        ],
    }


def _time(seconds: float | None) -> str:
    return UNKNOWN if seconds is None else duration_text(seconds)


def _money(amount: Decimal | None, currency: str) -> str:
    return UNKNOWN if amount is None else money_text(amount, currency)


def _exact(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:f}"
