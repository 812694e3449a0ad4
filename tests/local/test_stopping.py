"""Stopping: by Ctrl-C once and twice, by other signals, by a deadline or budget, or before anything began."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .campaigns import Corebound, started, wait_until, written

if TYPE_CHECKING:
    import subprocess

    from corebound.ledger.ledger import Ledger

# Saves at each step, and never looks whether it is asked to stop.
DEAF = """
import time
def objective(trial, context):
    step = (context.load() or {"step": 0})["step"]
    while step < 1000:
        step += 1
        context.save({"step": step}, step)
        context.progress(step, 1000)
        time.sleep(0.1)
    return 1.0
"""


@pytest.fixture
def deaf(tmp_path: Path) -> Path:
    (tmp_path / "deaf.py").write_text(DEAF)
    return written(tmp_path, f"deaf-{os.getpid()}", trials=2, trial={"entrypoint": "deaf.py:objective"})


def steps(ledger: Ledger, path: Path) -> dict[int, int | None]:
    found = ledger.campaigns.find(path.stem)
    return {} if found is None else ledger.checkpoints.newest_steps(found.campaign_id)


def workers(path: Path) -> list[str]:
    """Processes that are at work for the campaign."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0") if folder.name.isdigit() else []
        except OSError:
            continue
        if b"corebound_trial" in words and path.stem.encode() in words:
            found.append(folder.name)
    return found


@pytest.mark.parametrize("to_group", [True, False], ids=["as a terminal does", "the process alone"])
def test_a_second_ctrl_c_ends_at_once_and_keeps_every_checkpoint(
    command: list[str], environment: dict[str, str], ledger: Ledger, deaf: Path, to_group: bool
) -> None:
    def interrupt(process: subprocess.Popen[str]) -> None:
        (os.killpg if to_group else os.kill)(process.pid, signal.SIGINT)

    if ledger.campaigns.find(deaf.stem):
        ledger.campaigns.archive(deaf.stem)
    with started(*command, "run", "-f", str(deaf), environment=environment, start_new_session=True) as process:
        wait_until(lambda: (steps(ledger, deaf).get(0) or 0) >= 3, "a few steps")
        interrupt(process)
        assert process.stderr is not None
        while "once more ends it at once" not in process.stderr.readline():
            assert process.poll() is None
        time.sleep(0.5)  # what comes sooner is the same Ctrl-C, passed on by somebody
        before = steps(ledger, deaf)[0] or 0
        interrupt(process)
        printed, said = process.communicate(timeout=60)
        assert process.returncode == 130, said
    assert not workers(deaf)
    kept = steps(ledger, deaf)[0] or 0
    assert kept >= before
    assert f"checkpoints of slot 0 (step {kept})" in printed
    assert f"go on with  corebound run -f {deaf}" in printed
    rows = ledger.slots.rows(ledger.campaigns.get(deaf.stem).campaign_id)
    assert [row.state for row in rows] == ["open", "open"]
    assert rows[0].lost_attempts == 0, "a stop costs no retry"
    with started(*command, "run", "-f", str(deaf), environment=environment) as process:
        wait_until(lambda: (steps(ledger, deaf).get(0) or 0) > kept, "a step beyond the checkpoint")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_other_signals_stop_it_as_well(
    command: list[str], environment: dict[str, str], ledger: Ledger, tmp_path: Path, number: signal.Signals
) -> None:
    trial = {"command": ["sh", "-c", "trap 'exit 1' TERM; while true; do sleep 0.1; done"]}
    path = written(tmp_path, f"by-{number.name.lower()}", trials=1, trial=trial)
    with started(*command, "run", "-f", str(path), "--json", environment=environment) as process:
        wait_until(lambda: bool(workers(path)), "a worker")
        process.send_signal(number)
        process.send_signal(number)
        printed, said = process.communicate(timeout=60)
        assert process.returncode == 128 + number, said
    assert json.loads(printed)["phase"] == "Suspended"
    assert not workers(path)


