"""Ledgers of earlier versions: refused by what only reads, upgraded in place with all that is in them, and then like new."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import optuna
import psycopg
import pytest

from corebound.api.errors import SchemaMismatchError
from corebound.api.records import RunsOn
from corebound.ledger import migrations
from corebound.ledger.ledger import Ledger, open_ledger
from corebound.ledger.schema import OLDER_LEDGERS, prepare_database
from corebound.ledger.storage import CampaignStorage

from .test_kept_for_reports import made, planned

VERSIONS: Final = Path(migrations.__file__).parent / "versions"
FIRST_RESULTS: Final = re.search(
    r"CREATE (FUNCTION corebound_results.*?\$\$;)",
    (VERSIONS / "r0002_results.sql").read_text(encoding="utf-8"),
    re.DOTALL,
)
assert FIRST_RESULTS is not None
FIRST_CREATE_TRIAL: Final = re.search(
    r"CREATE (FUNCTION corebound_create_trial.*?\$\$;)",
    (VERSIONS / "r0001_first.sql").read_text(encoding="utf-8"),
    re.DOTALL,
)
assert FIRST_CREATE_TRIAL is not None
BACK_TO: Final = {
    "0004": ("ALTER TABLE corebound_campaigns DROP COLUMN folder", f"CREATE OR REPLACE {FIRST_CREATE_TRIAL[1]}"),
    "0003": (f"CREATE OR REPLACE {FIRST_RESULTS[1]}",),
    "0002": (
        "ALTER TABLE corebound_workers DROP COLUMN runs_on",
        "ALTER TABLE corebound_campaigns DROP COLUMN plans",
    ),
    "0001": (
        "DROP TRIGGER corebound_keep_results ON corebound_slots",
        "DROP FUNCTION corebound_keep_results, corebound_results",
        "DROP INDEX corebound_slots_failed",
        "ALTER TABLE corebound_slots DROP COLUMN results",
    ),
}
"""What the version after it had added, newest first."""
RUNS_ON: Final = RunsOn(versions={"Python": "3.12.1"}, processor="a CPU", cores=2.0, kernel="Linux 6.1", cgroup="2")


def schema(url: str) -> dict[str, list[Any]]:
    """Columns, indexes, triggers and functions."""
    questions = {
        "columns": "SELECT table_name, column_name, data_type, is_nullable, column_default FROM "
        "information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2",
        "indexes": "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1",
        "triggers": "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1",
        "functions": "SELECT proname, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY 1",
    }
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        return {what: connection.execute(statement).fetchall() for what, statement in questions.items()}


def taken_back(url: str, revision: str) -> None:
    """The ledger as a program of that revision would have made it."""
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        for before, statements in BACK_TO.items():
            for statement in statements:
                connection.execute(statement)
            connection.execute("UPDATE corebound_alembic_version SET version_num = %s", [before])
            if before == revision:
                return


def test_every_older_ledger_is_tried() -> None:
    assert tuple(sorted(BACK_TO)) == OLDER_LEDGERS


@pytest.mark.parametrize("revision", OLDER_LEDGERS)
def test_an_older_ledger_is_upgraded_with_what_is_in_it(ledger: Ledger, url: str, revision: str) -> None:
    record = made(ledger, "old")
    who: dict[str, Any] = {"host": "h", "pid": 1, "threads": 1, "cores": ""}
    plan = planned(4, seconds=60.0)
    ledger.campaigns.begin(record.campaign_id, threads=1, workers=2, plan=plan)
    worker_id = ledger.workers.register(record.campaign_id, name="before", **who, runs_on=RUNS_ON)
    claim = ledger.slots.claim(record.campaign_id, worker_id)
    assert claim is not None
    storage = CampaignStorage(url, grace=5)
    trial_id = storage.create_trial(claim, study_id=record.study_id, fixed_params={})
    storage.set_trial_state_values(trial_id, optuna.trial.TrialState.COMPLETE, [4.0])
    ledger.slots.close(claim, cpu_seconds=1)
    storage.close()

    new = schema(url)
    taken_back(url, revision)
    assert schema(url) != new
    with pytest.raises(SchemaMismatchError, match="corebound run upgrades it"):
        open_ledger(url, application="test")
    prepare_database(url)
    assert schema(url) == new

    found = ledger.campaigns.get("old")
    best = ledger.summaries.of(found).best
    assert best is not None
    had_plans = revision >= "0003"  # and what workers ran on
    assert (best.value, found.workers, len(found.plans)) == (4.0, 2, had_plans)
    ledger.workers.register(record.campaign_id, name="after", **who, runs_on=RUNS_ON)
    assert [(row.name, row.runs_on) for row in ledger.workers.rows(record.campaign_id)] == [
        ("before", RUNS_ON if had_plans else None),
        ("after", RUNS_ON),
    ]
    ledger.campaigns.begin(record.campaign_id, threads=1, workers=2, plan=plan)
    assert [kept.seconds for kept in ledger.campaigns.get("old").plans] == [60.0] * (1 + had_plans)
