"""Which versions of Kubernetes the chart takes, and what the pages say about them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..cluster.build import MINORS, version
from .conftest import CHART, Chart

PAGE = (Path(__file__).parents[2] / "docs" / "operator.md").read_text(encoding="utf-8")
SECTION = PAGE.split("## Versions of Kubernetes\n")[1].split("\n## ")[0]
pytestmark = pytest.mark.needs("helm")


def said(chart: Chart, kubernetes: str) -> str:
    """What Helm says against this version."""
    options = ("--set", "database.external.existingSecret=mine", "--kube-version", kubernetes)
    return chart.helm("template", "x", str(CHART), *options).stderr


@pytest.mark.parametrize("minor", MINORS)
def test_those_of_the_tests_are_taken_and_named(chart: Chart, minor: str) -> None:
    assert said(chart, version(minor)) == ""
    assert minor in SECTION


def test_one_before_the_oldest_that_the_pages_name_is_refused(chart: Chart) -> None:
    assert "1.31 or later" in SECTION
    assert "Kubernetes 1.31 or later" in " ".join((CHART / "README.md").read_text(encoding="utf-8").split())
    assert said(chart, "1.31.0") == ""
    assert "incompatible with Kubernetes v1.30.9" in said(chart, "1.30.9")
