"""What counts as active time, and which leases have run out, as the operator reads both."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg

from .test_ledger import claimed, make, worker

if TYPE_CHECKING:
    from corebound.ledger.ledger import Ledger


def sql(url: str, statement: str) -> None:
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(statement.encode())


def test_time_in_a_queue_is_no_active_time(ledger: Ledger, url: str) -> None:
    campaign_id = make(ledger).campaign_id

    def active_seconds() -> float:
        return ledger.summaries.of(ledger.campaigns.get("campaign")).active_seconds

    sql(url, "UPDATE corebound_campaigns SET active_since = active_since - interval '1 hour'")
    for _ in range(2):
        ledger.campaigns.count_time(campaign_id, counts=False)
        before = active_seconds()
        assert 3600 <= before < 7200
        sql(url, "SELECT pg_sleep(0.05)")
        assert active_seconds() == before
    ledger.campaigns.count_time(campaign_id, counts=True)
    sql(url, "UPDATE corebound_campaigns SET active_since = active_since - interval '1 hour'")
    assert active_seconds() >= before + 3600


def test_what_cannot_be_claimed_yet_is_not_called_claimable(ledger: Ledger, url: str) -> None:
    """For one lease after the database has begun no lease counts as expired: workers that live renew theirs then."""
    record = make(ledger, trials=1)
    worker_id = worker(ledger, record)
    claimed(ledger, record, worker_id)
    sql(url, "UPDATE corebound_campaigns SET lease_seconds = 86400")
    sql(url, "UPDATE corebound_leases SET expires_at = now() - interval '1 minute'")
    record = ledger.campaigns.get("campaign")
    assert ledger.slots.claim(record.campaign_id, worker_id) is None
    assert ledger.summaries.of(record).claimable == 0
    ledger.workers.bury(record.campaign_id, name="w", exit_code=-9, message="killed")
    assert ledger.summaries.of(record).claimable == 1
    assert ledger.slots.claim(record.campaign_id, worker_id) is not None
