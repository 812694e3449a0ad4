"""Trials as CSV and as a table."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

from corebound.api.records import SlotRow, SlotState
from corebound.reporting.headings import headings
from corebound.reporting.pictures.page import trial_page
from corebound.reporting.report.facts import top_table
from corebound.reporting.results import outcome, outcome_lines, results_csv, results_table

from ...report.searches import search


def row(**params: object) -> SlotRow:
    [only] = search(1).rows
    assert only.state is SlotState.SUCCEEDED
    return SlotRow(**{**vars(only), "params": params, "values": (0.5,)})


def test_no_two_columns_have_one_name() -> None:
    rows = [row(loss=1, value=2, state=3, number=4, attempts=5, error=6, rate=7)]
    read = csv.reader(io.StringIO(results_csv(rows, ["loss"])))
    head, cells = next(read), next(read)
    assert len(set(head)) == len(head)
    shown = dict(zip(head, cells, strict=True))
    assert (shown["params.loss"], shown["values.loss"], shown["params.error"]) == ("1", "0.5", "6")
    assert (shown["state"], shown["params.state"]) == ("succeeded", "3")
    assert (shown["value"], shown["rate"]) == ("2", "7"), "names that nothing else has stay"
    table = results_table(rows, ["loss"])[0].split()
    assert {"params.loss", "values.loss", "params.attempts", "number", "error"} < set(table)
    assert "<dt>params.loss</dt><dd>1</dd>" in trial_page("poles", rows[0], metrics=["loss"])


def test_the_best_trials_of_a_report_have_no_two_columns_of_one_name() -> None:
    head, _ = top_table(search(20, parameters=("loss", "attempts", "rate")))
    assert len(set(head)) == len(head)
    assert {"slot", "params.loss", "values.loss", "params.attempts", "attempts", "rate"} < set(head)


def test_headings_are_the_names_where_none_is_taken() -> None:
    assert headings(["slot"], parameters=["a"], metrics=["loss"]) == (["a"], ["loss"])
    assert headings(["slot"], parameters=["a", "params.a"], metrics=["a"]) == (
        ["params.a", "params.params.a"],
        ["values.a"],
    )


def test_an_outcome_without_a_trial_that_keeps_all_constraints_says_so() -> None:
    for metrics in (["loss"], ["loss", "latency"]):
        found = search(10, metrics=metrics).summary
        broken = outcome(replace(found, best=None, front_size=None if len(metrics) == 1 else 0))
        assert "  best        none: every trial with a result breaks a constraint" in outcome_lines(broken)
        nothing = outcome_lines({**broken, "counts": {"failed": 10}})
        assert not any(line.startswith("  best") for line in nothing)
