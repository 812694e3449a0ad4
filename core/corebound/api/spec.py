"""The SearchCampaign: one object, the same on this machine and on a cluster.

The whole specification as closed, frozen models; rules that span several parts are checked here. What could go wrong:
combinations that cannot work, which are refused before anything is created.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from pydantic import Field, StrictBool, StrictInt, StrictStr, field_validator, model_validator

from corebound.api.model import Model, refuse_unknown
from corebound.api.quantities import parse_cpu, parse_duration, parse_memory
from corebound.api.search import Objective, Search, values_of
from corebound.api.trial import TrialSpec, Workload
from corebound.api.workload import WORKLOAD_METRICS, WORKLOAD_PARAMETERS

API_VERSION: Final = "corebound.dev/v1alpha1"
MOST_THREADS: Final = 4096
MOST_TRIALS: Final = 1_000_000
LONGEST_NAME: Final = 52
"""A Job's pods append ``-`` and an index; with ``-rN`` for the round 63 characters hold 52 of the campaign's name."""
_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")


class Metadata(Model):
    """Who the campaign is."""

    model_config = Model.model_config | {"extra": "ignore"}
    name: StrictStr = Field(description="The campaign's name: lower case letters, digits and dashes.")
    namespace: StrictStr | None = Field(None, description="Cluster only.")
    labels: dict[str, str] = Field({}, description="Kubernetes labels.")
    annotations: dict[str, str] = Field({}, description="Kubernetes annotations.")

    @field_validator("name")
    @classmethod
    def _check(cls, name: str) -> str:
        if not _NAME.fullmatch(name) or len(name) > LONGEST_NAME:
            raise ValueError(
                f"found {name!r}, expected at most {LONGEST_NAME} lower case letters, digits and dashes, "
                "beginning and ending with a letter or digit"
            )
        return name


class PoolSpec(Model):
    """What one node has to give."""

    node_selector: dict[str, str] = Field({}, description="Labels of the nodes to use; cluster only.")
    cpu: float | None = Field(None, description="Allocatable CPU of one node, for example 126620m.")
    memory: StrictInt | None = Field(None, description="Allocatable memory of one node.")
    pods: Annotated[StrictInt, Field(ge=1)] | None = Field(None, description="Pods one node can hold.")
    max_nodes: Annotated[StrictInt, Field(ge=1)] = Field(1, description="Nodes at most.")
    vm_size: StrictStr | None = Field(None, description="The machine's name, for displays.")
    price_per_hour: Decimal | None = Field(None, ge=0, description="Price of one node and hour.")

    @field_validator("cpu", mode="before")
    @classmethod
    def _cpu(cls, value: object) -> float | None:
        return None if value is None else parse_cpu(value)

    @field_validator("memory", mode="before")
    @classmethod
    def _memory(cls, value: object) -> int | None:
        return None if value is None else parse_memory(value)


class CheckpointSpec(Model):
    """When trials write what they need to go on."""

    every: float = Field(60.0, description="Time between checkpoints, for example 60s.")

    @field_validator("every", mode="before")
    @classmethod
    def _every(cls, value: object) -> float:
        return parse_duration(value)


class FailurePolicy(Model):
    """What happens to attempts that end badly."""

    retries: Annotated[StrictInt, Field(ge=0)] = Field(2, description="Further attempts after a lost one.")
    retry_exceptions: StrictBool = Field(False, description="Retry trials that raised, with a new trial.")
    max_failed_trials: Annotated[StrictInt, Field(ge=0)] | None = Field(
        None, description="End beyond so many failures."
    )


class Budget(Model):
    """The most the campaign may cost."""

    amount: Decimal = Field(gt=0, description="Amount of money.")
    currency: StrictStr = Field("USD", description="Its currency.")


class CampaignSpec(Model):
    """What is searched, with what, on what."""

    trials: Annotated[StrictInt, Field(ge=1, le=MOST_TRIALS)] = Field(description="Exactly this many slots.")
    threads: Annotated[StrictInt, Field(ge=1, le=MOST_THREADS)] | Literal["auto"] = Field(
        "auto", description="Threads, CPU request and CPU limit of each trial."
    )
    parallelism: Annotated[StrictInt, Field(ge=1)] | Literal["auto"] = Field("auto", description="Workers at once.")
    objectives: Annotated[list[Objective], Field(min_length=1)] = Field(description="What is optimised.")
    search: Search = Field(Search(), description="The parameter space and the way through it.")
    trial: TrialSpec = Field(description="What one trial is.")
    pool: PoolSpec | None = Field(None, description="What one node has to give.")
    checkpoint: CheckpointSpec = Field(CheckpointSpec(), description="Checkpoints.")
    failure_policy: FailurePolicy = Field(FailurePolicy(), description="Retries and limits.")
    suspend: StrictBool = Field(False, description="Stop all workers, keep everything.")
    active_deadline_seconds: Annotated[StrictInt, Field(ge=1)] | None = Field(None, description="Longest active time.")
    budget: Budget | None = Field(None, description="The most it may cost.")
    ttl_seconds_after_finished: Annotated[StrictInt, Field(ge=0)] | None = Field(None, description="Cluster only.")

    @model_validator(mode="after")
    def _check(self) -> CampaignSpec:
        several = len(self.objectives) > 1
        metrics = [objective.metric for objective in self.objectives]
        if len(set(metrics)) < len(metrics):
            raise ValueError(f"objectives name a metric twice: {', '.join(metrics)}; rename one")
        if several and any(objective.target is not None for objective in self.objectives):
            raise ValueError("a target needs exactly one objective; remove the target or the other objectives")
        if several and self.search.pruner.name != "none":
            raise ValueError(f"the {self.search.pruner.name} pruner needs exactly one objective; set pruner.name: none")
        if several and self.search.sampler.kind == "cmaes":
            raise ValueError("cmaes needs exactly one objective; use nsga2 or tpe")
        if self.search.sampler.kind == "grid" and self.trials > (points := self.search.grid_points()):
            raise ValueError(
                f"trials is {self.trials}, but the grid has {points} points; set trials: {points} or fewer"
            )
        if self.trial.workload is not None:
            self._check_workload(self.trial.workload)
        return self

    def _check_workload(self, workload: Workload) -> None:
        refuse_unknown([objective.metric for objective in self.objectives], WORKLOAD_METRICS, "metric of the workload")
        fixed = workload.settings
        for parameter in self.search.parameters:
            refuse_unknown([parameter.name], tuple(WORKLOAD_PARAMETERS), "workload parameter")
            if parameter.name in fixed:
                raise ValueError(f"{parameter.name!r} is searched and fixed in workload.settings; remove one")
            allowed = WORKLOAD_PARAMETERS[parameter.name]
            if parameter.type == "categorical" and allowed.kind == "choice":
                refuse_unknown(values_of(parameter), allowed.choices, f"{parameter.name} of the workload")
            elif parameter.type == "categorical" or allowed.kind == "choice":
                raise ValueError(f"{parameter.name!r} is of type {parameter.type}, expected {allowed.kind}")
            elif not (allowed.low <= parameter.low and parameter.high <= allowed.high):
                raise ValueError(
                    f"{parameter.name!r} goes from {parameter.low} to {parameter.high}, "
                    f"the workload allows {allowed.low} to {allowed.high}"
                )


class SearchCampaign(Model):
    """One search: N trials over a parameter space."""

    api_version: Literal["corebound.dev/v1alpha1"] = Field(description=API_VERSION)
    kind: Literal["SearchCampaign"] = Field(description="SearchCampaign")
    metadata: Metadata = Field(description="Who the campaign is.")
    spec: CampaignSpec = Field(description="What is searched, with what, on what.")

    def to_mapping(self) -> dict[str, Any]:
        """The JSON form, without what is left at its default."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True)
