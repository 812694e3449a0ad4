"""Finished trials of another study in a campaign's own: copied whole, once, without a slot, and of use to its sampler."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

import optuna
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.trial import FrozenTrial, TrialState

from corebound.api.errors import WarmStartError
from corebound.api.records import CampaignRecord, SlotState
from corebound.api.search import Objective, Search
from corebound.ledger import warm_start as warm_start_module
from corebound.ledger.rungs import completed_rungs
from corebound.ledger.storage import CampaignStorage
from corebound.ledger.warm_start import WARM_START_ATTRIBUTE, WarmStart
from corebound_trial.runner.sampling import make_sampler

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from corebound.ledger.ledger import Ledger

X: dict[str, Any] = {"name": "x", "type": "float", "low": 0, "high": 1}
KIND: dict[str, Any] = {"name": "kind", "type": "categorical", "choices": ["b", "a"]}
WIDER = FloatDistribution(0, 2)
KINDS = CategoricalDistribution(["a", "b", "c"])
BEGAN = datetime.datetime(2026, 5, 6, 7, 8, 9)  # noqa: DTZ001 - Optuna's templates carry naive local time


def search(*parameters: dict[str, Any], **more: Any) -> Search:
    return Search.model_validate({"parameters": list(parameters), **more})


def read(ledger: Ledger, space: Search, study: str = "earlier", *directions: str) -> WarmStart:
    objectives = [
        Objective.model_validate({"metric": f"m{index}", "direction": direction})
        for index, direction in enumerate(directions or ("maximize",))
    ]
    return ledger.campaigns.warm_start(study, called=study, objectives=objectives, search=space)


def make(ledger: Ledger, warm_start: WarmStart | None, *, name: str = "campaign") -> CampaignRecord:
    record = ledger.campaigns.create(
        name=name,
        specification={"spec": {"objectives": [{"metric": "m0", "direction": "maximize"}]}},
        trials=3,
        directions=["maximize"],
        metric_names=["m0"],
        retries=1,
        retry_exceptions=False,
        warm_start=warm_start,
    )
    ledger.campaigns.begin(record.campaign_id, threads=1, workers=1)
    return ledger.campaigns.get(name)


@pytest.fixture
def storage(url: str, ledger: Ledger) -> Iterator[CampaignStorage]:
    del ledger  # it prepares the database
    opened = CampaignStorage(url, grace=5)
    yield opened
    opened.close()


@pytest.fixture
def plain(url: str, ledger: Ledger) -> Iterator[optuna.storages.RDBStorage]:
    """Optuna's own storage on the same database."""
    del ledger
    opened = optuna.storages.RDBStorage(url)
    yield opened
    opened.remove_session()
    opened.engine.dispose()


def finished(
    x: float = 0.5,
    kind: str | None = "a",
    *,
    state: TrialState = TrialState.COMPLETE,
    reports: dict[int, float] | None = None,
    system: dict[str, Any] | None = None,
) -> FrozenTrial:
    distributions: dict[str, BaseDistribution] = {"x": WIDER, "kind": KINDS}
    return FrozenTrial(
        number=-1,
        trial_id=-1,
        state=state,
        value=None if state == TrialState.FAIL else x,
        params={"x": x} if kind is None else {"x": x, "kind": kind},
        distributions={"x": WIDER} if kind is None else distributions,
        datetime_start=BEGAN,
        datetime_complete=BEGAN + datetime.timedelta(minutes=5),
        intermediate_values=reports or {},
        user_attrs={"note": {"of": kind}},
        system_attrs=system or {},
    )


def earlier(plain: optuna.storages.RDBStorage, *trials: FrozenTrial, name: str = "earlier") -> optuna.Study:
    """A study that somebody made with Optuna alone."""
    study = optuna.create_study(storage=plain, study_name=name, direction="maximize")
    study.add_trials(trials)
    return study


def copies(storage: CampaignStorage, record: CampaignRecord) -> list[FrozenTrial]:
    found = storage.get_all_trials(record.study_id)
    return [trial for trial in found if WARM_START_ATTRIBUTE in trial.system_attrs]


