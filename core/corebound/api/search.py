"""``spec.search`` and ``spec.objectives``: what is searched, how, and for what.

What could go wrong is refused here: ranges that are none, names twice, points outside, a sampler or pruner that cannot
serve such a space. Sampler and pruner options are checked against a static table, so that Optuna need not be imported.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Final, Literal, overload

from pydantic import Field, StrictBool, StrictInt

from corebound.api.model import Model, shown, sound, unknown
from corebound.api.structural import SCALAR, Structural
from corebound.api.values import Choice, Function, Name, Number, Scalars, SearchOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from corebound.api.model import Finding, Rule

MOST_EXACT: Final = 2**53 - 1
"""Optuna keeps whole numbers as floats, which are exact up to here."""
MOST_PARAMETERS: Final = 1000
MOST_CHOICES: Final = 1000
MOST_ENQUEUED: Final = 10_000

SAMPLER_OPTIONS: Final = {
    "tpe": (
        "consider_endpoints",
        "consider_magic_clip",
        "consider_prior",
        "constant_liar",
        "group",
        "multivariate",
        "n_ei_candidates",
        "n_startup_trials",
        "prior_weight",
        "warn_independent_sampling",
    ),
    "random": (),
    "grid": (),
    "qmc": ("qmc_type", "scramble", "warn_asynchronous_seeding", "warn_independent_sampling"),
    "cmaes": (
        "consider_pruned_trials",
        "lr_adapt",
        "n_startup_trials",
        "popsize",
        "sigma0",
        "use_separable_cma",
        "warn_independent_sampling",
        "with_margin",
        "x0",
    ),
    "gp": ("deterministic_objective", "n_startup_trials", "warn_independent_sampling"),
    "nsga2": ("crossover_prob", "mutation_prob", "population_size", "swapping_prob"),
}
PRUNER_OPTIONS: Final = {
    "none": (),
    "median": ("interval_steps", "n_min_trials", "n_startup_trials", "n_warmup_steps"),
    "percentile": ("interval_steps", "n_min_trials", "n_startup_trials", "n_warmup_steps", "percentile"),
    "successive-halving": ("bootstrap_count", "min_early_stopping_rate", "min_resource", "reduction_factor"),
    "hyperband": ("bootstrap_count", "max_resource", "min_resource", "reduction_factor"),
}


class Objective(Model):
    """One figure to be made as large or as small as possible."""

    metric: Name = Field(description="Name of the figure, as a command prints it and as results and status show it.")
    direction: Literal["maximize", "minimize"] = Field(description="Which way is better: maximize or minimize.")
    target: Number | None = Field(
        None,
        description="Value at which the campaign ends early as Succeeded, running trials stopped; with one objective only.",
    )


class Sampler(Model):
    """Who proposes the next point."""

    name: Literal["tpe", "random", "grid", "qmc", "cmaes", "gp", "nsga2"] | None = Field(
        None,
        description="Which of Optuna's samplers proposes the points; tpe when neither name nor entrypoint is given.",
    )
    entrypoint: Function | None = Field(
        None,
        description="A sampler of your own instead of a name: package.module:make_sampler, a function that returns one.",
    )
    seed: Annotated[StrictInt, Field(ge=0, lt=2**32)] | None = Field(
        None,
        description="Seed from which each slot's own seed is derived, so that a campaign can be repeated. Default: another "
        "one for each study.",
    )
    options: SearchOptions = Field(
        {}, description="Keywords of the sampler's constructor in Optuna, for example {n_startup_trials: 20} for tpe."
    )

    @property
    def kind(self) -> str:
        """The sampler's name, ``tpe`` by default, ``entrypoint`` for a function of the user."""
        return "entrypoint" if self.entrypoint else self.name or "tpe"

    def rules(self) -> tuple[Rule, ...]:
        """One of name and entrypoint; options of that sampler."""
        return self._one_kind, self._known_options

    def _one_kind(self) -> Iterator[Finding]:
        if self.name and self.entrypoint:
            yield ("entrypoint",), f"found beside the name {self.name}, expected one of them; remove the other"

    def _known_options(self) -> Iterator[Finding]:
        if not self.entrypoint:
            allowed = SAMPLER_OPTIONS[self.kind]
            yield from unknown(self.options, allowed, what=f"option of the {self.kind} sampler", at=("options",))


