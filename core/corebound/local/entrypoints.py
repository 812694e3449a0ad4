"""The Python files and modules that a campaign names, looked for and into before anything starts; none is imported.

What could go wrong: a file that is there, with the name in it, but does not import, or a module that only an import finds
(of a namespace package, an extension); then each trial fails with its own error.
"""

from __future__ import annotations

import importlib.util
import pkgutil
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import TYPE_CHECKING, Final

from corebound.api.errors import Problem, SpecError
from corebound.api.model import nearest
from corebound.api.names import notebook_remedy
from corebound.local.source import fault_in_package, fault_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from corebound.api.spec import CampaignSpec

_IN_A_FILE: Final = ".py:"


def check_entrypoints(spec: CampaignSpec, folder: Path) -> None:
    """Raise :class:`SpecError` that names every function which certainly cannot be had from its file."""
    elsewhere = any(variable.name == "PYTHONPATH" for variable in spec.trial.env)
    faults = [(field, _fault(function, folder, elsewhere=elsewhere)) for field, function in named_functions(spec)]
    if problems := [Problem(field=field, message=fault) for field, fault in faults if fault is not None]:
        raise SpecError(problems)


def _fault(function: str, folder: Path, *, elsewhere: bool) -> str | None:
    if remedy := notebook_remedy(function):
        return f"found {function}, expected a function of a Python file{remedy}"
    file, in_a_file, name = function.rpartition(_IN_A_FILE)
    if not in_a_file:
        return _fault_of_module(function, folder, elsewhere=elsewhere)
    path = folder / f"{file}.py"
    if path.is_file():
        return fault_of(path, name, folder=folder)
    near = nearest(path.name, [found.name for found in path.parent.glob("*.py")])
    remedy = near or "; it is searched from the campaign file's folder"
    return f"{path} does not exist{remedy}"


def _fault_of_module(function: str, folder: Path, *, elsewhere: bool) -> str | None:
    """``elsewhere`` is whether workers look for modules where we do not."""
    module, in_a_module, name = function.rpartition(":")
    if not in_a_module:
        return None  # one of ours
    first = module.partition(".")[0]
    if not (elsewhere or _may_be_imported(first, folder)):
        near = nearest(first, [found.name for found in pkgutil.iter_modules([str(folder)])])
        return f"there is no module {first!r}{near or f'; searched from {folder}, and not installed'}"
    path = _source_of(module, folder)
    if path is None:
        return None
    return fault_in_package(path, name) if "." in module else fault_of(path, name, folder=folder)


def _may_be_imported(module: str, folder: Path) -> bool:
    """Whether there is such a module in the folder or where workers look, which have our interpreter and its environment."""
    if any((place / name).exists() for place in (folder, Path.cwd()) for name in (module, f"{module}.py")):
        return True
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return True


def _source_of(module: str, folder: Path) -> Path | None:
    """The file that an import of ``module`` surely runs; None where that is not certain."""
    *packages, last = module.split(".")
    if (packages or [last])[0] in sys.stdlib_module_names:
        return None
    place = folder
    for package in packages:
        place /= package
        if not (place / "__init__.py").is_file():
            return None
    if any((place / f"{last}{suffix}").exists() for suffix in EXTENSION_SUFFIXES) or (place / last).is_dir():
        return None
    path = place / f"{last}.py"
    return path if path.is_file() else None


def own_files(spec: CampaignSpec, folder: Path) -> list[str]:
    """Files of ``folder`` that the campaign runs, relative to it: of functions, and what its command names."""
    names = [_file_of(function) for _, function in named_functions(spec) if ":" in function]
    names += [word for word in spec.trial.command or [] if not word.startswith("/")]
    return [name for name in dict.fromkeys(names) if _is_file(folder / name)]


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a word may be a whole shell script, too long for a name
        return False


def _file_of(function: str) -> str:
    module = function.rpartition(":")[0]
    return module if module.endswith(".py") else f"{module.replace('.', '/')}.py"


def named_functions(spec: CampaignSpec) -> Iterator[tuple[str, str]]:
    """Field and name of everything that may be a function or class of the user's: those with a colon are."""
    if spec.trial.entrypoint is not None:
        yield "spec.trial.entrypoint", spec.trial.entrypoint
    if spec.trial.workload is not None:
        yield "spec.trial.workload.task", spec.trial.workload.task
    for index, callback in enumerate(spec.trial.callbacks):
        yield f"spec.trial.callbacks[{index}]", callback
    if spec.search.sampler.entrypoint is not None:
        yield "spec.search.sampler.entrypoint", spec.search.sampler.entrypoint
