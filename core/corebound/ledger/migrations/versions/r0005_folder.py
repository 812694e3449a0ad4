"""A campaign knows the folder its files come from; an enqueued trial keeps its attributes, and its slot, over attempts."""

from corebound.ledger.migrations.scripts import run_script

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the column; replace the function."""
    run_script("r0005_folder.sql")
