"""From ``spec.trial`` to the objective that runs it; each kind is imported only when it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from corebound.api.trial import TrialSpec
    from corebound_trial.objectives.protocol import Objective


def load_objective(trial: TrialSpec, *, folder: Path, metrics: Sequence[str], scratch: Path | None = None) -> Objective:
    """A command's files are below ``scratch``. Raises :class:`corebound.api.errors.ObjectiveError`."""
    if trial.workload is not None:
        from corebound_trial.objectives.workload import WorkloadObjective

        return WorkloadObjective(
            trial.workload, arguments=trial.arguments, memory=trial.memory, metrics=metrics, folder=folder
        )
    if trial.command is not None:
        from corebound_trial.objectives.command import CommandObjective

        return CommandObjective(trial.command, metrics=metrics, folder=folder, scratch=scratch)
    from corebound_trial.objectives.entrypoint import EntrypointObjective

    return EntrypointObjective(trial.entrypoint or "", arguments=trial.arguments, folder=folder)
