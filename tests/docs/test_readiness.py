"""What README.md says of its readiness is so: versions, replicas, and that nothing is published."""

from __future__ import annotations

import re

import yaml

from corebound.api.crd import definition

from ..cluster.build import MINORS
from .pages import ROOT

BLOCK = (ROOT / "README.md").read_text(encoding="utf-8").split("## Is it ready for production?")[1].split("\n## ")[0]
OPERATOR = (ROOT / "charts" / "corebound" / "templates" / "operator.yaml").read_text(encoding="utf-8")


def test_it_says_what_is_so() -> None:
    assert re.findall(r"Kubernetes (1\.\d+)", BLOCK) == [MINORS[-1], MINORS[0]]
    assert [f"`{version['name']}`" for version in definition()["spec"]["versions"]] == re.findall(r"`v1\w*`", BLOCK)
    assert ("one replica" in BLOCK) == ("replicas: 1" in OPERATOR)


def test_what_is_not_yet_is_not_yet() -> None:
    """The first release changes this block, the version and the line of practices.md."""
    chart = yaml.safe_load((ROOT / "charts" / "corebound" / "Chart.yaml").read_text(encoding="utf-8"))
    practices = (ROOT / "docs" / "practices.md").read_text(encoding="utf-8")
    assert ("a release" in BLOCK) == (chart["version"] == "0.1.0") == ("there is no release yet" in practices)
