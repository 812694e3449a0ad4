"""The Pod of ``helm test`` deletes its campaign and ends before Helm does; on a node ``tests/node`` runs it."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml

from corebound.cli.delete import GONE_SECONDS

from .conftest import CHART, Chart, of_kind

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.needs("helm")

COREBOUND = """#!/bin/sh
echo "$1" >> "$CALLS"
case $1 in
  submit) if [ "$SUBMIT" = hangs ]; then exec sleep infinity; fi; exit "$SUBMIT";;
esac
"""
LIMIT = re.compile(r"timeout (\d+) corebound submit")


@pytest.fixture
def script(chart: Chart) -> str:
    [pod] = of_kind(chart.objects(), "Pod")
    [container] = pod["spec"]["containers"]
    [text] = container["args"]
    return str(text)


def run(script: str, folder: Path, *, submit: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """The Pod's script with a command-line tool whose ``submit`` ends with that status, or hangs; what it was called for."""
    (folder / "corebound").write_text(COREBOUND, encoding="utf-8")
    (folder / "corebound").chmod(0o755)
    calls = folder / "calls"
    environment = {"PATH": f"{folder}:{os.environ['PATH']}", "CALLS": str(calls), "SUBMIT": submit}
    done = subprocess.run(["sh", "-c", script], env=environment, capture_output=True, text=True, check=False)
    return done, calls.read_text(encoding="utf-8").split()


@pytest.mark.parametrize("status", [0, 1])
def test_its_status_is_the_campaigns(script: str, tmp_path: Path, status: int) -> None:
    done, calls = run(script, tmp_path, submit=str(status))
    assert done.returncode == status
    assert calls == ["delete", "submit", "delete"]


def test_a_campaign_that_does_not_end_is_shown_and_deleted(script: str, tmp_path: Path) -> None:
    done, calls = run(LIMIT.sub("timeout 1 corebound submit", script), tmp_path, submit="hangs")
    assert done.returncode != 0
    assert "not over after 15 minutes" in done.stdout
    assert calls == ["delete", "submit", "watch", "delete"]


def test_it_ends_before_helm_gives_up(chart: Chart, script: str) -> None:
    page = (CHART / "README.md").read_text(encoding="utf-8")
    [minutes] = re.findall(r"helm test \S+ .*--timeout (\d+)m", page)
    limit = LIMIT.search(script)
    assert limit is not None
    assert int(limit[1]) + 2 * GONE_SECONDS < 60 * int(minutes)
    texts = [each["data"].get("campaign.yaml") for each in of_kind(chart.objects(), "ConfigMap")]
    [campaign] = [yaml.safe_load(text) for text in texts if text]
    assert campaign["spec"]["activeDeadlineSeconds"] < int(limit[1])
