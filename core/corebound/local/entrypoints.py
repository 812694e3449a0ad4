"""The Python files that a campaign names, looked for before anything starts. Modules are found when they are imported.

What could go wrong: a file that is there but does not import; then each trial fails with its own error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from corebound.api.errors import Problem, SpecError
from corebound.api.model import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from corebound.api.spec import CampaignSpec

_IN_A_FILE: Final = ".py:"


def check_entrypoints(spec: CampaignSpec, folder: Path) -> None:
    """Raise :class:`SpecError` that names every ``file.py:name`` whose file is not there."""
    problems = []
    for field, function in _named(spec):
        name, in_a_file, _ = function.rpartition(_IN_A_FILE)
        path = folder / f"{name}.py"
        if in_a_file and not path.is_file():
            near = nearest(path.name, [found.name for found in path.parent.glob("*.py")])
            remedy = near or "; it is searched from the campaign file's folder"
            problems.append(Problem(field=field, message=f"{path} does not exist{remedy}"))
    if problems:
        raise SpecError(problems)


def _named(spec: CampaignSpec) -> Iterator[tuple[str, str]]:
    if spec.trial.entrypoint is not None:
        yield "spec.trial.entrypoint", spec.trial.entrypoint
    if spec.trial.workload is not None:
        yield "spec.trial.workload.task", spec.trial.workload.task
    for index, callback in enumerate(spec.trial.callbacks):
        yield f"spec.trial.callbacks[{index}]", callback
    if spec.search.sampler.entrypoint is not None:
        yield "spec.search.sampler.entrypoint", spec.search.sampler.entrypoint
