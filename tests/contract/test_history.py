"""What a campaign has been through, read from a real ledger: steps, use of cores, ranges; and the report made of it."""

from __future__ import annotations

import itertools
import json
import math
from typing import TYPE_CHECKING, Any

import optuna
import psycopg
import pytest

from corebound.api.records import CampaignRecord, Reports, WorkerTelemetry
from corebound.ledger.storage import CampaignStorage
from corebound.reporting.report.core_use import use_of
from corebound.reporting.report.data import gather
from corebound.reporting.report.document import json_report

if TYPE_CHECKING:
    from collections.abc import Callable

    from corebound.ledger.ledger import Ledger


def made(ledger: Ledger, *, trials: int = 4, name: str = "campaign") -> CampaignRecord:
    record = ledger.campaigns.create(
        name=name,
        specification={"spec": {"objectives": [{"metric": "loss", "direction": "minimize"}]}},
        trials=trials,
        directions=["minimize"],
        metric_names=["loss"],
        retries=1,
        retry_exceptions=False,
    )
    ledger.campaigns.begin(record.campaign_id, threads=1, workers=1, cores=2)
    return ledger.campaigns.get(name)


def tried(
    ledger: Ledger, url: str, record: CampaignRecord, objective: Callable[[optuna.Trial], float], *, trials: int
) -> int:
    """What a worker does, without its process; returns the worker's id."""
    worker = ledger.workers.register(record.campaign_id, name="w", host="here", pid=1, threads=1, cores="0")
    storage = CampaignStorage(url)
    try:
        for _ in range(trials):
            claim = ledger.slots.claim(record.campaign_id, worker)
            assert claim is not None
            storage.bind(claim)
            study = optuna.load_study(
                study_name=record.study_name, storage=storage, sampler=optuna.samplers.RandomSampler(seed=1)
            )
            trial = optuna.Trial(study, storage.create_trial(claim, study_id=record.study_id, fixed_params={}))
            try:
                study.tell(trial, objective(trial))
                ledger.slots.close(claim, cpu_seconds=1.0)
            except optuna.TrialPruned:
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                ledger.slots.close(claim, cpu_seconds=1.0)
            except ValueError as error:
                study.tell(trial, state=optuna.trial.TrialState.FAIL)
                ledger.slots.close(claim, cpu_seconds=1.0, error=str(error))
    finally:
        storage.close()
    return worker


def stepping(trial: optuna.Trial) -> float:
    value = trial.suggest_float("x", 0, 1 + trial.number)
    for step in range(101):
        trial.report(math.inf if step == 50 else value / (1 + step), step)
        if trial.number == 1 and step == 10:
            raise optuna.TrialPruned
    if trial.number == 2:
        raise ValueError("number 2 is unhappy")
    return value


def test_steps_are_thinned_and_the_last_one_stays(ledger: Ledger, url: str) -> None:
    record = made(ledger)
    tried(ledger, url, record, stepping, trials=3)
    tried(ledger, url, made(ledger, name="another"), stepping, trials=1)
    history = ledger.history
    assert history.reports(record.campaign_id) == {
        0: Reports(count=101, last_step=100),
        1: Reports(count=11, last_step=10),
        2: Reports(count=101, last_step=100),
    }
    curves = history.curves(record.campaign_id, slots=[0, 1], points=20)
    assert [step for step, _ in curves[0]] == [*range(0, 101, 6), 100]
    assert [step for step, _ in curves[1]] == list(range(11))
    assert history.curves(record.campaign_id, slots=[0], points=1000)[0][50] == (50, math.inf)
    assert history.curves(record.campaign_id, slots=[], points=20) == {}


def test_ranges_that_an_objective_changes_are_all_there(ledger: Ledger, url: str) -> None:
    record = made(ledger)
    tried(ledger, url, record, stepping, trials=3)
    found = ledger.history.distributions(record.campaign_id)
    assert sorted(each["attributes"]["high"] for each in found["x"]) == [1, 2, 3]


def test_only_the_best_trial_brings_what_evolution_kept(ledger: Ledger, url: str) -> None:
    def evolved(trial: optuna.Trial) -> float:
        trial.set_user_attr("corebound:genome", {"of": trial.number})
        trial.set_user_attr("note", trial.number)
        return [2.0, 1.0, 3.0][trial.number]

    record = made(ledger)
    tried(ledger, url, record, evolved, trials=3)
    data = gather(ledger, record, attended=False)
    assert [dict(row.user_attrs) for row in data.rows] == [
        {"note": 0}, {"note": 1, "corebound:genome": {"of": 1}}, {"note": 2}, {}
    ]  # fmt: skip
    assert "corebound:genome" in ledger.slots.rows(record.campaign_id)[2].user_attrs


