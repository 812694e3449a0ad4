"""What ends a campaign, a trial or an attempt, and what is tried first: each once, through real workers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import optuna
import pytest

from .campaigns import Corebound, X, opened_study, ran, rows, said, written

if TYPE_CHECKING:
    from pathlib import Path

    from corebound.ledger.ledger import Ledger

FILES = """
import os, signal, time

def both(trial):
    x, y = trial.params["x"], trial.params["y"]
    return x * x + y, (x - 1) ** 2 - y

def bounded(trial, context):
    # The smaller the slot the better its value; the first two are not allowed.
    trial.set_constraint("late enough", 2 - context.slot)
    return float(context.slot)

def falling(trial, context):
    time.sleep(0.2)  # else all trials are over before anybody looks
    return 10.0 - context.slot

def unhappy(trial, context, except_for=()):
    if context.slot not in except_for:
        raise ValueError(f"slot {context.slot} is unhappy")
    return 1.0

def moody(trial, context):
    if context.attempt <= 2:
        raise ValueError(f"attempt {context.attempt} is unhappy")
    return trial.params["x"]

def silent(trial, context):
    if context.slot == 0:
        time.sleep(600)
    return 1.0

def fragile(trial, context):
    trial.set_user_attr("before", context.attempt)
    if context.attempt < 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return trial.params["x"]
