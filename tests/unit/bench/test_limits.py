"""A benchmark fails when a figure is beyond its limit, and names it."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from limits import Limits

BENCH = Path(__file__).parents[3] / "bench"


@pytest.fixture
def limits(tmp_path: Path) -> Limits:
    path = tmp_path / "limits.yaml"
    path.write_text("requests a turn: 1.5  # counted\nstatus writes at rest: 0\n", encoding="utf-8")
    return Limits(path)


def test_what_is_within_its_limit_is_well(limits: Limits, capsys: pytest.CaptureFixture[str]) -> None:
    limits.judge("requests a turn", 1.5)
    limits.judge("status writes at rest", 0)
    assert limits.status() == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("found", [1.51, math.inf, math.nan])
def test_what_is_beyond_is_named_and_ends_with_status_1(
    limits: Limits, capsys: pytest.CaptureFixture[str], found: float
) -> None:
    limits.judge("requests a turn", found)
    limits.judge("requests a turn", 0.3)  # of another size, measured afterwards
    limits.judge("status writes at rest", 2)
    assert limits.status() == 1
    first, second = capsys.readouterr().out.splitlines()
    assert first == f"beyond its limit: requests a turn: {found:g}, expected at most 1.5 (limits.yaml)"
    assert second.startswith("beyond its limit: status writes at rest: 2, expected at most 0 ")


def test_a_figure_without_a_limit_is_refused(limits: Limits) -> None:
    with pytest.raises(ValueError, match=r"'requests' has no limit; add one to limits\.yaml, where"):
        limits.judge("requests", 1)


def test_every_limit_is_of_a_figure_that_is_measured() -> None:
    named = (BENCH / "reconcile-limits.yaml").read_text(encoding="utf-8")
    figures = set(re.findall(r"^([a-zA-Z][^:#]*): [0-9]", named, re.MULTILINE))
    judged = [BENCH / "reconcile.py", BENCH.parent / "tests" / "apiserver" / "test_absences.py"]
    scripts = "".join(path.read_text(encoding="utf-8") for path in judged)
    assert {figure for figure in figures if f'"{figure}"' not in scripts} == set()
    assert len(figures) > 10
