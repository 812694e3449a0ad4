"""One declared parameter: its range or its choices, and which values are in it.

What could go wrong is refused here: ranges that are none, values that Optuna does not keep exactly or cannot tell apart.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Final, Literal, overload

from pydantic import Field, StrictBool, StrictInt

from corebound.api.model import Model, shown
from corebound.api.structural import SCALAR, Structural
from corebound.api.values import Choice, Name, Number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from corebound.api.model import Finding, Rule

MOST_EXACT: Final = 2**53 - 1
"""Optuna keeps whole numbers as floats, which are exact up to here."""
MOST_CHOICES: Final = 1000


class FloatParameter(Model):
    """A real number."""

    name: Name = Field(description="Name of the parameter, unique in the campaign.")
    type: Literal["float"] = Field(description="Kind of parameter; float is a real number from low to high.")
    low: Number = Field(description="The smallest value, itself allowed.")
    high: Number = Field(description="The largest value, itself allowed.")
    log: StrictBool = Field(False, description="Whether to search on a logarithmic scale; low must be above 0.")
    step: Number | None = Field(
        None, description="Distance between allowed values, counted from low; default: any value. Not with log."
    )

    def rules(self) -> tuple[Rule, ...]:
        """A range that has values, and not too many for a float."""
        return (*_range_rules(self), self._narrow_enough)

    def _narrow_enough(self) -> Iterator[Finding]:
        width = float(self.high) - float(self.low)
        if math.isinf(width):
            yield (
                ("high",),
                f"found {shown(self.high)}, which is farther from low than a float can say; narrow the range",
            )
        elif self.step and self.step > 0 and width / self.step > MOST_EXACT:
            yield ("step",), f"found {shown(self.step)}, which makes more than {MOST_EXACT} values; take a larger step"


class IntParameter(Model):
    """A whole number."""

    name: Name = Field(description="Name of the parameter, unique in the campaign.")
    type: Literal["int"] = Field(description="Kind of parameter; int is a whole number from low to high.")
    low: StrictInt = Field(description="The smallest value, itself allowed.")
    high: StrictInt = Field(description="The largest value, itself allowed.")
    log: StrictBool = Field(False, description="Whether to search on a logarithmic scale; low must be above 0.")
    step: StrictInt = Field(1, description="Distance between allowed values, counted from low. Not with log.")

    def rules(self) -> tuple[Rule, ...]:
        """A range that has values, each of which Optuna keeps exactly."""
        return (*_range_rules(self), self._exact)

    def _exact(self) -> Iterator[Finding]:
        for name, value in (("low", self.low), ("high", self.high), ("step", self.step)):
            if abs(value) > MOST_EXACT:
                yield (name,), f"found {value}, expected at most {MOST_EXACT} in size: larger ones are not kept exactly"


class CategoricalParameter(Model):
    """One of several values."""

    name: Name = Field(description="Name of the parameter, unique in the campaign.")
    type: Literal["categorical"] = Field(
        description="Kind of parameter; categorical is one of the choices, without order."
    )
    choices: Annotated[
        list[Choice], Structural({"type": "array", "items": SCALAR, "x-kubernetes-list-type": "set"})
    ] = Field(
        min_length=1,
        max_length=MOST_CHOICES,
        description="The values to choose from: texts, numbers, true or false, for example [tanh, relu]; never null.",
    )

    def rules(self) -> tuple[Rule, ...]:
        """Choices that Optuna can tell apart."""
        return (self._different,)

    def _different(self) -> Iterator[Finding]:
        # Optuna finds a choice by equality, and for Python 1 equals True.
        earlier: dict[object, Choice] = {}
        for index, choice in enumerate(self.choices):
            if choice not in earlier:
                earlier[choice] = choice
            elif type(earlier[choice]) is type(choice):
                yield ("choices", index), f"found {shown(choice)} twice, expected each choice once"
            else:
                one = shown(earlier[choice])
                yield (
                    ("choices", index),
                    f"found {shown(choice)} beside {one}, which Optuna cannot tell apart; rename one",
                )


Parameter = Annotated[FloatParameter | IntParameter | CategoricalParameter, Field(discriminator="type")]


def values_of(parameter: FloatParameter | IntParameter | CategoricalParameter) -> Sequence[Choice]:
    """All values of a finite parameter, in order; made when asked for, so that large grids cost nothing."""
    if isinstance(parameter, CategoricalParameter):
        return parameter.choices
    if isinstance(parameter, IntParameter):
        return range(parameter.low, parameter.high + 1, parameter.step)
    return _Steps(parameter.low, parameter.high, float(parameter.step or 1.0))


class _Steps(Sequence[float]):
    """``low``, ``low + step`` ... up to ``high``, which is reached when the step divides the range but for rounding."""

    def __init__(self, low: float, high: float, step: float) -> None:
        self._low, self._step = low, step
        self._count = math.floor((high - low) / step + 1e-9) + 1

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> float: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[float]: ...

    def __getitem__(self, index: int | slice) -> float | Sequence[float]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(self._count))]
        if not 0 <= index < self._count:
            raise IndexError(index)
        return self._low + index * self._step


def holds(parameter: FloatParameter | IntParameter | CategoricalParameter, value: object) -> bool:
    """Whether ``value`` is one that ``parameter`` can take."""
    if isinstance(parameter, CategoricalParameter):
        return any(type(choice) is type(value) and choice == value for choice in parameter.choices)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if parameter.type == "int" and not isinstance(value, int):
        return False
    return parameter.low <= value <= parameter.high and _is_on_step(value - parameter.low, parameter.step)


def _is_on_step(distance: float, step: float | None) -> bool:
    if not step or step < 0:
        return True
    steps = distance / step
    # Optuna's own tolerance; a point off the steps would be dropped by it with a warning. No float is off endless steps.
    return math.isinf(steps) or abs(steps - round(steps)) < 1e-8


def _range_rules(parameter: FloatParameter | IntParameter) -> tuple[Rule, ...]:
    """Low before high, above zero on a logarithmic scale, a step that goes forward."""

    def ordered() -> Iterator[Finding]:
        if parameter.low > parameter.high:
            yield ("low",), f"found {shown(parameter.low)}, above high {shown(parameter.high)}; exchange them"

    def above_zero() -> Iterator[Finding]:
        if parameter.log and parameter.low <= 0:
            yield ("low",), f"found {shown(parameter.low)} with log: true, expected above 0 on a logarithmic scale"

    def forward() -> Iterator[Finding]:
        if parameter.step is not None and parameter.step <= 0:
            yield ("step",), f"found {shown(parameter.step)}, expected a number above 0"

    def log_or_step() -> Iterator[Finding]:
        no_step = 1 if parameter.type == "int" else None
        if parameter.log and parameter.step != no_step:
            yield ("step",), "found beside log: true, expected one of them; remove the other"

    return ordered, above_zero, forward, log_or_step
