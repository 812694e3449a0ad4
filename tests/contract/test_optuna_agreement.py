"""Pruners decide, and samplers propose, over the storage of workers as they do over Optuna's own, on the same curves.

Three workers at once on either side, each with a storage, a sampler and a pruner of its own, take the same turns: they
create trials, suggest, report (values that are no number, steps left out, steps twice), prune, fail and finish.
"""

from __future__ import annotations

import contextlib
import math
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
import pytest

from corebound.api.search import PRUNER_OPTIONS, Search
from corebound.ledger.storage import CampaignStorage
from corebound_trial.runner.sampling import make_pruner, make_sampler

if TYPE_CHECKING:
    from collections.abc import Iterator

    from corebound.api.records import CampaignRecord, SlotClaim
    from corebound.ledger.ledger import Ledger

pytestmark = [
    pytest.mark.filterwarnings("ignore:The reported value is ignored because this"),  # a turn of the play
    pytest.mark.filterwarnings("ignore:Constraints have been set, but CmaEsSampler"),
    # numpy's, in Optuna's percentiles of curves that are not finite
    pytest.mark.filterwarnings("ignore:All-NaN slice encountered:RuntimeWarning"),
    pytest.mark.filterwarnings("ignore:invalid value encountered in:RuntimeWarning"),
]
WORKERS = 3
TRIALS = 18
PRUNERS: list[dict[str, Any]] = [
    {"name": "none"},
    {"name": "median", "options": {"n_startup_trials": 2}},
    {"name": "median", "options": {"n_startup_trials": 2, "n_warmup_steps": 2, "interval_steps": 2, "n_min_trials": 2}},
    {"name": "percentile", "options": {"percentile": 70.0, "n_startup_trials": 1}},
    {"name": "successive-halving", "options": {"min_resource": 1, "reduction_factor": 2}},
    {"name": "successive-halving", "options": {"reduction_factor": 3, "min_early_stopping_rate": 1}},
    {"name": "successive-halving", "options": {"min_resource": 1, "bootstrap_count": 2}},
    {"name": "hyperband", "options": {"min_resource": 1, "max_resource": 9, "reduction_factor": 3}},
    {"name": "hyperband", "options": {"reduction_factor": 2}},
]


class Worker:
    """What a worker of either side can do; subclasses say where trials come from."""

    def __init__(self, study: optuna.Study, search: Search) -> None:
        self.study, self._search = study, search
        self.trial: optuna.Trial | None = None
        self._sampler: optuna.samplers.BaseSampler | None = None

    def begin(self, slot: int) -> dict[str, Any]:
        """A new trial; what is suggested to it."""
        self._sampler = make_sampler(
            self._search, seed=1, slot=slot, slot_seed=slot, folder=Path.cwd(), previous=self._sampler
        )
        self.study.sampler = self._sampler
        self.trial = self._create()
        self.trial.suggest_float("x", 0, 1)
        self.trial.suggest_int("n", 1, 64, log=True)
        if slot % 3:
            self.trial.suggest_categorical("extra", ["a", "b", True])
        self.trial.set_constraint("c", 0.5 - self.trial.params["x"])
        return {"number": self.trial.number, **self.trial.params}

    def report(self, value: float, step: int) -> bool:
        """Whether the trial is to be pruned now."""
        assert self.trial is not None
        self.trial.report(value, step)
        return self.trial.should_prune()

    def end(self, state: optuna.trial.TrialState, value: float | None) -> None:
        assert self.trial is not None
        self.study.tell(self.trial, value, state)
        self.trial = None

    def _create(self) -> optuna.Trial:
        return self.study.ask()


class CoreboundWorker(Worker):
    def __init__(self, ledger: Ledger, record: CampaignRecord, storage: CampaignStorage, search: Search) -> None:
        study = optuna.load_study(study_name=record.study_name, storage=storage, pruner=make_pruner(search))
        super().__init__(study, search)
        self._ledger, self._record, self._storage = ledger, record, storage
        self._worker = ledger.workers.register(record.campaign_id, name="w", host="here", pid=1, threads=1, cores="")
        self._claim: SlotClaim | None = None

    def _create(self) -> optuna.Trial:
        self._claim = self._ledger.slots.claim(self._record.campaign_id, self._worker)
        assert self._claim is not None
        trial_id = self._storage.create_trial(self._claim, study_id=self._record.study_id, fixed_params={})
        return optuna.Trial(self.study, trial_id)

    def end(self, state: optuna.trial.TrialState, value: float | None) -> None:
        super().end(state, value)
        assert self._claim is not None
        self._ledger.slots.close(self._claim, cpu_seconds=0.0)


