"""Results beside the slots: summaries of 10,000 trials in a few milliseconds."""

from corebound.ledger.migrations.scripts import run_script

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add what each closed slot came to."""
    run_script("r0002_results.sql")
