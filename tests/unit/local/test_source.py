"""What a file tells without being run; nothing is said of one that may have more names than it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from corebound.local.source import fault_of

if TYPE_CHECKING:
    from pathlib import Path


def fault(folder: Path, text: str, name: str = "objective", file: str = "train.py") -> str | None:
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return fault_of(path, name, folder=folder)


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("def objectiv(trial): pass", "; did you mean 'objectiv'?"),
        ("from search import Objective", "; did you mean 'Objective'?"),
        (
            "def f(objective):\n    objective = 1\n    def objective(trial): pass",
            "; expected a function or class there",
        ),
        ("class Search:\n    def objective(self, trial): pass", "; expected a function or class there"),
        ("", "; expected a function or class there"),
        (r"'\d'", "; expected a function or class there"),
    ],
)
def test_a_name_that_is_not_there(tmp_path: Path, text: str, remedy: str) -> None:
    assert fault(tmp_path, text) == f"{tmp_path}/train.py has no 'objective'{remedy}"


@pytest.mark.parametrize(
    "text",
    [
        "def objective(trial): pass",
        "class objective: pass",
        "async def objective(trial): pass",
        "import objective",
        "import objective.sub",
        "from search import make as objective",
        "try:\n    from fast import objective\nexcept ImportError:\n    pass",
        "if True:\n    objective = lambda trial: 1",
        "first, (objective, *rest) = make()",
        "for objective in (print,): pass",
        "with open('x') as objective: pass",
        "print(objective := 3)",
        "objective: object = print",
        "def set_up():\n    global objective\n    objective = print\nset_up()",
        "match make():\n    case [objective]: pass",
        "match make():\n    case {**objective}: pass",
        "from search import *",
        "def __getattr__(name): return print",
        "globals()['objective'] = print",
        "exec('objective = print')",
        "import sys\nsetattr(sys.modules[__name__], 'objective', print)",
        "def (",
        "x = " + " + ".join(["1"] * 3000),
        "\0",
    ],
)
def test_a_name_that_is_there_or_may_be(tmp_path: Path, text: str) -> None:
    assert fault(tmp_path, text) is None


RELATIVE = "from .data import load\ndef objective(trial): pass"


@pytest.mark.parametrize(
    ("file", "packages", "remedy"),
    [
        ("pkg/rel.py", ["pkg"], "; name it as a module of its package: pkg.rel:objective"),
        ("pkg/sub/rel.py", ["pkg", "pkg/sub"], "; name it as a module of its package: pkg.sub.rel:objective"),
        ("pkg/__init__.py", ["pkg"], "; name it as a module of its package: pkg:objective"),
        ("loose/rel.py", [], "; name it as a module of its package: loose.rel:objective"),
        ("rel.py", [], "; write the import without the dot, files beside it are found"),
        ("pkg-1/rel.py", ["pkg-1"], "; write the import without the dot, files beside it are found"),
    ],
)
def test_a_file_of_a_package_is_no_script(tmp_path: Path, file: str, packages: list[str], remedy: str) -> None:
    for package in packages:
        (tmp_path / package).mkdir(parents=True)
        (tmp_path / package / "__init__.py").touch()
    said = fault(tmp_path, RELATIVE, file=file)
    assert said == f"{tmp_path / file}:1 imports relatively, which a file by itself cannot{remedy}"


@pytest.mark.parametrize(
    "text",
    [
        "def objective(trial):\n    from .data import load",
        "def objective(trial):\n    x = 1\n    from . import data",
        "class objective:\n    def __init__(self):\n        from .data import load",
        "class objective:\n    def __call__(self, trial):\n        from .data import load",
    ],
)
def test_a_relative_import_of_the_objective_itself(tmp_path: Path, text: str) -> None:
    said = fault(tmp_path, text)
    assert said is not None
    line = text.count("\n") + 1
    assert said.startswith(
        f"{tmp_path}/train.py:{line} imports relatively, which a file by itself cannot; write the import"
    )


def test_a_package_is_searched_from_the_folder_that_holds_it(tmp_path: Path) -> None:
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "__init__.py").touch()
    said = fault(tmp_path / "pkg", RELATIVE)
    assert said is not None
    assert f"pkg.train:objective, from {tmp_path} (the campaign file's folder" in said


@pytest.mark.parametrize(
    "text",
    [
        "try:\n    from .data import load\nexcept ImportError:\n    from data import load\ndef objective(trial): pass",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .data import load\ndef objective(trial): pass",
        "def objective(trial): pass\ndef other():\n    from .data import load",
        "def objective(trial):\n    if trial is None:\n        return 0\n    from .data import load",
        "def objective(trial):\n    try:\n        from .data import load\n    except ImportError: pass",
        "if not __package__:\n    __package__ = 'pkg'\nfrom .data import load\ndef objective(trial): pass",
    ],
)
def test_a_relative_import_that_may_work_is_let_alone(tmp_path: Path, text: str) -> None:
    assert fault(tmp_path, text) is None