def test_ctrl_c_before_the_first_worker_leaves_nothing(
    command: list[str], environment: dict[str, str], tmp_path: Path
) -> None:
    home = tmp_path / "home"
    path = written(tmp_path, "too-early", trials=1, trial={"command": ["true"]})
    own = {**environment, "COREBOUND_HOME": str(home)}
    with started(*command, "run", "-f", str(path), environment=own, start_new_session=True) as process:
        wait_until(lambda: (home / "postgres-18" / "data.making").exists(), "the making of the database")
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=60)
        assert process.returncode == 130, said
    assert "Traceback" not in said
    assert not (home / "postgres-18" / "data" / "postmaster.pid").exists()


def test_the_deadline_counts_all_runs_and_no_pause(
    corebound: Corebound, command: list[str], environment: dict[str, str], ledger: Ledger, deaf: Path
) -> None:
    name = "deadline"
    path = deaf.with_name(f"{name}.yaml")
    campaign: dict[str, Any] = json.loads(deaf.read_text())
    campaign["metadata"]["name"] = name
    campaign["spec"]["activeDeadlineSeconds"] = 3600
    path.write_text(json.dumps(campaign))
    with started(*command, "run", "-f", str(path), environment=environment) as process:
        wait_until(lambda: (steps(ledger, path).get(0) or 0) >= 3, "a few steps")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    first = ledger.campaigns.get(name)
    assert first.active_seconds > 0
    assert first.active_since is None
    assert ledger.campaigns.get(name).active_seconds == first.active_seconds, "a pause does not count"
    campaign["spec"]["activeDeadlineSeconds"] = max(1, int(first.active_seconds))
    path.write_text(json.dumps(campaign))
    done = corebound("run", "-f", str(path), "--json")
    outcome = json.loads(done.stdout)
    assert (done.returncode, outcome["reason"]) == (1, "DeadlineExceeded")
    assert ledger.campaigns.get(name).active_seconds >= first.active_seconds


def test_a_budget_counts_all_runs_and_can_be_raised(corebound: Corebound, tmp_path: Path) -> None:
    spec: dict[str, Any] = {
        "trials": 2,
        "trial": {"command": ["sh", "-c", f"[ -e {tmp_path}/fast ] || sleep 3; echo loss=1"]},
        "pool": {"pricePerHour": "3600"},
    }
    path = written(tmp_path, "budget", budget={"amount": "0.5"}, **spec)
    for _ in range(2):
        done = corebound("run", "-f", str(path), "--json")
        assert (done.returncode, json.loads(done.stdout)["reason"]) == (3, "BudgetExhausted"), done.stderr
    path = written(tmp_path, "budget", budget={"amount": "5000"}, **spec)
    (tmp_path / "fast").touch()
    assert corebound("run", "-f", str(path), "--json").returncode == 0


def test_a_suspended_campaign_is_left_alone(corebound: Corebound, tmp_path: Path) -> None:
    path = written(tmp_path, "suspended", suspend=True, trial={"command": ["true"]})
    done = corebound("run", "-f", str(path), COREBOUND_HOME=str(tmp_path / "home"))
    assert (done.returncode, done.stderr) == (3, "")
    assert done.stdout == "suspended: Suspended - spec.suspend is true: nothing was started; set it to false to run\n"
    assert not (tmp_path / "home").exists()
    assert json.loads(corebound("run", "-f", str(path), "--json").stdout)["phase"] == "Suspended"


# Both hang in their third step for as long as a file is there; nothing but what is kept at hand is ever stored.
KEEPING = """
import time
from pathlib import Path
import numpy

SLOW = Path(__file__).parent / "slow"

def wait(step):
    if SLOW.exists():
        time.sleep(600 if step == 2 else 1)

def objective(trial, context):
    state = context.load() or {"step": 0, "value": 0.0}
    print("begins at step", state["step"], flush=True)
    while state["step"] < 4:
        context.keep(lambda: dict(state), state["step"])
        if context.should_stop():
            raise AssertionError("this step was never to end")
        wait(state["step"])
        state = {"step": state["step"] + 1, "value": state["value"] + 1}
        context.progress(state["step"], 4)
    return state["value"]

class Walker:
    inputs, outputs = 1, 1
    def __init__(self):
        self.calls = 0
    def evaluate(self, networks):
        wait(self.calls)
        self.calls += 1
        return numpy.arange(networks.lanes) / (2 * networks.lanes)
"""


