"""What ordinary training scripts do, and Optuna alone puts up with: each must do here what it does there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from .campaigns import Corebound, ran, rows, written

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


def imports_torch(trial, context):
    import torch

    drawn = torch.rand(1).item()
    torch.manual_seed(context.seed)
    assert drawn == torch.rand(1).item()
    return drawn


class Unhappy(optuna.samplers.RandomSampler):
    def after_trial(self, study, trial, state, values):
        raise RuntimeError(f"unhappy with {state.name}")


def make_sampler(seed):
    return Unhappy(seed=seed)


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
