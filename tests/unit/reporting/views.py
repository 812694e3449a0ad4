"""Campaigns at one moment, made up."""

from __future__ import annotations

from datetime import timedelta

from corebound.api.records import BestTrial, Phase, SlotRow, SlotState
from corebound.reporting.status import CampaignView

from ...made_up import NOW, record, summary_of


def view(
    *, name: str = "poles", campaign_id: int = 1, running: int = 2, phase: Phase = Phase.RUNNING, attended: bool = True
) -> CampaignView:
    campaign = record(
        name,
        campaign_id=campaign_id,
        trials=200,
        phase=phase,
        message="all is said" if phase is not Phase.RUNNING else None,
        workers=10,
        cores=10,
    )
    told = summary_of(
        campaign,
        {SlotState.SUCCEEDED: 14, SlotState.RUNNING: running, SlotState.FAILED: 1},
        best=BestTrial(slot=3, number=3, value=0.25, params={}),
        cpu_seconds=97,
        worker_seconds=100,
        mean_trial_seconds=4,
        first_claim_at=NOW,
        last_close_at=NOW,
    )
    return CampaignView(summary=told, running=[slot(index) for index in range(running)], attended=attended)


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
