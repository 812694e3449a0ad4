"""Short runs for the tests of this folder."""

from __future__ import annotations

from typing import Any

from corebound_trial.neuroevolution.evolution import Evolution, Order
from corebound_trial.neuroevolution.tasks.builtin import task_class


def evolution(
    task: str | Any,
    *,
    mode: str = "neat",
    seeds: list[int],
    generations: int = 12,
    population: int = 40,
    arguments: dict[str, Any] | None = None,
    **settings: Any,
) -> Evolution:
    """Of a built-in task by its name, or of an object that is one."""
    name = task if isinstance(task, str) else type(task).__name__
    made = task_class(task)(**(arguments or {})) if isinstance(task, str) else task
    order = Order(
        mode=mode,
        task=name,
        arguments=arguments or {},
        settings=settings,
        population=population,
        generations=generations,
        seeds=seeds,
    )
    return Evolution(order, made)


def finished(run: Evolution) -> Evolution:
    """``run`` to its end."""
    while not run.finished:
        run.step()
    return run
