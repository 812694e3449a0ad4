"""What a report cannot find out later: the plan as it was decided, and what each worker ran on."""

from pathlib import Path

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add both; campaigns and workers that are there have neither."""
    sql = (Path(__file__).parent / "r0003_for_reports.sql").read_text(encoding="utf-8")
    # Through the bare driver: SQLAlchemy would look for parameters behind every per cent sign.
    op.get_bind().connection.cursor().execute(sql)
