"""The files of a folder that a campaign runs, and what is wrong with them before anything starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from corebound.api.errors import SpecError
from corebound.api.loading import campaign_from_mapping
from corebound.local.entrypoints import check_entrypoints, own_files

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


@pytest.mark.parametrize(
    ("trial", "said"),
    [
        (
            {"entrypoint": "nb.ipynb:objective"},
            "spec.trial.entrypoint: found nb.ipynb:objective, expected a function of a Python file; write the notebook as a "
            "Python file with: jupyter nbconvert --to script nb.ipynb, then name nb.py:objective",
        ),
        (
            {"entrypoint": "train.py:objectve", "callbacks": ["train.py:note", "train.py:notes"]},
            "spec.trial.entrypoint: {folder}/train.py has no 'objectve'; did you mean 'objective'?\n"
            "spec.trial.callbacks[1]: {folder}/train.py has no 'notes'; did you mean 'note'?",
        ),
        (
            {"workload": {**WORKLOAD, "task": "train.py:Walker"}},
            "spec.trial.workload.task: {folder}/train.py has no 'Walker'; expected a function or class there",
        ),
    ],
)
def test_what_certainly_cannot_work_is_refused(trial: dict[str, Any], said: str, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("def objective(trial): pass\ndef note(study, trial): pass")
    with pytest.raises(SpecError) as raised:
        check_entrypoints(spec(trial), tmp_path)
    assert str(raised.value) == said.format(folder=tmp_path)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("train:objectve", "{folder}/train.py has no 'objectve'; did you mean 'objective'?"),
        ("pkg.train:objectve", "{folder}/pkg/train.py has no 'objectve'; did you mean 'objective'?"),
        ("trian:objective", "there is no module 'trian'; did you mean 'train'?"),
        (
            "nowhere_4712.train:objective",
            "there is no module 'nowhere_4712'; searched from {folder}, and not installed",
        ),
        ("loose:objective", "{folder}/loose.py:1 imports relatively, which a file by itself cannot; write the import"),
    ],
)
def test_a_module_is_looked_into_as_a_file_is(function: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError) as raised:
        check_entrypoints(spec({"entrypoint": function}), with_modules(tmp_path))
    assert str(raised.value).startswith(f"spec.trial.entrypoint: {said.format(folder=tmp_path)}")


@pytest.mark.parametrize(
    "trial",
    [
        {"entrypoint": "pkg.train:objective"},
        {"entrypoint": "pkg.elsewhere:objective"},
        {"entrypoint": "space.train:anything"},
        {"entrypoint": "json:anything"},
        {"entrypoint": "optuna.nowhere:objective"},
        {"entrypoint": "nowhere_4712:objective", "env": [{"name": "PYTHONPATH", "value": "/somewhere"}]},
    ],
)
def test_a_module_that_may_be_there_is_let_alone(trial: dict[str, Any], tmp_path: Path) -> None:
    check_entrypoints(spec(trial), with_modules(tmp_path))


def with_modules(folder: Path) -> Path:
    for place in ("pkg", "space"):
        (folder / place).mkdir()
    (folder / "pkg" / "__init__.py").touch()
    for path in ("train.py", "pkg/train.py", "space/train.py"):
        (folder / path).write_text("def objective(trial): pass")
    (folder / "pkg" / "train.py").write_text("from .data import load\ndef objective(trial): pass")
    (folder / "loose.py").write_text("from .data import load\ndef objective(trial): pass")
    return folder


def test_a_notebook_in_a_folder_is_refused_with_the_file() -> None:
    with pytest.raises(SpecError, match=r"jupyter nbconvert --to script 'my work/nb.ipynb', then name my work/nb.py:f"):
        spec({"entrypoint": "my work/nb.ipynb:f"})
