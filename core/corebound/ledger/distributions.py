"""The declared parameters in Optuna's form: what is stored with a trial, and what a sampler draws from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from corebound.api.parameters import CategoricalParameter, IntParameter, holds

if TYPE_CHECKING:
    from collections.abc import Iterable

    from corebound.api.parameters import Parameter


def distributions_of(parameters: Iterable[Parameter]) -> dict[str, BaseDistribution]:
    """Optuna's form of the declared parameters, in declared order."""
    return {parameter.name: distribution_of(parameter) for parameter in parameters}


def distribution_of(parameter: Parameter) -> BaseDistribution:
    """Optuna's form of one declared parameter."""
    if isinstance(parameter, CategoricalParameter):
        return CategoricalDistribution(parameter.choices)
    if isinstance(parameter, IntParameter):
        return IntDistribution(parameter.low, parameter.high, log=parameter.log, step=parameter.step)
    return FloatDistribution(parameter.low, parameter.high, log=parameter.log, step=parameter.step)


def internal_value(parameter: Parameter, value: Any) -> float | None:
    """The number that Optuna stores for ``value``; None for a value that ``parameter`` does not allow."""
    if not holds(parameter, value):
        return None
    if isinstance(parameter, CategoricalParameter):
        # Optuna compares by equality alone, for which True is 1.
        return float(
            next(
                index
                for index, choice in enumerate(parameter.choices)
                if type(choice) is type(value) and choice == value
            )
        )
    distribution = distribution_of(parameter)
    stored = float(distribution.to_internal_repr(value))
    return stored if distribution._contains(stored) else None
