"""The rungs that copied trials have reached, as this campaign's own pruner would have noted them.

Successive halving compares what trials noted when they reached a rung, not their reports; another study's notes are of other
rungs, and under Hyperband a trial's bracket follows from its number. So they are worked out anew from the reports. Pure.
What could go wrong: a pruner whose options Optuna refuses (no rungs; each trial then says why).
"""

from __future__ import annotations

import copy
import math
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from optuna.pruners import HyperbandPruner, SuccessiveHalvingPruner
from optuna.pruners._successive_halving import _completed_rung_key, _estimate_min_resource
from optuna.trial import FrozenTrial, TrialState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from corebound.api.search import Pruner


def completed_rungs(
    trials: Sequence[FrozenTrial], *, first_number: int, study_name: str, pruner: Pruner
) -> list[dict[str, float]]:
    """For each trial, which becomes ``first_number`` and up, the system attributes that the pruner compares."""
    numbered = [_numbered(trial, first_number + index) for index, trial in enumerate(trials)]
    try:
        halving_of = _halving(numbered, study_name=study_name, pruner=pruner)
    except (TypeError, ValueError):
        halving_of = None
    return [{} if halving_of is None else _rungs(trial, halving_of(trial)) for trial in numbered]


def _numbered(trial: FrozenTrial, number: int) -> FrozenTrial:
    numbered = copy.copy(trial)
    numbered.number = number
    return numbered


def _halving(
    trials: Sequence[FrozenTrial], *, study_name: str, pruner: Pruner
) -> Callable[[FrozenTrial], SuccessiveHalvingPruner] | None:
    """Which successive halving judges a trial; None while the pruner could judge nothing yet."""
    if pruner.name == "successive-halving":
        single = SuccessiveHalvingPruner(**pruner.options)
        if single._min_resource is None:
            single._min_resource = _estimate_min_resource(list(trials))
        return None if single._min_resource is None else lambda _: single
    if pruner.name == "hyperband":
        # All that Hyperband asks of a study is its name and its finished trials.
        study: Any = SimpleNamespace(
            study_name=study_name,
            get_trials=lambda *, states, **_: [trial for trial in trials if trial.state in states],
        )
        bands = HyperbandPruner(**pruner.options)
        bands._try_initialization(study)
        return (lambda trial: bands._pruners[bands._get_bracket_id(study, trial)]) if bands._pruners else None
    return None


def _rungs(trial: FrozenTrial, halving: SuccessiveHalvingPruner) -> dict[str, float]:
    """The first report at or beyond each rung; a pruned trial ended at the first rung of its last report."""
    found: dict[str, float] = {}
    first = (halving._min_resource or 1) * halving._reduction_factor**halving._min_early_stopping_rate
    for step, value in sorted(trial.intermediate_values.items()):
        while step >= first * halving._reduction_factor ** len(found) and not math.isnan(value):
            found[_completed_rung_key(len(found))] = value
            if trial.state == TrialState.PRUNED and step == trial.last_step:
                break
    return found
