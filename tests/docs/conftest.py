"""A COREBOUND_HOME of its own for each page, as its reader begins with none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from corebound.local.postgres import EmbeddedPostgres

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """Its server is kept running between the page's commands: starting it for each would be most of the time."""
    server = EmbeddedPostgres(tmp_path / "home" / "postgres-18")
    try:
        with server.used():
            yield tmp_path / "home"
    finally:
        server.stop()
