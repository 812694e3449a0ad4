"""The report for pipelines: JSON with everything that the figures show, Markdown with the outcome and its tables."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from corebound.reporting.plain import json_text, plain
from corebound.reporting.report import facts, glance, planned, ran_on
from corebound.reporting.report.core_use import use_of
from corebound.reporting.report.data import best_so_far
from corebound.reporting.report.page import MARK, MOST_FAILURES
from corebound.reporting.results import outcome, row_mapping

if TYPE_CHECKING:
    from collections.abc import Sequence

    from corebound.reporting.report.data import ReportData

_MARKDOWN: Final = str.maketrans({letter: f"\\{letter}" for letter in "\\`*_[]|#<>"})


def report_mapping(data: ReportData) -> dict[str, Any]:
    """The report as one JSON object; infinities as text, times in seconds, money as text."""
    use = use_of(data)
    return {
        "generator": MARK,
        "made_at": data.made_at.isoformat(),
        "outcome": {**outcome(data.summary), "attended": data.attended, "headline": glance.headline(data)},
        "trials": [{**row_mapping(row, data.metrics), "lost_attempts": row.lost_attempts} for row in data.rows],
        "closed_in_order": [row.slot for row in data.closed],
        "best_so_far": {
            metric: [
                {"trials_closed": place, "value": plain(value), "slot": slot}
                for place, value, slot in best_so_far(data, objective)
            ]
            for objective, metric in enumerate(data.metrics)
        },
        "importance": asdict(data.importance),
        "front": [row.slot for row in data.front],
        "curves": {
            str(slot): [[step, plain(value)] for step, value in curve] for slot, curve in sorted(data.curves.items())
        },
        "curves_of": len(data.reports),
        "cores": None
        if use is None
        else {"seconds": use.seconds, "reserved": use.reserved, "used": use.used, "workers": use.workers},
        "failures": [
            {"reason": failure.reason, "slots": list(failure.slots), "error": failure.text, "final": failure.is_final}
            for failure in facts.failures(data)
        ],
        "plan": [
            dict(zip(("what", "asked", "planned", "happened"), row, strict=True)) for row in planned.plan_rows(data)
        ],
        "plans": planned.plan_mappings(data),
        "workers": [
            {
                "name": worker.name,
                "host": worker.host,
                "threads": worker.threads,
                "cores": worker.cores,
                "started_at": worker.started_at.isoformat(),
                "seen_at": worker.seen_at.isoformat(),
                "ended_at": worker.ended_at and worker.ended_at.isoformat(),
                "exit_code": worker.exit_code,
                "message": worker.message,
                "telemetry": asdict(worker.telemetry),
                "runs_on": None if worker.runs_on is None else asdict(worker.runs_on),
            }
            for worker in data.workers
        ],
        "ran_on": ran_on.ran_on_mappings(ran_on.alike(data)),
        "specification": data.campaign.specification,
        "made_with": dict(data.made_with),
        "made_on": data.made_on,
        "postgresql": data.database,
    }


def json_report(data: ReportData) -> str:
    """The object as one line of text."""
    return json_text(report_mapping(data)) + "\n"


def markdown_report(data: ReportData) -> str:
    """For a pull request, a note or a pipeline's summary."""
    head, rows = facts.top_table(data)
    worker_head, workers = facts.worker_table(data)
    found = facts.failures(data)[:MOST_FAILURES]
    failures = [[str(len(each.slots)), each.reason, each.named] for each in found]
    groups = ran_on.alike(data)
    ground_head, ground = ran_on.ran_on_table(groups)
    parts = [
        f"# {_text(data.campaign.name)}: {glance.standing(data)}",
        f"<!-- {MARK} -->",
        _text(glance.headline(data)),
        _table(["", "", ""], [[tile.label, f"{tile.value} {tile.unit}", tile.note] for tile in glance.tiles(data)]),
        *_part("Best parameters", ["parameter", "value"], facts.best_rows(data)),
        *_part("Importance of parameters", ["parameter", "share"], facts.importance_rows(data)),
        *_part("Best trials", head, rows),
        *([_text(facts.top_caption(data))] if rows else []),
        *_part("Attempts", ["attempts", "slots"], facts.attempt_rows(data)),
        *_part("Reasons of failures", ["slots", "reason", "which"], failures),
        *(f"The whole error of slot {each.slots[0]}:\n\n{_fenced(each.text)}" for each in found),
        *_part("Skipped", ["slots", "reason"], facts.skipped_reasons(data)),
        *_part("Plan and outcome", planned.HEAD, planned.plan_rows(data)),
        *_part("Where the cores' time went", ["", "core time", "share"], facts.cost_rows(data)),
        *_part("Workers", worker_head, workers),
        f"## Specification\n\n{_fenced(facts.specification_text(data), 'yaml')}",
        "## Versions and machines",
        _text(ran_on.in_words(groups)),
        *([_table(ground_head, ground)] if ground else []),
        _table(["", ""], facts.made_rows(data)),
    ]
    return "\n\n".join(parts) + "\n"


def _part(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"## {title}", _table(head, rows)] if rows else []


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [[_text(cell) for cell in head], ["---"] * len(head), *([_text(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _fenced(text: str, language: str = "") -> str:
    """As it is, line by line; the fence is longer than any that a user may have written."""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def _text(text: str) -> str:
    """Without any meaning of Markdown's or HTML's own, on one line."""
    return " ".join(text.split()).translate(_MARKDOWN)