@pytest.mark.parametrize(
    "trial",
    [
        {"entrypoint": "keeping.py:objective"},
        {"workload": {"task": "keeping.py:Walker", "population": 8, "generations": 4, "seeds": 1}},
    ],
    ids=["objective", "workload"],
)
def test_a_second_ctrl_c_in_a_long_step_loses_that_step_alone(
    corebound: Corebound, command: list[str], environment: dict[str, str], ledger: Ledger, tmp_path: Path,
    trial: dict[str, Any],
) -> None:  # fmt: skip
    (tmp_path / "keeping.py").write_text(KEEPING)
    (tmp_path / "slow").touch()
    name = f"keeping-{next(iter(trial))}"
    path = written(
        tmp_path, name, trials=1, trial=trial, objectives=[{"metric": "fitness", "direction": "maximize"}],
        checkpoint={"every": "1h"},
    )  # fmt: skip

    def shown_step() -> int | None:
        found = ledger.campaigns.find(name)
        running = [] if found is None else ledger.slots.running(found.campaign_id)
        return running[0].step if running else None

    with started(*command, "run", "-f", str(path), environment=environment) as process:
        wait_until(lambda: shown_step() == 2, "the third step")
        assert steps(ledger, path) == {}, "nothing is stored unless it is asked for"
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        while "once more ends it at once" not in process.stderr.readline():
            assert process.poll() is None
        # As a user who reads this line and then presses the keys again.
        time.sleep(2)
        process.send_signal(signal.SIGINT)
        printed, said = process.communicate(timeout=60)
        assert process.returncode == 130, said
    assert not workers(path)
    assert steps(ledger, path) == {0: 2}
    assert "checkpoints of slot 0 (step 2)" in printed
    (tmp_path / "slow").unlink()
    done = corebound("run", "-f", str(path), "--json")
    assert done.returncode == 0, done.stderr
    (row,) = ledger.slots.rows(ledger.campaigns.get(name).campaign_id)
    assert (row.state, row.lost_attempts) == ("succeeded", 0)
    if "entrypoint" in trial:
        assert row.values == (4.0,)
        assert corebound("logs", name, "0").stdout == "begins at step 2\n"


REACHES = """
import time
def objective(trial):
    if trial.number:
        print("deaf", flush=True)
        time.sleep(600)
    time.sleep(1)
    return 1.0
"""


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_during_the_final_stop_of_a_campaign_that_reached_its_target(
    corebound: Corebound, command: list[str], environment: dict[str, str], ledger: Ledger, tmp_path: Path, times: int
) -> None:
    """It is over for good: what is asked for meanwhile can only shorten the stop."""
    (tmp_path / "reaches.py").write_text(REACHES)
    name = f"target-and-{times}"
    path = written(
        tmp_path, name, trials=3, parallelism=2, trial={"entrypoint": "reaches.py:objective"},
        objectives=[{"metric": "loss", "direction": "minimize", "target": 2}],
    )  # fmt: skip

    def is_stopping() -> bool:
        found = ledger.campaigns.find(name)
        return found is not None and found.stop_requested is not None

    with started(*command, "run", "-f", str(path), "--cores", "2", "--json", environment=environment) as process:
        wait_until(is_stopping, "the final stop")
        for _ in range(times):
            process.send_signal(signal.SIGINT)
            time.sleep(1)
        printed, said = process.communicate(timeout=60)
    assert process.returncode in (0, 130), said
    assert "Traceback" not in said
    outcome = json.loads(printed)
    assert (outcome["phase"], outcome["reason"]) == ("Succeeded", "TargetReached")
    states = [row.state for row in ledger.slots.rows(ledger.campaigns.get(name).campaign_id)]
    assert sorted(states) == ["skipped", "skipped", "succeeded"]
    assert not workers(path)
    again = corebound("run", "-f", str(path), "--cores", "2", "--json")
    assert (again.returncode, json.loads(again.stdout)["reason"]) == (0, "TargetReached")
