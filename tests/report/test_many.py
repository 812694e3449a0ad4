"""Reports of many objectives, of odd values and choices: bounded in time, and nothing is left out without a word."""

from __future__ import annotations

from dataclasses import replace

from corebound.reporting.report.document import json_report
from corebound.reporting.report.figures.column import MISSING, Column
from corebound.reporting.report.importance import importance_of
from corebound.reporting.report.page import html_report

from .searches import search


def test_many_objectives_take_no_hours() -> None:
    """Of twelve it did not end: the test's own time limit is what fails then."""
    data = search(600, metrics=[f"m{index}" for index in range(12)])
    assert data.importance.shares
    assert len(data.front) > 100
    assert "m11" in html_report(data)


def test_a_value_beyond_its_range_is_left_out_of_the_importance_alone() -> None:
    """Optuna runs an enqueued value wherever it is."""
    data = search(40)
    rows = [replace(row, params={**row.params, "rate": 1e9}) if row.slot == 3 else row for row in data.rows]
    shares = importance_of(rows, data.distributions, maximize=[False]).shares
    assert set(shares) == {"rate", "momentum", "width"}
    assert json_report(replace(data, rows=rows))


def test_none_is_a_choice_and_not_a_missing_value() -> None:
    attributes = {"name": "CategoricalDistribution", "attributes": {"choices": [None, 0.1]}}
    column = Column("decay", [None, 0.1, MISSING], [attributes])
    assert [column.place(value) for value in (None, 0.1, MISSING)] == [0, 1, None]
