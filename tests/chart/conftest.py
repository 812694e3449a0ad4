"""Helm on the chart, and the objects that it makes."""

from __future__ import annotations

import copy
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from ..apiserver.conftest import cluster, plane
from ..cluster.build import MINORS, program, version

__all__ = ["cluster", "plane"]

Manifest = dict[str, Any]

CHART = Path(__file__).parents[2] / "charts" / "corebound"
RELEASE = "searches"
NAMESPACE = "corebound-system"
VERSION = ("--kube-version", version(MINORS[-1]))
"""Without a cluster Helm takes the version that it was built with, which a build of our own does not name."""


class Chart:
    """The chart as Helm renders it."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, ...], list[Manifest]] = {}

    def helm(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([str(program("helm")), *arguments], capture_output=True, text=True, check=False)

    def objects(self, *options: str) -> list[Manifest]:
        """What ``helm template`` makes of the chart with these options; asked once for the same ones."""
        if options not in self._known:
            self._known[options] = self.rendered(*options)
        return copy.deepcopy(self._known[options])

    def rendered(self, *options: str, folder: Path = CHART) -> list[Manifest]:
        """The same of the chart in ``folder``, asked anew."""
        done = self.helm("template", RELEASE, str(folder), "--namespace", NAMESPACE, *VERSION, *options)
        assert done.returncode == 0, done.stderr
        # The loader in Python takes a second for the CRD alone.
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        return [each for each in yaml.load_all(done.stdout, Loader=loader) if each]


@pytest.fixture(scope="session")
def chart() -> Chart:
    return Chart()


def of_kind(objects: list[Manifest], kind: str) -> list[Manifest]:
    return [each for each in objects if each["kind"] == kind]


def listed(objects: list[Manifest]) -> str:
    """One text for kubectl, which starts once for all of them."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
