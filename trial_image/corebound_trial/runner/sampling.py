"""Samplers, pruners and points from ``spec.search``, seeded by slot.

Grid points and enqueued ones are laid down per slot as fixed parameters, QMC draws the point whose index is the slot, so
the same slot gets the same point whatever the number of workers.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from corebound.api.search import CategoricalParameter, IntParameter, values_of
from corebound_trial.objectives.entrypoint import load_function

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

    from corebound.api.search import Parameter, Search


def distribution_of(parameter: Parameter) -> BaseDistribution:
    """Optuna's form of a declared parameter."""
    if isinstance(parameter, CategoricalParameter):
        return CategoricalDistribution(parameter.choices)
    if isinstance(parameter, IntParameter):
        return IntDistribution(parameter.low, parameter.high, log=parameter.log, step=parameter.step)
    return FloatDistribution(parameter.low, parameter.high, log=parameter.log, step=parameter.step)


def suggest_declared(trial: optuna.Trial, parameters: Iterable[Parameter]) -> None:
    """Draw every declared parameter, in declared order, so that it is in ``trial.params``."""
    for parameter in parameters:
        trial._suggest(parameter.name, distribution_of(parameter))


def fixed_params(search: Search, slot: int) -> dict[str, Any]:
    """What the slot's trial must take: its grid point, or the enqueued point of its number."""
    if search.sampler.kind == "grid":
        point: dict[str, Any] = {}
        # The last parameter turns fastest, as in nested loops.
        for parameter in reversed(search.parameters):
            values = values_of(parameter)
            slot, index = divmod(slot, len(values))
            point[parameter.name] = values[index]
        return point
    return dict(search.enqueue[slot]) if slot < len(search.enqueue) else {}


class SlotQMCSampler(optuna.samplers.QMCSampler):
    """Draws the point whose index is the slot from the declared space: nothing is raced for."""

    def __init__(self, *, slot: int, space: dict[str, BaseDistribution], **options: Any) -> None:
        super().__init__(**options)
        self._slot = slot
        self._space = space

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """The declared space."""
        del study, trial
        return self._space

    def _find_sample_id(self, study: optuna.Study, search_space: dict[str, BaseDistribution]) -> int:
        del study, search_space
        return self._slot


def make_sampler(search: Search, *, seed: int, slot: int, slot_seed: int, folder: Path) -> BaseSampler:
    """The sampler of one slot; all are cheap to make. ``seed`` is the campaign's, ``slot_seed`` the slot's own."""
    options = dict(search.sampler.options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        match search.sampler.kind:
            case "tpe":
                return optuna.samplers.TPESampler(seed=slot_seed, **options)
            case "random" | "grid":
                return optuna.samplers.RandomSampler(seed=slot_seed)
            case "qmc":
                space = {parameter.name: distribution_of(parameter) for parameter in search.parameters}
                options = {"warn_independent_sampling": False, "scramble": True, **options}
                return SlotQMCSampler(slot=slot, space=space, seed=seed, **options)
            case "cmaes":
                return optuna.samplers.CmaEsSampler(seed=slot_seed, **options)
            case "gp":
                return optuna.samplers.GPSampler(seed=slot_seed, **options)
            case "nsga2":
                return optuna.samplers.NSGAIISampler(seed=slot_seed, **options)
    made: BaseSampler = load_function(search.sampler.entrypoint or "", folder=folder)()
    return made


def make_pruner(search: Search) -> BasePruner:
    """The campaign's pruner."""
    options = dict(search.pruner.options)
    match search.pruner.name:
        case "median":
            return optuna.pruners.MedianPruner(**options)
        case "percentile":
            return optuna.pruners.PercentilePruner(**options)
        case "successive-halving":
            return optuna.pruners.SuccessiveHalvingPruner(**options)
        case "hyperband":
            return optuna.pruners.HyperbandPruner(**options)
    return optuna.pruners.NopPruner()
