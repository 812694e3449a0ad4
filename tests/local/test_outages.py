"""A real campaign over a way to the database that is cut, refuses or freezes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psycopg
import pytest

from corebound.api.contract import thread_environment
from corebound.api.errors import StorageError, StorageUnreachableError
from corebound.ledger.ledger import Ledger, open_ledger
from corebound.ledger.schema import prepare_database
from corebound.local.postgres import EmbeddedPostgres
from corebound_trial.binding.proc import process_stat

from .campaigns import rows, started, wait_until, written
from .postgres_proxy import Cut, PostgresProxy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OBJECTIVE = """
import time
from corebound_trial.objectives.protocol import Stopped

def objective(trial, context, steps):
    state = context.load() or {"step": 0, "value": trial.suggest_float("x", 0, 1)}
    for step in range(state["step"], steps):
        if context.should_stop():
            context.save({"step": step, "value": state["value"]}, step)
            raise Stopped
        trial.report(state["value"] + step, step)
        context.progress(step, steps)
        if step % 5 == 0:
            context.save({"step": step, "value": state["value"]}, step)
        time.sleep(0.1)
    return state["value"]
"""


@pytest.fixture(scope="module")
def proxy(home: Path) -> Iterator[PostgresProxy]:
    """To a database of its own."""
    server = EmbeddedPostgres(home / "postgres-18")
    name = f"outages_{uuid4().hex[:12]}"
    with psycopg.connect(
        host=str(server.socket_folder), user="corebound", dbname="postgres", autocommit=True
    ) as connection:
        connection.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(name)))
    with PostgresProxy(server.socket_folder, database=name) as opened:
        yield opened


@pytest.fixture
def direct(proxy: PostgresProxy, home: Path) -> Iterator[Ledger]:
    """The same ledger by a way that nobody cuts; once a campaign has made it."""
    server = EmbeddedPostgres(home / "postgres-18")
    url = server.url.replace("/postgres?", f"/{proxy.url.rsplit('/', 1)[1]}?")
    prepare_database(url)
    with open_ledger(url, application="tests") as opened:
        yield opened


def campaign(folder: Path, name: str, *, steps: int, limits: dict[str, str] | None = None, **spec: Any) -> Path:
    (folder / "steady.py").write_text(OBJECTIVE)
    trial = {"entrypoint": "steady.py:objective", "arguments": {"steps": steps}, **(limits or {})}
    return written(folder, name, **{"trials": 2, "trial": trial, "checkpoint": {"every": "1s"}, **spec})


def whole(ledger: Ledger, name: str, *, steps: int) -> list[dict[str, Any]]:
    """Every slot has succeeded with its own whole curve, and nothing runs any more; the slots."""
    found = rows(ledger, name)
    assert [row["state"] for row in found] == ["succeeded"] * len(found)
    record = ledger.campaigns.get(name)
    assert sorted(row["number"] for row in found) == list(range(len(found)))
    with psycopg.connect(ledger.optuna_url.replace("+psycopg", "")) as connection:
        trials = connection.execute(
            "SELECT number, state::text, (SELECT count(*) FROM trial_intermediate_values i WHERE i.trial_id = t.trial_id) "
            "FROM trials t WHERE study_id = %s ORDER BY number",
            (record.study_id,),
        ).fetchall()
    assert trials == [(number, "COMPLETE", steps) for number in range(len(found))]
    assert ledger.slots.running(record.campaign_id) == []
    return found


def running(ledger: Ledger, name: str, *, step: int) -> bool:
    found = ledger.campaigns.find(name)
    return found is not None and any((row.step or 0) >= step for row in ledger.slots.running(found.campaign_id))


# One while the schema is looked at, and each kind in mid-run; test_cut_sessions.py has every statement of a worker.
@pytest.mark.parametrize(
    ("statement", "how"), [(3, Cut.BEFORE), (60, Cut.AFTER), (110, Cut.MEANWHILE), (180, Cut.AFTER)]
)
def test_a_campaign_whose_sessions_are_cut(
    command: list[str], environment: dict[str, str], direct: Ledger, proxy: PostgresProxy, tmp_path: Path, how: Cut,
    statement: int,
) -> None:  # fmt: skip
    """A cut while it starts or ends may be said, with the status that says so; the same command then goes on."""
    path = campaign(tmp_path, f"cut-{how.name.lower()}-{statement}", steps=10)
    proxy.cut(statement, how)
    for _ in range(2):
        with started(*command, "run", "-f", str(path), "--storage", proxy.url, environment=environment) as process:
            _, said = process.communicate(timeout=180)
        assert "Traceback" not in said
        if process.returncode == 0:
            break
        assert process.returncode == 75, said
        assert "does not answer" in said
    assert process.returncode == 0, said
    assert proxy.was_cut
    whole(direct, path.stem, steps=10)


def test_a_database_that_refuses_for_20_seconds_costs_no_attempt(
    command: list[str], environment: dict[str, str], direct: Ledger, proxy: PostgresProxy, tmp_path: Path
) -> None:
    """It is no stall of the trial either, which waits with its report."""
    path = campaign(tmp_path, "refused", steps=60, limits={"stallTimeout": "5s"}, parallelism=2)
    with started(*command, "run", "-f", str(path), "--storage", proxy.url, environment=environment) as process:
        wait_until(lambda: running(direct, path.stem, step=2), "a few steps")
        proxy.refuse()
        time.sleep(20)
        proxy.accept()
        _, said = process.communicate(timeout=180)
    assert process.returncode == 0, said
    assert said.count("waiting for the database") == 1
    assert [row["attempts"] for row in whole(direct, path.stem, steps=60)] == [1, 1]


def test_a_database_that_freezes_for_longer_than_a_lease_costs_no_attempt(
    command: list[str], environment: dict[str, str], direct: Ledger, proxy: PostgresProxy, tmp_path: Path
) -> None:
    path = campaign(tmp_path, "frozen", steps=40)
    with started(*command, "run", "-f", str(path), "--storage", proxy.url, environment=environment) as process:
        wait_until(lambda: running(direct, path.stem, step=2), "a few steps")
        proxy.freeze()
        time.sleep(5)  # a lease is 2 s here
        proxy.thaw()
        _, said = process.communicate(timeout=180)
    assert process.returncode == 0, said
    assert [row["attempts"] for row in whole(direct, path.stem, steps=40)] == [1, 1]


def test_a_frozen_database_does_not_keep_a_second_ctrl_c_waiting(
    command: list[str], environment: dict[str, str], direct: Ledger, proxy: PostgresProxy, tmp_path: Path
) -> None:
    path = campaign(tmp_path, "frozen-and-stopped", steps=600)
    with started(*command, "run", "-f", str(path), "--storage", proxy.url, environment=environment) as process:
        wait_until(lambda: running(direct, path.stem, step=2), "a few steps")
        proxy.freeze()
        try:
            process.send_signal(signal.SIGINT)
            time.sleep(1)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=60)
        finally:
            proxy.thaw()
    assert process.returncode == 130, said
    assert "what it holds is kept; the same command goes on" in said
    assert "Traceback" not in said


def test_a_worker_leaves_with_75_after_the_grace_and_another_one_completes(
    command: list[str], environment: dict[str, str], direct: Ledger, proxy: PostgresProxy, tmp_path: Path
) -> None:
    path = campaign(tmp_path, "grace", steps=50)
    own = {**environment, "COREBOUND_GRACE_SECONDS": "3"}
    with started(*command, "run", "-f", str(path), "--storage", proxy.url, environment=own) as process:
        wait_until(lambda: running(direct, path.stem, step=2), "a few steps")
        record = direct.campaigns.get(path.stem)
        (worker,) = [row for row in direct.workers.rows(record.campaign_id) if row.ended_at is None]
        proxy.refuse()
        wait_until(lambda: not _works(worker.pid), "the worker's end")
        held = [row.state for row in direct.slots.rows(record.campaign_id)]
        assert held == ["running", "open"], "it gave back nothing that it could not"
        proxy.accept()
        _, said = process.communicate(timeout=180)
    assert process.returncode == 0, said
    assert "worker-0 ended with status 75; another one takes its place" in said
    first, second = whole(direct, path.stem, steps=50)
    assert first["attempts"] == 2
    assert second["attempts"] == 1
    assert len(direct.workers.rows(record.campaign_id)) == 2


def test_a_worker_says_how_long_it_has_tried(
    environment: dict[str, str], direct: Ledger, proxy: PostgresProxy, tmp_path: Path
) -> None:
    """A worker alone, as in a pod: its status and last line are all there is."""
    path = campaign(tmp_path, "alone", steps=600)
    specification = json.loads(path.read_text())
    record = direct.campaigns.create(
        name="alone", specification=specification, trials=2, directions=["minimize"], metric_names=["loss"], retries=2,
        retry_exceptions=False, heartbeat_seconds=0.5,
    )  # fmt: skip
    direct.campaigns.begin(record.campaign_id, threads=1, workers=1)
    own = {
        **environment, **thread_environment(1), "COREBOUND_DATABASE_URL": proxy.url, "COREBOUND_GRACE_SECONDS": "2",
    }  # fmt: skip
    with started(
        sys.executable, "-m", "corebound_trial", "alone", "--folder", str(tmp_path), environment=own
    ) as process:
        wait_until(lambda: running(direct, "alone", step=2), "a few steps")
        proxy.refuse()
        try:
            _, said = process.communicate(timeout=60)
        finally:
            proxy.accept()
    assert process.returncode == 75, said
    assert "does not answer" in said.splitlines()[-1]
    assert "2 s" in said.splitlines()[-1]
    assert "Traceback" not in said


def test_a_grace_that_is_no_number_is_refused(environment: dict[str, str]) -> None:
    own = {**environment, "COREBOUND_GRACE_SECONDS": "soon", "COREBOUND_DATABASE_URL": "postgresql://127.0.0.1:1/none"}
    done = subprocess.run(
        [sys.executable, "-m", "corebound_trial", "nobody"], env=own, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "Traceback" not in done.stderr


def _works(pid: int) -> bool:
    """Whether it does; its supervisor, which waits for the database, has yet to wait for it."""
    stat = process_stat(pid)
    return stat is not None and not stat.has_ended


def test_a_server_that_cannot_be_trusted_is_not_waited_for(proxy: PostgresProxy) -> None:
    """The embedded server knows no TLS."""
    with pytest.raises(StorageError, match=r"refused: .*SSL") as found:
        open_ledger(f"{proxy.url}?sslmode=require", application="tests")
    assert not isinstance(found.value, StorageUnreachableError)
