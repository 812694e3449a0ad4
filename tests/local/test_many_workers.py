"""130 workers on whatever cores there are, on an embedded server that was started for fewer."""

from __future__ import annotations

import json
import os
from pathlib import Path

import psycopg
import pytest

from corebound.ledger.ledger import open_ledger
from corebound.local.postgres import EmbeddedPostgres

from .campaigns import Corebound, processes_of, started, wait_until, written

pytestmark = pytest.mark.alone

WORKERS = 130
CONNECTIONS = 2 * WORKERS + 20
PATIENCE_SECONDS = 240.0
BACKENDS = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"


def test_130_workers_run_at_once_on_a_server_that_grows_under_a_live_campaign(
    corebound: Corebound,
    command: list[str],
    environment: dict[str, str],
    tmp_path: Path,
) -> None:
    home = tmp_path / "home"
    own = {**environment, "COREBOUND_HOME": str(home), "COREBOUND_HEARTBEAT_SECONDS": "10"}
    server = EmbeddedPostgres(home / "postgres-18")
    # Each lasts until all are there, on a machine of any speed.
    waiting = f"until [ -e {tmp_path}/go ]; do sleep 1; done; echo loss=1"
    small = written(tmp_path, "small", trials=1, trial={"command": ["sh", "-c", waiting]})
    # Opened for writing, it lets those that wait go on, and those that come later.
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    trial = {"command": ["sh", "-c", f": <{gate}; echo loss=1"]}
    many = written(tmp_path, "many", trials=WORKERS, parallelism="auto", trial=trial)

    def asked(statement: str) -> int:
        with psycopg.connect(host=str(server.socket_folder), user="corebound", dbname="postgres") as connection:
            row = connection.execute(statement).fetchone()
            assert row is not None
            return int(row[0])

    def limit() -> int:
        return asked("SELECT current_setting('max_connections')::int")

    with started(*command, "run", "-f", str(small), "--json", environment=own) as first:
        wait_until(lambda: any((home / "campaigns").glob("small-*/slot-*.log")), "the small campaign")
        assert limit() < CONNECTIONS
        with started(*command, "run", "-f", str(many), "--cores", str(WORKERS), "--json", environment=own) as second:
            wait_until(lambda: any((home / "campaigns").glob("many-*")), "the first worker")
            assert limit() == CONNECTIONS
            with open_ledger(server.url, application="test") as ledger:
                campaign = ledger.campaigns.get("many")

                def all_at_once() -> bool:
                    assert second.poll() is None, second.communicate()
                    return len(ledger.slots.running(campaign.campaign_id)) == WORKERS

                wait_until(all_at_once, "130 running slots", PATIENCE_SECONDS)
                programs = ["-c", str(trial["command"][2])]
                wait_until(lambda: [words[1:] for words in _command_lines()].count(programs) == WORKERS, "130 programs")
                # The small campaign's are among them, and this test's own.
                assert 2 * WORKERS < asked(BACKENDS) <= CONNECTIONS
            opened = os.open(gate, os.O_RDWR)
            printed, said = second.communicate(timeout=PATIENCE_SECONDS)
            os.close(opened)
            assert second.returncode == 0, said
        (tmp_path / "go").touch()
        printed_first, said = first.communicate(timeout=PATIENCE_SECONDS)
        assert first.returncode == 0, said
    outcome = json.loads(printed)
    assert outcome["counts"] == {"succeeded": WORKERS}
    assert outcome["workers"] == WORKERS
    assert json.loads(printed_first)["counts"] == {"succeeded": 1}
    assert not processes_of("many")
    assert not (home / "postgres-18" / "data" / "postmaster.pid").exists(), "the last to leave has stopped the server"
    rows = json.loads(corebound("results", "many", "--json", COREBOUND_HOME=str(home)).stdout)
    assert [row["slot"] for row in rows] == list(range(WORKERS))
    assert sorted(row["number"] for row in rows) == list(range(WORKERS)), "no trial too many"
    assert {row["attempts"] for row in rows} == {1}, "nobody was lost"


def _command_lines() -> list[list[str]]:
    found = []
    for folder in Path("/proc").iterdir():
        try:
            found.append((folder / "cmdline").read_text().split("\0")[:-1] if folder.name.isdigit() else [])
        except OSError:
            continue
    return found
