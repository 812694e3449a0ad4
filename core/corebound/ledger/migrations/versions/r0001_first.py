"""The first ledger: campaigns, slots, leases, workers, checkpoints and the fence on Optuna's tables."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create everything."""
    sql = (Path(__file__).parent / "r0001_first.sql").read_text(encoding="utf-8")
    # Through the bare driver: SQLAlchemy would look for parameters behind every per cent sign.
    op.get_bind().connection.cursor().execute(sql)
