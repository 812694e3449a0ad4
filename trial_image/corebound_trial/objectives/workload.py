"""The built-in neuro-evolution as a trial: generation by generation, reported, prunable, stoppable and exact to continue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import optuna

from corebound_trial.neuroevolution.evolution import Evolution, Settings, seed_of
from corebound_trial.objectives.protocol import AttemptContext, Stopped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from corebound.api.trial import Workload

REPORTS: Final = 15
"""Reports a trial at most; each costs the database a few milliseconds."""


class WorkloadObjective:
    """Runs one Evolution per trial."""

    def __init__(self, workload: Workload, *, metrics: Sequence[str]) -> None:
        self._workload = workload
        self._metrics = list(metrics)

    def run(self, trial: optuna.Trial, context: AttemptContext) -> object:
        """The metrics asked for, in their order."""
        workload = self._workload
        state = context.load()
        if state is not None:
            evolution = Evolution.from_state(state)
        else:
            evolution = Evolution(
                task=workload.task,
                settings=Settings(**{**workload.settings, **trial.params}),
                population=workload.population,
                generations=workload.generations,
                seeds=[seed_of(context.seed, index) for index in range(workload.seeds)],
            )
        every = max(1, workload.generations // REPORTS)
        while not evolution.finished:
            if context.should_stop():
                context.save(evolution.state_dict(), evolution.generation)
                raise Stopped
            fitness = evolution.step()
            context.progress(evolution.generation, workload.generations)
            if evolution.generation % every == 0 and len(self._metrics) == 1:
                trial.report(fitness, evolution.generation)
                if trial.should_prune():
                    raise optuna.TrialPruned
            if context.checkpoint_due():
                context.save(evolution.state_dict(), evolution.generation)
        trial.set_user_attr("generations", evolution.generation)
        trial.set_user_attr("evaluations", evolution.evaluations)
        trial.set_user_attr("solved_seeds", sum(at is not None for at in evolution.solved_at))
        trial.set_user_attr("exact", evolution.exact)
        result = evolution.result()
        return [result[metric] for metric in self._metrics]