def test_trials_of_a_plain_study_are_copied_whole(
    ledger: Ledger, storage: CampaignStorage, plain: optuna.storages.RDBStorage
) -> None:
    inf = float("inf")
    study = earlier(
        plain,
        finished(0.25, "a", reports={1: 0.5, 3: inf}, system={"constraints:size": -1.0, "cma:optimizer:0": "80"}),
        finished(0.5, "b", state=TrialState.PRUNED, reports={2: -inf}),
        finished(0.75, "a", state=TrialState.FAIL),
        finished(0.5, None),
        finished(0.5, "c"),
        finished(1.5, "a"),
        finished(1.0, "b"),
    )
    study.enqueue_trial({"x": 0.5, "kind": "a"})
    warm = read(ledger, search(X, KIND))
    assert warm.line == (
        "warm start: 3 finished trials of 'earlier' to learn from; 3 left out: 1 without 'kind', 1 with a value that "
        "'kind' does not allow here, such as 'c', 1 with a value that 'x' does not allow here, such as 1.5"
    )
    record = make(ledger, warm)
    found = storage.get_all_trials(record.study_id)
    assert [trial.number for trial in found] == [0, 1, 2]
    declared = {"x": FloatDistribution(0, 1), "kind": CategoricalDistribution(["b", "a"])}
    sources = study.get_trials()
    for copy, source in zip(found, (sources[0], sources[1], sources[6]), strict=True):
        for name in ("state", "values", "params", "intermediate_values", "user_attrs", "constraints"):
            assert getattr(copy, name) == getattr(source, name), name
        assert (copy.datetime_start, copy.duration) == (BEGAN, datetime.timedelta(minutes=5))
        assert copy.distributions == declared
        assert copy.system_attrs[WARM_START_ATTRIBUTE] == {"study": "earlier", "number": source.number}
    assert found[0].system_attrs.keys() == {WARM_START_ATTRIBUTE, "constraints:size"}


def test_copies_are_no_slots_and_never_the_best(
    ledger: Ledger, storage: CampaignStorage, plain: optuna.storages.RDBStorage
) -> None:
    earlier(plain, finished(0.9), finished(0.8))
    record = make(ledger, read(ledger, search(X, KIND)))
    assert ledger.summaries.of(record).best is None
    worker = ledger.workers.register(record.campaign_id, name="w", host="here", pid=1, threads=1, cores="")
    for _ in range(3):
        claim = ledger.slots.claim(record.campaign_id, worker)
        assert claim is not None
        storage.bind(claim)
        study = optuna.load_study(study_name=record.study_name, storage=storage)
        trial_id = storage.create_trial(claim, study_id=record.study_id, fixed_params={})
        study.get_trials()
        trial = optuna.Trial(study, trial_id)
        trial.suggest_float("x", 0, 1)
        study.tell(trial, -1.0 - claim.slot)
        assert ledger.slots.close(claim, cpu_seconds=0) is SlotState.SUCCEEDED
    assert ledger.slots.claim(record.campaign_id, worker) is None
    rows = ledger.slots.rows(record.campaign_id)
    assert [(row.slot, row.number, row.values) for row in rows] == [(0, 2, (-1.0,)), (1, 3, (-2.0,)), (2, 4, (-3.0,))]
    summary = ledger.summaries.of(record)
    assert summary.best is not None
    assert (summary.best.slot, summary.best.number, summary.best.value) == (0, 2, -1.0)
    assert summary.counts == {SlotState.SUCCEEDED: 3}
    # Anybody may note something on a copy; it belongs to no attempt.
    storage.bind(None)
    storage.set_study_user_attr(record.study_id, "seen", 1)


