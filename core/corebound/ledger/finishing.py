"""What a campaign's phase does to its slots and trials when it ends, in the transaction that sets the phase.

What could go wrong: a worker that is still at a trial. The trial is told FAIL in its name, and its slot's attempt rises, so
that what it writes from then on is fenced.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from corebound.ledger import campaign_sql
from corebound.ledger.writer import write_as

if TYPE_CHECKING:
    import sqlalchemy

    from corebound.api.records import Phase


def finish_campaign(
    connection: sqlalchemy.Connection, campaign_id: int, phase: Phase, *, reason: str, message: str
) -> None:
    """Set the phase; a final one skips every slot that is still open or running."""
    if phase.is_final:
        campaign = {"campaign": campaign_id}
        for statement in campaign_sql.CLOSE_WHAT_WAS_TOLD:
            connection.execute(statement, campaign)
        _fail_running_trials(connection, campaign_id)
        connection.execute(campaign_sql.SKIP_WHAT_IS_LEFT, {**campaign, "message": message})
        connection.execute(campaign_sql.DROP_CHECKPOINTS, campaign)
    connection.execute(
        campaign_sql.END,
        {
            "campaign": campaign_id,
            "phase": phase.value,
            "reason": reason,
            "message": message,
            "final": phase.is_final,
        },
    )


def _fail_running_trials(connection: sqlalchemy.Connection, campaign_id: int) -> None:
    """Tell FAIL what is still RUNNING, each as the holder of its slot: there is no way around the fence."""
    for slot, attempt, trial_id in connection.execute(campaign_sql.STILL_RUNNING, {"campaign": campaign_id}).all():
        write_as(connection, campaign_id=campaign_id, slot=slot, attempt=attempt)
        connection.execute(campaign_sql.FAIL_TRIAL, {"trial": trial_id})
