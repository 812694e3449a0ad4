"""``.ci/tests`` with a pretended pytest: every group runs, the worst status wins, and what did not run stands at the end."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

from .test_needs import ROOT

PRETENDED = """#!/bin/sh
for word; do folder=$word; done
case "$*" in *"-m alone"*) folder=alone ;; esac
echo "$folder" >>groups
status=0
case $folder in
    tests/apiserver) status=$APISERVER ;;
    tests/local) sleep ${LONG:-0} ;;
    tests/docs) status=$FIRST ;;
    tests/node) sleep ${LONG:-0} ;;
    alone) status=$ALONE ;;
esac
[ "$status" = 3 ] && echo "DID NOT RUN, go is missing here: $folder::test_it"
echo "=== 1 passed in 0.1s ==="
exit "$status"
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "tests", tmp_path / ".ci")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    python = tmp_path / ".venv" / "bin" / "python"
    python.write_text(PRETENDED)
    python.chmod(0o755)
    return tmp_path


def started(checkout: Path, **statuses: str) -> subprocess.Popen[str]:
    pretended = {"APISERVER": "0", "FIRST": "0", "ALONE": "0", **statuses}
    return subprocess.Popen(
        [checkout / ".ci" / "tests"],
        env={**os.environ, **pretended},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ({}, 0),
        ({"APISERVER": "1"}, 1),
        ({"FIRST": "1", "ALONE": "3"}, 1),
        ({"ALONE": "2", "APISERVER": "3"}, 2),
        ({"APISERVER": "3"}, 3),
        ({"FIRST": "3", "ALONE": "3"}, 3),
    ],
)
def test_every_group_runs_and_the_worst_status_is_the_last(
    checkout: Path, statuses: dict[str, str], expected: int
) -> None:
    run = started(checkout, **statuses)
    said, _ = run.communicate(timeout=60)
    assert run.returncode == expected, said
    assert sorted((checkout / "groups").read_text().split()) == [
        "alone",
        "tests/apiserver",
        "tests/docs",
        "tests/local",
        "tests/node",
        "tests/report",
    ]
    lines = said.splitlines()
    missing = [line for line in lines if line.startswith("DID NOT RUN")]
    assert lines[len(lines) - len(missing) // 2 :] == missing[len(missing) // 2 :], "once where it ran, once at the end"
    assert len(missing) == 2 * list(statuses.values()).count("3")


def test_ctrl_c_ends_the_groups_beside_as_well(checkout: Path) -> None:
    began = time.monotonic()
    with started(checkout, LONG="60") as run:
        while "tests/apiserver" not in ((checkout / "groups").read_text() if (checkout / "groups").exists() else ""):
            assert time.monotonic() - began < 30
            time.sleep(0.05)
        os.killpg(run.pid, signal.SIGINT)
        run.communicate(timeout=120)
    assert run.returncode != 0
    assert not {"tests/report", "alone"} & set((checkout / "groups").read_text().split()), "it went on"
    assert time.monotonic() - began < 40, "it did not end those beside"