def test_a_crash_while_copying_leaves_nothing_and_the_next_call_copies_once(
    ledger: Ledger, storage: CampaignStorage, plain: optuna.storages.RDBStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier(plain, finished(0.25), finished(0.5, reports={1: 1.0}))
    warm = read(ledger, search(X, KIND))
    write = warm_start_module.copy_trials

    def crash(*arguments: Any, **named: Any) -> None:
        write(*arguments, **named)
        raise KeyboardInterrupt

    monkeypatch.setattr(warm_start_module, "copy_trials", crash)
    with pytest.raises(KeyboardInterrupt):
        make(ledger, warm)
    assert ledger.campaigns.find("campaign") is None
    with pytest.raises(KeyError):
        storage.get_study_id_from_name("campaign")
    monkeypatch.undo()
    record = make(ledger, read(ledger, search(X, KIND)))
    assert len(copies(storage, record)) == len(storage.get_all_trials(record.study_id)) == 2


def test_an_archived_campaign_can_be_learnt_from_and_its_copies_too(
    ledger: Ledger, storage: CampaignStorage, plain: optuna.storages.RDBStorage
) -> None:
    earlier(plain, finished(0.25))
    make(ledger, read(ledger, search(X, KIND)))
    assert ledger.campaigns.archive_name("campaign") == ledger.campaigns.archive("campaign") == "campaign@1"
    record = make(ledger, read(ledger, search(X, KIND), "campaign@1"))
    (copy,) = copies(storage, record)
    assert copy.params == {"x": 0.25, "kind": "a"}
    assert copy.system_attrs[WARM_START_ATTRIBUTE] == {"study": "campaign@1", "number": 0}


def test_without_declared_parameters_everything_is_taken_as_it_is(
    ledger: Ledger, storage: CampaignStorage, plain: optuna.storages.RDBStorage
) -> None:
    earlier(plain, finished(1.5, "c"), finished(0.5, None))
    record = make(ledger, read(ledger, search()))
    assert [trial.distributions for trial in copies(storage, record)] == [{"x": WIDER, "kind": KINDS}, {"x": WIDER}]


def test_what_cannot_be_compared_is_refused(ledger: Ledger, plain: optuna.storages.RDBStorage) -> None:
    earlier(plain, finished(1.5))
    earlier(plain, finished(0.5, state=TrialState.FAIL), name="failed")
    two = optuna.create_study(storage=plain, study_name="two", directions=["maximize", "maximize"])
    plain.set_study_system_attr(two._study_id, "study:metric_names", ["m1", "m0"])
    for name, directions, said in (
        (
            "eralier",
            ("maximize",),
            r"there is no study 'eralier' .*did you mean 'earlier'\?; there are: earlier, failed, two",
        ),
        ("earlier", ("maximize", "minimize"), "has 1 objective, this campaign 2"),
        ("earlier", ("minimize",), "wants to maximize, this campaign to minimize"),
        (
            "earlier",
            ("maximize",),
            r"no finished trial of 'earlier' can be used: 1 with a value that 'x' does not .* 1\.5",
        ),
        ("failed", ("maximize",), "it has none that succeeded or was pruned"),
        ("two", ("maximize", "maximize"), "objectives in another order, m1, m0"),
    ):
        with pytest.raises(WarmStartError, match=said):
            read(ledger, search(X, KIND), name, *directions)
    assert ledger.campaigns.all() == []


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("successive-halving", {"min_resource": 2, "reduction_factor": 2}),
        ("successive-halving", {"min_resource": 1, "reduction_factor": 3, "min_early_stopping_rate": 1}),
        ("hyperband", {"min_resource": 1, "max_resource": 27}),
    ],
)
def test_rungs_are_those_that_optunas_pruner_notes(name: str, options: dict[str, Any]) -> None:
    pruners = {
        "successive-halving": optuna.pruners.SuccessiveHalvingPruner,
        "hyperband": optuna.pruners.HyperbandPruner,
    }
    study = optuna.create_study(study_name="campaign", direction="maximize", pruner=pruners[name](**options))

    def objective(trial: optuna.Trial) -> float:
        quality = trial.suggest_float("x", 0, 1)
        for step in range(1, 28):
            trial.report(quality * step, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return quality

    study.sampler = optuna.samplers.RandomSampler(seed=3)
    study.optimize(objective, n_trials=40)
    noted = [
        {key: value for key, value in trial.system_attrs.items() if key.startswith("completed_rung_")}
        for trial in study.trials
    ]
    pruner = search(X, pruner={"name": name, "options": options}).pruner
    assert completed_rungs(study.trials, first_number=0, study_name="campaign", pruner=pruner) == noted
    assert len({len(rungs) for rungs in noted}) > 2, "some got further than others"


@pytest.mark.parametrize(
    ("sampler", "options"),
    [
        ("tpe", {"n_startup_trials": 10}),
        ("gp", {"n_startup_trials": 10}),
        ("cmaes", {}),
        ("nsga2", {"population_size": 10, "mutation_prob": 0.0}),
    ],
)
def test_copies_are_of_use_to_every_sampler_that_learns(
    ledger: Ledger,
    storage: CampaignStorage,
    plain: optuna.storages.RDBStorage,
    sampler: str,
    options: dict[str, Any],
    tmp_path: Path,
) -> None:
    # The value is x itself, so the earlier study says: go up.
    y = {"name": "y", "type": "float", "low": 0, "high": 1}
    space = search(X, y, sampler={"name": sampler, "options": options})
    distributions: dict[str, BaseDistribution] = {"x": WIDER, "y": FloatDistribution(0, 1)}
    known = [{"x": 0.02 + index / 21, "y": index * 0.37 % 1} for index in range(20)]
    earlier(plain, *(optuna.create_trial(value=at["x"], params=at, distributions=distributions) for at in known))
    means = []
    for name, warm in (("with", read(ledger, space)), ("without", None)):
        record, drawn = make(ledger, warm, name=name), []
        for slot in range(6):
            study = optuna.load_study(study_name=name, storage=storage)
            study.sampler = make_sampler(
                space,
                seed=1,
                slot=slot,
                slot_seed=slot,
                folder=tmp_path,
                warm_trials=lambda record=record: copies(storage, record),
            )
            trial = study.ask()
            drawn.append(trial.suggest_float("x", 0, 1))
            trial.suggest_float("y", 0, 1)
            study.tell(trial, drawn[-1])
        means.append(sum(drawn) / len(drawn))
    assert means[0] > 0.65 > means[1] + 0.1, means
