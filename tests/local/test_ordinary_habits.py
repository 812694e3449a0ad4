"""What ordinary training scripts do, and Optuna alone puts up with: each must do here what it does there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from .campaigns import Corebound, opened_study, ran, rows, written

if TYPE_CHECKING:
    from pathlib import Path

    from corebound.ledger.ledger import Ledger

FILES = """
import os
import time

import numpy
import optuna


def numbers_of_numpy(trial, context):
    for step in numpy.arange(3):
        trial.report(numpy.float32(step), step)
        context.progress(step, numpy.int64(3))
    context.progress(10**12)
    time.sleep(2.5)  # some heartbeats carry it
    return numpy.float64(1.0)


def counts_samples(trial):
    for samples in (2**31 - 1, 2**31, numpy.int64(2**40)):
        trial.report(samples / 2**40, samples)
    return 0.5


def imports_torch(trial, context):
    import torch

    drawn = torch.rand(1).item()
    torch.manual_seed(context.seed)
    assert drawn == torch.rand(1).item()
    return drawn


class Unhappy(optuna.samplers.RandomSampler):
    def after_trial(self, study, trial, state, values):
        raise RuntimeError(f"unhappy with {state.name}")


class UnhappyBefore(optuna.samplers.RandomSampler):
    def before_trial(self, study, trial):
        if trial.number == 1:
            raise RuntimeError("not this one")


def make_sampler(seed):
    return Unhappy(seed=seed)


def make_other(seed):
    return UnhappyBefore(seed=seed)


def imports_settings(trial, context):
    import settings

    os.umask(0o7)
    trial.set_user_attr("seen", [os.environ.get("OF_A_MODULE"), os.environ.get("OF_A_TRIAL"), numpy.geterr()["invalid"]])
    os.environ["OF_A_TRIAL"] = str(context.slot)
    return os.getpid()


def whatever(trial, context):
    if context.slot == 1:
        raise optuna.TrialPruned
    if context.slot == 2:
        raise ValueError("slot 2 is unhappy, too")
    return os.getpid()
"""


SCRIPT = """
import argparse
import atexit
import csv
import multiprocessing
import os
import sys

import optuna
from beside import FACTOR


class Logger:
    def __init__(self):
        self.terminal = sys.stdout

    def write(self, text):
        self.terminal.write(text)


sys.stdout = Logger()
arguments = argparse.ArgumentParser().parse_args()
table = csv.writer(open("table.csv", "a"))
atexit.register(lambda: open("exits", "a").write("one\\n"))


def objective(trial):
    x = trial.suggest_float("x", 0, 1)
    print("trying", x)
    table.writerow([trial.number, x])
    return x * FACTOR


def copied(trial):
    copies = []
    for ending in (lambda: sys.exit(0), lambda: None, lambda: 1 / 0, lambda: os.execvp("missing", ["missing"])):
        if (copy := os.fork()) == 0:
            return ending()
        copies.append(copy)
    trial.set_user_attr("statuses", [os.waitstatus_to_exitcode(os.waitpid(copy, 0)[1]) for copy in copies])
    return os.getpid()


def report(trial):
    trial.report(0.25, 7)


def elsewhere(trial):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        pool.apply(report, (trial,))
    raise optuna.TrialPruned
"""


SETTINGS = """
import os

import numpy

os.environ["OF_A_MODULE"] = "set"
numpy.seterr(invalid="raise")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "settings.py").write_text(SETTINGS)
    (tmp_path / "files.py").write_text(FILES)
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "script.py").write_text(SCRIPT)
    (tmp_path / "code" / "beside.py").write_text("FACTOR = 2")
    return tmp_path


def calling(function: str, **spec: Any) -> dict[str, Any]:
    """The specification of a campaign of that objective; imports of torch need the memory."""
    return {"trial": {"entrypoint": f"files.py:{function}", "memory": "4Gi"}, **spec}


def test_numbers_of_numpy_are_numbers(corebound: Corebound, ledger: Ledger, folder: Path) -> None:
    ran(corebound, written(folder, "numbers", **calling("numbers_of_numpy", trials=1)))
    (row,) = rows(ledger, "numbers")
    assert (row["state"], row["attempts"], row["error"]) == ("succeeded", 1, None)
    (worker,) = ledger.workers.rows(ledger.campaigns.get("numbers").campaign_id)
    assert worker.exit_code == 0


@pytest.mark.parametrize("kind", ["entrypoint", "command"])
def test_a_report_of_a_step_that_no_column_holds_costs_that_report_alone(
    corebound: Corebound, ledger: Ledger, folder: Path, kind: str
) -> None:
    lines = "".join(f"echo loss={step / 2**40} step={step}; " for step in (2**31 - 1, 2**31, 2**40))
    spec = (
        calling("counts_samples")
        if kind == "entrypoint"
        else {"trial": {"command": ["sh", "-c", f"{lines}echo loss=0.5"]}}
    )
    ran(corebound, written(folder, f"samples-{kind}", **{**spec, "trials": 1}))
    (row,) = rows(ledger, f"samples-{kind}")
    assert (row["state"], row["values"], row["error"]) == ("succeeded", {"loss": 0.5}, None)
    with opened_study(ledger, f"samples-{kind}") as study:
        assert list(study.trials[0].intermediate_values) == [2**31 - 1]
    output = corebound("logs", f"samples-{kind}", "0").stdout
    assert output.count("reports from step 2147483648 on are left out, and no pruner sees them") == 1


