"""``corebound plan`` from a file to text, JSON and refusals."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from corebound.api.errors import CoreboundError, PlanError, SpecError, UsageError
from corebound.cli.plan import plan

if TYPE_CHECKING:
    from pathlib import Path

CAMPAIGN = """
apiVersion: corebound.dev/v1alpha1
kind: SearchCampaign
metadata: {name: planned}
spec:
  trials: 100
  objectives: [{metric: loss, direction: minimize}]
  search:
    sampler: {name: tpe}
    parameters: [{name: x, type: float, low: 0, high: 1}]
  trial: {command: ["true"]}
"""


@pytest.fixture(autouse=True)
def _no_earlier_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COREBOUND_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("COREBOUND_DATABASE_URL", raising=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "campaign.yaml"
    path.write_text(CAMPAIGN)
    return path


def planned(file: Path, *arguments: str) -> Result:
    return CliRunner().invoke(plan, ["-f", str(file), *arguments], catch_exceptions=True)


def test_this_machine_is_planned_from_its_affinity(file: Path) -> None:
    result = planned(file, "--json")
    assert result.exit_code == 0, result.output
    shown = json.loads(result.stdout)
    assert shown["threads"] == 1
    assert 1 <= shown["workers"] <= len(os.sched_getaffinity(0))
    assert shown["pool"]["coreIds"] == sorted(os.sched_getaffinity(0))


def test_a_described_node_shows_time_cost_and_rounds(file: Path) -> None:
    result = planned(
        file,
        "--cores",
        "128",
        "--allocatable",
        "126.62",
        "--price",
        "3.50",
        "--trial-seconds",
        "684",
        "--memory",
        "480Gi",
    )
    assert result.exit_code == 0, result.output
    assert "1 thread x 100 workers x 1 wave, 11 min 24 s, 0.67 USD" in result.stdout
    assert "Warning: one wave: TPE will see no result before its last sample" in result.stdout
    assert "parallelism: 20" in result.stdout
    assert "parallelism: 10" in result.stdout


def test_quiet_is_one_line(file: Path) -> None:
    result = planned(file, "--cores", "4", "--quiet")
    assert result.stdout == "1 thread x 4 workers x 25 waves\n"


@pytest.mark.parametrize(
    ("arguments", "kind", "text"),
    [
        (["--cores", "0.5"], PlanError, "a worker needs at least 1 whole core"),
        (["--allocatable", "3"], UsageError, "--cores is missing"),
        (["--cores", "4", "--here"], UsageError, "Leave one of them out"),
        (["--cores", "4", "--price", "cheap"], UsageError, "--price is 'cheap'"),
        (["--cores", "4", "--memory", "much"], UsageError, "--memory is 'much'"),
        (["--cores", "4", "--trial-seconds", "-1"], UsageError, "must be above 0"),
    ],
)
def test_refusals_say_what_to_do(file: Path, arguments: list[str], kind: type[CoreboundError], text: str) -> None:
    result = planned(file, *arguments)
    assert isinstance(result.exception, kind)
    assert result.exception.exit_code == 2
    assert text in str(result.exception)


def test_a_wrong_file_is_refused(file: Path) -> None:
    file.write_text(CAMPAIGN.replace("trials:", "trails:"))
    result = planned(file)
    assert isinstance(result.exception, SpecError)
    assert "trails" in str(result.exception)
