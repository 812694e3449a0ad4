"""The first ledger: campaigns, slots, leases, workers, checkpoints and the fence on Optuna's tables."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create everything."""
    op.get_bind().exec_driver_sql((Path(__file__).parent / "r0001_first.sql").read_text(encoding="utf-8"))
