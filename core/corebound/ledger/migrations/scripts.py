"""What every revision does: run the SQL that stands beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import op

_FOLDER: Final = Path(__file__).parent / "versions"


def run_script(name: str) -> None:
    """Run that file of ``versions`` in the migration's transaction."""
    # Through the bare driver: SQLAlchemy would look for parameters behind every per cent sign.
    op.get_bind().connection.cursor().execute((_FOLDER / name).read_text(encoding="utf-8"))
