"""Samplers, pruners and distributions from ``spec.search``.

A sampler is made for each slot with a seed of that slot's own, so that the same slot gets the same parameters whatever the
number of workers, for random, grid and qmc. All are cheap to make and keep their state in the study; what they only remember
to be faster is carried over from the worker's previous sampler, where the caller hands that in.

What could go wrong: options that Optuna's constructor refuses, or an entry point that makes no sampler. Then an unusable
sampler is made in its place, which fails each trial with the reason as soon as a parameter is suggested.
"""

from __future__ import annotations

import inspect
import math
import warnings
from typing import TYPE_CHECKING, Any, Final, NoReturn

import optuna
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler
from optuna.trial import TrialState

from corebound.api.errors import FencedError, ObjectiveError, StorageUnreachableError
from corebound.ledger.distributions import distributions_of
from corebound_trial.objectives.entrypoint import load_function, user_traceback
from corebound_trial.runner.seeds import sampler_seed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

    from corebound.api.parameters import Parameter
    from corebound.api.search import Search

_WORKED_OUT: Final = {
    "_search_space",
    "_intersection_search_space",
    "_group_decomposed_search_space",
    "_gprs_cache_list",
    "_constraints_gprs_cache_list",
}
"""Attributes in which Optuna's samplers remember what they have read from the study; none holds random state."""
LEAST_SOURCE_TRIALS: Final = 10


def suggest_declared(trial: optuna.Trial, parameters: Iterable[Parameter]) -> None:
    """Draw every declared parameter, in declared order, so that it is in ``trial.params``."""
    for name, distribution in distributions_of(parameters).items():
        trial._suggest(name, distribution)


def make_sampler(
    search: Search,
    *,
    seed: int,
    slot: int,
    slot_seed: int,
    folder: Path,
    workers: int | None = None,
    previous: BaseSampler | None = None,
    warm_trials: Callable[[], Sequence[FrozenTrial]] = tuple,
) -> BaseSampler:
    """The sampler of one slot. ``seed`` is the campaign's, ``slot_seed`` the slot's own.

    With ``workers`` CMA-ES gets a population of at least as many unless the campaign chose one: results beyond the
    population of a generation are thrown away. ``previous`` is the sampler of this worker's last slot of the same study.
    ``warm_trials`` are those of ``search.warmStart``, for samplers that do not find them in the study by themselves.
    Raises what reading the study may raise, nothing else: see the module.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            made = _make_sampler(
                search,
                seed=seed,
                slot=slot,
                own=sampler_seed(slot_seed),
                folder=folder,
                workers=workers,
                warm_trials=warm_trials,
            )
        return _carry_over(previous, made)
    except ObjectiveError as error:
        return UnusableSampler(error)
    except (FencedError, StorageUnreachableError):
        raise
    except Exception as error:  # noqa: BLE001 - Optuna's constructors raise what they like about their options
        return UnusableSampler(
            ObjectiveError(f"the {search.sampler.kind} sampler refuses its options {search.sampler.options}: {error}")
        )


def _make_sampler(
    search: Search,
    *,
    seed: int,
    slot: int,
    own: int,
    folder: Path,
    workers: int | None,
    warm_trials: Callable[[], Sequence[FrozenTrial]],
) -> BaseSampler:
    options = dict(search.sampler.options)
    match search.sampler.kind:
        case "tpe":
            return optuna.samplers.TPESampler(seed=own, **options)
        case "random" | "grid":
            return optuna.samplers.RandomSampler(seed=own)
        case "qmc":
            return SlotQMCSampler(slot=slot, search=search, seed=seed, own_seed=own, options=options)
        case "cmaes":
            if workers is not None:
                options.setdefault("popsize", max(workers, _usual_popsize(len(search.parameters))))
            if not (options.keys() & {"x0", "sigma0"} or options.get("use_separable_cma")):
                options["source_trials"] = _source_of_cma(search, warm_trials())
            return optuna.samplers.CmaEsSampler(seed=own, **options)
        case "gp":
            return optuna.samplers.GPSampler(seed=own, **options)
        case "nsga2":
            return optuna.samplers.NSGAIISampler(seed=own, **options)
    return sampler_of_user(search.sampler.entrypoint or "", seed=own, options=options, folder=folder)


def _usual_popsize(dimensions: int) -> int:
    """CMA-ES's own default, 4 + floor(3 ln n). Source: Hansen, The CMA Evolution Strategy: A Tutorial, table 1."""
    return 4 + math.floor(3 * math.log(max(dimensions, 1)))


