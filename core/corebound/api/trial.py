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
from corebound.api.workload import TASKS, WORKLOAD_PARAMETERS

_FUNCTION: Final = re.compile(r"(?:[\w.]+|[^:]+\.py):[A-Za-z_]\w*")
Count = Annotated[StrictInt, Field(ge=1)]


def check_function(value: str) -> str:
    """``package.module:name`` or ``file.py:name``. Raises ValueError."""
    if not _FUNCTION.fullmatch(value):
        raise ValueError(f"found {value!r}, expected package.module:function or file.py:function")
    return value


class Workload(Model):
    """The built-in neuro-evolution."""

    mode: Literal["pure"] = Field("pure", description="pure: the weights of a fixed network evolve.")
    task: Literal["xor", "cartpole", "double-pole"] = Field(description="What is learnt: " + ", ".join(TASKS) + ".")
    population: Count = Field(500, description="Networks per seed.")
    generations: Count = Field(150, description="Generations at most.")
    seeds: Count = Field(1, description="Independent runs, evaluated in one batch.")
    settings: dict[str, float | int | str] = Field({}, description="Fixed values of workload parameters.")

    @field_validator("settings")
    @classmethod
    def _check(cls, settings: dict[str, Any]) -> dict[str, Any]:
        refuse_unknown(settings, tuple(WORKLOAD_PARAMETERS), "workload parameter")
        return settings


class EnvVar(Model):
    """One variable of the trial's environment."""

    name: Annotated[StrictStr, Field(min_length=1)] = Field(description="The variable's name.")
    value: StrictStr = Field("", description="Its value.")


class TrialSpec(Model):
    """One trial."""

    workload: Workload | None = Field(None, description="The built-in neuro-evolution.")
    entrypoint: StrictStr | None = Field(None, description="An Optuna objective, package.module:function.")
    command: Annotated[list[StrictStr], Field(min_length=1)] | None = Field(None, description="Any program.")
    arguments: dict[str, Any] = Field({}, description="Keyword arguments of the entrypoint.")
    callbacks: list[StrictStr] = Field([], description="Functions called after each close.")
    env: list[EnvVar] = Field([], description="Environment, here and on a cluster.")
    memory: StrictInt = Field(2**30, description="Memory of one worker, for example 1Gi.")
    timeout: float | None = Field(None, description="Longest wall-clock time of one attempt.")
    stall_timeout: float | None = Field(None, description="Longest time without report, output or CPU use.")
    image: StrictStr | None = Field(None, description="Container image; cluster only.")
    artifacts: StrictStr | None = Field(None, description="Where files left in COREBOUND_ARTIFACTS are kept.")
    template: PodTemplate = Field(
        PodTemplate(),
        description="Additions to the pods, such as nodeSelector, tolerations and volumes. Counts on a cluster only; "
        "on this machine it changes nothing.",
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