def test_torch_that_is_imported_in_a_trial_draws_from_its_slots_seed(
    corebound: Corebound, ledger: Ledger, folder: Path
) -> None:
    """In the first trial of a process as in all others."""
    ran(corebound, written(folder, "drawing", **calling("imports_torch", trials=2)))
    found = rows(ledger, "drawing")
    assert [row["error"] for row in found] == [None, None]
    assert len({row["values"]["loss"] for row in found}) == 2


def test_what_a_sampler_raises_after_a_trial_is_said_in_its_slot(
    corebound: Corebound, ledger: Ledger, folder: Path
) -> None:
    """Optuna has told the trial by then: its state and value stay, and its process goes on."""
    search = {"sampler": {"entrypoint": "files.py:make_sampler"}}
    ran(corebound, written(folder, "unhappy-sampler", **calling("whatever", trials=4, search=search)))
    found = rows(ledger, "unhappy-sampler")
    assert [(row["state"], row["attempts"]) for row in found] == [
        ("succeeded", 1), ("pruned", 1), ("failed", 1), ("succeeded", 1),
    ]  # fmt: skip
    for row, said in zip(found, ("COMPLETE", "PRUNED", "FAIL", "COMPLETE"), strict=True):
        assert f"RuntimeError: unhappy with {said}" in row["error"]
        assert "in after_trial" in row["error"]
    assert found[2]["error"].endswith("ValueError: slot 2 is unhappy, too")
    assert found[0]["values"] == found[3]["values"], "one process for all"


def test_what_a_module_sets_that_a_trial_imports_is_there_for_the_next_trials_too(
    corebound: Corebound, ledger: Ledger, folder: Path
) -> None:
    """It is imported once, and cannot be told from what that trial itself has set; later ones put all back as ever."""
    ran(corebound, written(folder, "settings", **calling("imports_settings", trials=4)))
    found = rows(ledger, "settings")
    assert [row["user_attrs"]["seen"] for row in found] == [["set", None, "raise"], *[["set", "0", "raise"]] * 3]
    assert len({row["values"]["loss"] for row in found}) == 1, "one process for all"
    first, last = (corebound("logs", "settings", slot).stdout for slot in ("0", "3"))
    assert (
        "this trial changed the umask; put back for the next, and environment variables, numpy's handling of errors; kept"
        in first
    )
    assert last == "corebound: this trial changed environment variables, the umask; put back for the next\n"


def test_what_a_sampler_raises_before_a_trial_is_said_in_its_slot(
    corebound: Corebound, ledger: Ledger, folder: Path
) -> None:
    search = {"sampler": {"entrypoint": "files.py:make_other"}}
    ran(corebound, written(folder, "unhappy-before", **calling("whatever", trials=2, search=search)))
    first, second = rows(ledger, "unhappy-before")
    assert (first["state"], second["state"], second["attempts"]) == ("succeeded", "failed", 1)
    assert second["error"].endswith("RuntimeError: not this one")


def script(function: str, **spec: Any) -> dict[str, Any]:
    return {"trial": {"entrypoint": f"code/script.py:{function}"}, "parallelism": 1, **spec}


def test_a_script_reads_its_arguments_imports_its_neighbours_and_writes_all_it_holds_at_its_exit(
    corebound: Corebound, ledger: Ledger, folder: Path
) -> None:
    ran(corebound, written(folder, "script", **script("objective", trials=3)))
    found = rows(ledger, "script")
    assert [(row["state"], row["error"]) for row in found] == [("succeeded", None)] * 3
    assert all(row["values"]["loss"] == 2 * row["params"]["x"] for row in found)
    table = (folder / "table.csv").read_text().splitlines()
    assert table == [f"{row['number']},{row['params']['x']}" for row in found]
    assert (folder / "exits").read_text() == "one\n", "one process for all, and it has ended by itself"
    assert corebound("logs", "script", "2").stdout == f"trying {found[2]['params']['x']}\n"


def test_a_copy_of_the_process_ends_as_in_any_program(corebound: Corebound, ledger: Ledger, folder: Path) -> None:
    ran(corebound, written(folder, "copies", **script("copied", trials=2)))
    found = rows(ledger, "copies")
    assert [(row["state"], row["error"]) for row in found] == [("succeeded", None)] * 2
    assert [row["user_attrs"]["statuses"] for row in found] == [[0, 0, 1, 1]] * 2
    assert len({row["values"]["loss"] for row in found}) == 1, "one process for all"
    assert "ZeroDivisionError" in corebound("logs", "copies", "0").stdout


def test_what_a_trial_reports_from_another_process_counts_when_it_is_pruned(
    corebound: Corebound, ledger: Ledger, folder: Path
) -> None:
    ran(corebound, written(folder, "elsewhere", **script("elsewhere", trials=1)))
    (row,) = rows(ledger, "elsewhere")
    assert (row["state"], row["error"], row["values"]) == ("pruned", None, {"loss": 0.25})
