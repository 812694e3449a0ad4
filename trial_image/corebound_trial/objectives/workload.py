"""The built-in neuro-evolution as a trial: generation by generation, reported, prunable, stoppable and exact to continue.

With each trial its best genome and what happened on the way are kept, as user attributes of a size that does not grow
(``corebound.api.genome``). What could go wrong: more networks than fit into
``trial.memory``, refused before the first generation with the arithmetic.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

import optuna

from corebound.api.errors import ObjectiveError
from corebound.api.genome import BEHAVIOUR, GENOME, HISTORY, packed
from corebound.api.workload import PARAMETERS, TASKS, TaskSize, memory_of
from corebound_trial.neuroevolution.behaviour import behaviour_of
from corebound_trial.neuroevolution.evolution import Evolution, Order, seed_of
from corebound_trial.neuroevolution.tasks.rollouts import ControlTask
from corebound_trial.objectives.protocol import AttemptContext, Stopped
from corebound_trial.objectives.task import load_task

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from corebound.api.trial import Workload
    from corebound_trial.neuroevolution.tasks.protocol import Task

REPORTS: Final = 15
"""Reports a trial at most; each costs the database a few milliseconds."""


class WorkloadObjective:
    """Runs one Evolution per trial."""

    def __init__(
        self, workload: Workload, *, arguments: Mapping[str, Any], memory: int, metrics: Sequence[str], folder: Path
    ) -> None:
        self._workload, self._arguments, self._memory = workload, dict(arguments), memory
        self._metrics = list(metrics)
        self._task = load_task(workload.task, arguments=arguments, folder=folder)
        if "solved_at" in self._metrics and getattr(self._task, "solved", None) is None:
            raise ObjectiveError(
                f"the metric solved_at needs a task that says what solves it, and {workload.task} has no attribute solved; "
                "add one, or use the metric fitness"
            )

    def run(self, trial: optuna.Trial, context: AttemptContext) -> object:
        """The metrics asked for, in their order."""
        state = context.load()
        evolution = self._begun(trial, context) if state is None else Evolution.from_state(state, self._task)
        every = max(1, evolution.order.generations // REPORTS)
        while not evolution.finished:
            if context.should_stop():
                context.save(evolution.state_dict(), evolution.generation)
                raise Stopped
            context.keep(evolution.state_dict, evolution.generation)
            evolution.step()
            context.progress(evolution.generation, evolution.order.generations)
            if evolution.generation % every == 0 and len(self._metrics) == 1:
                # In the metric's own direction: a pruner compares what it would be if the trial ended now.
                trial.report(evolution.result()[self._metrics[0]], evolution.generation)
                if trial.should_prune():
                    _keep(trial, evolution)
                    raise optuna.TrialPruned
            if context.checkpoint_due():
                context.save(evolution.state_dict(), evolution.generation)
        _keep(trial, evolution)
        result = evolution.result()
        return [result[metric] for metric in self._metrics]

    def _begun(self, trial: optuna.Trial, context: AttemptContext) -> Evolution:
        workload = self._workload
        settings = {**workload.settings, **trial.params}
        size = TASKS.get(workload.task) or own_size(self._task)
        need = memory_of(
            workload, size, hidden=int(settings.get("hidden", PARAMETERS[workload.mode]["hidden"].default))
        )
        if need.total > self._memory:
            raise ObjectiveError(need.refusal(self._memory))
        order = Order(
            mode=workload.mode,
            task=workload.task,
            arguments=self._arguments,
            settings=settings,
            population=workload.population,
            generations=workload.generations,
            seeds=[seed_of(context.seed, index) for index in range(workload.seeds)],
        )
        return Evolution(order, self._task)


def own_size(task: Task) -> TaskSize:
    """Of a task of the user's own, as far as it shows."""
    starts = task.starts().shape[1] if isinstance(task, ControlTask) else 1
    recurrent = bool(getattr(task, "recurrent", False))
    return TaskSize(inputs=task.inputs, outputs=task.outputs, starts=starts, recurrent=recurrent)


def _keep(trial: optuna.Trial, evolution: Evolution) -> None:
    """What is stored with the trial beside its values; what should be known is also printed into its output."""
    place, champion = evolution.champion()
    attributes: dict[str, Any] = {
        "generations": evolution.generation,
        "evaluations": evolution.evaluations,
        "solved_seeds": sum(at is not None for at in evolution.solved_at),
        "exact": evolution.exact,
        **evolution.figures(),
        GENOME: packed(champion),
        HISTORY: {"seed": place, **evolution.histories[place].columns()},
    }
    if (behaviour := behaviour_of(champion, evolution.task)) is not None:
        attributes[BEHAVIOUR] = behaviour
    if evolution.invalid:
        attributes["invalid_fitness"] = evolution.invalid
        _say(
            f"{evolution.invalid} of {evolution.evaluations} fitness values were NaN or infinite; they counted as the worst"
        )
    if evolution.left_out:
        attributes["left_out_for_size"] = evolution.left_out
        _say(
            f"{evolution.left_out} new nodes were left out because their genome had all {champion.hidden_limit} hidden "
            "nodes it may have; raise settings.hidden if more should grow"
        )
    if "too_large" in attributes[GENOME]:
        _say(f"the best genome is not stored with the trial: {attributes[GENOME]['too_large']}")
    for name, value in attributes.items():
        trial.set_user_attr(name, value)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