class Pruner(Model):
    """Who ends hopeless trials early."""

    name: Literal["none", "median", "percentile", "successive-halving", "hyperband"] = Field(
        "none", description="Which of Optuna's pruners ends hopeless trials early; none lets each trial end by itself."
    )
    options: SearchOptions = Field(
        {}, description="Keywords of the pruner's constructor in Optuna, for example {n_warmup_steps: 10} for median."
    )

    def rules(self) -> tuple[Rule, ...]:
        """Options of that pruner, and those that it cannot do without."""
        return self._known_options, self._needed_options

    def _known_options(self) -> Iterator[Finding]:
        yield from unknown(
            self.options, PRUNER_OPTIONS[self.name], what=f"option of the {self.name} pruner", at=("options",)
        )

    def _needed_options(self) -> Iterator[Finding]:
        if self.name == "percentile" and "percentile" not in self.options:
            yield ("options", "percentile"), "is missing; the percentile pruner needs it, for example 25.0"


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


class WarmStart(Model):
    """Finished trials to learn from."""

    study: Name = Field(
        description="Name of the earlier study in the same storage; it is read once, before the first trial."
    )


class Search(Model):
    """The parameter space and the way through it."""

    sampler: Sampler = Field(Sampler(), description="What proposes the parameters of each trial.")
    pruner: Pruner = Field(
        Pruner(), description="What ends hopeless trials early; none by default, with one objective only."
    )
    parameters: list[Parameter] = Field(
        [],
        max_length=MOST_PARAMETERS,
        description="The declared parameters with their ranges; may be empty with an entrypoint, which then names its own.",
    )
    enqueue: list[Scalars] = Field(
        [],
        max_length=MOST_ENQUEUED,
        description="Points that are tried first, in this order, for example [{lr: 0.01}]; what a point leaves out is "
        "sampled.",
    )
    warm_start: WarmStart | None = Field(
        None, description="Finished trials of an earlier study that the sampler learns from before its first proposal."
    )

    def rules(self) -> tuple[Rule, ...]:
        """Names once; a space that the sampler can search; points that lie in it."""
        return self._names_once, self._declared, self._searchable, self._finite, self._points_inside

    def _names_once(self) -> Iterator[Finding]:
        seen: set[str] = set()
        for index, parameter in sound(self.parameters, "name"):
            if parameter.name in seen:
                place = ("parameters", index, "name")
                yield place, f"found parameter {parameter.name!r} more than once, expected each name once; rename one"
            seen.add(parameter.name)

    def _declared(self) -> Iterator[Finding]:
        if self.sampler.kind in ("grid", "qmc") and not self.parameters:
            yield (
                ("parameters",),
                f"found none, but the {self.sampler.kind} sampler needs declared parameters; add them",
            )

    def _searchable(self) -> Iterator[Finding]:
        if self.sampler.kind != "cmaes":
            return
        for index, parameter in sound(self.parameters, "type"):
            if parameter.type == "categorical":
                place = ("parameters", index, "type")
                yield place, "found categorical, which cmaes cannot search; use the tpe sampler, or numbers only"

    def _finite(self) -> Iterator[Finding]:
        if self.sampler.kind != "grid":
            return
        for index, parameter in sound(self.parameters, "name", "type"):
            if parameter.type == "float" and parameter.step is None:
                place = ("parameters", index, "step")
                yield place, f"is missing; grid needs a finite number of values: give {parameter.name!r} a step"

    def _points_inside(self) -> Iterator[Finding]:
        by_name = {parameter.name: parameter for parameter in self.parameters}
        for index, point in enumerate(self.enqueue):
            place = ("enqueue", index)
            if by_name:
                yield from unknown(point, by_name, what="parameter of this campaign", at=place)
            for name, value in point.items():
                if name in by_name and not holds(by_name[name], value):
                    yield (*place, name), f"found {shown(value)}, which the parameter {name!r} does not allow"

    def grid_points(self) -> int:
        """How many points the declared grid has."""
        return math.prod(len(values_of(parameter)) for parameter in self.parameters)


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
