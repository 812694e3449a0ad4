"""``-`` in place of a file: a campaign is read from standard input, or written to standard output and nothing else there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from corebound.api.errors import SpecError, UsageError
from corebound.cli.main import corebound

if TYPE_CHECKING:
    from pathlib import Path

CAMPAIGN = """
apiVersion: corebound.dev/v1alpha1
kind: SearchCampaign
metadata: {name: piped, namespace: team-a}
spec:
  trials: 4
  objectives: [{metric: loss, direction: minimize}]
  trial: {entrypoint: missing.py:objective}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COREBOUND_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("COREBOUND_DATABASE_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_campaign_is_planned_from_standard_input() -> None:
    result = CliRunner().invoke(corebound, ["plan", "-f", "-", "--cores", "4", "--quiet"], input=CAMPAIGN)
    assert result.stdout == "1 thread x 4 workers x 1 wave\n"


@pytest.mark.parametrize("command", ["plan", "run", "submit"])
def test_what_is_wrong_is_of_standard_input(command: str) -> None:
    result = CliRunner().invoke(corebound, [command, "-f", "-"], input=CAMPAIGN.replace("trials", "trails"))
    assert isinstance(result.exception, SpecError)
    assert str(result.exception).startswith("standard input:6: spec.trails: is no field; did you mean 'trials'?")


def test_nothing_on_standard_input_is_no_campaign() -> None:
    result = CliRunner().invoke(corebound, ["run", "-f", "-"], input="")
    assert isinstance(result.exception, SpecError)
    assert str(result.exception).startswith("standard input: is empty, expected a SearchCampaign")


def test_a_namespace_that_is_said_twice_is_of_standard_input() -> None:
    result = CliRunner().invoke(corebound, ["submit", "-f", "-", "-n", "other"], input=CAMPAIGN)
    assert isinstance(result.exception, UsageError)
    assert str(result.exception).startswith("standard input: metadata.namespace: found 'team-a'")


def test_entry_points_of_standard_input_are_searched_from_here(folder: Path) -> None:
    result = CliRunner().invoke(corebound, ["run", "-f", "-"], input=CAMPAIGN)
    assert isinstance(result.exception, SpecError)
    assert f"{folder}/missing.py does not exist" in str(result.exception)


@pytest.mark.parametrize(
    "command", [["run", "train.py:objective", "-n", "8"], ["search", "poles", "-n", "8", "--limit-threads"]]
)
def test_a_campaign_on_standard_output_is_all_that_is_there(command: list[str], folder: Path) -> None:
    written = CliRunner().invoke(corebound, [*command, "--write-yaml", "-"])
    assert written.exit_code == 0, written.output
    to_file = CliRunner().invoke(corebound, [*command, "--write-yaml", "same.yaml"])
    assert to_file.exit_code == 0, to_file.output
    assert written.stdout == (folder / "same.yaml").read_text(encoding="utf-8")
    assert [path.name for path in folder.glob("*")] == ["same.yaml"]


def test_a_place_of_nothing_is_not_said() -> None:
    refused = CliRunner().invoke(corebound, ["run", "train.py:objective", "--write-yaml", "-", "--json"])
    assert isinstance(refused.exception, UsageError)
    assert "--json" in str(refused.exception)
