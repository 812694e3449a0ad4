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


def numbers_of_numpy(trial, context):
    import numpy

    for step in numpy.arange(3):
        trial.report(numpy.float32(step), step)
        context.progress(step, numpy.int64(3))
    context.progress(10**12)
    time.sleep(2.5)  # some heartbeats carry it
    return numpy.float64(1.0)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
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
