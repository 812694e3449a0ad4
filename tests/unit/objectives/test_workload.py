"""The workload as a trial: what is kept with it, what bad input is told, and the task of one's own from the documents."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import optuna
import pytest
import torch

from corebound.api.errors import ObjectiveError, SpecError
from corebound.api.genome import BEHAVIOUR, GENOME, HISTORY, unpacked
from corebound.api.loading import load_campaign, load_campaign_text
from corebound.api.trial import TrialSpec
from corebound_trial.neuroevolution.replay import replay
from corebound_trial.objectives.entrypoint import user_traceback
from corebound_trial.objectives.loading import load_objective
from corebound_trial.objectives.protocol import Stopped
from corebound_trial.objectives.task import load_task

from .attempts import Ledger, attempt_context

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TASK = "import numpy\nclass Walker:\n    inputs, outputs = 1, 1\n    def evaluate(self, networks):\n        {}\n"
CAMPAIGN = """\
apiVersion: corebound.dev/v1alpha1
kind: SearchCampaign
metadata: {{name: grown}}
spec:
  trials: 3
  objectives: [{{metric: fitness, direction: maximize}}]
  trial: {{memory: {memory}, workload: {{{workload}}}}}
"""


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """As a worker of ``threads: 1`` runs them."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def a_trial() -> optuna.Trial:
    return optuna.create_study(pruner=optuna.pruners.NopPruner()).ask()


def objective(folder: Path, workload: dict[str, Any], metric: str = "fitness", **more: Any) -> Any:
    spec = TrialSpec.model_validate({"workload": {"population": 40, "generations": 6, **workload}, **more})
    return load_objective(spec, folder=folder, metrics=[metric])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def walker(folder: Path, body: str) -> dict[str, str]:
    (folder / f"walker_{abs(hash(body))}.py").write_text(TASK.format(body), encoding="utf-8")
    return {"task": f"walker_{abs(hash(body))}.py:Walker"}


@pytest.mark.parametrize("mode", ["pure", "neat"])
def test_the_best_genome_and_the_history_are_kept(mode: str, folder: Path) -> None:
    trial = a_trial()
    made = objective(folder, {"task": "cartpole", "mode": mode, "seeds": 2})
    (fitness,) = made.run(trial, attempt_context())
    kept = trial.study.trials[0].user_attrs
    genome = unpacked(kept[GENOME])
    task = load_task(genome.task, arguments=genome.arguments, folder=folder)
    assert replay(genome, task) == genome.fitness >= fitness
    assert genome.generation <= kept[HISTORY]["generation"][-1] <= kept["generations"]
    assert set(kept[HISTORY]) == {"seed", "generation", "best", "mean", "species", "largest", "nodes", "connections"}
    assert kept[BEHAVIOUR]["kind"] == "motion"
    assert kept["exact"] is True


def test_digits_tell_the_accuracy_on_images_never_shown(folder: Path) -> None:
    trial = a_trial()
    objective(folder, {"task": "digits", "mode": "neat", "generations": 2}).run(trial, attempt_context())
    assert 0.0 < trial.study.trials[0].user_attrs["test_accuracy"] < 1.0


@pytest.mark.parametrize("mode", ["pure", "neat"])
def test_a_stopped_trial_goes_on_to_the_same_result(mode: str, folder: Path) -> None:
    made = objective(folder, {"task": "mountain-car", "mode": mode, "seeds": 2})
    whole, trial, ledger = a_trial(), a_trial(), Ledger()
    undisturbed = made.run(whole, attempt_context())
    with pytest.raises(Stopped):
        made.run(trial, attempt_context(ledger, stop=lambda: len(ledger.progress) == 3))
    assert made.run(trial, attempt_context(ledger)) == undisturbed
    assert trial.study.trials[0].user_attrs == whole.study.trials[0].user_attrs


def test_the_documented_task_runs_as_it_stands_there(folder: Path, request: pytest.FixtureRequest) -> None:
    page = (request.config.rootpath / "docs" / "neuroevolution.md").read_text(encoding="utf-8")
    files = {name: text for _, name, text in _BLOCK.findall(page) if name}
    assert set(files) == {"walker.py", "campaign.yaml"}
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    spec = load_campaign(folder / "campaign.yaml").spec
    trial = a_trial()
    trial.suggest_float("mutation_power", 0.5, 4.0)
    made = load_objective(spec.trial, folder=folder, metrics=["fitness"])
    (fitness,) = made.run(trial, attempt_context())
    assert 0.5 < fitness <= 1.0
    genome = unpacked(trial.study.trials[0].user_attrs[GENOME])
    task = load_task(genome.task, arguments=genome.arguments, folder=folder)
    assert task.goal == 0.5
    assert replay(genome, task) == genome.fitness


