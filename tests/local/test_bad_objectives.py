"""Objectives that do what no objective should: each costs its own slot at most, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .campaigns import Corebound, ran, rows, started, wait_until, written

if TYPE_CHECKING:
    from corebound.ledger.ledger import Ledger

pytestmark = pytest.mark.alone

OBJECTIVES = """
import ctypes, multiprocessing, os, random, signal, subprocess, sys, time
from pathlib import Path

MARK = os.environ["TEST_MARK"]

def burn(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass

def sleep_marked(seconds="600"):
    os.execvp("sleep", ["sleep", seconds])

def daemonise():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            sleep_marked()
        os._exit(0)

def objective(trial):
    kind = trial.params["kind"]
    print("pid", os.getpid(), flush=True)
    if kind == "200 children":
        for _ in range(200):
            if os.fork() == 0:
                sleep_marked()
    if kind == "daemon":
        daemonise()
        time.sleep(0.5)
    if kind == "closes everything":
        os.closerange(0, 4096)
        time.sleep(600)
    if kind == "dies before its children":
        if os.fork() == 0:
            sleep_marked()
        os._exit(3)
    if kind == "closes its output":
        sys.stdout.close()
        os.close(1)
    if kind == "stops itself":
        os.kill(os.getpid(), signal.SIGSTOP)
    return 1.0

def seen():
    return {
        "folder": os.getcwd(), "threads": os.environ["OMP_NUM_THREADS"], "extra": "EXTRA" in os.environ,
        "umask": os.umask(0o22) and None, "cores": sorted(os.sched_getaffinity(0)), "recursion": sys.getrecursionlimit(),
        "handler": str(signal.getsignal(signal.SIGUSR1)), "out": sys.stdout is sys.__stdout__,
        "random": random.random(), "pid": os.getpid(),
    }

def changes(trial):
    import json
    found = seen()
    mask = os.umask(0o77)
    os.umask(mask)
    found["umask"] = mask
    trial.set_user_attr("seen", json.dumps(found))
    os.chdir("/")
    os.environ["OMP_NUM_THREADS"] = "64"
    os.environ["EXTRA"] = "1"
    os.umask(0)
    os.sched_setaffinity(0, range(os.cpu_count()))
    signal.signal(signal.SIGUSR1, lambda *_: None)
    sys.setrecursionlimit(12345)
    sys.stdout = open(os.devnull, "w")
    random.seed(0)
    return 1.0

def pool(trial):
    with multiprocessing.Pool(4) as workers:
        workers.map(burn, [60] * 4)
    return 1.0

POOL = []

def pool_for_a_moment(trial):
    if not POOL:
        POOL.append(multiprocessing.Pool(4))
    POOL[0].map(burn, [0.8] * 4)
    return 1.0

def holds_the_gil(trial):
    ctypes.PyDLL(None).sleep(5)
    return 1.0

def waits_with_a_daemon(trial, context):
    if context.attempt > 1:
        return 1.0
    daemonise()
    print("ready", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def mark() -> str:
    """In the environment of whatever a test's trials start."""
    return f"{os.getpid()}-{time.monotonic_ns()}"


def marked(mark: str, *, program: str | None = None) -> list[int]:
    """Living processes that carry the mark, of that program if one is named."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if not folder.name.isdigit() or f"TEST_MARK={mark}".encode() not in (folder / "environ").read_bytes():
                continue
            if program is None or (folder / "comm").read_text().strip() == program:
                found.append(int(folder.name))
        except OSError:
            continue
    return [pid for pid in found if pid != os.getpid()]


def campaign(folder: Path, name: str, *kinds: str, function: str = "objective", **spec: Any) -> Path:
    (folder / "bad.py").write_text(OBJECTIVES)
    (folder / "bad.py").chmod(0o644)
    search: dict[str, Any] = {"sampler": {"name": "random", "seed": 2}}
    if kinds:
        search["parameters"] = [{"name": "kind", "type": "categorical", "choices": sorted({*kinds, "good"})}]
        search["enqueue"] = [{"kind": kind} for kind in kinds]
    trial = {"entrypoint": f"bad.py:{function}", **spec.pop("trial", {})}
    return written(
        folder, name, **{"trials": max(1, len(kinds)), "threads": 1, "search": search, "trial": trial, **spec}
    )


def test_what_a_trial_starts_does_not_outlive_it(
    corebound: Corebound, ledger: Ledger, tmp_path: Path, mark: str
) -> None:
    kinds = ["200 children", "good", "daemon", "good", "closes its output", "good"]
    trial = {"memory": "8Gi"}
    ran(corebound, campaign(tmp_path, "leaving", *kinds, trial=trial), TEST_MARK=mark)
    found = rows(ledger, "leaving")
    assert [(row["state"], row["attempts"]) for row in found] == [("succeeded", 1)] * len(kinds)
    said = [corebound("logs", "leaving", str(slot)).stdout for slot in range(len(kinds))]
    assert "ended processes of this trial that were still there: 200 that it had started" in said[0]
    assert "ended processes of this trial that were still there: 1 that had left it by a double fork" in said[2]
    assert "this trial has spoilt" in said[4]
    assert not any("corebound:" in said[slot] for slot in (1, 3, 5)), said
    pids = [line.split()[1] for line in "".join(said).splitlines() if line.startswith("pid ")]
    assert len(set(pids)) == 3, "one for each of: before the children, until the output was closed, and after that"
    assert marked(mark) == []


def test_a_trial_that_closes_every_descriptor_costs_its_slot_alone(
    corebound: Corebound, ledger: Ledger, tmp_path: Path, mark: str
) -> None:
    """It lives on: neither its end nor an end of the connection would ever be seen."""
    path = campaign(tmp_path, "closing", "closes everything", "good", failurePolicy={"retries": 0})
    ran(corebound, path, TEST_MARK=mark)
    closed, good = rows(ledger, "closing")
    assert good["state"] == "succeeded"
    assert (closed["state"], closed["attempts"]) == ("failed", 1)
    assert "lost 1 times, the last: closed its connection to the worker" in closed["error"]
    assert marked(mark) == []


def test_children_that_outlive_a_trials_process_do_not_hide_its_end(
    corebound: Corebound, ledger: Ledger, tmp_path: Path, mark: str
) -> None:
    """They have inherited its end of the connection to the worker."""
    ran(corebound, campaign(tmp_path, "outlived", "dies before its children", "good"), TEST_MARK=mark)
    ended, good = rows(ledger, "outlived")
    assert good["state"] == "succeeded"
    assert (ended["state"], ended["attempts"]) == ("failed", 1)
    assert "exited with status 3 in the middle of its trial" in ended["error"]
    assert marked(mark) == []


def test_a_trial_that_stops_itself_is_ended_as_stalled(
    corebound: Corebound, ledger: Ledger, tmp_path: Path, mark: str
) -> None:
    path = campaign(
        tmp_path, "stopping", "stops itself", "good", trial={"stallTimeout": "3s"}, failurePolicy={"retries": 0}
    )
    ran(corebound, path, TEST_MARK=mark)
    stopped, good = rows(ledger, "stopping")
    assert good["state"] == "succeeded"
    assert stopped["state"] == "failed"
    assert "no report, output or CPU use for stallTimeout 3 s" in stopped["error"]
    assert "state T" in stopped["error"], "why there are no stacks"
    assert marked(mark) == []


def test_what_a_trial_changes_is_put_back(corebound: Corebound, ledger: Ledger, tmp_path: Path, mark: str) -> None:
    import json

    path = campaign(tmp_path, "changing", function="changes", trials=3)
    ran(corebound, path, TEST_MARK=mark)
    seen = [json.loads(row["user_attrs"]["seen"]) for row in rows(ledger, "changing")]
    draws = [each.pop("random") for each in seen]
    assert seen[0] == seen[1] == seen[2]
    assert (seen[0]["folder"], seen[0]["threads"], seen[0]["extra"]) == (str(tmp_path), "1", False)
    assert len(seen[0]["cores"]) == 1
    assert len(set(draws)) == 3, "each slot has random numbers of its own"
    said = corebound("logs", "changing", "0").stdout
    assert (
        "this trial changed the working directory, environment variables, the umask, the cores it may use, the recursion "
        "limit, signal handlers, sys.stdin, stdout or stderr; put back for the next" in said
    )


def test_a_pool_of_processes_at_work_is_a_breach_by_name(
    corebound: Corebound, ledger: Ledger, tmp_path: Path, mark: str
) -> None:
    path = campaign(tmp_path, "pooling", function="pool", trial={"memory": "8Gi"})
    outcome = ran(corebound, path, status=1, TEST_MARK=mark)
    assert outcome["reason"] == "ThreadContractBroken"
    assert "threads at work" in outcome["message"]
    assert "spec.threads is 1" in outcome["message"]
    assert marked(mark) == []


def test_a_pool_that_is_at_work_in_short_trials_is_the_same_breach(
    corebound: Corebound, ledger: Ledger, tmp_path: Path, mark: str
) -> None:
    """Each trial ends before the worker's second look at it: only its end tells."""
    path = campaign(tmp_path, "pooling-shortly", function="pool_for_a_moment", trials=20, trial={"memory": "8Gi"})
    outcome = ran(corebound, path, status=1, TEST_MARK=mark)
    assert outcome["reason"] == "ThreadContractBroken"
    assert "threads at work in 3 samples in a row" in outcome["message"]
    assert marked(mark) == []


def test_holding_the_gil_for_long_costs_no_lease(
    corebound: Corebound, ledger: Ledger, tmp_path: Path, mark: str
) -> None:
    """5 s in one C call, more than two leases of 2 s: the worker's own process goes on saying that it lives."""
    ran(corebound, campaign(tmp_path, "holding", function="holds_the_gil"), TEST_MARK=mark)
    (row,) = rows(ledger, "holding")
    assert (row["state"], row["attempts"]) == ("succeeded", 1)
    record = ledger.campaigns.get("holding")
    assert record.lease_seconds == 2
    (worker,) = ledger.workers.rows(record.campaign_id)
    assert worker.exit_code == 0


@pytest.mark.parametrize("who", ["worker", "second Ctrl-C", "supervisor"])
def test_daemons_do_not_outlive_what_is_killed(
    command: list[str], environment: dict[str, str], ledger: Ledger, tmp_path: Path, mark: str, who: str
) -> None:
    name = f"killed-{who.split()[0]}"
    path = campaign(tmp_path, name, function="waits_with_a_daemon")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    own = {**environment, "TEST_MARK": mark, "TMPDIR": str(temporary)}
    with started(*command, "run", "-f", str(path), environment=own) as process:
        wait_until(lambda: bool(marked(mark, program="sleep")), "the daemon")
        assert list(temporary.iterdir()) != [], "where a worker's files are"
        if who == "worker":
            record = ledger.campaigns.get(name)
            os.kill(ledger.workers.rows(record.campaign_id)[-1].pid, signal.SIGKILL)
            _, said = process.communicate(timeout=120)
            assert process.returncode == 0, said
            assert "ended 1 stray of its trial" in said
            assert rows(ledger, name)[0]["attempts"] == 2
            assert list(temporary.iterdir()) == []
        elif who == "supervisor":
            process.kill()
        else:
            process.send_signal(signal.SIGINT)
            time.sleep(1)
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)
            assert marked(mark) == []
            assert list(temporary.iterdir()) == []
        wait_until(lambda: marked(mark) == [], "the end of all that was started", 30)
