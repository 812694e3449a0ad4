"""``spec.search`` and ``spec.objectives``: what is searched, how, and for what.

What could go wrong is refused here: ranges that are none, names twice, points outside, a sampler or pruner that cannot
serve such a space. Sampler and pruner options are checked against a static table, so that Optuna need not be imported.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

from pydantic import Field, StrictBool, StrictFloat, StrictInt, StrictStr, field_validator, model_validator

from corebound.api.model import Model, refuse_unknown

Number = StrictInt | StrictFloat
Choice = StrictBool | StrictInt | StrictFloat | StrictStr
Name = Annotated[StrictStr, Field(min_length=1, max_length=200)]

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
    entrypoint: Name | None = Field(
        None,
        description="A sampler of your own instead of a name: package.module:make_sampler, a function that returns one.",
    )
    seed: Annotated[StrictInt, Field(ge=0, lt=2**32)] | None = Field(
        None,
        description="Seed from which each slot's own seed is derived, so that a campaign can be repeated. Default: another "
        "one for each study.",
    )
    options: dict[str, Any] = Field(
        {}, description="Keywords of the sampler's constructor in Optuna, for example {n_startup_trials: 20} for tpe."
    )

    @property
    def kind(self) -> str:
        """The sampler's name, ``tpe`` by default, ``entrypoint`` for a function of the user."""
        return "entrypoint" if self.entrypoint else self.name or "tpe"

    @model_validator(mode="after")
    def _check(self) -> Sampler:
        if self.name and self.entrypoint:
            raise ValueError("found both name and entrypoint, expected one of them; remove the other")
        if not self.entrypoint:
            refuse_unknown(self.options, SAMPLER_OPTIONS[self.kind], f"option of the {self.kind} sampler")
        return self


class Pruner(Model):
    """Who ends hopeless trials early."""

    name: Literal["none", "median", "percentile", "successive-halving", "hyperband"] = Field(
        "none", description="Which of Optuna's pruners ends hopeless trials early; none lets each trial end by itself."
    )
    options: dict[str, Any] = Field(
        {}, description="Keywords of the pruner's constructor in Optuna, for example {n_warmup_steps: 10} for median."
    )

    @model_validator(mode="after")
    def _check(self) -> Pruner:
        refuse_unknown(self.options, PRUNER_OPTIONS[self.name], f"option of the {self.name} pruner")
        if self.name == "percentile" and "percentile" not in self.options:
            raise ValueError("the percentile pruner needs options.percentile, for example 25.0")
        return self


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

    @model_validator(mode="after")
    def _check(self) -> FloatParameter:
        check_range(self.low, self.high, log=self.log, step=self.step)
        return self


class IntParameter(Model):
    """A whole number."""

    name: Name = Field(description="Name of the parameter, unique in the campaign.")
    type: Literal["int"] = Field(description="Kind of parameter; int is a whole number from low to high.")
    low: StrictInt = Field(description="The smallest value, itself allowed.")
    high: StrictInt = Field(description="The largest value, itself allowed.")
    log: StrictBool = Field(False, description="Whether to search on a logarithmic scale; low must be above 0.")
    step: StrictInt = Field(1, description="Distance between allowed values, counted from low. Not with log.")

    @model_validator(mode="after")
    def _check(self) -> IntParameter:
        check_range(self.low, self.high, log=self.log, step=None if self.step == 1 else self.step)
        return self


class CategoricalParameter(Model):
    """One of several values."""

    name: Name = Field(description="Name of the parameter, unique in the campaign.")
    type: Literal["categorical"] = Field(
        description="Kind of parameter; categorical is one of the choices, without order."
    )
    choices: list[Choice] = Field(
        min_length=1,
        description="The values to choose from: texts, numbers, true or false, for example [tanh, relu]; never null.",
    )

    @field_validator("choices")
    @classmethod
    def _check(cls, choices: list[Any]) -> list[Any]:
        keys = [(type(choice).__name__, choice) for choice in choices]
        if len(set(keys)) < len(keys):
            raise ValueError(f"found a choice twice in {choices!r}, expected each once")
        return choices


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
        description="The declared parameters with their ranges; may be empty with an entrypoint, which then names its own.",
    )
    enqueue: list[dict[str, Choice]] = Field(
        [],
        description="Points that are tried first, in this order, for example [{lr: 0.01}]; what a point leaves out is "
        "sampled.",
    )
    warm_start: WarmStart | None = Field(
        None, description="Finished trials of an earlier study that the sampler learns from before its first proposal."
    )

    @model_validator(mode="after")
    def _check(self) -> Search:
        names = [parameter.name for parameter in self.parameters]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(
                f"found parameter {twice[0]!r} more than once, expected each name once; rename or remove one"
            )
        if self.sampler.kind in ("grid", "qmc") and not names:
            raise ValueError(f"the {self.sampler.kind} sampler needs declared parameters; add them under parameters")
        if self.sampler.kind == "cmaes" and any(parameter.type == "categorical" for parameter in self.parameters):
            raise ValueError("cmaes cannot search categorical parameters; use tpe, or numbers only")
        if self.sampler.kind == "grid":
            for parameter in self.parameters:
                if parameter.type == "float" and parameter.step is None:
                    raise ValueError(f"grid needs a finite number of values: give {parameter.name!r} a step")
        self._check_enqueued()
        return self

    def _check_enqueued(self) -> None:
        by_name = {parameter.name: parameter for parameter in self.parameters}
        for index, point in enumerate(self.enqueue):
            if by_name:
                refuse_unknown(point, tuple(by_name), f"parameter in enqueue[{index}]")
            for name, value in point.items():
                if name in by_name and not holds(by_name[name], value):
                    raise ValueError(f"enqueue[{index}].{name} is {value!r}, which {name!r} does not allow")

    def grid_points(self) -> int:
        """How many points the declared grid has."""
        return math.prod(len(values_of(parameter)) for parameter in self.parameters)


def values_of(parameter: FloatParameter | IntParameter | CategoricalParameter) -> Sequence[Any]:
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

    def __getitem__(self, index: Any) -> Any:
        if not 0 <= index < self._count:
            raise IndexError(index)
        return self._low + index * self._step


def holds(parameter: FloatParameter | IntParameter | CategoricalParameter, value: object) -> bool:
    """Whether ``value`` is one that ``parameter`` can take."""
    if isinstance(parameter, CategoricalParameter):
        return any(type(choice) is type(value) and choice == value for choice in parameter.choices)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return parameter.low <= value <= parameter.high and (parameter.type == "float" or isinstance(value, int))


def check_range(low: float, high: float, *, log: bool, step: float | None) -> None:
    """Refuse a range that has no values. Raises ValueError."""
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError(f"found low {low} and high {high}, expected finite numbers")
    if low > high:
        raise ValueError(f"low is {low}, above high {high}; exchange them")
    if log and low <= 0:
        raise ValueError(f"log is set and low is {low}, expected low above 0 on a logarithmic scale")
    if step is not None and step <= 0:
        raise ValueError(f"step is {step}, expected a number above 0")
    if log and step is not None:
        raise ValueError("found both log and step, expected one of them; remove the other")
