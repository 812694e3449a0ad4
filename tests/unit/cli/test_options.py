"""What every command takes, and how errors look."""

from __future__ import annotations

import importlib
import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from corebound.cli import main as command_line
from corebound.cli.main import COMMANDS, corebound, main

if TYPE_CHECKING:
    from pathlib import Path

    import click


@pytest.fixture(autouse=True)
def _nothing_was_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COREBOUND_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("COREBOUND_DATABASE_URL", raising=False)


def called(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """``corebound`` with these arguments in this process; its exit status."""
    monkeypatch.setattr("sys.argv", ["corebound", *arguments])
    monkeypatch.setattr("sys.orig_argv", [])
    monkeypatch.setattr(command_line.signal, "signal", lambda *_: None)
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_the_same_options_examples_and_exit_statuses(name: str) -> None:
    command: click.Command = getattr(importlib.import_module(f"corebound.cli.{name}"), name)
    help_text = CliRunner().invoke(command, ["--help"]).output
    # The first two need no ledger, the others ask a cluster only.
    storage = () if name in ("presets", "replay", "submit", "suspend", "resume") else ("--storage",)
    for word in ("--quiet", "--json", *storage, "\n  Examples:\n", "\n  Exit status:\n", "130  "):
        assert word in help_text, word
    assert f"    corebound {name} " in help_text or f"    corebound {name}\n" in help_text
    assert max(map(len, help_text.splitlines())) <= 100


def test_the_command_itself_is_explained() -> None:
    help_text = CliRunner().invoke(corebound, ["--help"]).output
    assert all(name in help_text for name in [*COMMANDS, "COREBOUND_HOME", "NO_COLOR", "Examples:"])


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["results", "none"], "nothing was run yet"),
        (["watch"], "nothing was run yet"),
        (["logs", "none", "0"], "nothing was run yet"),
        (["storage", "none"], "nothing was run yet"),
        (["results", "none", "--storage", "mysql://host/x"], "found a mysql storage, expected postgresql://"),
        (["results", "none", "--storage", "postgresql://u:geheim@127.0.0.1:port/x"], "the storage is no URL"),
        (["results", "none", "--csv"], "--csv and --json are two forms"),
        (["run"], "expected either -f FILE or an ENTRYPOINT"),
        (["run", "-f", "none.yaml"], "none.yaml: cannot be read"),
        (["run", "-f", "none.yaml", "-n", "3"], "-n goes with an ENTRYPOINT; with -f write it in the file"),
        (["run", "-f", "none.yaml", "-g", "3", "-s", "1"], "-g and -s go with -c PRESET"),
        (["run", "-f", "none.yaml", "-c", "neat_baseline"], "expected either -f FILE or an ENTRYPOINT"),
        (["run", "-c", "neet_baseline"], "did you mean 'neat_baseline'?"),
        (["run", "-c", "neat_baseline", "-p", "0"], "spec.trial.workload.population: found 0, expected at least 1"),
        (["run", "-c", "neat_baseline", "--fresh"], "--fresh does not go with -c"),
        (["search", "a b<c>'", "-n", "1"], "metadata.name: found"),
        (["search", "prod", "-m", "neet"], "found 'neet', expected pure or neat; did you mean 'neat'?"),
        (["search", "prod", "--task", "dubble-pole"], "did you mean 'double-pole'?"),
        (["search", "prod", "--preset", "prot"], "did you mean 'prod'?"),
        (["search", "prod", "-g", "0"], "spec.trial.workload.generations: found 0, expected at least 1"),
        (["search", "prod", "-p", "9000000"], "spec.trial.memory: the networks need about"),
        (["search"], "Missing argument 'NAME'"),
        (["show", "none"], "nothing was run yet"),
        (["export", "none", "0"], "nothing was run yet"),
        (["replay", "none.json"], "none.json cannot be read"),
        (["presets", "defalt"], "did you mean 'default'?"),
        (["run", "train.py:objective", "-n", "0"], "spec.trials"),
        (["run", "train.py:objective", "--wrong"], "No such option '--wrong'"),
        (["plan"], "Missing option '-f'"),
        (["storage"], "expected the NAME of a campaign"),
        (["storage", "name", "--stop"], "--stop stops the embedded server"),
        (["nonsense"], "No such command 'nonsense'"),
    ],
)
def test_errors_are_one_line_and_one_object(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], text: str
) -> None:
    assert called(monkeypatch, *arguments, "--json") == 2
    printed = capsys.readouterr()
    found = json.loads(printed.out)
    assert text in found["error"]
    assert found["exit_code"] == 2
    assert printed.err.startswith(f"error: {found['error']}")
    assert "Traceback" not in printed.err
    assert "geheim" not in printed.out + printed.err


def test_problems_of_a_file_are_listed_one_by_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "two.yaml"
    file.write_text(
        "apiVersion: corebound.dev/v1alpha1\nkind: SearchCampaign\nmetadata: {name: two}\nspec:\n  trails: 3\n"
    )
    assert called(monkeypatch, "plan", "-f", str(file), "--json") == 2
    problems = json.loads(capsys.readouterr().out)["problems"]
    assert len(problems) > 1
    assert {"file", "line", "field", "message"} <= problems[0].keys()


def test_a_heartbeat_that_is_no_time_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from corebound.api.errors import UsageError
    from corebound.cli.recording import _heartbeat_seconds

    monkeypatch.setenv("COREBOUND_HEARTBEAT_SECONDS", "2.5")
    assert _heartbeat_seconds() == 2.5
    for text in ("often", "0", "-1", "inf", "nan"):
        monkeypatch.setenv("COREBOUND_HEARTBEAT_SECONDS", text)
        with pytest.raises(UsageError, match="expected a number of seconds above 0"):
            _heartbeat_seconds()


@pytest.mark.parametrize(
    ("words", "kept", "url"),
    [
        (["run", "--storage", "postgresql://u:geheim@h/d", "-f", "x"], ["run", "-f", "x"], "postgresql://u:geheim@h/d"),
        (["run", "--storage=postgresql://u:g@h@i/d"], ["run"], "postgresql://u:g@h@i/d"),
        (["run", "--storage", "postgresql://h/d?password=geheim"], ["run"], "postgresql://h/d?password=geheim"),
        (["run", "--storage", "postgresql://u@h:5432/d"], None, None),
        (["run", "--storage=postgresql://h/d"], None, None),
        (["run", "--storage"], None, None),
        (["run", "-f", "a=b"], None, None),
    ],
)
def test_a_password_leaves_the_command_line(words: list[str], kept: list[str] | None, url: str | None) -> None:
    assert command_line._without_password(words) == (words if kept is None else kept, url)
