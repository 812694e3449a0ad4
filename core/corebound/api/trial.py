"""``spec.trial``: what one trial is, and what it may use.

What could go wrong is refused here: none or two kinds of trial, an environment that breaks the thread contract, an
entry point that names no function.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal

from pydantic import Field, StrictInt, StrictStr, field_validator, model_validator

from corebound.api.contract import contradictions
from corebound.api.model import Model, refuse_unknown
from corebound.api.quantities import parse_duration, parse_memory
from corebound.api.template import PodTemplate
from corebound.api.workload import WORKLOAD_PARAMETERS

_FUNCTION: Final = re.compile(r"(?:[\w.]+|[^:]+\.py):[A-Za-z_]\w*")
Count = Annotated[StrictInt, Field(ge=1)]


def check_function(value: str) -> str:
    """``package.module:name`` or ``file.py:name``. Raises ValueError."""
    if not _FUNCTION.fullmatch(value):
        raise ValueError(f"found {value!r}, expected package.module:function or file.py:function")
    return value


class Workload(Model):
    """The built-in neuro-evolution."""

    mode: Literal["pure"] = Field(
        "pure", description="What evolves: pure means the weights of a network of fixed shape."
    )
    task: Literal["xor", "cartpole", "double-pole"] = Field(
        description="The task to learn: xor, cartpole (one pole) or double-pole (two poles on one cart)."
    )
    population: Count = Field(500, description="Networks in each generation of one seed.")
    generations: Count = Field(150, description="Generations at most; a trial that solves its task ends earlier.")
    seeds: Count = Field(
        1, description="Independent runs of a trial, evaluated in one batch; its values are their averages."
    )
    settings: dict[str, float | int | str] = Field(
        {},
        description="Values of workload parameters that are not searched, for example {hidden: 12, survival: 0.3}; the rest "
        "keeps its default.",
    )

    @field_validator("settings")
    @classmethod
    def _check(cls, settings: dict[str, Any]) -> dict[str, Any]:
        refuse_unknown(settings, tuple(WORKLOAD_PARAMETERS), "workload parameter")
        return settings


class EnvVar(Model):
    """One variable of the trial's environment."""

    name: Annotated[StrictStr, Field(min_length=1)] = Field(
        description="Name of the environment variable, for example DATA_FOLDER."
    )
    value: StrictStr = Field("", description="Value of the variable, always a text: put numbers in quotes.")


class TrialSpec(Model):
    """One trial."""

    workload: Workload | None = Field(
        None, description="The built-in neuro-evolution; needs no code of yours. Instead of entrypoint or command."
    )
    entrypoint: StrictStr | None = Field(
        None,
        description="An ordinary Optuna objective in Python, package.module:function or file.py:function, searched from the "
        "file's folder. Instead of workload or command.",
    )
    command: Annotated[list[StrictStr], Field(min_length=1)] | None = Field(
        None,
        description="Any program with its arguments, run without a shell; {name} is replaced by that parameter, for example "
        '[python, train.py, --lr, "{lr}"]. Instead of workload or entrypoint.',
    )
    arguments: dict[str, Any] = Field(
        {}, description="Keyword arguments of the entrypoint beside the trial, for example {dataset: mnist}."
    )
    callbacks: list[StrictStr] = Field(
        [],
        description="Functions (package.module:function) with the signature of Optuna's callbacks, called after each closed "
        "trial by the worker that closed it.",
    )
    env: list[EnvVar] = Field(
        [],
        description="Environment variables of the trial, here and on a cluster. Those that set thread counts or bind threads "
        "are refused: spec.threads does that.",
    )
    memory: StrictInt = Field(
        2**30,
        description="Memory of one worker, for example 512Mi or 4Gi (default 1Gi); one that takes more is ended with that "
        "reason.",
    )
    timeout: float | None = Field(
        None,
        description="Longest wall-clock time of one attempt, for example 90m or 2h; beyond it the attempt is ended and "
        "counts as lost. Default: no limit.",
    )
    stall_timeout: float | None = Field(
        None,
        description="Longest time that an attempt may show no report, step, output or CPU use, for example 30m; then it is "
        "ended and counts as lost. Default: no limit.",
    )
    image: StrictStr | None = Field(
        None, description="Container image of the trial; default: the chart's trial image. Counts on a cluster only."
    )
    artifacts: StrictStr | None = Field(
        None,
        description="Where the files that a trial leaves in $COREBOUND_ARTIFACTS are kept: a mounted path or an fsspec URL "
        "such as abfs://models/run1. Default: they are not kept.",
    )
    template: PodTemplate = Field(
        PodTemplate(),
        description="Additions to the pods, such as nodeSelector, tolerations and volumes. Counts on a cluster only; on this "
        "machine it changes nothing.",
    )

    @field_validator("memory", mode="before")
    @classmethod
    def _memory(cls, value: object) -> int:
        return parse_memory(value)

    @field_validator("timeout", "stall_timeout", mode="before")
    @classmethod
    def _duration(cls, value: object) -> float | None:
        return None if value is None else parse_duration(value)

    @field_validator("entrypoint")
    @classmethod
    def _entrypoint(cls, value: str | None) -> str | None:
        return value if value is None else check_function(value)

    @field_validator("callbacks")
    @classmethod
    def _callbacks(cls, values: list[str]) -> list[str]:
        return [check_function(value) for value in values]

    @model_validator(mode="after")
    def _check(self) -> TrialSpec:
        kinds = [name for name in ("workload", "entrypoint", "command") if getattr(self, name) is not None]
        if len(kinds) != 1:
            raise ValueError(
                f"found {' and '.join(kinds) or 'none'}, expected exactly one of workload, entrypoint, command"
            )
        if self.arguments and kinds != ["entrypoint"]:
            raise ValueError("arguments are the keyword arguments of an entrypoint; there is none here, remove them")
        names = [variable.name for variable in self.env]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"env names {name} twice; remove one")
            if name.startswith("COREBOUND_"):
                raise ValueError(f"env sets {name}, which Corebound itself sets; remove it")
        if refused := contradictions({variable.name: variable.value for variable in self.env}, None):
            raise ValueError("env breaks the thread contract: " + "; ".join(refused))
        return self
