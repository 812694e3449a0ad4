"""What a report says, as data, Markdown and JSON, and where it is written."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import subprocess
import sys
from dataclasses import replace
from importlib import resources
from pathlib import Path

import pytest

from corebound.api.errors import UsageError
from corebound.api.genome import HISTORY
from corebound.api.records import Phase, SlotState, WorkerTelemetry
from corebound.reporting.report import facts, glance
from corebound.reporting.report.core_use import use_of
from corebound.reporting.report.data import best_so_far
from corebound.reporting.report.document import json_report, markdown_report, report_mapping
from corebound.reporting.report.figures.figure import span_of
from corebound.reporting.report.figures.history import history
from corebound.reporting.report.file import default_name, write_report
from corebound.reporting.report.importance import widest
from corebound.reporting.report.markup import Markup, element
from corebound.reporting.report.page import html_report

from .searches import HOSTILE, search

ECHARTS = "b66b25aeb4df84e33199dc21694014d336d222cbd9deb0e5a7c14bd6aa0d0fd0"
"""SHA-256 of ``dist/echarts.min.js`` in the npm package echarts 6.1.0."""


def test_the_plotting_library_is_the_one_that_was_published() -> None:
    found = resources.files("corebound.reporting.report").joinpath("assets", "echarts.min.js").read_bytes()
    assert hashlib.sha256(found).hexdigest() == ECHARTS


def test_texts_are_escaped_where_they_enter() -> None:
    made = element("p", HOSTILE, Markup("<b>kept</b>"), title=HOSTILE)
    assert "<script" not in made
    assert "<img" not in made
    assert made.endswith("<b>kept</b></p>")
    assert '"hacked' not in made


def test_the_front_is_what_no_other_trial_beats() -> None:
    data = search(200, metrics=("loss", "latency"))
    feasible = [row for row in data.rows if row.state is SlotState.SUCCEEDED and row.values]
    expected = {
        row.slot
        for row in feasible
        if not any(
            all(a <= b for a, b in zip(other.values or (), row.values or (), strict=True))
            and other.values != row.values
            for other in feasible
        )
    }
    assert {row.slot for row in data.front} == expected
    assert 1 < len(expected) < 50
    assert [row.slot for row in data.ranked[: len(expected)]] == [row.slot for row in data.front]


@pytest.mark.parametrize(("trials", "cut"), [(200, False), (4000, True)])
def test_best_trials_of_several_objectives_are_the_front_and_no_other(trials: int, cut: bool) -> None:
    metrics = ("loss", "latency", "size") if cut else ("loss", "latency")
    data = search(trials, metrics=metrics, steps=False)
    _, rows = facts.top_table(data)
    assert [row[0] for row in rows] == [str(row.slot) for row in data.front[:60]]
    assert (len(data.front) > 60) == cut
    caption = facts.top_caption(data)
    said = f"of the {len(data.front)} of" if cut else f"The {len(data.front)} of"
    assert f"{said} {len(data.ranked)} trials with a result that no other one beats" in caption
    assert caption.startswith("The first 60, by loss, of") == cut
    assert caption in html_report(data)
    assert caption in markdown_report(data)


def test_best_trials_that_all_break_a_constraint_are_shown_and_marked() -> None:
    data = search(4, metrics=("loss", "latency"), states=[SlotState.SUCCEEDED])
    data = replace(data, rows=[replace(row, constraints={"c": 1.0}) for row in data.rows])
    _, rows = facts.top_table(data)
    assert len(rows) == 4
    assert all("(infeasible)" in row[0] for row in rows)
    assert facts.top_caption(data).startswith("The best 4 of 4 trials")


def test_equal_points_are_all_on_the_front_and_infeasible_ones_are_not() -> None:
    data = search(4, metrics=("loss", "latency"), states=[SlotState.SUCCEEDED])
    rows = [replace(row, values=(1.0, 1.0), constraints={"c": 1.0} if row.slot == 3 else {}) for row in data.rows]
    assert [row.slot for row in replace(data, rows=rows).front] == [0, 1, 2]


def test_the_best_so_far_only_gets_better_and_ends_with_the_best() -> None:
    data = search(100)
    values = [value for _, value, _ in best_so_far(data)]
    assert values == sorted(values, reverse=True)
    assert data.summary.best is not None
    assert values[-1] == data.summary.best.value


@pytest.mark.parametrize("maximize", [False, True])
def test_an_axis_is_not_flattened_by_a_few_terrible_values(maximize: bool) -> None:
    sign = -1 if maximize else 1
    values = [sign * (1 + place / 100) for place in range(100)] + [sign * 1e9]
    span = span_of(values if maximize else [*values, -5.0], maximize=maximize)
    limit = span.low if maximize else span.high
    assert limit is not None
    assert abs(limit) < 50
    assert span.hidden == 1
    assert "1 far worse than most are beyond the axis" in span.caption
    assert span_of([1.0, 2.0, 3.0], maximize=maximize).hidden == 0
    assert span_of([7.0] * 9, maximize=maximize).hidden == 0
    assert span_of([1e-6, 1.0, 10.0], maximize=maximize).is_log


@pytest.mark.parametrize(("first", "pruned"), [(900.0, 50.0), (9000.0, -1.0)], ids=["linear", "logarithmic"])
def test_pruned_trials_beyond_the_axis_are_counted(first: float, pruned: float) -> None:
    """An axis of the results alone has no place for what a pruned trial last reported."""
    data = search(20, states=[SlotState.SUCCEEDED] * 3 + [SlotState.PRUNED])
    last = iter([1.05, pruned, pruned, 1.05, pruned])
    values = [next(last) if row.state is SlotState.PRUNED else 1 + row.slot / 100 for row in data.rows]
    rows = [replace(row, values=(value,)) for row, value in zip(data.rows, [first, *values[1:]], strict=True)]
    figure = history(replace(data, rows=rows))
    assert "3 pruned trials are beyond the axis." in figure.caption
    assert figure.option is not None
    [shown] = [each["data"] for each in figure.option["series"] if each["name"] == "pruned"]
    assert [value for _, value, _ in shown] == [1.05, 1.05]
    assert "pruned trial" not in history(data).caption


def test_failures_with_other_numbers_are_the_same_reason() -> None:
    data = search(100)
    [failure] = facts.failures(data)
    assert failure.reason.startswith("ValueError: loss is nan at step ")
    assert list(failure.slots) == [row.slot for row in data.rows if row.state is SlotState.FAILED]


def test_the_whole_of_the_reserved_time_is_accounted_for() -> None:
    data = search(100)
    shares = [float(row[2].rstrip("%")) for row in facts.cost_rows(data) if row[2]]
    assert sum(shares) == pytest.approx(100, abs=0.5)


def test_time_without_workers_is_left_out_and_a_worker_without_samples_is_there() -> None:
    data = search(100)
    begun = data.made_at.replace(day=31)
    later = replace(
        data.workers[3],
        started_at=begun,
        seen_at=begun.replace(minute=5),
        ended_at=None,
        telemetry=WorkerTelemetry(cpu_seconds=240, wall_seconds=300),
    )
    samples = [each for each in data.core_use if each.worker_id < 3]
    use = use_of(replace(data, workers=[*data.workers[:3], later], core_use=samples))
    assert use is not None
    assert use.pauses == 1
    assert use.seconds * len(use.used) == pytest.approx(1560 + 300)
    assert use.workers["worker-3"][-1] == pytest.approx(0.8)
    assert use.workers["worker-0"][-1] is None
    assert sum(use.used) * use.seconds == pytest.approx(sum(each.cpu_seconds for each in samples) + 240)


def test_the_pieces_of_a_short_run_are_told_in_milliseconds() -> None:
    data = search(20)
    [worker, *_] = data.workers
    begun = data.made_at.replace(hour=1)
    short = replace(worker, started_at=begun, seen_at=begun, ended_at=begun.replace(microsecond=300_000))
    assert "in pieces of 2.5 ms;" in html_report(replace(data, workers=[short], core_use=[]))


def test_json_has_what_the_figures_show() -> None:
    report = json.loads(json_report(search(300)))
    assert len(report["trials"]) == 300
    assert sum(report["importance"]["shares"].values()) == pytest.approx(1)
    assert max(report["importance"]["shares"], key=report["importance"]["shares"].get) == "rate"
    assert report["curves_of"] > len(report["curves"]) == 60
    assert len(report["cores"]["used"]) == len(report["cores"]["workers"]["worker-0"])
    assert report["specification"]["metadata"] == {"name": "poles"}
    assert report["plan"][0] == {"what": "trials", "asked": "300", "planned": "300", "happened": "300 closed"}


def test_infinite_values_are_texts_in_json_and_left_out_of_figures() -> None:
    data = search(20, states=[SlotState.SUCCEEDED])
    data = replace(data, rows=[replace(row, values=(math.inf,)) if row.slot == 3 else row for row in data.rows])
    assert report_mapping(data)["trials"][3]["values"] == {"loss": "inf"}
    json_report(data)
    assert "1 infinite values are not shown" in html_report(data)


def test_importances_import_nothing_that_takes_longer_than_they_do() -> None:
    program = """if True:
        import importlib.util, sys
        from tests.report.searches import search
        assert search(40).importance.shares
        assert "sklearn" not in sys.modules
        assert importlib.util.find_spec("sklearn"), "there is none to be imported"
    """
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_markdown_is_a_table_whatever_users_write() -> None:
    text = markdown_report(search(60, name=HOSTILE, parameters=("a|b\n# c", "<b>", "`x`")))
    assert not re.search(r"(?<!\\)<(script|img|b>)", text.split("## Specification")[0])
    tables = [block.splitlines() for block in text.split("## Specification")[0].split("\n\n") if block.startswith("|")]
    assert len(tables) > 6
    for lines in tables:
        assert len({line.replace("\\|", "").count("|") for line in lines}) == 1, lines


def test_markdown_has_one_whole_error_of_each_reason_whatever_is_in_it() -> None:
    data = search(60)
    failed = next(row for row in data.rows if row.state is SlotState.FAILED)
    error = f"{failed.error}\n````\n## {HOSTILE}"
    rows = [replace(row, error=error) if row.slot == failed.slot else row for row in data.rows]
    text = markdown_report(replace(data, rows=rows))
    assert f"The whole error of slot {failed.slot}:\n\n`````\n{error}\n`````\n" in text
    assert text.count("The whole error of slot ") == len(facts.failures(replace(data, rows=rows))) == 2


def test_what_the_best_trial_evolved_is_drawn_where_it_evolved_anything() -> None:
    data = search(20)
    assert "What the best trial evolved" not in html_report(data)
    history = {"generation": [1, 2], "best": [0.1, 0.9], "mean": [0.1, 0.2], "species": [0, 0], "largest": [{}, {}]}
    best = data.ranked[0].slot
    rows = [replace(row, user_attrs={HISTORY: history}) if row.slot == best else row for row in data.rows]
    page = html_report(replace(data, rows=rows))
    assert "What the best trial evolved" in page
    assert f"Of slot {best}; corebound show poles SLOT draws any other one." in page


def test_the_specification_is_in_the_order_of_its_fields_or_as_it_is_kept() -> None:
    data = search(20)
    assert "kind:" not in facts.specification_text(data), "what no version would accept is shown as it is kept"
    file = {
        "spec": {
            "trial": {"entrypoint": "a.py:b"},
            "trials": 3,
            "objectives": [{"metric": "loss", "direction": "minimize"}],
        },
        "metadata": {"name": "poles"},
        "kind": "SearchCampaign",
        "apiVersion": "corebound.dev/v1alpha1",
    }
    campaign = replace(data.campaign, specification=file)
    text = facts.specification_text(replace(data, summary=replace(data.summary, campaign=campaign)))
    assert [line.split(":")[0] for line in text.splitlines() if line[:1].isalpha()] == [
        "apiVersion",
        "kind",
        "metadata",
        "spec",
    ]


def test_a_campaign_that_nobody_runs_says_so() -> None:
    data = search(10, closed=3, phase=Phase.RUNNING)
    assert glance.standing(data) == "running"
    assert glance.standing(replace(data, attended=False)) == "not running"
    assert glance.headline(data).endswith("3 of 10 slots are closed in 1 min 30 s so far.")


def test_ranges_that_change_become_the_widest() -> None:
    floats = [
        {"name": "FloatDistribution", "attributes": {"low": 0.0, "high": high, "log": False, "step": 0.5}}
        for high in (1.0, 9.0, 2.0)
    ]
    assert widest(floats)["attributes"] == {"low": 0.0, "high": 9.0, "log": False, "step": None}
    whole = [
        {"name": "IntDistribution", "attributes": {"low": low, "high": 9, "log": True, "step": 1}} for low in (3, 1)
    ]
    assert widest(whole)["attributes"] == {"low": 1, "high": 9, "log": True, "step": 1}


def test_an_earlier_report_is_replaced_and_no_other_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / default_name('poles "/<1>', "html")
    assert path.name == "poles-1-report.html"
    data = search(10)
    for text in (html_report(data), json_report(data), markdown_report(data)):
        write_report(path, text)
        assert write_report(path, text), "an earlier one"
    path.write_text("my thesis", encoding="utf-8")
    with pytest.raises(UsageError, match="is no report of Corebound; choose another place"):
        write_report(path, "text")
    assert path.read_text(encoding="utf-8") == "my thesis"
    with pytest.raises(UsageError, match="cannot be written"):
        write_report(tmp_path / ("x" * 300), "text")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["new"]
