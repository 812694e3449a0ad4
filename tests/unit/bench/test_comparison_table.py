"""Ratios, medians and the tables of the comparison."""

from __future__ import annotations

from typing import Any

import pytest

from comparison.table import (
    BEGIN,
    END,
    Figure,
    Killed,
    counts,
    killed_text,
    main_table,
    placed,
    ratios,
    scaling_table,
    spread,
)

TITLES = {"bare": "bare processes", "slow": "the slow one", "fast": "the fast one", "gone": "not here"}


def figure(seconds: float, **told: Any) -> Figure:
    fields = {"cpu_seconds": 5.0, "switches": 100.0, "start_and_end": 1.0, "made": 4, "results": 4, **told}
    return Figure(seconds=seconds, **fields)


ROUNDS = [
    {"bare": figure(10.0), "slow": figure(40.0, cpu_seconds=15.0), "fast": figure(10.2)},
    {"bare": figure(20.0), "slow": figure(60.0, made=5), "fast": figure(19.0)},
    {"bare": figure(10.0), "slow": figure(50.0), "fast": figure(10.1)},
]


def test_ratios_are_to_the_same_rounds_baseline() -> None:
    assert ratios(ROUNDS, "slow", "seconds", "bare") == [4.0, 3.0, 5.0]
    assert ratios(ROUNDS, "slow", "cpu_seconds", "bare") == [3.0, 1.0, 1.0]


def test_a_round_that_a_contender_missed_does_not_count() -> None:
    assert ratios([*ROUNDS, {"bare": figure(1.0)}], "slow", "seconds", "bare") == [4.0, 3.0, 5.0]


def test_medians_stand_with_their_spread() -> None:
    assert spread([4.0, 3.0, 5.0]) == "4.00 (3.00-5.00)"
    assert spread([1.017]) == "1.02"
    assert spread([50.0, 128.4]) == "89 (50-128)"


def test_counts_that_differ_are_a_range() -> None:
    assert counts([24, 24]) == "24"
    assert counts([25, 24]) == "24-25"


def test_rows_are_the_baseline_then_by_wall_time_then_who_could_not_run() -> None:
    lines = main_table(TITLES, ROUNDS, {}, {"gone": "ray is not installed"}, "bare", asked=4)
    first = [line.split("|")[1].strip() for line in lines]
    assert first == ["", "---", "bare processes", "the fast one", "the slow one", "not here"]
    assert "made of 4" in lines[0]
    assert "4.00 (3.00-5.00)" in lines[4]
    assert "4-5" in lines[4]
    assert "not run: ray is not installed" in lines[5]
    assert len({line.count("|") for line in lines}) == 1, "every row has every column"


def test_a_contender_that_was_stopped_has_lower_bounds() -> None:
    rounds = [{"bare": figure(10.0), "slow": figure(60.0, stopped=True, made=2)}]
    lines = main_table(TITLES, rounds, {}, {}, "bare", asked=4)
    assert "at least 6.00" in lines[3]
    assert "2 (stopped)" in lines[3]


def test_what_a_kill_costs() -> None:
    assert killed_text(Killed(asked=6, results=6, running=0)) == "nothing lost"
    assert killed_text(Killed(asked=6, results=5, running=1)) == "1 of 6 lost, 1 left RUNNING"
    assert killed_text(Killed(asked=6, results=0, running=None, hung=True)) == "hangs; 6 of 6 lost"
    assert killed_text(Killed(asked=6, results=7, running=0)) == "nothing lost"
    assert killed_text(None) == "not tried"


def test_scaling_is_against_one_bare_process() -> None:
    lines = scaling_table(TITLES, {"bare": {1: 20.0, 2: 10.0}, "slow": {1: 20.0}}, "bare")
    assert lines == [
        "| workers | 1 | 2 |",
        "| --- | --- | --- |",
        "| bare processes | 1.00 | 0.50 |",
        "| the slow one | 1.00 | not run |",
    ]


def test_a_page_keeps_all_but_what_stands_between_its_markers() -> None:
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    assert placed(page, "new\n") == f"before\n{BEGIN}\nnew\n{END}\nafter\n"
    assert placed(placed(page, "x"), "new") == placed(page, "new")


@pytest.mark.parametrize("page", ["nothing", BEGIN, f"{BEGIN}{END}{BEGIN}{END}"])
def test_a_page_without_its_markers_is_refused(page: str) -> None:
    with pytest.raises(ValueError, match="expected one of each"):
        placed(page, "new")