"""
Y = {**X, "name": "y"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "files.py").write_text(FILES)
    return tmp_path


def calling(function: str, **arguments: Any) -> dict[str, Any]:
    return {"entrypoint": f"files.py:{function}", "arguments": arguments}


def states(ledger: Ledger, name: str) -> list[str]:
    return [row["state"] for row in rows(ledger, name)]


@pytest.mark.parametrize("sampler", ["nsga2", "tpe"])
def test_several_objectives_have_a_front(corebound: Corebound, ledger: Ledger, folder: Path, sampler: str) -> None:
    options = {"nsga2": {"population_size": 4}, "tpe": {"n_startup_trials": 3}}[sampler]
    objectives = [{"metric": "cost", "direction": "minimize"}, {"metric": "gain", "direction": "maximize"}]
    search = {"sampler": {"name": sampler, "seed": 2, "options": options}, "parameters": [X, Y]}
    path = written(folder, f"front-{sampler}", trials=8, objectives=objectives, search=search, trial=calling("both"))
    outcome = ran(corebound, path)
    found = rows(ledger, f"front-{sampler}")
    assert all(set(row["values"]) == {"cost", "gain"} for row in found)
    with opened_study(ledger, f"front-{sampler}") as study:
        front = sorted(trial.number for trial in study.best_trials)
    assert outcome["front_size"] == len(front) >= 1
    assert outcome["best"] is None
    shown = corebound("watch", f"front-{sampler}", "--once").stdout
    assert f"{len(front)} on front" in shown


def test_what_breaks_a_constraint_is_never_the_best_and_reaches_no_target(
    corebound: Corebound, ledger: Ledger, folder: Path
) -> None:
    objectives = [{"metric": "loss", "direction": "minimize", "target": 1}]
    path = written(folder, "bounded", trials=4, objectives=objectives, trial=calling("bounded"))
    outcome = ran(corebound, path)
    assert states(ledger, "bounded") == ["succeeded"] * 4, "slots 0 and 1 are beyond the target, but not allowed"
    assert (outcome["reason"], outcome["best"]["slot"], outcome["best"]["value"]) == ("AllTrialsClosed", 2, 2.0)


def test_a_target_ends_the_campaign(corebound: Corebound, ledger: Ledger, folder: Path) -> None:
    objectives = [{"metric": "loss", "direction": "minimize", "target": 8}]
    path = written(folder, "aimed", trials=50, objectives=objectives, trial=calling("falling"))
    outcome = ran(corebound, path)
    assert (outcome["phase"], outcome["reason"]) == ("Succeeded", "TargetReached")
    assert outcome["message"] == "loss = 8 in trial 2 reached the target 8" or outcome["best"]["value"] < 8
    found = states(ledger, "aimed")
    assert len(found) == 50
    assert found[:3] == ["succeeded"] * 3
    assert "skipped" in found
    # It is over for good: the same command says so and runs nothing.
    assert "aimed is finished already" in said(corebound, path)
    assert states(ledger, "aimed") == found


def test_enqueued_points_come_first_here_and_by_optunas_own_call(
    corebound: Corebound, ledger: Ledger, tmp_path: Path
) -> None:
    search = {
        "sampler": {"name": "random", "seed": 1},
        "parameters": [X, Y],
        "enqueue": [{"x": 0.25, "y": 1}, {"x": 0}],
    }
    spec: dict[str, Any] = {"search": search, "trial": {"command": ["sh", "-c", "echo loss={x}"]}}
    ran(corebound, written(tmp_path, "queued", trials=2, **spec))
    first, second = (row["params"] for row in rows(ledger, "queued"))
    assert first == {"x": 0.25, "y": 1.0}
    assert second["x"] == 0.0
    assert second["y"] not in (0.0, 1.0)
    with opened_study(ledger, "queued") as study:
        study.enqueue_trial({"x": 0.75}, user_attrs={"asked by": "somebody"})
        study.enqueue_trial({"x": 0.5, "y": 0.5})
    # A finished campaign grows; its new slots adopt what waits, then sample on.
    assert "queued grows from 2 to 5 trials" in said(corebound, written(tmp_path, "queued", trials=5, **spec))
    found = rows(ledger, "queued")
    assert [row["params"]["x"] for row in found][:4] == [0.25, 0.0, 0.75, 0.5]
    assert [row["values"]["loss"] for row in found] == [row["params"]["x"] for row in found]
    assert [row["number"] for row in found] == [0, 1, 2, 3, 4]
    with opened_study(ledger, "queued") as study:
        assert study.trials[2].user_attrs == {"asked by": "somebody"}
        assert len(study.trials) == 5
        assert all(trial.state is optuna.trial.TrialState.COMPLETE for trial in study.trials)
    # An edited immutable field is refused by name; --fresh is the remedy and keeps what there was.
    edited = {**spec, "search": {**search, "sampler": {"name": "random", "seed": 9}}}
    refused = said(corebound, written(tmp_path, "queued", trials=5, **edited), status=2)
    assert "these fields cannot change: spec.search.sampler.seed" in refused
    assert "--fresh" in refused
    assert "the earlier study is kept as queued@1" in said(
        corebound, written(tmp_path, "queued", trials=1, **edited), "--fresh"
    )
    assert (len(states(ledger, "queued")), len(states(ledger, "queued@1"))) == (1, 5)


def test_failures_end_a_campaign_by_its_policy(corebound: Corebound, ledger: Ledger, folder: Path) -> None:
    # Many of them: the supervisor looks once a second, and hundreds may have failed by then.
    path = written(folder, "all-unhappy", trials=2000, trial=calling("unhappy"))
    outcome = ran(corebound, path, status=1)
    assert (outcome["phase"], outcome["reason"]) == ("Failed", "FirstTrialsFailed")
    assert outcome["message"].startswith("the first 5 closed trials all failed; last error: ")
    assert "is unhappy" in outcome["message"]
    found = states(ledger, "all-unhappy")
    assert (found[:5], found[-1], len(found)) == (["failed"] * 5, "skipped", 2000)

    policy = {"maxFailedTrials": 2}
    path = written(folder, "too-unhappy", trials=20, trial=calling("unhappy", except_for=[0]), failurePolicy=policy)
    outcome = ran(corebound, path, status=1)
    assert outcome["reason"] == "TooManyFailedTrials"
    assert "failurePolicy.maxFailedTrials is 2; last error: " in outcome["message"]
    assert states(ledger, "too-unhappy")[:4] == ["succeeded"] + ["failed"] * 3


def test_what_is_lost_or_raised_is_tried_again_as_the_policy_says(
    corebound: Corebound, ledger: Ledger, folder: Path
) -> None:
    search = {"sampler": {"name": "random", "seed": 4}, "parameters": [X]}
    # An exception: another trial each time, the failed ones stay in the study.
    policy = {"retryExceptions": True, "retries": 2}
    ran(corebound, written(folder, "moody", trials=1, search=search, trial=calling("moody"), failurePolicy=policy))
    (row,) = rows(ledger, "moody")
    assert (row["state"], row["attempts"], row["number"], row["error"]) == ("succeeded", 3, 2, None)
    with opened_study(ledger, "moody") as study:
        assert [trial.state.name for trial in study.trials] == ["FAIL", "FAIL", "COMPLETE"]
    # A killed process: the same trial goes on, with the same parameters.
    ran(corebound, written(folder, "fragile", trials=1, search=search, trial=calling("fragile")))
    (row,) = rows(ledger, "fragile")
    assert (row["state"], row["attempts"], row["number"]) == ("succeeded", 3, 0)
    with opened_study(ledger, "fragile") as study:
        assert [(trial.params, trial.user_attrs) for trial in study.trials] == [(row["params"], {"before": 3})]
    # Without retries it fails, once.
    policy = {"retries": 0}
    path = written(folder, "brittle", trials=1, search=search, trial=calling("fragile"), failurePolicy=policy)
    assert ran(corebound, path, status=1)["reason"] == "AllTrialsFailed"
    (row,) = rows(ledger, "brittle")
    assert (row["state"], row["attempts"]) == ("failed", 1)
    assert "killed by SIGKILL" in row["error"]


def test_an_attempt_that_shows_no_sign_of_life_is_ended(corebound: Corebound, ledger: Ledger, folder: Path) -> None:
    trial = {**calling("silent"), "stallTimeout": "1s"}
    ran(corebound, written(folder, "silent", trials=2, trial=trial, failurePolicy={"retries": 0}))
    first, second = rows(ledger, "silent")
    assert (first["state"], second["state"]) == ("failed", "succeeded")
    assert "stallTimeout 1 s" in first["error"]
    assert "in silent" in first["error"], "its Python stacks"


def test_a_deadline_ends_it_and_its_reason_counts_nothing_that_changes(
    corebound: Corebound, ledger: Ledger, tmp_path: Path
) -> None:
    trial = {"command": ["sh", "-c", "[ $COREBOUND_SLOT = 0 ] || exec sleep 600; echo loss=1"]}
    path = written(tmp_path, "late", trials=3, trial=trial, activeDeadlineSeconds=15)
    outcome = ran(corebound, path, status=1)
    assert outcome["reason"] == "DeadlineExceeded"
    assert outcome["message"].endswith(", activeDeadlineSeconds is 15")
    found = rows(ledger, "late")
    assert found[1]["state"] == found[2]["state"] == "skipped"
    again = corebound("run", "-f", str(path), "--json")
    assert (again.returncode, json.loads(again.stdout)["reason"]) == (1, "DeadlineExceeded"), "it is final"