@contextlib.contextmanager
def both_sides(
    ledger: Ledger, url: str, search: Search, *, direction: str
) -> Iterator[tuple[list[Worker], list[Worker]]]:
    """The workers of Corebound, and those of Optuna's plainest storage: it keeps every number as it was given."""
    record = ledger.campaigns.create(
        name="agreement",
        specification={"spec": {}},
        trials=TRIALS,
        directions=[direction],
        metric_names=["value"],
        retries=0,
        retry_exceptions=False,
    )
    ledger.campaigns.begin(record.campaign_id, threads=1, workers=WORKERS)
    record = ledger.campaigns.get("agreement")
    reference = optuna.storages.InMemoryStorage()
    optuna.create_study(study_name="agreement", storage=reference, direction=direction)
    storages = [CampaignStorage(url, grace=5) for _ in range(WORKERS)]
    ours: list[Worker] = [CoreboundWorker(ledger, record, storage, search) for storage in storages]
    theirs = [
        Worker(optuna.load_study(study_name="agreement", storage=reference, pruner=make_pruner(search)), search)
        for _ in range(WORKERS)
    ]
    try:
        yield ours, theirs
    finally:
        for storage in storages:
            storage.close()


def curve(chance: random.Random, level: float) -> list[tuple[int, float]]:
    """Steps and values: noisy, with holes, some not finite."""
    steps = sorted(chance.sample(range(1, 14), chance.randint(2, 9)))
    values = [level + chance.gauss(0, 0.3) - 0.02 * step for step in steps]
    for index in range(len(values)):
        values[index] = chance.choices([values[index], math.nan, math.inf], weights=[30, 1, 1])[0]
    points = list(zip(steps, values, strict=True))
    return [*points[:1], points[0], *points[1:]]  # a step that is reported twice keeps its first value


def play(ours: list[Worker], theirs: list[Worker], *, seed: int) -> list[str]:
    """The same turns on both sides; how each trial ended. Asserts at each turn that both say the same."""
    chance = random.Random(seed)
    ended, begun = [], 0
    left: dict[int, list[tuple[int, float]]] = {}
    while len(ended) < TRIALS:
        at_work = chance.randrange(WORKERS)
        mine, other = ours[at_work], theirs[at_work]
        if at_work not in left:
            if begun == TRIALS:
                continue
            suggested = mine.begin(begun)
            assert suggested == other.begin(begun)
            left[at_work] = curve(chance, suggested["x"])
            begun += 1
            continue
        if left[at_work]:
            step, value = left[at_work].pop(0)
            decision = mine.report(value, step)
            assert decision == other.report(value, step), f"step {step} of trial {mine.trial}: ours says {decision}"
            if not decision:
                continue
            state, final = optuna.trial.TrialState.PRUNED, None
        else:
            state = chance.choices([optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.FAIL], weights=[9, 1])[0]
            final = chance.random() if state is optuna.trial.TrialState.COMPLETE else None
        mine.end(state, final)
        other.end(state, final)
        del left[at_work]
        ended.append(state.name)
    return ended


def comparable(trial: optuna.trial.FrozenTrial) -> tuple[Any, ...]:
    """All that Optuna shows of a trial, but for its times and what says which slot it belongs to."""
    system = {key: value for key, value in trial.system_attrs.items() if key not in ("corebound:slot", "fixed_params")}
    curve = {step: str(value) for step, value in trial.intermediate_values.items()}
    return trial.number, trial.state, trial.values, trial.params, trial.distributions, curve, trial.user_attrs, system


@pytest.mark.parametrize("pruner", PRUNERS, ids=lambda pruner: "-".join([pruner["name"], *pruner.get("options", {})]))
def test_pruners_and_tpe_agree(ledger: Ledger, url: str, pruner: dict[str, Any]) -> None:
    direction = ("minimize", "maximize")[PRUNERS.index(pruner) % 2]
    sampler = {"name": "tpe", "options": {"n_startup_trials": 4}}
    search = Search.model_validate({"sampler": sampler, "pruner": pruner})
    with both_sides(ledger, url, search, direction=direction) as (ours, theirs):
        ended = play(ours, theirs, seed=PRUNERS.index(pruner))
        # As a worker sees them that comes later, and as one that was there.
        assert [comparable(trial) for trial in ours[0].study.trials] == [
            comparable(trial) for trial in theirs[0].study.trials
        ]
    # Curves on which nothing is pruned, or everything, would show nothing.
    assert ("PRUNED" in ended) == (pruner["name"] != "none")
    assert "COMPLETE" in ended


def test_every_pruner_of_the_campaign_file_is_compared() -> None:
    assert {pruner["name"] for pruner in PRUNERS} == set(PRUNER_OPTIONS)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("tpe", {"n_startup_trials": 3, "multivariate": True, "group": True, "constant_liar": True}),
        ("gp", {"n_startup_trials": 15}),
        ("nsga2", {"population_size": 4}),
        ("cmaes", {"n_startup_trials": 2, "popsize": 4}),
    ],
)
def test_samplers_that_learn_agree(ledger: Ledger, url: str, name: str, options: dict[str, Any]) -> None:
    search = Search.model_validate({"sampler": {"name": name, "options": options}, "pruner": PRUNERS[1]})
    with both_sides(ledger, url, search, direction="minimize") as (ours, theirs):
        assert "PRUNED" in play(ours, theirs, seed=3)
