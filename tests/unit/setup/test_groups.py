"""``.ci/tests`` with a pretended pytest: every group runs, the worst status wins, and what did not run stands at the end."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections import Counter
from fnmatch import fnmatch
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

from .test_needs import ROOT

GROUPS = ("alone", "chart", "cluster", "contract", "local", "node", "sessions", "unit", "users")
PRETENDED = """#!/bin/sh
for word; do case $word in cache_dir=*) group=${word##*/} ;; esac; done
echo "$group" >>groups
sleep "${LONG:-0}"
status=0
case $group in
    cluster) status=$CLUSTER ;;
    unit) status=$UNIT ;;
    alone) status=$ALONE ;;
esac
[ "$status" = 3 ] && echo "DID NOT RUN, go is missing here: $group::test_it"
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
    pretended = {"CLUSTER": "0", "UNIT": "0", "ALONE": "0", **statuses}
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
        ({"CLUSTER": "1"}, 1),
        ({"UNIT": "1", "ALONE": "3"}, 1),
        ({"ALONE": "2", "CLUSTER": "3"}, 2),
        ({"CLUSTER": "3"}, 3),
        ({"UNIT": "3", "ALONE": "3"}, 3),
    ],
)
def test_every_group_runs_and_the_worst_status_is_the_last(
    checkout: Path, statuses: dict[str, str], expected: int
) -> None:
    run = started(checkout, **statuses)
    said, _ = run.communicate(timeout=60)
    assert run.returncode == expected, said
    ran = (checkout / "groups").read_text().split()
    assert sorted(ran) == sorted(GROUPS)
    assert ran[-1] == "alone"
    lines = said.splitlines()
    expected_missing = list(statuses.values()).count("3")
    assert sum(" | DID NOT RUN" in line for line in lines) == expected_missing, "where it ran, after the group's name"
    missing = [line for line in lines if line.startswith("DID NOT RUN")]
    assert lines[len(lines) - expected_missing :] == missing, "once more at the end"


def test_ctrl_c_ends_the_groups_beside_as_well(checkout: Path) -> None:
    began = time.monotonic()
    with started(checkout, LONG="60") as run:
        while "sessions" not in ((checkout / "groups").read_text() if (checkout / "groups").exists() else ""):
            assert time.monotonic() - began < 30
            time.sleep(0.05)
        os.killpg(run.pid, signal.SIGINT)
        run.communicate(timeout=120)
    assert run.returncode != 0
    assert not {"chart", "alone"} & set((checkout / "groups").read_text().split()), "it went on"
    assert time.monotonic() - began < 40, "it did not end those beside"


def test_every_file_is_in_one_group() -> None:
    shell = ["bash", "-c", "eval \"$(sed -n '/^groups=(/,/^)/p' .ci/tests)\"; printf '%s\\n' \"${groups[@]}\""]
    listed = subprocess.run(shell, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    found = Counter(file for group in listed for file in files_of(group.split()[1:]))
    assert found == Counter(file.relative_to(ROOT) for file in (ROOT / "tests").rglob("test_*.py"))


def files_of(words: list[str]) -> Iterator[Path]:
    """What pytest would collect."""
    ignored = [word.removeprefix("--ignore-glob=") for word in words if word.startswith("--ignore-glob=")]
    for word in words:
        path = ROOT / word
        for file in [path] if path.is_file() else path.rglob("test_*.py"):
            if not any(fnmatch(str(file), glob) for glob in ignored):
                yield file.relative_to(ROOT)