def _source_of_cma(search: Search, warm_trials: Sequence[FrozenTrial]) -> list[FrozenTrial] | None:
    """The trials that CMA-ES's first distribution is estimated from; None where they are too few, or not of its space.

    It takes the best tenth of them. Source: Nomura et al., Warm Starting CMA-ES, AAAI 2021.
    """
    searched = {name for name, distribution in distributions_of(search.parameters).items() if not distribution.single()}
    fit = [
        trial for trial in warm_trials if trial.state == TrialState.COMPLETE and trial.distributions.keys() == searched
    ]
    return fit if len(fit) >= LEAST_SOURCE_TRIALS else None


def sampler_of_user(name: str, *, seed: int, options: dict[str, Any], folder: Path) -> BaseSampler:
    """Call ``make_sampler`` of the user: before each trial, with ``sampler.options`` and, if it takes one, ``seed``."""
    function = load_function(name, folder=folder)
    takes = inspect.signature(function).parameters
    any_keyword = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in takes.values())
    if "seed" not in options and ("seed" in takes or any_keyword):
        options = {**options, "seed": seed}
    try:
        made = function(**options)
    except (Exception, SystemExit) as error:
        raise ObjectiveError(f"{name} made no sampler, it raised:\n{user_traceback(error)}") from error
    if not isinstance(made, BaseSampler):
        raise ObjectiveError(f"{name} returned a {type(made).__name__}, expected an optuna.samplers.BaseSampler")
    return made


class SlotQMCSampler(optuna.samplers.QMCSampler):
    """Draws the point whose index is the slot from the declared space: nothing is raced for.

    All slots scramble one sequence with the campaign's seed; parameters that are not declared are drawn with the slot's.
    """

    def __init__(self, *, slot: int, search: Search, seed: int, own_seed: int, options: dict[str, Any]) -> None:
        super().__init__(
            **{"warn_independent_sampling": False, "scramble": True, **options},
            seed=seed,
            independent_sampler=optuna.samplers.RandomSampler(seed=own_seed),
        )
        self._slot = slot
        self._space = distributions_of(search.parameters)

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """The declared space."""
        del study, trial
        return self._space

    def _find_sample_id(self, study: optuna.Study, search_space: dict[str, BaseDistribution]) -> int:
        del study, search_space
        return self._slot


def _carry_over(previous: BaseSampler | None, sampler: BaseSampler) -> BaseSampler:
    """Give ``sampler`` what its predecessor had worked out from the same study's finished trials.

    Without it each slot looks through all trials for the space they share (14 of 40 ms at 5,000 trials, measured), and each
    fit of a Gaussian process begins from nothing.
    """
    if type(previous) is type(sampler):
        for name in _WORKED_OUT & vars(sampler).keys():
            setattr(sampler, name, getattr(previous, name))
    return sampler


class UnusableSampler(optuna.samplers.RandomSampler):
    """Stands for a sampler that could not be made; each trial that asks it for a parameter fails with the reason."""

    def __init__(self, reason: ObjectiveError) -> None:
        super().__init__()
        self._reason = reason

    def infer_relative_search_space(self, *_: object, **__: object) -> NoReturn:
        """Raises the reason: the first thing a trial asks for."""
        raise self._reason


class UnusablePruner(BasePruner):
    """Stands for a pruner that could not be made; each trial that asks it fails with the reason."""

    def __init__(self, reason: ObjectiveError) -> None:
        self._reason = reason

    def prune(self, *_: object, **__: object) -> NoReturn:
        """Raises the reason."""
        raise self._reason


def make_pruner(search: Search) -> BasePruner:
    """The campaign's pruner; never raises: see the module."""
    options = dict(search.pruner.options)
    try:
        match search.pruner.name:
            case "median":
                return optuna.pruners.MedianPruner(**options)
            case "percentile":
                return optuna.pruners.PercentilePruner(**options)
            case "successive-halving":
                return optuna.pruners.SuccessiveHalvingPruner(**options)
            case "hyperband":
                return optuna.pruners.HyperbandPruner(**options)
    except Exception as error:  # noqa: BLE001 - Optuna's constructors raise what they like about their options
        return UnusablePruner(ObjectiveError(f"the {search.pruner.name} pruner refuses its options {options}: {error}"))
    return optuna.pruners.NopPruner()
