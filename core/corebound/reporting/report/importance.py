"""Which parameters matter, by Optuna's own PED-ANOVA; bounded in time.

It is Optuna's default, needs no scikit-learn, takes conditional parameters and several objectives. Its time grows with the
trials (12 s for 10,000 of 10 parameters, measured), so a random 2,000 stand for more of them; the figure says so. What could
go wrong: too few trials to say anything, values that are all the same or infinite; then there is a reason instead.
"""

from __future__ import annotations

import contextlib
import json
import math
import random
import sys
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from corebound.api.records import SlotState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import optuna

    from corebound.api.records import SlotRow

FEWEST_TRIALS: Final = 10
MOST_TRIALS: Final = 2000
MOST_OBJECTIVES: Final = 3
"""Beyond them their mean rank stands for them."""


@dataclass(frozen=True, kw_only=True)
class Importance:
    """Shares that add up to 1, the largest first; without any, why."""

    shares: Mapping[str, float] = field(default_factory=dict)
    of_trials: int = 0
    """How many trials it was computed from."""
    trials: int = 0
    """How many there are."""
    why_not: str = ""


def importance_of(
    rows: Sequence[SlotRow], distributions: Mapping[str, Sequence[Mapping[str, Any]]], *, maximize: Sequence[bool]
) -> Importance:
    """How much each parameter decides whether a trial is among the best tenth."""
    found = [
        row
        for row in rows
        if row.state is SlotState.SUCCEEDED and row.values is not None and all(map(math.isfinite, row.values))
    ]
    if len(found) < FEWEST_TRIALS:
        return Importance(why_not=f"{len(found)} of at least {FEWEST_TRIALS} trials with a finite value so far")
    if len({name for row in found for name in row.params}) < 2:
        return Importance(why_not="with fewer than two parameters there is nothing to compare")
    if len({row.values for row in found}) == 1:
        return Importance(why_not="all trials have the same value")
    chosen = found if len(found) <= MOST_TRIALS else random.Random(0).sample(found, MOST_TRIALS)  # noqa: S311 - no secret
    return Importance(shares=_shares(chosen, distributions, maximize), of_trials=len(chosen), trials=len(found))


def _shares(
    rows: Sequence[SlotRow], described: Mapping[str, Sequence[Mapping[str, Any]]], maximize: Sequence[bool]
) -> dict[str, float]:
    import optuna

    with _without_scikit_learn():
        import optuna.importance
    spaces = {
        name: optuna.distributions.json_to_distribution(json.dumps(widest(described[name]))) for name in described
    }
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        storage=optuna.storages.InMemoryStorage(),
        directions=["maximize" if each else "minimize" for each in maximize],
    )
    for row in rows:
        # Optuna runs an enqueued value beyond its range, but does not make a trial of it again.
        with contextlib.suppress(ValueError):
            study.add_trial(
                optuna.trial.create_trial(
                    params=dict(row.params),
                    distributions={name: spaces[name] for name in row.params},
                    values=row.values,
                )
            )
    target = None if len(maximize) <= MOST_OBJECTIVES else _mean_rank(study)
    try:
        with warnings.catch_warnings():
            # It warns of what is said here in words: few trials, equal quantiles.
            warnings.simplefilter("ignore")
            return optuna.importance.get_param_importances(study, target=target)
    finally:
        optuna.logging.set_verbosity(level)


_NOT_TO_BE_IMPORTED: Final[dict[str, Any]] = {"sklearn": None}
"""None in the place of a module is how Python marks it; the types of ``sys.modules`` know modules only."""


@contextlib.contextmanager
def _without_scikit_learn() -> Iterator[None]:
    """Optuna's package of importances imports it, if it is there, for others than ours: most of a report's time."""
    there = "sklearn" in sys.modules
    if not there:
        sys.modules.update(_NOT_TO_BE_IMPORTED)
    try:
        yield
    finally:
        if not there:
            del sys.modules["sklearn"]


def _mean_rank(study: optuna.Study) -> Callable[[optuna.trial.FrozenTrial], float]:
    """What stands for many objectives: Optuna orders the trials of a front by their hypervolume, which takes hours then."""
    import numpy

    trials = study.get_trials(deepcopy=False)
    signs = [-1 if each.name == "MAXIMIZE" else 1 for each in study.directions]
    costs = numpy.array([trial.values for trial in trials]) * signs
    ranks = costs.argsort(axis=0, kind="stable").argsort(axis=0).mean(axis=1)
    return lambda trial: float(ranks[trial.number])


def widest(distributions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One range that holds all of them: an objective may change its ranges from trial to trial."""
    last = distributions[-1]
    attributes = dict(last["attributes"])
    if "low" in attributes and len(distributions) > 1:
        attributes["low"] = min(each["attributes"]["low"] for each in distributions)
        attributes["high"] = max(each["attributes"]["high"] for each in distributions)
        attributes["log"] = all(each["attributes"].get("log") for each in distributions)
        attributes["step"] = None if "step" in attributes and last["name"].startswith("Float") else 1
    return {"name": last["name"], "attributes": attributes}
