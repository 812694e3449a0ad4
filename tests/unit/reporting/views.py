"""Campaigns at one moment, made up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from corebound.api.records import BestTrial, CampaignRecord, LedgerSummary, Phase, SlotRow, SlotState
from corebound.reporting.status import CampaignView

NOW = datetime(2026, 1, 30, 12, tzinfo=UTC)


def view(
    *, name: str = "poles", campaign_id: int = 1, running: int = 2, phase: Phase = Phase.RUNNING, attended: bool = True
) -> CampaignView:
    campaign = CampaignRecord(
        campaign_id=campaign_id,
        uid=UUID(int=1),
        name=name,
        specification={"spec": {"objectives": [{"metric": "loss", "direction": "minimize"}]}},
        study_name=name,
        study_id=1,
        trials=200,
        phase=phase,
        reason=None,
        message="all is said" if phase is not Phase.RUNNING else None,
        stop_requested=None,
        retries=2,
        retry_exceptions=False,
        heartbeat_seconds=10,
        lease_seconds=40,
        threads=1,
        workers=10,
        cores=10,
        created_at=NOW,
        started_at=NOW,
        finished_at=None,
        active_seconds=0,
        active_since=NOW,
    )
    summary = LedgerSummary(
        campaign=campaign,
        now=NOW,
        counts={SlotState.SUCCEEDED: 14, SlotState.RUNNING: running, SlotState.FAILED: 1},
        claimable=0,
        live_workers=running,
        best=BestTrial(slot=3, number=3, value=0.25, params={}),
        front_size=None,
        cpu_seconds=97,
        worker_seconds=100,
        throttled_seconds=0,
        mean_trial_seconds=4,
        first_claim_at=NOW,
        last_close_at=NOW,
        failed_first=False,
        last_error=None,
    )
    return CampaignView(summary=summary, running=[slot(index) for index in range(running)], attended=attended)


def slot(number: int) -> SlotRow:
    return SlotRow(
        slot=number,
        state=SlotState.RUNNING,
        attempt=1,
        lost_attempts=0,
        number=None,
        worker=f"worker-{number}",
        step=37,
        steps=150,
        last_value=0.83125,
        last_report_at=NOW - timedelta(seconds=2),
        cpu_seconds=12.34,
        claimed_at=NOW - timedelta(seconds=13),
    )