def test_use_of_cores_adds_up_whatever_the_number_of_stretches(ledger: Ledger, url: str) -> None:
    record = made(ledger)
    worker = ledger.workers.register(record.campaign_id, name="w", host="here", pid=1, threads=2, cores="0-1")
    ledger.workers.beat(worker, WorkerTelemetry())  # nothing was measured yet
    with psycopg.connect(url.replace("postgresql+psycopg", "postgresql")) as connection:
        # A day of heartbeats, as no test waits for one.
        connection.execute(
            "INSERT INTO corebound_worker_samples (worker_id, at, telemetry) "
            "SELECT %(worker)s, now() - interval '10 s' * place, "
            "       jsonb_build_object('wall_seconds', 10 * (8641 - place), 'cpu_seconds', 15 * (8641 - place)) "
            "FROM generate_series(1, 8640) AS place",
            {"worker": worker},
        )
        connection.execute(
            "UPDATE corebound_workers SET started_at = now() - interval '1 day', ended_at = now(), seen_at = now(), "
            'telemetry = \'{"cpu_seconds": 129600, "wall_seconds": 86400}\''
        )
    for stretches in (1, 50, 240):
        found = ledger.history.core_use(record.campaign_id, stretches=stretches)
        assert stretches <= len(found) <= stretches + 1
        assert sum(use.wall_seconds for use in found) == 86400
        assert sum(use.cpu_seconds for use in found) == 129600
    use = use_of(gather(ledger, record, attended=True))
    assert use is not None
    assert use.workers["w"] == [pytest.approx(0.75, abs=0.02)] * len(use.reserved)
    assert use.reserved == [pytest.approx(2.0, abs=0.02)] * len(use.reserved)


def test_heartbeats_of_a_long_life_are_few_and_lose_no_time(ledger: Ledger, url: str) -> None:
    record = made(ledger)
    worker = ledger.workers.register(record.campaign_id, name="w", host="here", pid=1, threads=2, cores="0-1")
    beats = iter(range(10, 10_000, 10))

    def kept_of(count: int) -> int:
        for at in itertools.islice(beats, count):
            ledger.workers.beat(worker, WorkerTelemetry(wall_seconds=at, cpu_seconds=1.5 * at))
        with psycopg.connect(url.replace("postgresql+psycopg", "postgresql")) as connection:
            [(count,)] = connection.execute("SELECT count(*) FROM corebound_worker_samples").fetchall()
            return int(count)

    assert kept_of(3) == 3
    with psycopg.connect(url.replace("postgresql+psycopg", "postgresql")) as connection:
        connection.execute("UPDATE corebound_worker_samples SET at = at - interval '1 day'")
        connection.execute("UPDATE corebound_workers SET started_at = started_at - interval '10 days'")
    assert kept_of(20) == 4
    found = ledger.history.core_use(record.campaign_id, stretches=240)
    assert (sum(use.wall_seconds for use in found), sum(use.cpu_seconds for use in found)) == (40, 60)


def test_a_report_of_a_running_campaign_has_what_is_known_so_far(ledger: Ledger, url: str) -> None:
    record = made(ledger, trials=5)
    tried(ledger, url, record, stepping, trials=3)
    ledger.slots.claim(
        record.campaign_id,
        ledger.workers.register(record.campaign_id, name="v", host="here", pid=2, threads=1, cores="1"),
    )
    report: dict[str, Any] = json.loads(json_report(gather(ledger, ledger.campaigns.get("campaign"), attended=True)))
    assert [row["state"] for row in report["trials"]] == ["succeeded", "pruned", "failed", "running", "open"]
    assert report["outcome"]["best"]["slot"] == 0
    assert report["failures"] == [
        {"reason": "number 2 is unhappy", "slots": [2], "error": "number 2 is unhappy", "final": True}
    ]
    assert report["curves"]["0"][50] == [50, "inf"]
    assert report["best_so_far"]["loss"] == [
        {"trials_closed": 1, "value": report["trials"][0]["values"]["loss"], "slot": 0}
    ]
