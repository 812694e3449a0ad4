"""The same slot gets the same parameters, whoever runs it and whatever ran before."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy
import optuna
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from corebound.api.errors import ObjectiveError
from corebound.api.parameters import values_of
from corebound.api.search import Search
from corebound.ledger.distributions import distributions_of
from corebound_trial.runner.points import fixed_params, grid_point
from corebound_trial.runner.sampling import make_pruner, make_sampler, suggest_declared
from corebound_trial.runner.seeds import campaign_seed, sampler_seed, seed_everything, slot_seed

FLOAT: dict[str, Any] = {"name": "x", "type": "float", "low": 0.0, "high": 1.0}
LOG: dict[str, Any] = {"name": "rate", "type": "float", "low": 1e-5, "high": 1.0, "log": True}
STEPS: dict[str, Any] = {"name": "s", "type": "float", "low": 0.1, "high": 0.7, "step": 0.1}
INTEGER: dict[str, Any] = {"name": "n", "type": "int", "low": 1, "high": 9, "step": 2}
CHOICE: dict[str, Any] = {"name": "c", "type": "categorical", "choices": ["a", 1, 2.5, True]}
EVERYTHING = [FLOAT, LOG, STEPS, INTEGER, CHOICE]


def search(sampler: str = "random", parameters: list[dict[str, Any]] | None = None, **more: Any) -> Search:
    options = more.pop("options", {})
    return Search.model_validate(
        {"sampler": {"name": sampler, "seed": 5, "options": options}, "parameters": parameters or EVERYTHING, **more}
    )


def run_slot(study: optuna.Study, space: Search, slot: int, **more: Any) -> dict[str, Any]:
    """One slot as the child runs it: its sampler, its fixed parameters, its declared ones."""
    own = slot_seed(5, slot)
    seed_everything(own)
    study.sampler = make_sampler(space, seed=5, slot=slot, slot_seed=own, folder=Path.cwd(), **more)
    study.enqueue_trial(fixed_params(space, slot))
    trial = study.ask()
    suggest_declared(trial, space.parameters)
    study.tell(trial, random.random())
    return trial.params


@pytest.mark.parametrize("sampler", ["random", "qmc", "grid"])
@given(order=st.permutations(range(8)), workers=st.integers(1, 4))
@settings(max_examples=12, deadline=None)
def test_points_belong_to_slots_whatever_the_order_and_the_workers(
    sampler: str, order: list[int], workers: int
) -> None:
    space = search(sampler, [STEPS, INTEGER, CHOICE] if sampler == "grid" else EVERYTHING)
    alone = optuna.create_study()
    expected = {slot: run_slot(alone, space, slot) for slot in range(8)}
    # Each worker has its own sampler memory; which of them runs a slot, and when, must not matter.
    studies = [optuna.create_study() for _ in range(workers)]
    found = {slot: run_slot(studies[place % workers], space, slot) for place, slot in enumerate(order)}
    assert found == expected
    assert len({str(point) for point in found.values()}) == 8


def test_values_are_those_of_their_distributions() -> None:
    for sampler in ("random", "qmc", "tpe"):
        study, space = optuna.create_study(), search(sampler)
        for slot in range(12):
            for name, value in run_slot(study, space, slot).items():
                distribution = distributions_of(space.parameters)[name]
                assert distribution._contains(distribution.to_internal_repr(value))


def test_the_grid_is_the_product_in_declared_order_the_last_turning_fastest() -> None:
    space = search("grid", [INTEGER, CHOICE])
    points = [fixed_params(space, slot) for slot in range(space.grid_points())]
    assert [tuple(point.values()) for point in points[:5]] == [(1, "a"), (1, 1), (1, 2.5), (1, True), (3, "a")]
    assert len({repr(point) for point in points}) == 20 == len(points)


@given(low=st.integers(-30, 30), count=st.integers(1, 40), step=st.sampled_from([0.1, 0.05, 0.3, 1e-3, 2.5]))
def test_steps_of_a_grid_are_what_the_file_says_and_never_outside(low: int, count: int, step: float) -> None:
    high = float(f"{low + (count - 1) * step:.10g}")
    space = search("grid", [{"name": "s", "type": "float", "low": low, "high": high, "step": step}])
    values = [grid_point(space.parameters, index)["s"] for index in range(len(values_of(space.parameters[0])))]
    assert values == [float(f"{low + index * step:.10g}") for index in range(count)]
    assert all(low <= value <= high for value in values)


def test_enqueued_points_come_first_and_the_grid_after_them() -> None:
    random_space = search(parameters=[FLOAT, INTEGER], enqueue=[{"x": 0}, {"n": 3}])
    assert [fixed_params(random_space, slot) for slot in range(3)] == [{"x": 0.0}, {"n": 3}, {}]
    assert isinstance(fixed_params(random_space, 0)["x"], float)
    study = optuna.create_study()
    first = run_slot(study, random_space, 0)
    assert first["x"] == 0.0
    assert first["n"] in range(1, 10, 2)
    grid = search("grid", [INTEGER], enqueue=[{"n": 9}])
    assert [fixed_params(grid, slot) for slot in range(3)] == [{"n": 9}, {"n": 1}, {"n": 3}]


@pytest.mark.parametrize("options", [{}, {"qmc_type": "halton"}, {"scramble": False}])
def test_qmc_fills_the_space_evenly(options: dict[str, Any]) -> None:
    space, study = search("qmc", [FLOAT, CHOICE], options=options), optuna.create_study()
    points = [run_slot(study, space, slot) for slot in range(32)]
    halves = [sum(low <= point["x"] < low + 0.25 for point in points) for low in (0, 0.25, 0.5, 0.75)]
    assert all(7 <= count <= 9 for count in halves)
    assert {repr(point["c"]) for point in points} == {"'a'", "1", "2.5", "True"}


def test_what_qmc_does_not_declare_differs_between_slots() -> None:
    space, study = search("qmc", [FLOAT]), optuna.create_study()
    found = set()
    for slot in range(4):
        study.sampler = make_sampler(space, seed=5, slot=slot, slot_seed=slot_seed(5, slot), folder=Path.cwd())
        trial = study.ask()
        suggest_declared(trial, space.parameters)
        found.add(trial.suggest_float("more", 0, 1))
        study.tell(trial, 0.0)
    assert len(found) == 4


@pytest.mark.parametrize("sampler", ["tpe", "cmaes", "gp", "nsga2"])
def test_samplers_that_learn_run_slot_after_slot(sampler: str) -> None:
    options = {"tpe": {"n_startup_trials": 3}, "gp": {"n_startup_trials": 3}, "nsga2": {"population_size": 4}}
    parameters = [FLOAT, {**LOG, "name": "y"}] if sampler == "cmaes" else EVERYTHING
    space, study = search(sampler, parameters, options=options.get(sampler, {})), optuna.create_study()
    points, previous = [], None
    for slot in range(8):
        points.append(run_slot(study, space, slot, previous=previous, workers=4))
        previous = study.sampler
    assert len({str(point) for point in points}) == 8


def test_what_a_sampler_has_worked_out_is_carried_over_and_changes_no_point() -> None:
    space = search("tpe", [FLOAT, LOG], options={"n_startup_trials": 3})
    found = []
    for carried in (False, True):
        study, previous, points = optuna.create_study(), None, []
        for slot in range(10):
            points.append(run_slot(study, space, slot, previous=previous))
            previous = study.sampler if carried else None
        found.append(points)
    assert found[0] == found[1]
    assert previous is not None
    following = make_sampler(space, seed=5, slot=9, slot_seed=1, folder=Path.cwd(), previous=previous)
    assert following._search_space is previous._search_space


def test_cmaes_gets_a_population_of_its_workers_unless_the_user_chose() -> None:
    def popsize(workers: int | None, **options: Any) -> int | None:
        space = search("cmaes", [FLOAT, LOG], options=options)
        made = make_sampler(space, seed=5, slot=0, slot_seed=1, folder=Path.cwd(), workers=workers)
        found: int | None = made._popsize
        return found

    assert popsize(None) is None
    assert popsize(2) == 6
    assert popsize(30) == 30
    assert popsize(30, popsize=5) == 5


SAMPLERS = """
import optuna
SEEDS = []
def make_sampler(seed): SEEDS.append(seed); return optuna.samplers.RandomSampler(seed=seed)
def with_options(*, scale, **more): assert scale == 2 and "seed" in more; return optuna.samplers.RandomSampler()
def plain(): return optuna.samplers.RandomSampler(seed=1)
def broken(): return 1 / 0
def nothing(): pass
"""


def users(folder: Path, function: str, **options: Any) -> Search:
    (folder / "mysamplers.py").write_text(SAMPLERS, encoding="utf-8")
    sampler = {"entrypoint": f"mysamplers.py:{function}", "options": options}
    return Search.model_validate({"sampler": sampler, "parameters": [FLOAT]})


def first_value(space: Search, folder: Path, slot: int = 0) -> float:
    study = optuna.create_study(
        sampler=make_sampler(space, seed=5, slot=slot, slot_seed=slot_seed(5, slot), folder=folder)
    )
    trial = study.ask()
    suggest_declared(trial, space.parameters)
    return float(trial.params["x"])


def test_a_sampler_of_the_user_gets_the_slots_seed_and_its_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "mysamplers", raising=False)
    seeded = users(tmp_path, "make_sampler")
    assert first_value(seeded, tmp_path, 0) == first_value(seeded, tmp_path, 0) != first_value(seeded, tmp_path, 1)
    assert 0 <= first_value(users(tmp_path, "with_options", scale=2), tmp_path) <= 1
    assert first_value(users(tmp_path, "plain"), tmp_path) == first_value(users(tmp_path, "plain"), tmp_path, 1)
    for function, said in (("broken", "ZeroDivisionError"), ("nothing", "returned a NoneType"), ("mssing", "has no")):
        with pytest.raises(ObjectiveError, match=said):
            first_value(users(tmp_path, function), tmp_path)
    monkeypatch.delitem(sys.modules, "mysamplers")


def test_options_that_optuna_refuses_fail_the_trial_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(ObjectiveError, match=r"qmc sampler refuses its options.*qmc_type='nope'"):
        first_value(search("qmc", [FLOAT], options={"qmc_type": "nope"}), tmp_path)
    pruner = make_pruner(search(pruner={"name": "percentile", "options": {"percentile": 300}}))
    trial = optuna.create_study(pruner=pruner).ask()
    with pytest.raises(ObjectiveError, match="percentile pruner refuses its options"):
        trial.should_prune()


@pytest.mark.parametrize(
    ("name", "options", "kind"),
    [
        ("none", {}, "NopPruner"),
        ("median", {"n_startup_trials": 2}, "MedianPruner"),
        ("percentile", {"percentile": 25.0}, "PercentilePruner"),
        ("successive-halving", {"min_resource": 1}, "SuccessiveHalvingPruner"),
        ("hyperband", {"max_resource": 9}, "HyperbandPruner"),
    ],
)
def test_pruners(name: str, options: dict[str, Any], kind: str) -> None:
    assert type(make_pruner(search(pruner={"name": name, "options": options}))).__name__ == kind


@given(st.integers(0, 2**32 - 1), st.integers(0, 10**6))
def test_seeds_are_stable_32_bits_and_apart(seed: int, slot: int) -> None:
    own = slot_seed(seed, slot)
    assert own == slot_seed(seed, slot) != slot_seed(seed, slot + 1)
    assert 0 <= own < 2**32
    assert own != sampler_seed(own)
    assert campaign_seed(seed, 1) == seed
    assert campaign_seed(None, 1) != campaign_seed(None, 2)


def test_seeds_are_those_of_every_version() -> None:
    assert (slot_seed(7, 0), slot_seed(7, 1), sampler_seed(7)) == (4127154647, 3617640167, 3960879594)


def test_an_objective_draws_other_numbers_than_its_sampler() -> None:
    space, study = search(parameters=[FLOAT]), optuna.create_study()
    for slot in range(5):
        point = run_slot(study, space, slot)
        seed_everything(slot_seed(5, slot))
        assert point["x"] not in (numpy.random.random(), random.random())


def test_everything_is_seeded_and_torch_only_where_it_is_used() -> None:
    drawn = []
    for _ in range(2):
        seed_everything(9)
        drawn.append((random.random(), numpy.random.random(), torch.rand(1).item()))
    assert drawn[0] == drawn[1]
    program = (
        "import sys; from corebound_trial.runner.seeds import seed_everything; seed_everything(1);"
        "import corebound_trial.runner.sampling; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
