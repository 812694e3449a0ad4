"""Campaigns as the ledger tells of them, made up: a record and a summary of it, whole, of which a test names what matters."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from corebound.api.records import CampaignRecord, LedgerSummary, Phase, SlotState

NOW = datetime(2026, 1, 30, 12, tzinfo=UTC)


def record(name: str = "poles", **fields: Any) -> CampaignRecord:
    """One that has just begun to run."""
    begun = CampaignRecord(
        campaign_id=1,
        uid=UUID(int=1),
        name=name,
        specification={"spec": {"objectives": [{"metric": "loss", "direction": "minimize"}]}},
        study_name=name,
        study_id=1,
        trials=10,
        phase=Phase.RUNNING,
        reason=None,
        message=None,
        stop_requested=None,
        retries=2,
        retry_exceptions=False,
        heartbeat_seconds=10,
        lease_seconds=40,
        threads=1,
        workers=2,
        cores=4,
        created_at=NOW,
        started_at=NOW,
        finished_at=None,
        active_seconds=0,
        active_since=NOW,
    )
    return replace(begun, **fields)


def summary_of(campaign: CampaignRecord, counts: dict[SlotState, int], **fields: Any) -> LedgerSummary:
    """With so many slots in each state; nothing has been measured, and nobody is at work."""
    bare = LedgerSummary(
        campaign=campaign,
        now=NOW,
        counts=counts,
        claimable=counts.get(SlotState.OPEN, 0),
        best=None,
        front_size=None,
        cpu_seconds=0,
        worker_seconds=0,
        throttled_seconds=0,
        mean_trial_seconds=None,
        first_claim_at=None,
        last_close_at=None,
        failed_first=False,
        last_error=None,
    )
    return replace(bare, **fields)
