"""``spec.search`` and ``spec.objectives``: what is searched, how, and for what.

What could go wrong is refused here: names twice, points outside, a sampler or pruner that cannot serve such a space. Sampler
and pruner options are checked against a static table, so that Optuna need not be imported.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import Field, StrictInt

from corebound.api.model import Model, shown, sound, unknown
from corebound.api.parameters import Parameter, holds, values_of
from corebound.api.values import Function, Name, Number, Scalars, SearchOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from corebound.api.model import Finding, Rule

MOST_PARAMETERS: Final = 1000
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
_OWN_SAMPLER: Final = (
    "is made in Python; write a function that makes the sampler and name it in search.sampler.entrypoint"
)
SAID_ELSEWHERE: Final = {
    "seed": "stands beside the options: search.sampler.seed",
    "search_space": "is what search.parameters declares; write each there, with its choices, or low, high and step",
    "constraints_func": "is not needed: the objective itself says trial.set_constraint(name, value), which is broken above 0",
    "independent_sampler": _OWN_SAMPLER,
    "categorical_distance_func": _OWN_SAMPLER,
    "gamma": _OWN_SAMPLER,
    "weights": _OWN_SAMPLER,
    "crossover": _OWN_SAMPLER,
    "mutation": _OWN_SAMPLER,
    "elite_population_selection_strategy": _OWN_SAMPLER,
    "child_generation_strategy": _OWN_SAMPLER,
    "after_trial_strategy": _OWN_SAMPLER,
}
"""Keywords of Optuna's samplers that are no options here, and what takes their place."""
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
            elsewhere = [name for name in self.options if name in SAID_ELSEWHERE]
            yield from ((("options", name), SAID_ELSEWHERE[name]) for name in elsewhere)
            others = [name for name in self.options if name not in elsewhere]
            allowed = SAMPLER_OPTIONS[self.kind]
            yield from unknown(others, allowed, what=f"option of the {self.kind} sampler", at=("options",))


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
