"""``spec.trial``: what one trial is, and what it may use.

What could go wrong is refused here: none or two kinds of trial, an environment that breaks the thread contract, an
entry point that names no function.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import Field, StrictStr

from corebound.api.model import Model, not_among, shown, sound, unknown
from corebound.api.structural import Structural
from corebound.api.template import PodTemplate
from corebound.api.values import Choice, Count, Described, Duration, Function, Memory, Options, TaskName, VariableName
from corebound.api.workload import ALL_PARAMETERS, PARAMETERS, POPULATION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from corebound.api.model import Finding, Rule

MOST_ARGUMENTS: Final = 1000
MOST_CALLBACKS: Final = 100
MOST_VARIABLES: Final = 200
LONGEST_ARGUMENT: Final = 32_768
"""Linux takes 128 KiB, and a character may have four bytes."""

Argument = Annotated[StrictStr, Field(max_length=LONGEST_ARGUMENT)]

Settings = Annotated[
    dict[str, Choice],
    Described("mapping of names to: text, number, true or false"),
    Structural({"type": "object", "properties": {name: each.schema() for name, each in ALL_PARAMETERS.items()}}),
]

_PASSWORD: Final = re.compile(r"://[^/]*:[^/@]*@")
KINDS: Final = ("workload", "entrypoint", "command")


class Workload(Model):
    """The built-in neuro-evolution."""

    mode: Literal["pure", "neat"] = Field(
        "pure",
        description="What evolves: pure means the weights of a network of fixed shape, neat its structure too (Stanley and "
        "Miikkulainen 2002).",
    )
    task: TaskName = Field(
        description="The task to learn: a built-in one, or a class of your own, searched from the file's folder "
        "(docs/neuroevolution.md). trial.arguments are its keyword arguments."
    )
    population: Count = Field(POPULATION, description="Networks in each generation of one seed.")
    generations: Count = Field(150, description="Generations at most; a trial that solves its task ends earlier.")
    seeds: Count = Field(
        1, description="Independent runs of each trial, evaluated in one batch; its values sum them up."
    )
    settings: Settings = Field(
        {},
        description="Values of workload parameters that are not searched, for example {hidden: 12, survival: 0.3}; the rest "
        "keeps its default.",
    )

    def rules(self) -> tuple[Rule, ...]:
        """Settings of the workload, each within its range."""
        return self._known_settings, self._allowed_settings

    def _known_settings(self) -> Iterator[Finding]:
        yield from unknown(
            self.settings, PARAMETERS[self.mode], what=f"parameter of mode {self.mode}", at=("settings",)
        )

    def _allowed_settings(self) -> Iterator[Finding]:
        for name, value in self.settings.items():
            allowed = PARAMETERS[self.mode].get(name)
            if allowed is None:
                continue
            if allowed.kind == "choice":
                yield from not_among(value, allowed.choices, at=("settings", name))
                continue
            kinds = int if allowed.kind == "int" else int | float
            if isinstance(value, bool) or not isinstance(value, kinds) or not allowed.low <= value <= allowed.high:
                number = "a whole number" if allowed.kind == "int" else "a number"
                expected = f"expected {number} from {allowed.low:g} to {allowed.high:g}"
                yield ("settings", name), f"found {shown(value)}, {expected}"


class EnvVar(Model):
    """One variable of the trial's environment."""

    name: VariableName = Field(description="Name of the environment variable, for example DATA_FOLDER.")
    value: Argument = Field("", description="Value of the variable, always a text: put numbers in quotes.")


