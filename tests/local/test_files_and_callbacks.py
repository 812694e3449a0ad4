"""``trial.artifacts`` and ``trial.callbacks`` with every kind of trial, and with everything that can go wrong in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .campaigns import Corebound, X, ran, rows, written

if TYPE_CHECKING:
    from pathlib import Path

    from corebound.ledger.ledger import Ledger

FILES = """
import os
import time
from pathlib import Path

import optuna


def objective(trial, context):
    assert str(context.artifacts) == os.environ["COREBOUND_ARTIFACTS"]
    assert not list(context.artifacts.iterdir()), "each attempt begins with an empty folder"
    model = context.artifacts / "model" / "weights.txt"
    model.parent.mkdir()
    model.write_text(f"weights of slot {context.slot}")
    print("this is slot", context.slot)
    x = trial.suggest_float("x", 0, 1)
    if context.slot == 1:
        trial.report(x, 1)
        raise optuna.TrialPruned
    if context.slot == 2:
        raise ValueError("slot 2 is unhappy")
    if context.slot == 3:
        os._exit(3)
    if context.slot == 4:
        Path("kept/things/4").write_text("in the way of its own folder")
    return x


def note(study, trial):
    with Path("called.txt").open("a") as file:
        print(study.study_name, trial.number, trial.state.name, trial.values, len(study.trials), file=file)


def unhappy(study, trial):
    if trial.number == 0:
        raise RuntimeError("a callback is unhappy")


class Stop:
    def __call__(self, study, trial):
        study.stop()


def misbehave(study, trial):
    if trial.number == 0:
        time.sleep(600)
    if trial.number == 1:
        os._exit(5)
"""


def called(folder: Path) -> list[str]:
    return (folder / "called.txt").read_text().splitlines()


def test_files_are_kept_and_callbacks_called_whatever_becomes_of_a_trial(
    corebound: Corebound, ledger: Ledger, tmp_path: Path
) -> None:
    (tmp_path / "files.py").write_text(FILES)
    trial = {
        "entrypoint": "files.py:objective",
        "artifacts": "kept",
        "callbacks": ["files.py:unhappy", "files.py:note"],
    }
    ran(corebound, written(tmp_path, "things", trials=5, trial=trial, failurePolicy={"retries": 0}))
    found = rows(ledger, "things")
    assert [row["state"] for row in found] == ["succeeded", "pruned", "failed", "failed", "succeeded"]
    # Kept when told, also of a pruned and of a failed trial; a process that is gone leaves nothing.
    kept = tmp_path / "kept" / "things"
    assert [row["artifacts"] for row in found] == [str(kept / "0"), str(kept / "1"), str(kept / "2"), None, None]
    assert [(kept / str(slot) / "model" / "weights.txt").read_text() for slot in range(3)] == [
        f"weights of slot {slot}" for slot in range(3)
    ]
    # What could not be kept costs no value, and is said.
    assert found[4]["values"] == {"loss": found[4]["params"]["x"]}
    assert found[4]["error"].startswith(f"the files in COREBOUND_ARTIFACTS were not kept: {kept}/4: ")
    assert found[2]["error"].endswith("ValueError: slot 2 is unhappy")
    # After each close by its worker, in order, also when a fresh process must be had for it.
    assert [line.split(" ")[:3] for line in called(tmp_path)] == [
        ["things", "0", "COMPLETE"],
        ["things", "1", "PRUNED"],
        ["things", "2", "FAIL"],
        ["things", "3", "FAIL"],
        ["things", "4", "COMPLETE"],
    ]
    log = corebound("logs", "things", "0").stdout
    assert log.startswith("this is slot 0\n")
    assert "corebound: the callback unhappy raised, which changes nothing:" in log
    assert "RuntimeError: a callback is unhappy" in log
    # Table and CSV show where.
    assert str(kept / "0") in corebound("results", "things").stdout
    header, first, *_ = corebound("results", "things", "--csv").stdout.splitlines()
    assert dict(zip(header.split(","), first.split(","), strict=True))["artifacts"] == str(kept / "0")
    # An archived campaign keeps its files: the next one of its name gets a folder of its own.
    trial = {"command": ["sh", "-c", "echo {x} > $COREBOUND_ARTIFACTS/x.txt; echo loss={x}"], "artifacts": "kept"}
    trial["callbacks"] = ["files.py:note", "files.py:Stop"]
    outcome = ran(corebound, written(tmp_path, "things", trials=9, trial=trial, search={"parameters": [X]}), "--fresh")
    assert (outcome["phase"], outcome["reason"]) == ("Succeeded", "StoppedByObjective")
    assert outcome["message"] == "a callback called study.stop() after slot 0"
    found = rows(ledger, "things")
    assert [row["state"] for row in found] == ["succeeded"] + ["skipped"] * 8
    assert found[0]["artifacts"] == str(tmp_path / "kept" / "things@2" / "0")
    assert float((tmp_path / "kept" / "things@2" / "0" / "x.txt").read_text()) == found[0]["params"]["x"]
    assert (kept / "0" / "model" / "weights.txt").read_text() == "weights of slot 0"
    assert called(tmp_path)[5:] == [f"things 0 COMPLETE {[found[0]['values']['loss']]} 1"]


def test_a_callback_that_hangs_or_ends_its_process_costs_no_trial(
    corebound: Corebound, ledger: Ledger, home: Path, tmp_path: Path
) -> None:
    (tmp_path / "files.py").write_text(FILES)
    trial: dict[str, Any] = {
        "workload": {"task": "xor", "population": 10, "generations": 3},
        "memory": "4Gi",
        "timeout": "5s",
        "callbacks": ["files.py:misbehave", "files.py:note"],
    }
    objectives = [{"metric": "fitness", "direction": "maximize"}]
    outcome = ran(corebound, written(tmp_path, "unruly", trial=trial, objectives=objectives))
    assert outcome["counts"] == {"succeeded": 3}
    assert [row["attempts"] for row in rows(ledger, "unruly")] == [1, 1, 1]
    assert [line.split(" ")[1] for line in called(tmp_path)] == ["2"]
    (log,) = (home / "campaigns").glob("unruly-*/worker-*.log")
    assert log.read_text().splitlines()[-2:] == [
        "after slot 0: callbacks took longer than 5 s; another process takes its place",
        "after slot 1: a callback ended the process; another process takes its place",
    ]
