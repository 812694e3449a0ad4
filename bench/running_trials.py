"""What many running trials cost each of them: a pruning check and a sample, beside Optuna's own storage.

    python bench/running_trials.py [--rounds 3] [--running 128] [--reports 150] [--finished 200]

A ledger is prepared with so many running trials of so many reports each, and finished ones for pruner and sampler to learn
from. One more trial then reports, asks whether to prune, and samples five parameters by TPE. Client CPU in milliseconds a
call (the server's share comes on top), medians and spread over interleaved rounds.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import optuna
import psycopg

from corebound.api.records import CampaignRecord
from corebound.ledger.ledger import Ledger, open_ledger
from corebound.ledger.schema import prepare_database
from corebound.ledger.storage import CampaignStorage
from corebound.local.postgres import EmbeddedPostgres
from simulated import PARAMETERS, make_campaign

CALLS = 20
LIKE_A_SEARCH = """
    WITH study AS (SELECT %(study)s::integer AS study_id), made AS (
        INSERT INTO trials (number, study_id, state, datetime_start, datetime_complete)
        SELECT number, study_id, CASE WHEN number < %(finished)s THEN 'COMPLETE' ELSE 'RUNNING' END::trialstate, now(),
               CASE WHEN number < %(finished)s THEN now() END
        FROM study, generate_series(0, %(finished)s + %(running)s - 1) AS number RETURNING trial_id, state
    ), params AS (
        INSERT INTO trial_params (trial_id, param_name, param_value, distribution_json)
        SELECT trial_id, 'x' || index, random(), %(distribution)s FROM made, generate_series(0, %(parameters)s - 1) AS index
    ), values AS (
        INSERT INTO trial_values (trial_id, objective, value, value_type)
        SELECT trial_id, 0, random(), 'FINITE' FROM made WHERE state = 'COMPLETE'
    )
    INSERT INTO trial_intermediate_values (trial_id, step, intermediate_value, intermediate_value_type)
    SELECT trial_id, step, random(), 'FINITE' FROM made, generate_series(0, %(reports)s - 1) AS step
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--running", type=int, default=128)
    parser.add_argument("--reports", type=int, default=150)
    parser.add_argument("--finished", type=int, default=200)
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    figures: dict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="corebound-bench-") as folder, EmbeddedPostgres(Path(folder)).used() as url:
        prepare_database(url)
        with open_ledger(url, application="bench") as ledger:
            record = make_campaign(ledger, name="running", trials=1000)
            fill(url, record, options)
            for _ in range(options.rounds):
                one_round(ledger, record, url, figures)
    print(
        f"{options.running} running trials of {options.reports} reports, {options.finished} finished; "
        "client CPU, ms a call, median (min-max)"
    )
    for name, found in figures.items():
        print(f"{name:45}  {statistics.median(found):.1f} ({min(found):.1f}-{max(found):.1f})")


def fill(url: str, record: CampaignRecord, options: argparse.Namespace) -> None:
    described = optuna.distributions.distribution_to_json(optuna.distributions.FloatDistribution(0, 1))
    values = {"study": record.study_id, "distribution": described, "parameters": PARAMETERS}
    with psycopg.connect(url.replace("postgresql+psycopg", "postgresql")) as connection:
        connection.execute(LIKE_A_SEARCH, {**values, **vars(options)})
        connection.execute("ANALYZE")


def one_round(ledger: Ledger, record: CampaignRecord, url: str, figures: dict[str, list[float]]) -> None:
    worker = ledger.workers.register(record.campaign_id, name="w", host="here", pid=1, threads=1, cores="")
    claim = ledger.slots.claim(record.campaign_id, worker)
    if claim is None:
        raise SystemExit("no slot is left")
    ours = CampaignStorage(url)
    trial_id = ours.create_trial(claim, study_id=record.study_id, fixed_params={})
    measure("Corebound", study_in(record, ours), lambda study: optuna.Trial(study, trial_id), figures)
    ours.close()
    ledger.slots.close(claim, cpu_seconds=0)
    measure("Optuna's own storage", study_in(record, url), lambda study: study.ask(), figures)


def study_in(record: CampaignRecord, storage: str | CampaignStorage) -> optuna.Study:
    return optuna.load_study(
        study_name=record.study_name,
        storage=storage,
        sampler=optuna.samplers.TPESampler(seed=1),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=0),
    )


def measure(
    name: str, study: optuna.Study, begin: Callable[[optuna.Study], optuna.Trial], figures: dict[str, list[float]]
) -> None:
    study.get_trials(deepcopy=False)  # the finished trials are read once by either storage
    trial = begin(study)
    began = time.process_time()
    for index in range(PARAMETERS):
        trial.suggest_float(f"x{index}", 0, 1)
    figures[f"{name}: one sample by TPE"].append(1000 * (time.process_time() - began))
    began = time.process_time()
    for step in range(CALLS):
        trial.report(0.5, step)
        trial.should_prune()
    figures[f"{name}: report and should_prune"].append(1000 * (time.process_time() - began) / CALLS)
    study.tell(trial, 0.5)


if __name__ == "__main__":
    main()
