"""An ordinary Optuna objective, unchanged: ``package.module:name`` or ``file.py:name``.

Searched from the campaign file's folder, which is also the working directory. A function gets ``trial.arguments`` as
keywords; a class is made once per worker with them. A parameter *named* ``context`` receives the AttemptContext.

What could go wrong is found when it is loaded, before any trial: no such module, file or name, code that raises, arguments
that do not fit; each error shows the user's own frames only.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pkgutil
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from corebound.api.errors import NotThereError, ObjectiveError
from corebound.api.model import nearest
from corebound.local.source import as_module

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType

    import optuna

    from corebound_trial.objectives.protocol import AttemptContext

LONGEST_TEXT: Final = 16_000
"""Characters of an error that are kept; a message may hold a whole data set."""
_OURS: Final = Path(__file__).resolve().parents[1]


def load_function(name: str, *, folder: Path) -> Any:
    """The object that ``name`` names.

    Raises :class:`NotThereError`, or :class:`ObjectiveError` with the user's own traceback where it raised.
    """
    module_name, _, attribute = name.partition(":")
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    try:
        module = _load_file(folder / module_name) if module_name.endswith(".py") else _import(module_name, folder)
    except ObjectiveError:
        raise
    except (Exception, SystemExit) as error:
        remedy = ""
        if module_name.endswith(".py") and isinstance(error, ImportError) and "attempted relative import" in str(error):
            remedy = as_module(folder / module_name, attribute, folder=folder)
        raise ObjectiveError(f"{name} cannot be imported, it raised:\n{user_traceback(error)}{remedy}") from error
    if not hasattr(module, attribute):
        raise NotThereError(
            f"{name}: {module_name} has no {attribute!r}{nearest(attribute, dir(module))}; expected a function or class there"
        )
    found = getattr(module, attribute)
    if not callable(found):
        raise ObjectiveError(f"{name} is of type {type(found).__name__}, expected a function or a class")
    return found


def script_of(name: str, *, folder: Path) -> str:
    """What ``sys.argv[0]`` is for the code that ``name`` names."""
    module_name, _, _ = name.partition(":")
    return str(folder / module_name) if module_name.endswith(".py") else module_name


class EntrypointObjective:
    """Calls the user's objective."""

    def __init__(self, name: str, *, arguments: Mapping[str, Any], folder: Path) -> None:
        if "context" in arguments:
            raise ObjectiveError("trial.arguments sets 'context', which is what Corebound passes itself; rename it")
        found = load_function(name, folder=folder)
        if inspect.isclass(found):
            found, arguments = made(name, found, arguments), {}
            if not callable(found):
                raise ObjectiveError(f"{name} is a class without __call__; expected def __call__(self, trial)")
        self._call: Callable[..., object] = found
        self._keywords = dict(arguments)
        self._wants_context = _has_context(found)
        extra = {"context": None} if self._wants_context else {}
        _check_call(name, found, None, **self._keywords, **extra)

    def run(self, trial: optuna.Trial, context: AttemptContext) -> object:
        """The user's return value as it is."""
        named = {**self._keywords, "context": context} if self._wants_context else self._keywords
        return self._call(trial, **named)


def user_traceback(error: BaseException) -> str:
    """The traceback from the user's first frame on, of the causes too, cut in its middle when it is very long."""
    report = traceback.TracebackException.from_exception(error)
    _drop_our_frames(report)
    text = "".join(report.format()).strip()
    half = LONGEST_TEXT // 2
    return text if len(text) <= LONGEST_TEXT else f"{text[:half]}\n[...]\n{text[-half:]}"


def _import(module_name: str, folder: Path) -> ModuleType:
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if missing != module_name and not module_name.startswith(f"{missing}."):
            raise  # the module is there; what it imports itself is not
        parent, _, last = missing.rpartition(".")
        places = getattr(sys.modules.get(parent), "__path__", None) if parent else [str(folder), *sys.path]
        near = nearest(last, {found.name for found in pkgutil.iter_modules(places or [])})
        raise NotThereError(
            f"there is no module {missing!r}{near}; searched from {folder}, expected package.module:function or "
            "file.py:function there, or an installed package"
        ) from error


def _load_file(path: Path) -> ModuleType:
    """The file as a module, once per process: a callback in it shares what the objective keeps there."""
    if not path.is_file():
        near = nearest(path.name, (found.name for found in path.parent.glob("*.py")))
        raise NotThereError(f"{path} does not exist{near}; the file is searched from the campaign file's folder")
    # Under its own name, so that others can import it and pickle finds it, unless that name is taken.
    for module_name in (path.stem, f"corebound_objective_{path.stem}"):
        loaded = sys.modules.get(module_name)
        if loaded is not None and getattr(loaded, "__file__", None) == str(path):
            return loaded
        if loaded is None and module_name not in sys.stdlib_module_names:
            break
    # As of a script: files beside it can be imported, and so can the file itself in processes that it starts.
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    specification = importlib.util.spec_from_file_location(module_name, path)
    if specification is None or specification.loader is None:
        raise ObjectiveError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(specification)
    sys.modules[module_name] = module
    try:
        specification.loader.exec_module(module)
    except BaseException:
        del sys.modules[module_name]
        raise
    return module


def made(name: str, found: Any, arguments: Mapping[str, Any]) -> Any:
    """An object of the class ``found``. Raises :class:`ObjectiveError`, with the user's own traceback where it raised."""
    _check_call(name, found, **arguments)
    try:
        return found(**arguments)
    except ObjectiveError:
        raise
    except (Exception, SystemExit) as error:
        raise ObjectiveError(f"{name} could not be made, it raised:\n{user_traceback(error)}") from error


def _check_call(name: str, function: Any, *given: object, **named: object) -> None:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return  # written in C without a signature: the call itself will tell
    try:
        signature.bind(*given, **named)
    except TypeError as error:
        what = (
            "it is called with trial.arguments"
            if inspect.isclass(function)
            else "it gets the trial and trial.arguments"
        )
        raise ObjectiveError(
            f"{name}{signature} cannot be called: {error}; {what} ({', '.join(named) or 'none'}), correct one of them"
        ) from error


def _has_context(function: Any) -> bool:
    """Whether a parameter other than the first, which is the trial, is named ``context``."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return False
    keyword_kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return any(
        parameter.name == "context" and parameter.kind in keyword_kinds
        for index, parameter in enumerate(parameters)
        if index > 0 or parameter.kind is inspect.Parameter.KEYWORD_ONLY
    )


def _drop_our_frames(report: traceback.TracebackException) -> None:
    frames = list(report.stack)
    # A file that cannot even be parsed has no frame; its line is in the message.
    without_users = len(frames) if hasattr(report, "offset") else 0
    first = next((index for index, frame in enumerate(frames) if not _is_ours(frame.filename)), without_users)
    report.stack = traceback.StackSummary.from_list(frames[first:])
    for linked in (report.__cause__, report.__context__):
        if linked is not None:
            _drop_our_frames(linked)


def _is_ours(file: str) -> bool:
    """Our own code, and Python's import machinery that it calls."""
    return file.startswith("<frozen importlib") or _OURS in Path(file).parents or file == importlib.__file__
