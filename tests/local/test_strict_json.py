"""JSON that a strict reader takes, whatever an objective or the figures of a user's task have left in the ledger."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .campaigns import Corebound, ran, written

if TYPE_CHECKING:
    from pathlib import Path

OBJECTIVE = """
import math

def objective(trial):
    trial.suggest_categorical("limit", [math.nan, math.inf, 1.0])
    trial.suggest_float("x", 0, 1)
    trial.set_user_attr("losses", {"last": math.nan, "all": [1.0, -math.inf, [math.nan]]})
    trial.set_constraint("room", math.inf if trial.number == 1 else -math.inf)
    trial.report(math.nan, 0)
    trial.report(-math.inf, 1)
    return [math.inf, 1.0, 2.0, -math.inf][trial.number]
"""
TASK = """
import numpy

class Odd:
    inputs, outputs = 1, 1
    def evaluate(self, networks):
        return numpy.arange(networks.lanes) / (2 * networks.lanes)
    def figures(self, networks):
        lanes = numpy.zeros(networks.lanes)
        return {"spread": lanes + numpy.nan, "reach": lanes + numpy.inf}
"""


def strict(text: str) -> Any:
    """As every parser but Python's own reads it."""

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    return json.loads(text, parse_constant=refuse)


def asked(corebound: Corebound, *words: str) -> Any:
    done = corebound(*words)
    assert done.returncode == 0, done.stderr
    return strict(done.stdout)


def test_what_an_objective_leaves(corebound: Corebound, tmp_path: Path) -> None:
    (tmp_path / "odd.py").write_text(OBJECTIVE, encoding="utf-8")
    ran(corebound, written(tmp_path, "odd", trials=4, trial={"entrypoint": "odd.py:objective"}))
    rows = asked(corebound, "results", "odd", "--json")
    report = asked(corebound, "report", "odd", "--format", "json")
    for found in (rows, report["trials"]):
        assert [row["values"] for row in found] == [{"loss": "inf"}, {"loss": 1.0}, {"loss": 2.0}, {"loss": "-inf"}]
        assert found[0]["user_attrs"] == {"losses": {"last": "nan", "all": [1.0, "-inf", ["nan"]]}}
        assert [row["constraints"]["room"] for row in found] == ["-inf", "inf", "-inf", "-inf"]
        assert {row["params"]["limit"] for row in found} <= {"nan", "inf", 1.0}
    assert report["curves"]["0"] == [[0, "nan"], [1, "-inf"]]
    (watched,) = asked(corebound, "watch", "odd", "--once", "--json")["campaigns"]
    assert watched["best"]["value"] == "-inf"
    for form in ("html", "md"):
        done = corebound("report", "odd", "--format", form, "-o", "-")
        assert done.returncode == 0, done.stderr


def test_what_the_figures_of_a_task_leave(corebound: Corebound, tmp_path: Path) -> None:
    (tmp_path / "task.py").write_text(TASK, encoding="utf-8")
    workload = {"task": "task.py:Odd", "population": 8, "generations": 2, "seeds": 1}
    objectives = [{"metric": "fitness", "direction": "maximize"}]
    path = written(tmp_path, "figures", trials=1, objectives=objectives, trial={"workload": workload})
    ran(corebound, path)
    (row,) = asked(corebound, "results", "figures", "--json")
    (reported,) = asked(corebound, "report", "figures", "--format", "json")["trials"]
    for found in (row, reported):
        assert (found["user_attrs"]["spread"], found["user_attrs"]["reach"]) == ("nan", "inf")
    assert corebound("report", "figures", "-o", "-").returncode == 0
