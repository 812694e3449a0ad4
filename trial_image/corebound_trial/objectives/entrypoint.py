"""An ordinary Optuna objective, unchanged: ``package.module:name`` or ``file.py:name``.

Searched from the campaign file's folder, which is also the working directory. A function gets ``trial.arguments`` as
keywords; a class is made once per worker with them. A parameter named ``context`` receives the AttemptContext.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import inspect
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from corebound.api.errors import ObjectiveError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import optuna

    from corebound_trial.objectives.protocol import AttemptContext


def load_function(name: str, *, folder: Path) -> Any:
    """The object that ``name`` names. Raises :class:`ObjectiveError` with the user's own traceback where it raised."""
    module_name, _, attribute = name.partition(":")
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    try:
        module = (
            _load_file(folder / module_name) if module_name.endswith(".py") else importlib.import_module(module_name)
        )
    except ObjectiveError:
        raise
    except ModuleNotFoundError as error:
        raise ObjectiveError(
            f"{name} cannot be imported: no module named {error.name!r}; searched from {folder}, expected "
            "package.module:function or file.py:function there, or an installed package"
        ) from error
    except (Exception, SystemExit) as error:
        raise ObjectiveError(f"{name} cannot be imported, it raised:\n{user_traceback(error)}") from error
    if not hasattr(module, attribute):
        near = difflib.get_close_matches(attribute, dir(module), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ObjectiveError(f"{name}: {module_name} has no {attribute!r}{hint}")
    found = getattr(module, attribute)
    if not callable(found):
        raise ObjectiveError(f"{name} is a {type(found).__name__}, expected a function or a class")
    return found


def user_traceback(error: BaseException) -> str:
    """The traceback from the user's first frame on."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = Path(__file__).parents[1]
    kept = [frame for frame in frames if ours not in Path(frame.filename).parents and "importlib" not in frame.filename]
    return "".join([*traceback.format_list(kept), *traceback.format_exception_only(error)]).strip()


class EntrypointObjective:
    """Calls the user's objective."""

    def __init__(self, name: str, *, arguments: Mapping[str, Any], folder: Path) -> None:
        found = load_function(name, folder=folder)
        self._keywords: dict[str, Any] = dict(arguments)
        if inspect.isclass(found):
            try:
                found = found(**self._keywords)
            except Exception as error:
                raise ObjectiveError(f"{name} could not be made, it raised:\n{user_traceback(error)}") from error
            self._keywords = {}
        self._call: Callable[..., object] = found
        self._wants_context = _has_context(found)

    def run(self, trial: optuna.Trial, context: AttemptContext) -> object:
        """The user's return value as it is."""
        named = {**self._keywords, "context": context} if self._wants_context else self._keywords
        return self._call(trial, **named)


def _has_context(function: Any) -> bool:
    try:
        return "context" in inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False


def _load_file(path: Path) -> Any:
    if not path.is_file():
        raise ObjectiveError(f"{path} does not exist; the file is searched from the campaign file's folder")
    specification = importlib.util.spec_from_file_location(path.stem, path)
    if specification is None or specification.loader is None:
        raise ObjectiveError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(specification)
    sys.modules[path.stem] = module
    specification.loader.exec_module(module)
    return module
