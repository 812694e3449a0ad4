"""More workers than the database has connections for: those that find none wait, and cost no slot an attempt."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING
from urllib.parse import quote
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from corebound.api.contract import thread_environment
from corebound.api.loading import load_campaign
from corebound.ledger.ledger import open_ledger
from corebound.ledger.schema import prepare_database
from corebound.local.postgres import EmbeddedPostgres

from .campaigns import rows, started, written

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WORKERS = 3


@pytest.fixture
def crowded(home: Path) -> Iterator[tuple[str, str]]:
    """A database of its own: the address of a login that may have a connection for each worker, and that of a free one."""
    host, name = str(EmbeddedPostgres(home / "postgres-18").socket_folder), f"crowded_{uuid4().hex[:8]}"
    own = sql.Identifier(name)
    with psycopg.connect(host=host, user="corebound", dbname="postgres", autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(own))
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(own, own))
        address = f"@/{name}?host={quote(host, safe='')}"
        prepare_database(f"postgresql://{name}{address}")
        connection.execute(sql.SQL("ALTER ROLE {} CONNECTION LIMIT {}").format(own, sql.Literal(WORKERS)))
        yield f"postgresql://{name}{address}", f"postgresql://corebound{address}"


def test_workers_that_find_no_connection_hold_none_and_no_slot(
    crowded: tuple[str, str], environment: dict[str, str], tmp_path: Path
) -> None:
    """Each needs two. If each held one and waited for another they would all wait, and the slots with them."""
    address, free = crowded
    (tmp_path / "quick.py").write_text("def objective(trial):\n    return trial.suggest_float('x', 0, 1)\n")
    path = written(tmp_path, "crowded", trials=6, trial={"entrypoint": "quick.py:objective"})
    own = {
        **environment, **thread_environment(1), "COREBOUND_DATABASE_URL": address, "COREBOUND_GRACE_SECONDS": "90",
    }  # fmt: skip
    command = [sys.executable, "-m", "corebound_trial", "crowded", "--folder", str(tmp_path)]
    with open_ledger(free, application="tests") as ledger:
        record = ledger.campaigns.create_of(load_campaign(path), artifacts=None, heartbeat_seconds=0.5)
        ledger.campaigns.begin(record.campaign_id, threads=1, workers=WORKERS)
        with ExitStack() as running:
            workers = [
                running.enter_context(started(*command, "--name", f"worker-{place}", environment=own))
                for place in range(WORKERS)
            ]
            said = [worker.communicate(timeout=180) for worker in workers]
        assert [worker.returncode for worker in workers] == [0] * WORKERS, said
        found = rows(ledger, "crowded")
    assert [(row["state"], row["attempts"]) for row in found] == [("succeeded", 1)] * 6
