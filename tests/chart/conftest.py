"""Helm on the chart, and the objects that it makes."""

from __future__ import annotations

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

    def helm(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([str(program("helm")), *arguments], capture_output=True, text=True, check=False)

    def objects(self, *options: str, folder: Path = CHART) -> list[Manifest]:
        """What ``helm template`` makes of the chart in ``folder`` with these options."""
        done = self.helm("template", RELEASE, str(folder), "--namespace", NAMESPACE, *VERSION, *options)
        assert done.returncode == 0, done.stderr
        return [each for each in yaml.safe_load_all(done.stdout) if each]


@pytest.fixture(scope="session")
def chart() -> Chart:
    return Chart()


def of_kind(objects: list[Manifest], kind: str) -> list[Manifest]:
    return [each for each in objects if each["kind"] == kind]
