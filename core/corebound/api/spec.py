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
    name: StrictStr = Field(
        description="Name of the campaign and of its study: at most 52 lower case letters, digits and dashes, beginning and "
        "ending with a letter or digit."
    )
    namespace: StrictStr | None = Field(None, description="Namespace of the object; counts on a cluster only.")
    labels: dict[str, str] = Field(
        {}, description="Kubernetes labels of the object; on this machine they change nothing."
    )
    annotations: dict[str, str] = Field(
        {}, description="Kubernetes annotations of the object; on this machine they change nothing."
    )

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

    node_selector: dict[str, str] = Field(
        {}, description="Labels of the nodes to use, for example {pool: cpu}; counts on a cluster only."
    )
    cpu: float | None = Field(
        None,
        description="CPU that one node has to give (allocatable, not printed on the box), in cores such as 4 or 126620m. "
        "Needed where an autoscaler starts at no node at all; default: what is found.",
    )
    memory: StrictInt | None = Field(
        None, description="Memory that one node has to give, for example 480Gi; default: what is found, else no limit."
    )
    pods: Annotated[StrictInt, Field(ge=1)] | None = Field(
        None, description="Workers that one node accepts at most, for example 110; default: no such limit."
    )
    max_nodes: Annotated[StrictInt, Field(ge=1)] = Field(
        1, description="How many such nodes the campaign may use at once."
    )
    vm_size: StrictStr | None = Field(
        None, description="Name of the machine type, for example Standard_D128as_v7; shown, never looked up."
    )
    price_per_hour: Decimal | None = Field(
        None,
        ge=0,
        description='Price of one node for one hour as a text such as "3.50"; plan, status and results show the cost from '
        "it. Default: no price, no cost.",
    )

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

    every: float = Field(
        60.0,
        description="Time between two checkpoints of a trial, for example 60s or 5m: the most that a killed worker loses.",
    )

    @field_validator("every", mode="before")
    @classmethod
    def _every(cls, value: object) -> float:
        return parse_duration(value)


class FailurePolicy(Model):
    """What happens to attempts that end badly."""

    retries: Annotated[StrictInt, Field(ge=0)] = Field(
        2,
        description="Further attempts of a trial whose attempt was lost (killed, out of memory, evicted, timed out); each "
        "goes on from the checkpoint with the same parameters.",
    )
    retry_exceptions: StrictBool = Field(
        False,
        description="Whether a slot whose trial raised an exception or returned no usable value is tried again, as a new "
        "trial; otherwise it is closed as failed at once.",
    )
    max_failed_trials: Annotated[StrictInt, Field(ge=0)] | None = Field(
        None,
        description="End the campaign as Failed once more slots than this have failed. Default: no limit, but a campaign "
        "whose first 5 closed slots all failed ends.",
    )


class Budget(Model):
    """The most the campaign may cost."""

    amount: Decimal = Field(
        gt=0,
        description='The most that the campaign may cost, as a text such as "20" or "7.50". Reaching it suspends the '
        "campaign; raising it lets the campaign go on.",
    )
    currency: StrictStr = Field(
        "USD", description="Currency of the amount and of the pool's price, for example USD or EUR."
    )


class CampaignSpec(Model):
    """What is searched, with what, on what."""

    trials: Annotated[StrictInt, Field(ge=1, le=MOST_TRIALS)] = Field(
        description="How many trials are run: exactly this many, whatever crashes or restarts. May grow later, never shrink."
    )
    threads: Annotated[StrictInt, Field(ge=1, le=MOST_THREADS)] | Literal["auto"] = Field(
        "auto",
        description="Threads of each trial: at once the thread count of every maths library in it and its CPU request and "
        "limit (or, on this machine, its cores). auto takes the calibrated best, else 1. Cannot change later.",
    )
    parallelism: Annotated[StrictInt, Field(ge=1)] | Literal["auto"] = Field(
        "auto",
        description="Trials that run at the same time. auto is as many as fit the pool, never more than the trials. Fewer "
        "let tpe, cmaes, gp and nsga2 learn more often.",
    )
    objectives: Annotated[list[Objective], Field(min_length=1)] = Field(
        description="The figures to optimise, one or several; with several, the Pareto front is shown instead of a best "
        "trial."
    )
    search: Search = Field(
        Search(), description="The parameters that are searched, and the sampler and pruner that search them."
    )
    trial: TrialSpec = Field(
        description="What one trial runs (exactly one of workload, entrypoint and command) and what it may use."
    )
    pool: PoolSpec | None = Field(
        None, description="What one node has to give and costs; default: this machine, or the nodes that are found."
    )
    checkpoint: CheckpointSpec = Field(
        CheckpointSpec(), description="How often trials keep what they need to go on after a stop or a crash."
    )
    failure_policy: FailurePolicy = Field(
        FailurePolicy(), description="What follows when an attempt is lost or a trial fails."
    )
    suspend: StrictBool = Field(
        False, description="true stops all workers after a checkpoint and keeps everything; false goes on."
    )
    active_deadline_seconds: Annotated[StrictInt, Field(ge=1)] | None = Field(
        None,
        description="Seconds that the campaign may be active, suspended time not counted; then running trials are stopped "
        "and it ends. Default: no limit.",
    )
    budget: Budget | None = Field(
        None, description="The most the campaign may cost; needs pool.pricePerHour. Default: no limit."
    )
    ttl_seconds_after_finished: Annotated[StrictInt, Field(ge=0)] | None = Field(
        None,
        description="Seconds after its end when the object is deleted; results stay in the ledger. Default: never. Counts on "
        "a cluster only.",
    )

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

    api_version: Literal["corebound.dev/v1alpha1"] = Field(
        description="Version of this object: corebound.dev/v1alpha1."
    )
    kind: Literal["SearchCampaign"] = Field(description="Kind of this object: SearchCampaign.")
    metadata: Metadata = Field(description="The campaign's name and its Kubernetes labels.")
    spec: CampaignSpec = Field(description="What is searched, how, with how many threads, and for how long.")

    def to_mapping(self) -> dict[str, Any]:
        """The JSON form, without what is left at its default."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True)
