"""Results that break a constraint, errors that are no text for the database, and a server that takes no writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import optuna
import psycopg
import pytest

from corebound.api.errors import StorageUnreachableError
from corebound.api.records import WorkerTelemetry
from corebound.ledger.storage import CampaignStorage

from .test_kept_for_reports import made

if TYPE_CHECKING:
    from corebound.ledger.ledger import Ledger


@pytest.mark.parametrize(
    ("key", "value", "counts"),
    [
        ("constraints", [-1.0, 0.0], True),
        ("constraints", [-1.0, 0.5], False),
        ("constraints", [float("-inf"), -1e-9], True),
        ("constraints", [float("inf")], False),
        ("constraints", [False, True], False),
        ("constraints", [False], True),
        ("constraints", [], True),
        ("constraints", None, True),
        ("constraints:room", 2.0, False),
        ("constraints:room", -2.0, True),
    ],
)
def test_what_breaks_a_constraint_is_no_result(ledger: Ledger, url: str, key: str, value: Any, counts: bool) -> None:
    """The list is what a sampler's ``constraints_func`` leaves (Optuna 5, samplers/_base.py)."""
    record = made(ledger)
    worker_id = ledger.workers.register(record.campaign_id, name="w", host="h", pid=1, threads=1, cores="")
    storage = CampaignStorage(url, grace=5)
    claim = ledger.slots.claim(record.campaign_id, worker_id)
    assert claim is not None
    trial_id = storage.create_trial(claim, study_id=record.study_id, fixed_params={})
    storage.set_trial_system_attr(trial_id, key, value)
    storage.set_trial_state_values(trial_id, optuna.trial.TrialState.COMPLETE, [1.0])
    ledger.slots.close(claim, cpu_seconds=1)
    assert (ledger.summaries.of(record).best is not None) is counts
    row, *_ = ledger.slots.rows(record.campaign_id)
    shown = value if isinstance(value, list) else [] if value is None else [value]
    assert list(row.constraints.values()) == shown
    storage.close()


def test_a_server_that_takes_no_writes_for_a_while_is_waited_for(ledger: Ledger, url: str) -> None:
    """Its disk is nearly full, or it has become a standby: the next try comes by another connection."""
    record = made(ledger)
    worker_id = ledger.workers.register(record.campaign_id, name="w", host="h", pid=1, threads=1, cores="")
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        name = psycopg.sql.Identifier(connection.info.dbname)
        read_only = psycopg.sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = {}")
        connection.execute(read_only.format(name, psycopg.sql.SQL("on")))
        ledger.close()  # connections that are there keep the setting that they began with
        with pytest.raises(StorageUnreachableError, match="takes no writes now"):
            ledger.slots.claim(record.campaign_id, worker_id)
        connection.execute("SET default_transaction_read_only = off")
        connection.execute(read_only.format(name, psycopg.sql.SQL("off")))
    assert ledger.slots.claim(record.campaign_id, worker_id) is not None


@pytest.mark.parametrize("error", ["cannot read \udcff.csv", "a\x00b", "\ud800"])
def test_an_error_that_is_no_text_for_the_database_is_kept_readable(ledger: Ledger, url: str, error: str) -> None:
    record = made(ledger)
    worker_id = ledger.workers.register(record.campaign_id, name="w", host="h", pid=1, threads=1, cores="")
    claim = ledger.slots.claim(record.campaign_id, worker_id)
    assert claim is not None
    ledger.slots.close(claim, cpu_seconds=1, error=error)
    row, *_ = ledger.slots.rows(record.campaign_id)
    assert row.error == error.replace("\x00", "").encode("utf-8", "backslashreplace").decode()
    ledger.workers.end(worker_id, exit_code=1, message=error, telemetry=WorkerTelemetry())
