"""The process that workers are forked from: what becomes of a campaign when it is killed, or cannot begin."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING

from .campaigns import Corebound, processes_of, rows, started, wait_until, written

if TYPE_CHECKING:
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
