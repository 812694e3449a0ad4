"""The files of a folder that a campaign runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from corebound.api.loading import campaign_from_mapping
from corebound.local.entrypoints import own_files

if TYPE_CHECKING:
    from pathlib import Path

WORKLOAD = {"mode": "pure", "population": 10, "generations": 1}


def spec(trial: dict[str, Any]) -> Any:
    metric = "fitness" if "workload" in trial else "loss"
    mapping = {
        "apiVersion": "corebound.dev/v1alpha1",
        "kind": "SearchCampaign",
        "metadata": {"name": "files"},
        "spec": {"trials": 1, "objectives": [{"metric": metric, "direction": "maximize"}], "trial": trial},
    }
    return campaign_from_mapping(mapping).spec


@pytest.mark.parametrize(
    ("trial", "expected"),
    [
        ({"entrypoint": "train.py:objective"}, ["train.py"]),
        ({"entrypoint": "package.train:objective"}, ["package/train.py"]),
        ({"entrypoint": "json:loads"}, []),
        (
            {"entrypoint": "train.py:objective", "callbacks": ["train.py:stop", "calls.py:log"]},
            ["train.py", "calls.py"],
        ),
        ({"command": ["python", "train.py", "{x}"]}, ["train.py"]),
        ({"command": ["sh", "-c", "echo loss=1; " * 400]}, []),
        ({"command": ["/bin/sleep", "20"]}, []),
        ({"workload": {**WORKLOAD, "task": "train.py:Walker"}}, ["train.py"]),
        ({"workload": {**WORKLOAD, "task": "xor"}}, []),
    ],
)
def test_only_files_that_are_there_are_named(trial: dict[str, Any], expected: list[str], tmp_path: Path) -> None:
    (tmp_path / "package").mkdir()
    for name in ("train.py", "calls.py", "package/train.py"):
        (tmp_path / name).touch()
    assert own_files(spec(trial), tmp_path) == expected
