"""Every file shown in docs/objective.md is written down and run as it stands there."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

import optuna
import pytest
import yaml

from corebound.api.search import Search
from corebound.api.trial import TrialSpec
from corebound.local.artifacts import resolved
from corebound_trial.objectives.entrypoint import load_function
from corebound_trial.objectives.loading import load_objective
from corebound_trial.objectives.protocol import Stopped
from corebound_trial.objectives.result import values_of
from corebound_trial.objectives.state_codec import decode_state, encode_state
from corebound_trial.runner.artifacts import Artifacts
from corebound_trial.runner.callbacks import load_callbacks
from corebound_trial.runner.sampling import make_sampler
from corebound_trial.runner.seeds import seed_everything

from .attempts import Ledger, attempt_context

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def shown(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with all the files of the page; what its modules leave in this process is undone."""
    page = request.config.rootpath / "docs" / "objective.md"
    for _, name, text in _BLOCK.findall(page.read_text(encoding="utf-8")):
        if name:
            (tmp_path / name).write_text(text, encoding="utf-8")
    modules = set(sys.modules)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def run(folder: Path, spec: dict[str, Any], trial: optuna.Trial, metric: str = "loss", **more: Any) -> float:
    objective = load_objective(TrialSpec.model_validate(spec), folder=folder, metrics=[metric])
    seed_everything(11)
    values = values_of(objective.run(trial, attempt_context(**more)), metrics=[metric])
    assert isinstance(values, list), values
    return values[0]


def a_trial(**params: float) -> optuna.Trial:
    study = optuna.create_study(pruner=optuna.pruners.NopPruner())
    study.enqueue_trial(params)
    return study.ask()


def test_an_objective_with_arguments(shown: Path) -> None:
    trial = a_trial(rate=0.5)
    assert run(shown, {"entrypoint": "train.py:objective", "arguments": {"steps": 4}}, trial) == pytest.approx(0.75**4)
    assert len(trial.study.trials[0].intermediate_values) == 4


def test_a_class(shown: Path) -> None:
    assert run(shown, {"entrypoint": "shared.py:Objective", "arguments": {"size": 5}}, a_trial(x=0.5)) == 5.0


def test_a_stopped_objective_goes_on_to_the_same_result(shown: Path) -> None:
    spec = {"entrypoint": "resumable.py:objective"}
    undisturbed = run(shown, spec, a_trial(rate=0.5))
    ledger, trial = Ledger(), a_trial(rate=0.5)
    with pytest.raises(Stopped):
        run(shown, spec, trial, ledger=ledger, stop=lambda: len(ledger.progress) == 20)
    assert run(shown, spec, trial, ledger=ledger) == undisturbed
    assert [step for step, _ in ledger.progress] == list(range(1, 51))


def test_a_stop_in_a_long_step_loses_that_step_alone(shown: Path) -> None:
    trial, ledger = a_trial(rate=0.5), Ledger()
    spec = {"entrypoint": "long_steps.py:objective"}
    run(shown, spec, trial, ledger=ledger, stop=lambda: True)
    assert decode_state(ledger.saved[0]) == {"step": 0, "value": 0.0}, (
        "the beginning of the step that was to be stopped"
    )
    ledger.saved.append(encode_state({"step": 7, "value": 1.0}))
    assert run(shown, spec, trial, ledger=ledger) == pytest.approx(1.0 + 13 * 0.5)


@pytest.fixture
def specs(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    """Every ``trial`` that the page shows as YAML: a program, files to keep, callbacks."""
    page = (request.config.rootpath / "docs" / "objective.md").read_text(encoding="utf-8")
    return [yaml.safe_load(text)["trial"] for kind, _, text in _BLOCK.findall(page) if kind == "yaml"]


def test_a_program(shown: Path, specs: list[dict[str, Any]]) -> None:
    spec, _, _ = specs
    trial, ledger = a_trial(rate=0.5), Ledger()
    trial.suggest_float("rate", 0, 1)
    assert run(shown, spec, trial, ledger=ledger, every=0.0) == pytest.approx(0.75**10)
    assert sorted(trial.study.trials[0].intermediate_values) == list(range(1, 11))


def test_a_result_file(shown: Path) -> None:
    trial = a_trial(x=-0.25)
    trial.suggest_float("x", -1, 1)
    assert run(shown, {"command": ["sh", "result.sh"]}, trial) == -0.25
    assert trial.study.trials[0].user_attrs["host"]


def test_files_to_keep(shown: Path, specs: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    _, spec, _ = specs
    monkeypatch.setenv("COREBOUND_ARTIFACTS", "")
    artifacts = Artifacts(shown / "scratch", keep_in=f"{resolved(spec['artifacts'], folder=shown)}/campaign")
    artifacts.begin()
    value = run(shown, spec, a_trial(w0=0.5, w1=0.5, w2=-1.0), artifacts=artifacts.folder)
    assert value == 1.5
    assert artifacts.keep(3, on_progress=lambda: None).place == str(shown / "models" / "campaign" / "3")
    assert (shown / "models" / "campaign" / "3" / "weights.json").read_text() == "[0.5, 0.5, -1.0]"


def test_callbacks(shown: Path, specs: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, spec = specs
    callbacks = load_callbacks(TrialSpec.model_validate(spec).callbacks, folder=shown)
    monkeypatch.chdir(shown)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    study.optimize(lambda trial: max(0.25, trial.suggest_float("x", 0, 1)), n_trials=200, callbacks=callbacks)
    assert 20 < len(study.trials) < 200
    first, *_ = (shown / "finished.txt").read_text().splitlines()
    assert first == f"0 COMPLETE {study.trials[0].values}"


def test_a_sampler(shown: Path) -> None:
    sampler = {"entrypoint": "samplers.py:make_sampler", "options": {"n_startup_trials": 3}}
    made = make_sampler(Search.model_validate({"sampler": sampler}), seed=1, slot=0, slot_seed=2, folder=shown)
    assert isinstance(made, optuna.samplers.TPESampler)


def test_every_file_shown_is_run_here(shown: Path) -> None:
    files = {path.name for path in shown.iterdir()}
    assert files == {
        "train.py",
        "shared.py",
        "resumable.py",
        "long_steps.py",
        "program.py",
        "result.sh",
        "samplers.py",
    } | {
        "model.py",
        "watching.py",
    }
    assert load_function("train.py:objective", folder=shown)
