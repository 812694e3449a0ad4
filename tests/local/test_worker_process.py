"""A worker as a process: its exit codes, who is killed first when memory runs out, and its lease while a child starts."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from corebound.api.contract import thread_environment
from corebound.api.loading import load_campaign
from corebound.ledger.ledger import open_ledger
from corebound.ledger.schema import prepare_database
from corebound.local.postgres import EmbeddedPostgres

from .campaigns import Corebound, processes_of, ran, rows, started, wait_until, written

if TYPE_CHECKING:
    from collections.abc import Iterator

    from corebound.ledger.ledger import Ledger

FULL = Path("/dev/full")
"""A file on a disk without any room."""


def until(folder: Path, name: str = "go") -> dict[str, Any]:
    return {"command": ["sh", "-c", f"until [ -e {folder / name} ]; do sleep 0.2; done; echo loss=1"]}


def made(ledger: Ledger, path: Path) -> None:
    """The campaign of that file, for a worker without a supervisor."""
    campaign = load_campaign(path)
    ledger.campaigns.create(
        name=path.stem,
        specification=campaign.to_mapping(),
        trials=campaign.spec.trials,
        directions=["minimize"],
        metric_names=["loss"],
        retries=2,
        retry_exceptions=False,
        heartbeat_seconds=0.5,
    )


def worker_command(path: Path) -> list[str]:
    return [sys.executable, "-m", "corebound_trial", path.stem, "--folder", str(path.parent)]


def test_a_worker_that_is_stopped_while_it_begins_heeds_it(environment: dict[str, str], tmp_path: Path) -> None:
    """As the first process of a pod, for which a signal that nobody handles is none."""
    nowhere = {"COREBOUND_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"}
    worker = subprocess.Popen(
        worker_command(tmp_path / "left-alone.yaml"),
        env={**environment, **thread_environment(1), **nowhere},
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN),
    )
    try:
        # One of the first modules that take long.
        wait_until(lambda: "pydantic_core" in Path(f"/proc/{worker.pid}/maps").read_text(), "its modules")
        worker.terminate()
        assert worker.wait(60) == 75
    finally:
        worker.kill()
        worker.wait()


def test_a_worker_that_is_stopped_waits_no_longer_for_a_database_and_its_exit_code_needs_no_disk(
    environment: dict[str, str], tmp_path: Path
) -> None:
    server = EmbeddedPostgres(tmp_path / "postgres-18")
    path = written(tmp_path, "left-alone", trials=1, trial=until(tmp_path))
    with server.used() as url, FULL.open("wb") as full:
        prepare_database(url)
        with open_ledger(url, application="test") as ledger:
            made(ledger, path)
            campaign_id = ledger.campaigns.get("left-alone").campaign_id
            own = {**environment, **thread_environment(1), "COREBOUND_DATABASE_URL": url}
            with started(*worker_command(path), environment=own, stdout=full, stderr=full) as process:
                wait_until(lambda: len(ledger.slots.running(campaign_id)) == 1, "the slot at work")
                server.stop()
                process.send_signal(signal.SIGTERM)
                # 10 s for the trial and 10 s for the database, on a slow machine; the grace of both is 600 s.
                assert process.wait(timeout=120) == 75
                wait_until(lambda: not processes_of("left-alone"), "the end of what it had started")


def test_a_broken_contract_is_told_by_the_exit_code_on_a_full_disk_as_well(
    environment: dict[str, str], ledger: Ledger, home: Path, tmp_path: Path
) -> None:
    path = written(tmp_path, "unset", trials=1, trial=until(tmp_path))
    made(ledger, path)
    own = {**environment, **thread_environment(1), "COREBOUND_DATABASE_URL": ledger.optuna_url}
    del own["OMP_NUM_THREADS"]
    with FULL.open("wb") as full:
        done = subprocess.run(worker_command(path), env=own, stdout=full, stderr=full, timeout=120, check=False)
    assert done.returncode == 78


def test_workers_are_killed_before_database_and_supervisor_when_memory_runs_out(
    command: list[str], environment: dict[str, str], home: Path, tmp_path: Path
) -> None:
    def score(pid: int) -> int:
        return int(Path(f"/proc/{pid}/oom_score_adj").read_text())

    def workers() -> list[int]:
        return [pid for pid, name in processes_of("scored").items() if name.startswith("worker-")]

    path = written(tmp_path, "scored", trials=1, trial={"command": ["sh", "-c", f"echo $$ > {tmp_path}/pid; sleep 60"]})
    database = int((home / "postgres-18" / "data" / "postmaster.pid").read_text().split()[0])
    with started(*command, "run", "-f", str(path), environment=environment) as process:
        wait_until(lambda: bool((tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip()), "the program")
        program = int((tmp_path / "pid").read_text())
        assert len(workers()) == 2, "a worker and its child"
        scores = {score(pid) for pid in (*workers(), program)}
        assert min(scores) >= max(score(process.pid), score(database)) + 500
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


SLOW_TO_IMPORT = """
import os, pathlib, time
marker = pathlib.Path(__file__).with_name("slow")
if marker.exists():
    time.sleep(10)

def objective(trial, context):
    if context.slot == 0:
        marker.touch()
        os._exit(1)
    return 1.0
"""


LEFT = "SELECT extract(epoch FROM min(expires_at - clock_timestamp())) FROM corebound_leases WHERE campaign_id = %s"


@contextlib.contextmanager
def lease_watched(home: Path, ledger: Ledger, name: str) -> Iterator[list[float]]:
    """What was left of the shortest lease, in seconds, many times meanwhile."""
    left: list[float] = []
    over = threading.Event()
    socket = EmbeddedPostgres(home / "postgres-18").socket_folder

    def look() -> None:
        with psycopg.connect(host=str(socket), user="corebound", dbname="postgres", autocommit=True) as connection:
            while not over.wait(0.1):
                campaign = ledger.campaigns.find(name)
                row = campaign and connection.execute(LEFT, [campaign.campaign_id]).fetchone()
                if row and row[0] is not None:
                    left.append(float(row[0]))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield left
    finally:
        over.set()
        watcher.join()


def test_a_lease_is_kept_while_a_new_child_imports(
    corebound: Corebound, ledger: Ledger, home: Path, tmp_path: Path
) -> None:
    (tmp_path / "slow.py").write_text(SLOW_TO_IMPORT)
    path = written(tmp_path, "slow", trials=2, trial={"entrypoint": "slow.py:objective"})
    with lease_watched(home, ledger, "slow") as left:
        outcome = ran(corebound, path, COREBOUND_HEARTBEAT_SECONDS="2")  # so a lease lasts for 8 s
    assert outcome["counts"] == {"failed": 1, "succeeded": 1}
    assert [row["attempts"] for row in rows(ledger, "slow")] == [1, 1]
    assert len(left) > 50, "the import took less than it should"
    assert min(left) > 0, "a lease ran out while its worker lived"
