"""Two projects with a file of one name each: their trials never meet in one study, and a project may move."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    import pytest

    from corebound.ledger.ledger import Ledger

Corebound = Callable[..., "subprocess.CompletedProcess[str]"]

OBJECTIVE = "def objective(trial):\n    return trial.suggest_float('x', 0, 1) * {factor}\n"
NAME = "same-py-objective"


def run_in(folder: Path, corebound: Corebound, monkeypatch: pytest.MonkeyPatch, trials: int) -> tuple[int, str]:
    monkeypatch.chdir(folder)
    done = corebound("run", "same.py:objective", "-n", str(trials))
    return done.returncode, done.stderr


def project(folder: Path, factor: int) -> Path:
    folder.mkdir()
    (folder / "same.py").write_text(OBJECTIVE.format(factor=factor))
    return folder


def test_another_projects_file_of_the_same_name_is_refused(
    corebound: Corebound, ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = project(tmp_path / "one", 1), project(tmp_path / "other", 2)
    assert run_in(one, corebound, monkeypatch, 2)[0] == 0
    status, said = run_in(other, corebound, monkeypatch, 4)
    assert status == 2
    assert f"was run with {one / 'same.py'}, which is another file than {other / 'same.py'}" in said
    assert "--fresh" in said
    assert ledger.campaigns.get(NAME).trials == 2, "nothing was changed"

    # Edited where it is, reached by a link, copied, or moved, it is the same project.
    (one / "same.py").write_text(OBJECTIVE.format(factor=3))
    assert run_in(one, corebound, monkeypatch, 3)[0] == 0
    (tmp_path / "link").symlink_to(one)
    assert run_in(tmp_path / "link", corebound, monkeypatch, 4)[0] == 0
    shutil.copytree(one, tmp_path / "copy")
    assert run_in(tmp_path / "copy", corebound, monkeypatch, 5)[0] == 0
    one.rename(tmp_path / "moved")
    (tmp_path / "moved" / "same.py").write_text(OBJECTIVE.format(factor=4))
    shutil.rmtree(tmp_path / "copy")
    monkeypatch.chdir(tmp_path)
    assert run_in(tmp_path / "moved", corebound, monkeypatch, 6)[0] == 0
    found = ledger.campaigns.get(NAME)
    assert (found.trials, found.folder) == (6, str(tmp_path / "moved"))
