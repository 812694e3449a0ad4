"""What a report takes: seconds to make it and megabytes of the file, from 10 to 10,000 trials.

    python bench/report.py [--trials 10 1000 10000] [--parameters 10] [--steps 50] [--workers 64] [--keep FOLDER]

A ledger is filled with campaigns of so many trials: 10 parameters, a value that depends on four of them, learning curves,
pruned and failed trials, heartbeats of a night. The report is then made of it as ``corebound report`` makes it.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import optuna
import psycopg

from corebound.api.records import CampaignRecord
from corebound.ledger.ledger import Ledger, open_ledger
from corebound.ledger.schema import prepare_database
from corebound.local.postgres import EmbeddedPostgres
from corebound.reporting.report.data import gather
from corebound.reporting.report.document import json_report
from corebound.reporting.report.page import html_report

HIGHS = {"optimizer": 3.0, "layers": 9.0, "dropout": 0.6}
# Trial n of N is drawn from a space that shrinks around its best point, as a sampler's would; values have noise.
TRIALS = """
    INSERT INTO trials (number, study_id, state, datetime_start, datetime_complete)
    SELECT slot, %(study)s,
           CASE WHEN slot %% 29 = 7 THEN 'FAIL' WHEN slot %% 5 = 3 THEN 'PRUNED' ELSE 'COMPLETE' END::trialstate, now(), now()
    FROM generate_series(0, %(trials)s - 1) AS slot
"""
PARAMETERS = """
    INSERT INTO trial_params (trial_id, param_name, param_value, distribution_json)
    SELECT t.trial_id, p.name, CASE WHEN p.high > 1 THEN floor(drawn.value) ELSE drawn.value END, p.distribution
    FROM trials t, unnest(%(names)s::text[], %(highs)s::float[], %(distributions)s::text[]) AS p (name, high, distribution),
         LATERAL (SELECT p.high * (0.3 + (random() - 0.3) * (1 - 0.8 * t.number / %(trials)s::float)) AS value) AS drawn
    WHERE t.study_id = %(study)s
"""
VALUES = """
    INSERT INTO trial_values (trial_id, objective, value, value_type)
    SELECT t.trial_id, o, CASE o WHEN 0 THEN 0.05 + avg(abs(x.param_value - 0.3)) FILTER (WHERE x.param_name IN ('x0', 'x1'))
             + 0.2 * sum(x.param_value) FILTER (WHERE x.param_name = 'dropout') + 0.03 * random()
           ELSE 10 + 100 * (1 - avg(x.param_value) FILTER (WHERE x.param_name LIKE 'x%%')) + 20 * random() END, 'FINITE'
    FROM trials t JOIN trial_params x ON x.trial_id = t.trial_id, generate_series(0, %(objectives)s - 1) AS o
    WHERE t.study_id = %(study)s AND t.state <> 'FAIL' GROUP BY t.trial_id, o
"""
STEPS = """
    INSERT INTO trial_intermediate_values (trial_id, step, intermediate_value, intermediate_value_type)
    SELECT t.trial_id, step, v.value + 0.9 * exp(-step * 5.0 / %(steps)s) + 0.02 * random(), 'FINITE'
    FROM trials t JOIN trial_values v ON v.trial_id = t.trial_id AND v.objective = 0,
         generate_series(1, CASE t.state WHEN 'PRUNED' THEN %(steps)s / 4 + t.number %% 5 ELSE %(steps)s END) AS step
    WHERE t.study_id = %(study)s
"""
# Last: the fence refuses what would be written to a slot's trial without its attempt.
SLOTS = """
    UPDATE corebound_slots s SET trial_id = t.trial_id, starts = 1 + (slot %% 97 = 13)::int,
        lost_attempts = (slot %% 97 = 13)::int, attempt = 2, cpu_seconds = 50 + 6 * random(),
        state = CASE t.state WHEN 'COMPLETE' THEN 'succeeded' WHEN 'PRUNED' THEN 'pruned' ELSE 'failed' END,
        started_at = now() - %(seconds)s * (1 - slot / %(trials)s::float) * interval '1 s' - interval '60 s',
        finished_at = now() - %(seconds)s * (1 - slot / %(trials)s::float) * interval '1 s',
        error = CASE WHEN t.state = 'FAIL' THEN 'Traceback (most recent call last):' || chr(10) || CASE slot %% 3
            WHEN 0 THEN 'ValueError: loss is nan at step ' || slot WHEN 1 THEN 'MemoryError' ELSE 'exit status 139' END END
    FROM trials t WHERE t.study_id = %(study)s AND s.campaign_id = %(campaign)s AND s.slot = t.number
"""
WORKERS = """
    UPDATE corebound_workers SET started_at = now() - (%(seconds)s + 60) * interval '1 s', ended_at = now(), seen_at = now(),
        exit_code = 0, telemetry = jsonb_build_object('cpu_seconds', 0.94 * %(seconds)s, 'wall_seconds', %(seconds)s,
        'most_threads_at_work', 1, 'memory_bytes', 734003200)
    WHERE campaign_id = %(campaign)s
"""
CAMPAIGN = """
    UPDATE corebound_campaigns SET phase = 'Succeeded', message = 'all trials closed', finished_at = now()
    WHERE campaign_id = %(campaign)s