def test_a_task_that_raises_in_mid_generation_shows_its_own_traceback(folder: Path) -> None:
    made = objective(folder, walker(folder, "raise RuntimeError('the floor gave way')"))
    with pytest.raises(RuntimeError) as caught:
        made.run(a_trial(), attempt_context())
    assert caught.tb.tb_next is not None  # without the frame of this test, which is no user's either
    text = user_traceback(caught.value.with_traceback(caught.tb.tb_next))
    assert "in evaluate" in text
    assert "the floor gave way" in text
    assert "evolution.py" not in text


def test_fitness_that_is_no_number_is_told_and_counted(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trial = a_trial()
    body = "return numpy.where(numpy.arange(networks.lanes) % 4 == 0, numpy.nan, 1.0)"
    assert objective(folder, walker(folder, body)).run(trial, attempt_context()) == [1.0]
    assert trial.study.trials[0].user_attrs["invalid_fitness"] == 60
    assert "60 of 240 fitness values were NaN or infinite" in capsys.readouterr().out


def test_a_genome_at_its_size_limit_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trial = a_trial()
    settings = {"hidden": 1, "add_node": 1.0, "crossover_probability": 0.0}
    objective(folder, {"task": "digits", "mode": "neat", "settings": settings}).run(trial, attempt_context())
    assert trial.study.trials[0].user_attrs["left_out_for_size"] > 0
    assert "raise settings.hidden" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("tasks.py:Walke", "class Walker: pass", "did you mean 'Walker'"),
        ("task.py:Walker", "", "did you mean 'tasks.py'"),
        ("tasks:Walker", "class Walker: pass", "inputs is None, expected a whole number"),
        ("tasks.py:Walker", "class Walker: inputs, outputs = 0, 1", "inputs is 0"),
        ("tasks.py:Walker", "class Walker: inputs, outputs = 1, 1", "has no method evaluate"),
        ("tasks.py:Walker", "class Walker:\n def __init__(self): 1 / 0", "ZeroDivisionError"),
        ("tasks.py:Walker", "class Walker:\n def __init__(self, legs): pass", "legs"),
        ("tasks.py:Walker", "raise OSError('no legs')", "no legs"),
        (
            "tasks.py:Walker",
            "class Walker:\n inputs, outputs, solved = 1, 1, 'soon'\n def evaluate(self, networks): pass",
            "solved is 'soon', expected a number",
        ),
        ("cartpol", "", "did you mean 'cartpole'"),
    ],
)
def test_a_task_that_is_none_is_named_before_any_trial(name: str, text: str, said: str, folder: Path) -> None:
    (folder / "tasks.py").write_text(text, encoding="utf-8")
    with pytest.raises(ObjectiveError, match=re.escape(said)):
        load_task(name, arguments={}, folder=folder)
    import sys

    sys.modules.pop("tasks", None)


def test_solved_at_needs_a_task_that_says_what_solves_it(folder: Path) -> None:
    with pytest.raises(ObjectiveError, match="has no attribute solved"):
        objective(folder, walker(folder, "return numpy.zeros(networks.lanes)"), metric="solved_at")


def test_too_many_networks_of_a_users_task_are_refused_with_the_arithmetic(folder: Path) -> None:
    made = objective(folder, {**walker(folder, "return 1 / 0"), "population": 10_000_000})
    with pytest.raises(ObjectiveError, match=r"1 seeds x 10000000 networks .* KiB; trial.memory is 1,024 MiB"):
        made.run(a_trial(), attempt_context())


@pytest.mark.parametrize(
    ("memory", "workload", "said"),
    [
        ("1Gi", "task: cartpole, population: 10000000", "spec.trial.memory: the networks need about"),
        (
            "1Gi",
            "task: digits, population: 5000, seeds: 30",
            "30 seeds x 5024 networks (population 5000 in blocks of 32)",
        ),
        ("1Gi", "task: cartpole, mode: neet", "found 'neet', expected pure or neat; did you mean 'neat'?"),
        ("1Gi", "task: double-poles", "did you mean 'double-pole'?"),
        ("1Gi", "task: cartpole, population: 0", "found 0, expected at least 1"),
        ("1Gi", "task: cartpole, generations: 0", "found 0, expected at least 1"),
        ("1Gi", "task: cartpole, settings: {add_node: 0.1}", "is no parameter of mode pure"),
        ("1Gi", "task: cartpole, mode: neat, settings: {elites: 0.1}", "is no parameter of mode neat"),
        ("1Gi", "task: cartpole, mode: neat, settings: {add_node: 2}", "expected a number from 0 to 1"),
    ],
)
def test_what_cannot_be_is_refused_with_the_file(memory: str, workload: str, said: str) -> None:
    with pytest.raises(SpecError, match=re.escape(said)):
        load_campaign_text(CAMPAIGN.format(memory=memory, workload=workload), file="c.yaml")


@pytest.mark.parametrize(
    "workload", ["task: digits, mode: neat, seeds: 3", "task: 'mine.walking:Walker'", "task: walker.py:Walker"]
)
def test_what_can_be_is_accepted(workload: str) -> None:
    load_campaign_text(CAMPAIGN.format(memory="2Gi", workload=workload), file="c.yaml")
