"""Unchanged Optuna objectives are found and called; what cannot work is said before any trial."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
import pytest

from corebound.api.errors import ObjectiveError
from corebound_trial.objectives.entrypoint import LONGEST_TEXT, EntrypointObjective, load_function, user_traceback

from .attempts import attempt_context

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def modules_as_before() -> Iterator[None]:
    modules, path = dict(sys.modules), list(sys.path)
    yield
    for name in set(sys.modules) - set(modules):
        del sys.modules[name]
    sys.path[:] = path


def write(folder: Path, text: str, name: str = "mytrain.py") -> Path:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    return folder


def run(folder: Path, text: str, name: str = "mytrain.py:objective", **arguments: Any) -> object:
    objective = EntrypointObjective(name, arguments=arguments, folder=write(folder, text))
    return objective.run(optuna.create_study().ask(), attempt_context())


@pytest.mark.parametrize("name", ["mytrain.py:objective", "mytrain:objective"])
def test_a_file_and_a_module_of_the_folder(tmp_path: Path, name: str) -> None:
    assert run(tmp_path, "def objective(trial): return trial.suggest_float('x', 2, 2)", name) == 2


def test_a_module_of_a_package(tmp_path: Path) -> None:
    write(tmp_path, "from mypackage.other import VALUE\ndef objective(trial): return VALUE", "mypackage/train.py")
    write(tmp_path, "VALUE = 5", "mypackage/other.py")
    objective = EntrypointObjective("mypackage.train:objective", arguments={}, folder=tmp_path)
    assert objective.run(optuna.create_study().ask(), attempt_context()) == 5


def test_a_file_is_loaded_once_so_that_a_callback_shares_what_it_keeps(tmp_path: Path) -> None:
    write(tmp_path, "SEEN = []\ndef objective(trial): SEEN.append(1)\ndef callback(study, trial): return SEEN")
    load_function("mytrain.py:objective", folder=tmp_path)(None)
    assert load_function("mytrain.py:callback", folder=tmp_path)(None, None) == [1]
    assert load_function("mytrain:callback", folder=tmp_path)(None, None) == [1]


def test_a_file_named_like_a_module_of_python_replaces_nothing(tmp_path: Path) -> None:
    import json

    write(tmp_path, "def objective(trial): return 1", "json.py")
    load_function("json.py:objective", folder=tmp_path)
    assert sys.modules["json"] is json


@pytest.mark.parametrize(
    ("text", "arguments", "expected"),
    [
        ("def objective(trial, dataset=7): return dataset", {}, 7),
        ("def objective(trial, dataset=7): return dataset", {"dataset": 8}, 8),
        ("def objective(trial, dataset=7, context=None): return context.slot", {}, 3),
        ("def objective(trial, *, context, scale): return context.slot * scale", {"scale": 2}, 6),
        ("def objective(context): return context.number", {}, 0),
        ("def objective(trial, **more): return len(more)", {}, 0),
        ("import functools\ndef f(a, trial): return a\nobjective = functools.partial(f, 4)", {}, 4),
        (
            "import functools\ndef wrap(f):\n    @functools.wraps(f)\n    def g(*a, **k): return f(*a, **k)\n    return g\n"
            "@wrap\ndef objective(trial, context): return context.slot",
            {},
            3,
        ),
        (
            "class objective:\n    def __init__(self, scale): self.scale = scale\n"
            "    def __call__(self, trial, context): return context.slot * self.scale",
            {"scale": 5},
            15,
        ),
    ],
)
def test_arguments_and_context_are_given_by_name(
    tmp_path: Path, text: str, arguments: dict[str, Any], expected: object
) -> None:
    assert run(tmp_path, text, **arguments) == expected


def test_a_class_is_made_once(tmp_path: Path) -> None:
    text = "class objective:\n  calls = 0\n  def __call__(self, trial):\n    self.calls += 1\n    return self.calls"
    objective = EntrypointObjective("mytrain.py:objective", arguments={}, folder=write(tmp_path, text))
    trial = optuna.create_study().ask()
    assert [objective.run(trial, attempt_context()) for _ in range(3)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("text", "name", "arguments", "said"),
    [
        ("", "mytrian:objective", {}, ["no module 'mytrian'", "did you mean 'mytrain'?"]),
        ("", "mytrian.py:objective", {}, ["mytrian.py does not exist", "did you mean 'mytrain.py'?"]),
        ("", "mytrain.sub:objective", {}, ["no module 'mytrain.sub'"]),
        ("def objectiv(t): pass", "mytrain.py:objective", {}, ["no 'objective'", "did you mean 'objectiv'?"]),
        ("objective = 3", "mytrain.py:objective", {}, ["is of type int, expected a function or a class"]),
        ("import not_there", "mytrain.py:objective", {}, ["line 1", "import not_there", "No module named 'not_there'"]),
        ("import not_there", "mytrain:objective", {}, ["line 1", "import not_there", "No module named 'not_there'"]),
        ("from . import x", "mytrain.py:objective", {}, ["line 1", "from . import x", "import without the dot"]),
        ("def f(:", "mytrain.py:objective", {}, ["SyntaxError", "def f(:"]),
        ("import sys\nsys.exit(4)", "mytrain.py:objective", {}, ["line 2", "SystemExit: 4"]),
        ("1/0", "mytrain.py:objective", {}, ["line 1", "ZeroDivisionError"]),
        ("def objective(trial, lr): pass", "mytrain.py:objective", {}, ["(trial, lr) cannot be called", "'lr'"]),
        ("def objective(trial): pass", "mytrain.py:objective", {"lr": 1}, ["cannot be called", "'lr'"]),
        ("def objective(): pass", "mytrain.py:objective", {}, ["cannot be called", "too many positional"]),
        ("def objective(trial): pass", "mytrain.py:objective", {"context": 1}, ["'context'", "rename it"]),
        ("class objective: pass", "mytrain.py:objective", {}, ["without __call__"]),
        ("class objective:\n    def __init__(self): 1/0", "mytrain.py:objective", {}, ["line 2", "ZeroDivision"]),
        ("class objective:\n    def __init__(self): exit(1)", "mytrain.py:objective", {}, ["could not be made"]),
        ("class objective: pass", "mytrain.py:objective", {"lr": 1}, ["cannot be called", "lr"]),
    ],
)
def test_what_cannot_work_is_said_when_it_is_loaded(
    tmp_path: Path, text: str, name: str, arguments: dict[str, Any], said: list[str]
) -> None:
    with pytest.raises(ObjectiveError) as raised:
        run(tmp_path, text, name, **arguments)
    for part in said:
        assert part in str(raised.value)
    assert "corebound_trial" not in str(raised.value)
    assert "importlib" not in str(raised.value)


def test_a_file_of_a_package_that_imports_relatively_is_named_as_a_module_instead(tmp_path: Path) -> None:
    write(tmp_path, "", "mypackage/__init__.py")
    write(tmp_path, "X = 1.5", "mypackage/data.py")
    text = "import mypackage\nfrom .data import X\ndef objective(trial): return X"
    write(tmp_path, text, "mypackage/train.py")
    with pytest.raises(ObjectiveError, match=r"; name it as a module of its package: mypackage\.train:objective$"):
        load_function("mypackage/train.py:objective", folder=tmp_path)
    assert load_function("mypackage.train:objective", folder=tmp_path)(None) == 1.5


def test_a_file_that_failed_to_load_leaves_no_half_of_it(tmp_path: Path) -> None:
    write(tmp_path, "1/0")
    for _ in range(2):
        with pytest.raises(ObjectiveError, match="ZeroDivisionError"):
            load_function("mytrain.py:objective", folder=tmp_path)


def test_a_traceback_begins_with_the_user_and_keeps_causes_and_optunas_frames(tmp_path: Path) -> None:
    text = (
        "def objective(trial):\n    try:\n        trial.suggest_float('x', 2, 1)\n"
        "    except ValueError as error:\n        raise RuntimeError('mine') from error"
    )
    with pytest.raises(RuntimeError) as raised:
        run(tmp_path, text)
    from_our_run = raised.value.__traceback__.tb_next.tb_next
    found = user_traceback(raised.value.with_traceback(from_our_run))
    assert found.endswith("RuntimeError: mine")
    assert "ValueError" in found
    assert "suggest_float" in found
    assert "entrypoint.py" not in found


def test_our_own_frames_are_shown_when_there_are_no_others() -> None:
    try:
        load_function("x.py:y", folder=Path("/nowhere"))
    except ObjectiveError as error:
        assert "_load_file" in user_traceback(error)


def test_an_endless_message_is_cut_in_its_middle() -> None:
    found = user_traceback(ValueError("a" * 10**6 + "the end"))
    assert len(found) < LONGEST_TEXT + 100
    assert found.startswith("ValueError: aaa")
    assert found.endswith("the end")


def test_optunas_own_ways_work_unchanged(tmp_path: Path) -> None:
    text = (
        "import optuna\ndef objective(trial):\n    x = trial.suggest_float('x', 0, 1)\n    trial.report(x, 0)\n"
        "    trial.set_user_attr('note', 'kept')\n    trial.set_constraint('limit', -1.0)\n"
        "    if trial.should_prune() or trial.number == 1: raise optuna.TrialPruned\n    return x"
    )
    objective = EntrypointObjective("mytrain.py:objective", arguments={}, folder=write(tmp_path, text))
    study = optuna.create_study()
    study.optimize(lambda trial: objective.run(trial, attempt_context()), n_trials=2)
    assert [trial.state.name for trial in study.trials] == ["COMPLETE", "PRUNED"]
    assert study.trials[0].user_attrs == {"note": "kept"}
    assert study.trials[0].constraints == {"limit": -1.0}
