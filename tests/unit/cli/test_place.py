"""Which place a user means, by flags and by the program's name."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner

from corebound.api.errors import MissingRequirementError, UsageError
from corebound.cli.place import Place, campaigns_at, place_options

if TYPE_CHECKING:
    from collections.abc import Sequence


def place_of(arguments: Sequence[str], **options: object) -> Place:
    seen: list[Place] = []

    @click.command()
    @place_options(**options)
    def command(*, place: Place) -> None:
        seen.append(place)

    done = CliRunner().invoke(command, list(arguments), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return seen[0]


def test_this_machine_unless_a_cluster_is_named() -> None:
    assert not place_of([]).on_cluster
    assert place_of(["--cluster"]).on_cluster
    assert place_of(["--context", "prod"]) == Place(on_cluster=True, context="prod")
    assert place_of(["-n", "team-a"]) == Place(on_cluster=True, namespace="team-a")
    assert not place_of(["--local"], default="cluster").on_cluster
    assert place_of([], default="cluster").on_cluster
    assert place_of([], cluster_only=True).on_cluster
    with pytest.raises(UsageError, match="leave out --local"):
        place_of(["--local", "-n", "team-a"])


def test_the_cluster_as_a_plugin_of_kubectl(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["/usr/bin/kubectl-corebound", "watch"])
    assert place_of([]).on_cluster
    assert not place_of(["--local"]).on_cluster


def test_the_same_place_in_another_command(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Place(on_cluster=True, context="prod", namespace="team-a").flags == " --context prod -n team-a"
    assert Place(on_cluster=True).flags == " --cluster"
    assert Place(on_cluster=False).flags == ""
    monkeypatch.setattr("sys.argv", ["kubectl-corebound"])
    assert Place(on_cluster=True).flags == ""


def test_a_missing_package_is_said_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kubernetes", None)
    with pytest.raises(MissingRequirementError, match=r"pip install 'corebound\[cluster\]'"):
        campaigns_at(Place(on_cluster=True))


def test_a_commands_help_loads_nothing_that_only_its_work_needs() -> None:
    heavy = "('kubernetes', 'urllib3', 'optuna', 'sqlalchemy', 'psycopg', 'pydantic', 'numpy', 'torch')"
    program = (
        "import importlib, sys; from corebound.cli.main import COMMANDS\n"
        "for name in COMMANDS: importlib.import_module(f'corebound.cli.{name}')\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
