"""What a report cannot find out later: the plan as it was decided, and what each worker ran on."""

from corebound.ledger.migrations.scripts import run_script

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add both; campaigns and workers that are there have neither."""
    run_script("r0003_for_reports.sql")
