"""What to beware of in an allowed plan: a name no parameter has, few rounds, idle cores, waste, a budget too small. Pure.

Each warning is one sentence with its numbers and the setting that would change it.
"""

from __future__ import annotations

from typing import Final

from corebound.planning.figures import ROUNDS_TOLERABLE, Figures, sampler_name
from corebound.planning.placeholders import misspelt_placeholders
from corebound.planning.pools import places, whole_cores
from corebound.planning.waves import workers_for_rounds
from corebound.planning.wording import count_text, money_text, number_text

WASTE_WORTH_SAYING: Final = 0.1
"""Share of a node's cores that may stay idle before another thread count is suggested."""


def warnings_of(figures: Figures, *, workers: int, rounds: float | None) -> tuple[str, ...]:
    """All warnings of a plan, the most costly mistake first."""
    found = [
        *misspelt_placeholders(figures.spec),
        _few_rounds(figures, workers=workers, rounds=rounds),
        _idle_for_want_of_trials(figures, workers=workers),
        _packing_waste(figures),
        _over_budget(figures, workers=workers),
    ]
    return tuple(text for text in found if text)


def _few_rounds(figures: Figures, *, workers: int, rounds: float | None) -> str | None:
    if rounds is None or rounds >= ROUNDS_TOLERABLE:
        return None
    name, trials = sampler_name(figures.spec), figures.spec.trials
    if rounds == 1:
        text = f"one wave: {name} will see no result before its last sample"
    else:
        text = (
            f"{number_text(rounds)} adaptive rounds ({trials} trials / {count_text(workers, 'worker')}): below "
            f"{ROUNDS_TOLERABLE} {name} is hardly better than random sampling"
        )
    fewer = workers_for_rounds(trials=trials, rounds=ROUNDS_TOLERABLE)
    if trials < ROUNDS_TOLERABLE:
        return f"{text}; {count_text(trials, 'trial')} cannot make {ROUNDS_TOLERABLE} rounds, ask for more trials"
    return f"{text}; parallelism: {fewer} gives {ROUNDS_TOLERABLE} rounds"


def _idle_for_want_of_trials(figures: Figures, *, workers: int) -> str | None:
    """More threads could use cores that have no trial to run."""
    spec, pool = figures.spec, figures.pool
    if workers != figures.trials or figures.trials >= figures.places:
        return None
    wider = max(
        (
            threads
            for threads in range(figures.threads, whole_cores(pool.cores) + 1)
            if places(pool, threads=threads, memory_bytes=spec.trial.memory) >= figures.trials
        ),
        default=figures.threads,
    )
    if wider == figures.threads:
        return None
    idle = pool.nodes * pool.cores - workers * figures.threads
    return (
        f"{count_text(figures.trials, 'trial')} x {count_text(figures.threads, 'thread')} leave {number_text(idle)} of "
        f"{number_text(pool.nodes * pool.cores)} cores idle: up to threads: {wider} would fit at once, and is faster "
        f"if a trial scales that far"
    )


def _packing_waste(figures: Figures) -> str | None:
    """A slightly smaller thread count that fits once more on each node."""
    pool, threads = figures.pool, figures.threads
    count = whole_cores(pool.cores) // threads
    idle = pool.cores - count * threads
    narrower = whole_cores(pool.cores) // (count + 1)
    if idle < WASTE_WORTH_SAYING * pool.cores or not 1 <= narrower < threads or threads == 1:
        return None
    times = {2: "twice"}.get(count + 1, f"{count + 1} times")
    fits = {1: "once", 2: "twice"}.get(count, f"{count} times")
    return (
        f"{count_text(threads, 'thread')} on {number_text(pool.cores)} cores fit {fits} and leave {number_text(idle)} "
        f"idle: {narrower} packs {times}"
    )


def _over_budget(figures: Figures, *, workers: int) -> str | None:
    budget, cost = figures.spec.budget, figures.cost(workers)
    comparable = budget is not None and budget.currency == figures.pool.currency
    if budget is None or cost is None or not comparable or cost <= budget.amount:
        return None
    return (
        f"the expected cost {money_text(cost, figures.pool.currency)} is above the budget of "
        f"{money_text(budget.amount, budget.currency)}: the campaign will be suspended when that is spent"
    )
