"""What the ledger costs: a trial of no work against Optuna's own, alone and with 64 workers at once.

    python bench/ledger.py [--rounds 3] [--workers 64] [--trials 640]

Alone: create, sample and tell by Optuna, then the same with claim and close by Corebound. Together: bare claims and closes a
second, and whole trials a second (claim, create, 5 suggests, tell, close) beside Optuna's own ask, suggest and tell. Rounds
are interleaved; medians and spread are printed.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections import defaultdict
from pathlib import Path

import optuna
import psycopg
import psycopg.sql

from corebound.api.records import CampaignRecord
from corebound.ledger.ledger import Ledger, open_ledger
from corebound.ledger.schema import prepare_database
from corebound.local.postgres import EmbeddedPostgres
from running_trials import fill
from simulated import claim_and_close, make_campaign, optuna_trials, together, whole_trials

ALONE_TRIALS = 100
BARE = 10
"""Bare claims for each whole trial that is asked for: some seconds of them."""
TOLD_WHEN_CLAIMED = """
    CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN NEW.trial_id := {first} + NEW.slot; RETURN NEW; END $$;
    CREATE TRIGGER {name} BEFORE UPDATE ON corebound_slots FOR EACH ROW
    WHEN (NEW.campaign_id = {campaign} AND NEW.state = 'running') EXECUTE FUNCTION {name}()
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=64)
    parser.add_argument("--trials", type=int, default=640)
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    figures: dict[str, list[float]] = defaultdict(list)
    with (
        tempfile.TemporaryDirectory(prefix="corebound-bench-") as folder,
        EmbeddedPostgres(Path(folder)).used(connections=3 * options.workers) as url,
    ):
        prepare_database(url)
        with open_ledger(url, application="bench") as ledger:
            for index in range(options.rounds):
                for name, figure in one_round(ledger, url, index, options.workers, options.trials).items():
                    figures[name].append(figure)
    show(figures, options.workers)


def one_round(ledger: Ledger, url: str, index: int, workers: int, trials: int) -> dict[str, float]:
    """Every figure once; names of studies and campaigns carry the round."""
    figures = {}
    own = optuna.create_study(study_name=f"alone-{index}", storage=url)
    alone = together(optuna_trials, url, own.study_name, "random", ALONE_TRIALS, workers=1)
    figures["alone: Optuna's create, sample, tell (ms)"] = 1000 * alone.seconds / alone.done
    record = make_campaign(ledger, name=f"slots-{index}", trials=ALONE_TRIALS)
    with_ledger = together(whole_trials, url, record.name, "random", workers=1)
    figures["alone: Corebound's claim, create, sample, tell, close (ms)"] = (
        1000 * with_ledger.seconds / with_ledger.done
    )
    record = make_campaign(ledger, name=f"bare-{index}", trials=BARE * trials)
    tell_beforehand(url, record, BARE * trials)
    bare = together(claim_and_close, url, record.name, workers=workers)
    figures["together: bare claims and closes (a second)"] = bare.per_second
    study = optuna.create_study(study_name=f"together-{index}", storage=url)
    optunas = together(optuna_trials, url, study.study_name, "random", trials // workers, workers=workers)
    figures["together: Optuna's own trials (a second)"] = optunas.per_second
    record = make_campaign(ledger, name=f"whole-{index}", trials=trials)
    whole = together(whole_trials, url, record.name, "random", workers=workers)
    figures["together: Corebound's whole trials (a second)"] = whole.per_second
    if (bare.done, whole.done) != (BARE * trials, trials):
        raise SystemExit(f"slots were run twice or lost: {bare.done} of {BARE * trials}, {whole.done} of {trials}")
    return figures


def tell_beforehand(url: str, record: CampaignRecord, trials: int) -> None:
    """Each slot gets a told trial as it is claimed, so that claim and close are all that workers do."""
    fill(url, record, argparse.Namespace(finished=trials, running=0, reports=1))
    with psycopg.connect(url.replace("postgresql+psycopg", "postgresql")) as connection:
        row = connection.execute("SELECT min(trial_id) FROM trials WHERE study_id = %s", (record.study_id,)).fetchone()
        values = {"campaign": record.campaign_id, "first": row[0] if row else 0}
        name = psycopg.sql.Identifier(f"bench_told_{record.campaign_id}")
        parts = {"name": name, **{key: psycopg.sql.Literal(value) for key, value in values.items()}}
        connection.execute(psycopg.sql.SQL(TOLD_WHEN_CLAIMED).format(**parts))


def show(figures: dict[str, list[float]], workers: int) -> None:
    print(f"trials of no work, 5 parameters, random sampler; 'together' is {workers} workers at once")
    print(f"{'':62}  median (min-max)")
    for name, found in figures.items():
        print(f"{name:62}  {statistics.median(found):.1f} ({min(found):.1f}-{max(found):.1f})")


if __name__ == "__main__":
    main()
