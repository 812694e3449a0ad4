"""One supervisor for each campaign, whatever happens to its connection, its database or its workers' schema."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from corebound.api.errors import StorageUnreachableError
from corebound.api.loading import load_campaign
from corebound.ledger.ledger import open_ledger
from corebound.ledger.schema import prepare_database
from corebound.local.postgres import EmbeddedPostgres
from corebound.local.supervisor import Supervisor
from corebound.planning.planner import make_plan
from corebound.planning.pools import described_pool

from .campaigns import Corebound, processes_of, rows, started, wait_until, written

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from corebound.ledger.ledger import Ledger

CUT = """
    SELECT count(pg_terminate_backend(l.pid)) FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
    WHERE l.locktype = 'advisory' AND a.application_name = 'corebound-run' AND l.objid =
        (cast(hashtext(current_schema() || '/' || %s) AS bigint) & 4294967295)
"""
HOLDERS = CUT.replace("pg_terminate_backend(l.pid)", "*")


def until(folder: Path, name: str = "go") -> dict[str, Any]:
    return {"command": ["sh", "-c", f"until [ -e {folder / name} ]; do sleep 0.2; done; echo loss=1"]}


def asked(home: Path, statement: str, *values: str) -> Any:
    socket = EmbeddedPostgres(home / "postgres-18").socket_folder
    with psycopg.connect(host=str(socket), user="corebound", dbname="postgres") as connection:
        row = connection.execute(statement, values).fetchone()
        return None if row is None else row[0]


def running_slots(ledger: Ledger, name: str) -> list[Any]:
    found = ledger.campaigns.find(name)
    return [] if found is None else list(ledger.slots.running(found.campaign_id))


def running(ledger: Ledger, name: str) -> int:
    return len(running_slots(ledger, name))


def test_a_cut_connection_does_not_let_a_second_supervisor_in(
    corebound: Corebound, command: list[str], environment: dict[str, str], ledger: Ledger, home: Path, tmp_path: Path
) -> None:
    path = written(tmp_path, "cut", trials=1, trial=until(tmp_path))
    with started(*command, "run", "-f", str(path), "--json", environment=environment) as process:
        wait_until(lambda: running(ledger, "cut") == 1, "the slot at work")
        assert asked(home, CUT, "cut") == 1
        wait_until(lambda: asked(home, HOLDERS, "cut") == 1, "the lock taken again")
        refused = corebound("run", "-f", str(path))
        assert refused.returncode == 2
        assert "being run by another corebound" in refused.stderr
        (tmp_path / "go").touch()
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
    assert [(row["state"], row["attempts"]) for row in rows(ledger, "cut")] == [("succeeded", 1)]


def test_who_comes_back_to_find_another_supervisor_leaves(
    command: list[str], environment: dict[str, str], ledger: Ledger, home: Path, tmp_path: Path
) -> None:
    path = written(tmp_path, "replaced", trials=2, trial=until(tmp_path))
    run = [*command, "run", "-f", str(path)]
    with started(*run, environment=environment) as first:
        wait_until(lambda: running(ledger, "replaced") == 1, "the slot at work")
        first.send_signal(signal.SIGSTOP)
        assert asked(home, CUT, "replaced") == 1
        with started(*run, "--json", environment=environment) as second:
            wait_until(lambda: asked(home, HOLDERS, "replaced") == 1, "the second at it")
            first.send_signal(signal.SIGCONT)
            _, said = first.communicate(timeout=120)
            assert first.returncode == 2, said
            assert "meanwhile another one began to run the campaign" in said
            (tmp_path / "go").touch()
            printed, said = second.communicate(timeout=120)
            assert second.returncode == 0, said
    assert json.loads(printed)["counts"] == {"succeeded": 2}
    assert sorted(row["number"] for row in rows(ledger, "replaced")) == [0, 1]


def test_a_woken_worker_changes_nothing(
    command: list[str], environment: dict[str, str], ledger: Ledger, tmp_path: Path
) -> None:
    script = f"[ $COREBOUND_SLOT = 1 ] || until [ -e {tmp_path}/go ]; do sleep 0.2; done; echo loss=$COREBOUND_ATTEMPT"
    path = written(tmp_path, "asleep", trials=2, parallelism=2, trial={"command": ["sh", "-c", script]})
    with started(*command, "run", "-f", str(path), "--cores", "2", "--json", environment=environment) as process:
        wait_until(lambda: bool(slots := running_slots(ledger, "asleep")) and slots[0].slot == 0, "slot 0 at work")
        name = running_slots(ledger, "asleep")[0].worker
        campaign = ledger.campaigns.get("asleep")
        [asleep] = [row.pid for row in ledger.workers.rows(campaign.campaign_id) if row.name == name]
        os.kill(asleep, signal.SIGSTOP)
        wait_until(lambda: rows(ledger, "asleep")[0]["attempts"] == 2, "slot 0 carried on by another worker")
        # The first attempt's program ends now, too, in a child that does not know; its result is refused.
        (tmp_path / "go").touch()
        wait_until(lambda: rows(ledger, "asleep")[0]["state"] == "succeeded", "the end of slot 0")
        closed = rows(ledger, "asleep")
        os.kill(asleep, signal.SIGCONT)
        printed, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
    assert json.loads(printed)["counts"] == {"succeeded": 2}
    assert rows(ledger, "asleep") == closed
    assert closed[0]["values"] == {"loss": 2.0}
    assert sorted(row["number"] for row in closed) == [0, 1]


@contextlib.contextmanager
def broken(server: EmbeddedPostgres) -> Iterator[None]:
    """Crashed, and it does not start again meanwhile."""
    control = server.data_folder / "global"
    os.kill(int((server.data_folder / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
    control.rename(control.with_name("global.away"))
    try:
        yield
    finally:
        control.with_name("global.away").rename(control)


def test_an_embedded_server_that_fails_to_start_again_is_tried_until_it_does(
    command: list[str], environment: dict[str, str], tmp_path: Path
) -> None:
    home = tmp_path / "home"
    server = EmbeddedPostgres(home / "postgres-18")
    path = written(tmp_path, "tried", trials=1, trial=until(tmp_path))
    own = {**environment, "COREBOUND_HOME": str(home)}
    with started(*command, "run", "-f", str(path), environment=own) as process:
        wait_until(lambda: any((home / "campaigns").glob("tried-*/slot-*.log")), "the slot at work")
        with broken(server):
            assert process.stderr is not None
            while "it cannot be started; trying again for 600 s" not in (line := process.stderr.readline()):
                assert line, "it ended"
        (tmp_path / "go").touch()
        printed, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
    assert "1 succeeded" in printed


def test_an_embedded_server_that_never_starts_again_ends_the_run_but_not_the_campaign(
    corebound: Corebound, environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("COREBOUND_HOME", str(home))
    server = EmbeddedPostgres(home / "postgres-18")
    path = written(tmp_path, "given-up", trials=1, trial=until(tmp_path))
    campaign = load_campaign(path)
    plan = make_plan(campaign, described_pool(cores=1))
    said: list[str] = []
    with server.used() as url, contextlib.ExitStack() as opened:
        prepare_database(url)
        ledger = opened.enter_context(open_ledger(url, application="corebound-run", connections=3))
        supervision = opened.enter_context(ledger.campaigns.supervise("given-up"))
        record = ledger.campaigns.create(
            name="given-up",
            specification=campaign.to_mapping(),
            trials=1,
            directions=["minimize"],
            metric_names=["loss"],
            retries=2,
            retry_exceptions=False,
            heartbeat_seconds=0.5,
        )
        ledger.campaigns.begin(record.campaign_id, threads=1, workers=1)

        def show(summary: object) -> None:
            if running(ledger, "given-up") and not said:
                opened.enter_context(broken(server))

        supervisor = Supervisor(
            ledger=ledger,
            supervision=supervision,
            campaign=record,
            plan=plan,
            cores=None,
            folder=tmp_path,
            storage_url=url,
            start_database=lambda: server.start(connections=1),
            show=show,
            say=said.append,
            grace=3.0,
        )
        with pytest.raises(StorageUnreachableError, match="gave up after 3 s"):
            supervisor.run()
        assert not processes_of("given-up")
    assert sum("it cannot be started; trying again for 3 s" in line for line in said) == 1
    (tmp_path / "go").touch()
    done = corebound("run", "-f", str(path), "--json", COREBOUND_HOME=str(home))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["counts"] == {"succeeded": 1}


def worker_of(process: subprocess.Popen[str], ledger: Ledger, name: str) -> int:
    assert process.poll() is None
    return ledger.workers.rows(ledger.campaigns.get(name).campaign_id)[-1].pid


def test_a_worker_that_finds_another_schema_ends_the_campaign_with_that_reason(
    command: list[str], environment: dict[str, str], tmp_path: Path
) -> None:
    home = tmp_path / "home"
    path = written(tmp_path, "newer", trials=1, trial=until(tmp_path))
    own = {**environment, "COREBOUND_HOME": str(home)}
    with started(*command, "run", "-f", str(path), "--json", environment=own) as process:
        wait_until(lambda: any((home / "campaigns").glob("newer-*/slot-*.log")), "the slot at work")
        with open_ledger(EmbeddedPostgres(home / "postgres-18").url, application="test") as ledger:
            worker = worker_of(process, ledger, "newer")
        asked(home, "UPDATE corebound_alembic_version SET version_num = '9999' RETURNING 1")
        os.kill(worker, signal.SIGKILL)
        printed, said = process.communicate(timeout=120)
        assert process.returncode == 1, said
    outcome = json.loads(printed)
    assert (outcome["phase"], outcome["reason"]) == ("Failed", "SchemaMismatch")
    assert outcome["message"].startswith("the database holds Optuna's schema v3.2.0.a and ledger 9999")
