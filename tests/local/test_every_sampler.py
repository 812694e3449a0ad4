"""Every sampler runs a campaign over parameters of every type, and proposes what Optuna would from the same trials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import optuna
import pytest

from corebound.api.parameters import holds
from corebound.api.search import Search
from corebound_trial.runner.sampling import make_sampler, suggest_declared
from corebound_trial.runner.seeds import slot_seed

from .campaigns import Corebound, opened_study, ran, rows, written

if TYPE_CHECKING:
    from pathlib import Path

    from corebound.ledger.ledger import Ledger

SEED = 5
TRIALS = 8
NUMBERS: list[dict[str, Any]] = [
    {"name": "rate", "type": "float", "low": 1e-5, "high": 1, "log": True},
    {"name": "steps", "type": "float", "low": 0.1, "high": 0.7, "step": 0.2},
    {"name": "width", "type": "int", "low": 1, "high": 64, "log": True},
    {"name": "layers", "type": "int", "low": 2, "high": 11, "step": 3},
]
EVERYTHING = [
    {"name": "x", "type": "float", "low": -1, "high": 1},
    *NUMBERS,
    {"name": "mixed", "type": "categorical", "choices": ["tanh", 1, 2.5, False]},
    {"name": "flag", "type": "categorical", "choices": [True, False]},
]
FINITE = [
    {"name": "steps", "type": "float", "low": 0.1, "high": 0.3, "step": 0.1},
    {"name": "layers", "type": "int", "low": 2, "high": 5, "step": 3},
    {"name": "mixed", "type": "categorical", "choices": ["tanh", 2.5]},
]
SPACES = {"grid": FINITE, "cmaes": [EVERYTHING[0], *NUMBERS]}
OPTIONS: dict[str, dict[str, Any]] = {
    "tpe": {"n_startup_trials": 3},
    "gp": {"n_startup_trials": 6},
    "nsga2": {"population_size": 3},
    "cmaes": {"popsize": 4, "n_startup_trials": 2},
}
FILES = """
import optuna

def make_sampler(seed, n_startup_trials):
    return optuna.samplers.TPESampler(seed=seed, n_startup_trials=n_startup_trials, multivariate=True)

def objective(trial):
    for name, value in trial.params.items():
        trial.set_user_attr(name, type(value).__name__)
    return sum(value for value in trial.params.values() if not isinstance(value, str)) ** 2
"""


def searching(sampler: str) -> dict[str, Any]:
    chosen: dict[str, Any] = {"seed": SEED, "options": OPTIONS.get(sampler, {})}
    if sampler == "entrypoint":
        chosen |= {"entrypoint": "files.py:make_sampler", "options": {"n_startup_trials": 3}}
    else:
        chosen["name"] = sampler
    return {"sampler": chosen, "parameters": SPACES.get(sampler, EVERYTHING)}


def replayed(search: Search, folder: Path, trials: list[optuna.trial.FrozenTrial]) -> list[dict[str, Any]]:
    """What Optuna proposes for each slot over a storage of its own in memory, told what the campaign's trials returned."""
    study = optuna.create_study(direction="minimize")
    points: list[dict[str, Any]] = []
    sampler = None
    for slot, trial in enumerate(trials):
        sampler = make_sampler(
            search, seed=SEED, slot=slot, slot_seed=slot_seed(SEED, slot), folder=folder, workers=1, previous=sampler
        )
        study.sampler = sampler
        asked = study.ask()
        suggest_declared(asked, search.parameters)
        study.tell(asked, trial.values)
        points.append(asked.params)
    return points


@pytest.mark.parametrize("sampler", ["tpe", "random", "grid", "qmc", "cmaes", "gp", "nsga2", "entrypoint"])
def test_a_sampler_over_every_type_of_parameter(
    corebound: Corebound, ledger: Ledger, tmp_path: Path, sampler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "files.py").write_text(FILES)
    specification = searching(sampler)
    search = Search.model_validate(specification)
    spec = {"trials": TRIALS, "search": specification, "trial": {"entrypoint": "files.py:objective"}}
    outcome = ran(corebound, written(tmp_path, f"every-{sampler}", **spec))
    assert outcome["counts"]["succeeded"] == TRIALS
    with opened_study(ledger, f"every-{sampler}") as study:
        trials = study.trials
    points = [trial.params for trial in trials]
    for trial in trials:
        for parameter in search.parameters:
            value = trial.params[parameter.name]
            assert holds(parameter, value), f"{parameter.name} = {value!r}"
            # The objective was given Python's own types, also where a sampler computes with numpy's.
            assert trial.user_attrs[parameter.name] == type(value).__name__
            assert parameter.type == "categorical" or trial.user_attrs[parameter.name] == parameter.type
    # A child of one parent that did not mutate is the same point again.
    assert len({str(point) for point in points}) == TRIALS or sampler == "nsga2"
    # `corebound results` shows the same, in the same types.
    assert [str(row["params"]) for row in rows(ledger, f"every-{sampler}")] == [str(point) for point in points]
    if sampler == "grid":
        assert [tuple(point.values()) for point in points] == [
            (steps, layers, mixed) for steps in (0.1, 0.2, 0.3) for layers in (2, 5) for mixed in ("tanh", 2.5)
        ][:TRIALS]
        return
    monkeypatch.syspath_prepend(tmp_path)
    again = replayed(search, tmp_path, trials)
    if sampler == "gp":
        # Beyond its random start it optimises with torch, whose last digits depend on its number of threads.
        assert again[:6] == points[:6]
        return
    assert again == points


@pytest.mark.parametrize("sampler", ["random", "grid", "qmc"])
def test_the_same_points_whatever_the_number_of_workers(
    corebound: Corebound, ledger: Ledger, tmp_path: Path, sampler: str
) -> None:
    """Against one worker's, which the test above has run."""
    (tmp_path / "files.py").write_text(FILES)
    spec = {"trials": TRIALS, "search": searching(sampler), "trial": {"entrypoint": "files.py:objective"}}
    alone, together = f"every-{sampler}", f"together-{sampler}"
    if ledger.campaigns.find(alone) is None:
        ran(corebound, written(tmp_path, alone, **spec))
    ran(corebound, written(tmp_path, together, **spec, parallelism=2), "--cores", "2")
    points = {row["slot"]: row["params"] for row in rows(ledger, together)}
    assert points == {row["slot"]: row["params"] for row in rows(ledger, alone)}
    assert len({str(point) for point in points.values()}) == TRIALS
