"""Constraints in both forms in which Optuna keeps them count for a slot's results."""

from corebound.ledger.migrations.scripts import run_script

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Replace the function, and work out anew what has succeeded already."""
    run_script("r0004_constraints.sql")
