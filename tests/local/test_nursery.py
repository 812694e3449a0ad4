"""The process that workers are forked from: what becomes of a campaign when it is killed, or cannot begin."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import socket
from typing import TYPE_CHECKING

import pytest

from corebound.api.contract import ExitCode
from corebound.local.nursery import MOST_DESCRIPTORS, Nursery

from .campaigns import Corebound, processes_of, rows, started, wait_until, written

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from corebound.ledger.ledger import Ledger

WORKERS = 12
"""More than may die in a row without a closed slot."""


def test_a_killed_nursery_costs_no_trial(
    command: list[str], environment: dict[str, str], ledger: Ledger, tmp_path: Path
) -> None:
    trial = {"command": ["sh", "-c", f"until [ -e {tmp_path}/go ]; do sleep 0.5; done; echo loss=1"]}
    path = written(tmp_path, "nursed", trials=WORKERS, parallelism=WORKERS, trial=trial)
    run = [*command, "run", "-f", str(path), "--cores", str(WORKERS), "--json"]

    def at_work(attempts: int) -> bool:
        found = ledger.campaigns.find("nursed")
        slots = [] if found is None else ledger.slots.running(found.campaign_id)
        return [slot.attempt for slot in slots] == [attempts] * WORKERS

    with started(*run, environment=environment) as process:
        wait_until(lambda: at_work(1), "all workers at work")
        before = set(processes_of("nursed"))
        [nursery] = [pid for pid, name in processes_of("nursed").items() if not name.startswith("worker-")]
        os.kill(nursery, signal.SIGKILL)
        wait_until(lambda: at_work(2), "other workers, from another nursery")
        assert not before & set(processes_of("nursed"))
        (tmp_path / "go").touch()
        printed, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
    assert json.loads(printed)["counts"] == {"succeeded": WORKERS}
    assert sorted(row["number"] for row in rows(ledger, "nursed")) == list(range(WORKERS))


def test_a_nursery_that_cannot_begin_ends_the_campaign_and_says_where_to_look(
    corebound: Corebound, home: Path, tmp_path: Path
) -> None:
    # Of all that is imported this is what the supervisor does not need.
    (tmp_path / "threadpoolctl.py").write_text("raise ImportError('broken for this test')")
    path = written(tmp_path, "unborn", trials=WORKERS, parallelism=WORKERS, trial={"command": ["true"]})
    done = corebound("run", "-f", str(path), "--cores", str(WORKERS), "--json", PYTHONPATH=str(tmp_path))
    assert done.returncode == 1, done.stderr
    outcome = json.loads(done.stdout)
    assert outcome["reason"] == "WorkersKeepDying"
    [output] = (home / "campaigns").glob("unborn-*")
    assert str(output) in outcome["message"]
    assert "broken for this test" in (output / "workers.log").read_text()


@pytest.fixture
def nursery(environment: dict[str, str], tmp_path: Path) -> Iterator[Nursery]:
    """One whose workers' database takes them in and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://nobody@127.0.0.1:{silent.getsockname()[1]}/nothing"
        own = {**environment, "COREBOUND_DATABASE_URL": url}
        made = Nursery(campaign="many", environment=own, log=tmp_path / "workers.log")
        try:
            yield made
        finally:
            made.close()


def is_free(lock: Path) -> bool:
    with lock.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def test_a_worker_holds_more_cores_than_one_message_carries(nursery: Nursery, tmp_path: Path) -> None:
    locks = [tmp_path / f"core-{index}" for index in range(2 * MOST_DESCRIPTORS + 1)]
    with contextlib.ExitStack() as ours:
        held = [ours.enter_context(lock.open("ab")) for lock in locks]
        for file in held:
            fcntl.flock(file, fcntl.LOCK_EX)
        log = tmp_path / "worker-0.log"
        worker = nursery.start(["--name", "worker-0"], log=log, held=[file.fileno() for file in held])
        wait_until(lambda: worker.poll() is not None or "worker-0" in processes_of("many").values(), "the worker")
    assert worker.poll() is None, log.read_text()
    assert [lock.name for lock in locks if is_free(lock)] == []
    worker.kill()
    assert worker.wait() == -signal.SIGKILL
    wait_until(lambda: all(map(is_free, locks)), "cores that are free once the worker is gone")


def test_more_workers_may_be_asked_for_at_once_than_a_socket_holds(nursery: Nursery, tmp_path: Path) -> None:
    """All before the nursery has read the first request: it still imports."""
    logs = [tmp_path / f"worker-{index}.log" for index in range(250)]
    # As long as a supervisor's requests are.
    arguments = [
        "--cores",
        "4000",
        *(word for name in ("folder", "output", "scratch") for word in (f"--{name}", "/" * 80)),
    ]
    workers = [nursery.start(arguments, log=log) for log in logs]
    assert {worker.wait() for worker in workers} == {ExitCode.CONTRACT_BROKEN}
    assert all("cannot bind to cores 4000" in log.read_text() for log in logs)
