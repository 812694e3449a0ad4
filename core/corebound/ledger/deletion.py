"""A campaign and all that belongs to it, removed in one transaction.

Optuna's tables know no cascade, so its rows go first, children before parents. What could go wrong: a worker that still
runs (the slots' rows are locked first, so its write comes before all of this, or finds its trial gone and is fenced).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import text

if TYPE_CHECKING:
    import sqlalchemy

_OF_TRIALS: Final = (
    "trial_params",
    "trial_values",
    "trial_intermediate_values",
    "trial_user_attributes",
    "trial_system_attributes",
    "trial_heartbeats",
)
_OF_STUDY: Final = ("trials", "study_user_attributes", "study_system_attributes", "study_directions", "studies")
_LOCK_CAMPAIGN: Final = "SELECT study_id FROM corebound_campaigns WHERE campaign_id = :campaign FOR UPDATE"
_LOCK_SLOTS: Final = "SELECT 1 FROM corebound_slots WHERE campaign_id = :campaign ORDER BY slot FOR UPDATE"
_LOCK_STUDY: Final = "SELECT 1 FROM studies WHERE study_id = :study FOR UPDATE"


def delete_campaign(connection: sqlalchemy.Connection, campaign_id: int) -> None:
    """Remove it; nothing happens when it is gone already."""
    campaign = {"campaign": campaign_id}
    study_id = connection.execute(text(_LOCK_CAMPAIGN), campaign).scalar()
    if study_id is None:
        return
    study = {"study": study_id}
    connection.execute(text(_LOCK_SLOTS), campaign)
    # Nobody creates a trial meanwhile: both Optuna and the ledger number trials under this lock.
    connection.execute(text(_LOCK_STUDY), study)
    # Leases, workers, their samples and checkpoints go with the campaign.
    connection.execute(text("DELETE FROM corebound_campaigns WHERE campaign_id = :campaign"), campaign)
    for table in _OF_TRIALS:
        trials = "SELECT trial_id FROM trials WHERE study_id = :study"
        connection.execute(text(f"DELETE FROM {table} WHERE trial_id IN ({trials})"), study)
    for table in _OF_STUDY:
        connection.execute(text(f"DELETE FROM {table} WHERE study_id = :study"), study)
