"""Constraints in both forms in which Optuna keeps them count for a slot's results."""

from pathlib import Path

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Replace the function, and work out anew what has succeeded already."""
    sql = (Path(__file__).parent / "r0004_constraints.sql").read_text(encoding="utf-8")
    # Through the bare driver: SQLAlchemy would look for parameters behind every per cent sign.
    op.get_bind().connection.cursor().execute(sql)
