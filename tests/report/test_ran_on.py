"""What the workers ran on: one line where they agree, and differences that stand out."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from corebound.reporting.report.document import json_report, markdown_report
from corebound.reporting.report.page import html_report
from corebound.reporting.report.ran_on import MOST_LINES, alike, in_words, ran_on_table

from .searches import HOSTILE, RUNS_ON, search

if TYPE_CHECKING:
    from collections.abc import Sequence

    from corebound.api.records import RunsOn
    from corebound.reporting.report.data import ReportData

OTHER = replace(RUNS_ON, versions={**RUNS_ON.versions, "torch": "2.12.1"}, kernel="Linux 5.4")
WITHOUT_TORCH = replace(RUNS_ON, versions={"Python": "3.11.7", "corebound": "0.1.0", "optuna": "5.0.0"})


def with_workers(*ran_on: RunsOn | None, hosts: Sequence[str] = ()) -> ReportData:
    data = search(20)
    return replace(
        data,
        core_use=[],
        workers=[
            replace(data.workers[0], worker_id=place, runs_on=each, host=hosts[place] if hosts else "node-a")
            for place, each in enumerate(ran_on)
        ],
    )


def test_workers_that_agree_are_one_line() -> None:
    data = with_workers(*[RUNS_ON] * 4, hosts=["node-b", "node-a", "node-a", "node-b"])
    groups = alike(data)
    assert in_words(groups) == "All workers ran on the same."
    head, rows = ran_on_table(groups)
    assert [dict(zip(head, row, strict=True)) for row in rows] == [
        {
            "workers": "4",
            "hosts": "node-a, node-b",
            "Python": "3.11.7",
            "corebound": "0.1.0",
            "optuna": "5.0.0",
            "torch": "2.13.0",
            "CPU": "Fast CPU @ 3 GHz",
            "usable cores": "1",
            "kernel": "Linux 6.8.0",
            "cgroup": "2",
        }
    ]
    assert "<mark>" not in html_report(data)


def test_differences_stand_out() -> None:
    data = with_workers(OTHER, RUNS_ON, RUNS_ON, WITHOUT_TORCH, None)
    groups = alike(data)
    assert [(group.workers, list(group.differs_in)) for group in groups] == [
        (2, []), (1, ["torch", "kernel"]), (1, ["torch"]), (1, []),
    ]  # fmt: skip
    said = in_words(groups)
    assert said.startswith("The workers did not all run on the same: they differ in torch and kernel.")
    assert said.endswith("Of 1 worker, started by an earlier version of Corebound, it is not known.")
    page = html_report(data)
    assert said in page
    assert page.count("<mark>") == 3
    for cell in ("<mark>2.12.1</mark>", "<mark>Linux 5.4</mark>", "<mark>-</mark>"):
        assert cell in page
    text = markdown_report(data)
    assert said in text
    assert "| torch, kernel |" in text
    report = json.loads(json_report(data))
    assert [(group["workers"], group["differs_in"]) for group in report["ran_on"]] == [
        (2, []), (1, ["torch", "kernel"]), (1, ["torch"]), (1, []),
    ]  # fmt: skip
    assert report["ran_on"][1]["runs_on"]["versions"]["torch"] == "2.12.1"
    assert [worker["runs_on"] is None for worker in report["workers"]] == [False, False, False, False, True]


def test_nothing_is_said_of_what_is_not_known() -> None:
    for data, said in (
        (with_workers(), "No worker has started yet."),
        (with_workers(None, None), "Of 2 workers, started by an earlier version of Corebound, it is not known."),
        (with_workers(RUNS_ON), "There was one worker."),
    ):
        assert in_words(alike(data)) == said
        assert said in html_report(data)
    assert ran_on_table(alike(with_workers(None))) == ([], [])


def test_what_a_worker_says_is_escaped_and_the_lines_are_bounded() -> None:
    hostile = replace(RUNS_ON, processor=HOSTILE, kernel=HOSTILE, versions={HOSTILE: HOSTILE, "torch": HOSTILE})
    kernels = [replace(RUNS_ON, kernel=f"Linux {place}") for place in range(MOST_LINES + 5)]
    data = with_workers(RUNS_ON, RUNS_ON, hostile, *kernels)
    page = html_report(data)
    assert "<img src=x" not in page
    assert page.count("<script>") == html_report(search(20)).count("<script>")
    assert f"The {MOST_LINES} most frequent of {MOST_LINES + 7}" in page
    text = markdown_report(data).split("## Versions and machines")[1]
    assert "<img" not in text.replace("\\<", "")
    table = [line for line in text.splitlines() if "Linux" in line]
    assert len(table) == MOST_LINES - 1
