"""Results beside the slots: summaries of 10,000 trials in a few milliseconds."""

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add what each closed slot came to."""
    sql = (Path(__file__).parent / "r0002_results.sql").read_text(encoding="utf-8")
    # Through the bare driver: SQLAlchemy would look for parameters behind every per cent sign.
    op.get_bind().connection.cursor().execute(sql)
