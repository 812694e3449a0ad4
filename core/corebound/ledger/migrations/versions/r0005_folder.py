"""A campaign knows the folder its files come from; an enqueued trial keeps its attributes, and its slot, over attempts."""

from pathlib import Path

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the column; replace the function."""
    sql = (Path(__file__).parent / "r0005_folder.sql").read_text(encoding="utf-8")
    # Through the bare driver: SQLAlchemy would look for parameters behind every per cent sign.
    op.get_bind().connection.cursor().execute(sql)
