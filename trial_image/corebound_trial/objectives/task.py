"""The task of a workload by its name: a built-in one, or a class of the user's own.

``package.module:Class`` or ``file.py:Class`` is searched like an entrypoint, from the campaign file's folder, and made once
per worker with ``trial.arguments``. What could go wrong is found here, before the first generation: no such module, file or
class, arguments that do not fit, a class that is no task.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from corebound.api.errors import NotThereError, ObjectiveError
from corebound.api.model import nearest
from corebound_trial.neuroevolution.tasks.builtin import BUILT_IN, task_class
from corebound_trial.objectives.entrypoint import load_function, made

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from corebound_trial.neuroevolution.tasks.protocol import Task


def load_task(name: str, *, arguments: Mapping[str, Any], folder: Path) -> Task:
    """Raises :class:`NotThereError`, or another :class:`ObjectiveError`."""
    if ":" in name:
        found = load_function(name, folder=folder)
    elif name in BUILT_IN:
        found = task_class(name)
    else:
        raise NotThereError(
            f"{name!r} is no task{nearest(name, BUILT_IN)}; expected {', '.join(BUILT_IN)}, or a class of your own as "
            "package.module:Class or file.py:Class"
        )
    return checked(name, made(name, found, arguments))


def checked(name: str, task: Any) -> Task:
    """``task`` if it has what :class:`Task` asks for."""
    for attribute in ("inputs", "outputs"):
        size = getattr(task, attribute, None)
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise ObjectiveError(f"{name}.{attribute} is {size!r}, expected a whole number of at least 1")
    if not callable(getattr(task, "evaluate", None)):
        raise ObjectiveError(f"{name} has no method evaluate; expected def evaluate(self, networks), fitness [lanes]")
    solved = getattr(task, "solved", None)
    if solved is not None and (isinstance(solved, bool) or not isinstance(solved, int | float)):
        raise ObjectiveError(f"{name}.solved is {solved!r}, expected a number, or None for a task without an end")
    ours: Task = task
    return ours
