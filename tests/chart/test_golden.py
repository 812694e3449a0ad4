"""A change of the chart shows in the objects that it makes, for whoever reviews it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .golden import FOLDER, SETS, rendered

if TYPE_CHECKING:
    from .conftest import Chart

pytestmark = pytest.mark.needs("helm")


@pytest.mark.parametrize("name", SETS)
def test_objects_are_those_of_the_file(chart: Chart, name: str) -> None:
    expected = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
    assert rendered(chart, name) == expected, "written anew by: PYTHONPATH=. python -m tests.chart.golden"