"""
BEATS = """
    INSERT INTO corebound_worker_samples (worker_id, at, telemetry)
    SELECT worker_id, at, jsonb_build_object('wall_seconds', extract(epoch FROM at - started_at), 'cpu_seconds', sum(
        %(beat)s * CASE WHEN random() < 0.04 THEN 0.3 ELSE 0.93 + 0.06 * random() END
    ) OVER (PARTITION BY worker_id ORDER BY at))
    FROM corebound_workers, generate_series(started_at + %(beat)s * interval '1 s', seen_at, %(beat)s * interval '1 s') AS at
    WHERE campaign_id = %(campaign)s
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, nargs="+", default=[10, 1000, 10_000])
    parser.add_argument("--parameters", type=int, default=10)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--workers", type=int, default=64)
    parser.add_argument("--objectives", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="Keep the reports in this folder.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="corebound-bench-") as folder, EmbeddedPostgres(Path(folder)).used() as url:
        prepare_database(url)
        with open_ledger(url, application="bench") as ledger:
            print(f"{'trials':>7}  {'gather s':>8}  {'html s':>7}  {'MB':>5}  {'json s':>7}  {'MB':>5}")
            for trials in options.trials:
                record = filled(
                    ledger,
                    url,
                    trials=trials,
                    parameters=options.parameters,
                    steps=options.steps,
                    workers=min(options.workers, trials),
                    objectives=options.objectives,
                )
                one_size(ledger, record, trials, options.keep)


def one_size(ledger: Ledger, record: CampaignRecord, trials: int, keep: Path | None) -> None:
    began = time.monotonic()
    data = gather(ledger, record, attended=False)
    gathered = time.monotonic() - began
    texts = []
    for make, suffix in ((html_report, "html"), (json_report, "json")):
        began = time.monotonic()
        text = make(data)
        texts += [f"{time.monotonic() - began:7.1f}", f"{len(text.encode()) / 1e6:5.2f}"]
        if keep is not None:
            (keep / f"{record.name}.{suffix}").write_text(text, encoding="utf-8")
    print(f"{trials:7}  {gathered:8.1f}  {'  '.join(texts)}")


def filled(
    ledger: Ledger, url: str, *, trials: int, parameters: int, steps: int, workers: int, objectives: int
) -> CampaignRecord:
    """A campaign as it is after a night on a large machine."""
    spaces = _spaces(parameters)
    name = f"night-{trials}" + ("" if objectives == 1 else f"-{objectives}-objectives")
    aims = [{"metric": metric, "direction": "minimize"} for metric in ("loss", "latency", "size")[:objectives]]
    record = ledger.campaigns.create(
        name=name,
        specification=_specification(name, trials, spaces, aims),
        trials=trials,
        directions=["minimize"] * objectives,
        metric_names=[aim["metric"] for aim in aims],
        retries=2,
        retry_exceptions=False,
    )
    ledger.campaigns.begin(record.campaign_id, threads=1, workers=workers, cores=workers)
    seconds = 60 * trials / workers
    ids = [
        ledger.workers.register(
            record.campaign_id, name=f"worker-{place}", host="node-a", pid=place, threads=1, cores=str(place)
        )
        for place in range(workers)
    ]
    values = {
        "campaign": record.campaign_id,
        "study": record.study_id,
        "trials": trials,
        "steps": steps,
        "seconds": seconds,
        "beat": 10 if seconds > 300 else 1,
        "objectives": objectives,
        "names": list(spaces),
        "highs": [HIGHS.get(name, 1.0) for name in spaces],
        "distributions": [optuna.distributions.distribution_to_json(space) for space in spaces.values()],
        "workers": ids,
    }
    with psycopg.connect(url.replace("postgresql+psycopg", "postgresql")) as connection:
        for statement in (TRIALS, PARAMETERS, VALUES, STEPS, SLOTS):
            connection.execute(statement, values)
        for statement in (WORKERS, BEATS, CAMPAIGN):
            connection.execute(statement, values)
        connection.execute("ANALYZE")
    return ledger.campaigns.get(name)


def _spaces(parameters: int) -> dict[str, optuna.distributions.BaseDistribution]:
    named: dict[str, optuna.distributions.BaseDistribution] = {
        "optimizer": optuna.distributions.CategoricalDistribution(["adam", "sgd", "lion"]),
        "layers": optuna.distributions.IntDistribution(0, 8),
        "dropout": optuna.distributions.FloatDistribution(0, 0.6),
    }
    plain = {
        f"x{index}": optuna.distributions.FloatDistribution(0, 1) for index in range(max(0, parameters - len(named)))
    }
    return {**named, **plain}


def _specification(
    name: str, trials: int, spaces: dict[str, optuna.distributions.BaseDistribution], aims: Sequence[dict[str, str]]
) -> dict[str, object]:
    described = [json.loads(optuna.distributions.distribution_to_json(space)) for space in spaces.values()]
    return {
        "apiVersion": "corebound.dev/v1alpha1",
        "kind": "SearchCampaign",
        "metadata": {"name": name},
        "spec": {
            "trials": trials,
            "threads": 1,
            "objectives": list(aims),
            "search": {
                "parameters": [{"name": key, **each["attributes"]} for key, each in zip(spaces, described, strict=True)]
            },
            "trial": {"entrypoint": "train.py:objective"},
            "pool": {"pricePerHour": "3.50"},
        },
    }


if __name__ == "__main__":
    main()
