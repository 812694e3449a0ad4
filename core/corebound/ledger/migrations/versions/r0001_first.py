"""The first ledger: campaigns, slots, leases, workers, checkpoints and the fence on Optuna's tables."""

from corebound.ledger.migrations.scripts import run_script

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create everything."""
    run_script("r0001_first.sql")
