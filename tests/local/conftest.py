"""A COREBOUND_HOME of its own for each test session, and ``corebound`` as users start it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from corebound.ledger.ledger import Ledger, open_ledger
from corebound.ledger.schema import prepare_database
from corebound.local.postgres import EmbeddedPostgres

Corebound = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("home")
    # Kept running for the whole session: starting a server for each command would be most of the time.
    server = EmbeddedPostgres(folder / "postgres-18")
    try:
        with server.used():
            yield folder
    finally:
        # `corebound storage` in a test asks for the server to be left running.
        server.stop()


@pytest.fixture(scope="session")
def ledger(home: Path) -> Iterator[Ledger]:
    """What ``corebound`` writes, without a process of its own for each look."""
    url = EmbeddedPostgres(home / "postgres-18").url
    prepare_database(url)
    with open_ledger(url, application="tests") as opened:
        yield opened


@pytest.fixture
def environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COREBOUND_")}
    return {**kept, "COREBOUND_HOME": str(home), "COREBOUND_HEARTBEAT_SECONDS": "0.5"}


@pytest.fixture
def command() -> list[str]:
    return [str(Path(sys.executable).parent / "corebound")]


@pytest.fixture
def corebound(command: list[str], environment: dict[str, str]) -> Corebound:
    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, *arguments],
            env={**environment, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    return run