class TrialSpec(Model):
    """One trial."""

    workload: Workload | None = Field(
        None, description="The built-in neuro-evolution; needs no code of yours. Instead of entrypoint or command."
    )
    entrypoint: Function | None = Field(
        None,
        description="An ordinary Optuna objective in Python, package.module:function or file.py:function, searched from the "
        "file's folder. Instead of workload or command.",
    )
    command: Annotated[list[Argument], Field(min_length=1, max_length=MOST_ARGUMENTS)] | None = Field(
        None,
        description="Any program with its arguments, run without a shell; {name} is replaced by that parameter, for example "
        '[python, train.py, --lr, "{lr}"]. Instead of workload or entrypoint.',
    )
    arguments: Options = Field(
        {},
        description="Keyword arguments of the entrypoint beside the trial, for example {dataset: mnist}, or of the "
        "workload's task.",
    )
    callbacks: list[Function] = Field(
        [],
        max_length=MOST_CALLBACKS,
        description="Functions (package.module:function) with the signature of Optuna's callbacks, called after each closed "
        "trial by the worker that closed it.",
    )
    env: list[EnvVar] = Field(
        [],
        max_length=MOST_VARIABLES,
        description="Environment variables of the trial, here and on a cluster. Those that contradict spec.threads or bind "
        "threads to cores are refused.",
    )
    memory: Memory = Field(
        2**30,
        description="Memory of one worker, for example 512Mi or 4Gi (default 1Gi); one that takes more is ended with that "
        "reason.",
    )
    timeout: Duration | None = Field(
        None,
        description="Longest wall-clock time of one attempt, for example 90m or 2h; beyond it the attempt is ended and "
        "counts as lost. Default: no limit.",
    )
    stall_timeout: Duration | None = Field(
        None,
        description="Longest time that an attempt may show no report, step, output or CPU use, for example 30m; then it is "
        "ended and counts as lost. Default: no limit.",
    )
    image: Annotated[StrictStr, Field(max_length=1000)] | None = Field(
        None, description="Container image of the trial; default: the chart's trial image. Counts on a cluster only."
    )
    artifacts: Annotated[StrictStr, Field(max_length=2000)] | None = Field(
        None,
        description="Where the files that a trial leaves in $COREBOUND_ARTIFACTS are kept: a mounted path or an fsspec URL "
        "such as abfs://models/run1. Default: they are not kept.",
    )
    template: PodTemplate = Field(
        PodTemplate(),
        description="Additions to the pods, such as nodeSelector, tolerations and volumes. Counts on a cluster only; on this "
        "machine it changes nothing.",
    )

    def rules(self) -> tuple[Rule, ...]:
        """Exactly one kind of trial; arguments where something takes them; variables once and not our own; a place."""
        return (
            self._one_kind,
            self._taken_arguments,
            self._variables_once,
            self._own_variables,
            self._place_of_files,
        )

    def _one_kind(self) -> Iterator[Finding]:
        kinds = [name for name in KINDS if getattr(self, name) is not None]
        if not kinds:
            yield (), f"found none of {', '.join(KINDS)}, expected exactly one; add it"
        for extra in kinds[1:]:
            yield (extra,), f"found beside {kinds[0]}, expected exactly one of {', '.join(KINDS)}; remove the others"

    def _taken_arguments(self) -> Iterator[Finding]:
        if self.arguments and self.entrypoint is None and self.workload is None:
            yield (
                ("arguments",),
                "are keyword arguments of an entrypoint or of a workload's task; there is none, remove them",
            )

    def _place_of_files(self) -> Iterator[Finding]:
        if self.artifacts is None:
            return
        if not self.artifacts.strip():
            yield ("artifacts",), "found an empty text, expected a path or an fsspec URL such as abfs://models/run1"
        if _PASSWORD.search(self.artifacts):
            # It would be stored, and shown with every trial.
            yield (
                ("artifacts",),
                "found a password in the URL; leave it out and set the file system's own environment variables or fsspec's "
                "configuration",
            )

    def _variables_once(self) -> Iterator[Finding]:
        seen: set[str] = set()
        for index, variable in sound(self.env, "name"):
            if variable.name in seen:
                yield ("env", index, "name"), f"found {variable.name} twice, expected each variable once; remove one"
            seen.add(variable.name)

    def _own_variables(self) -> Iterator[Finding]:
        for index, variable in sound(self.env, "name"):
            # COREBOUND_THREADS is refused with the thread counts.
            if variable.name.startswith("COREBOUND_") and variable.name != "COREBOUND_THREADS":
                yield ("env", index, "name"), f"found {variable.name}, which Corebound itself sets; remove it"
