"""The SearchCampaign: one object, the same on this machine and on a cluster.

The whole specification as closed, frozen models; rules that span several parts are checked here. What could go wrong:
combinations that cannot work, which are refused before anything is created.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import Field, StrictBool, StrictStr

from corebound.api.contract import contradictions
from corebound.api.model import Model, not_among, shown, sound
from corebound.api.search import Objective, Search
from corebound.api.trial import TrialSpec
from corebound.api.values import (
    Amount,
    CampaignName,
    Count,
    Cpu,
    Duration,
    Labels,
    Memory,
    NamespaceName,
    Natural,
    ObjectAnnotations,
    ObjectLabels,
    Parallelism,
    Price,
    Threads,
)
from corebound.api.workload import PARAMETERS, TASKS, WORKLOAD_METRICS, memory_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from corebound.api.model import Finding, Path, Rule
    from corebound.api.parameters import Parameter
    from corebound.api.workload import WorkloadParameter

API_VERSION: Final = "corebound.dev/v1alpha1"
MOST_TRIALS: Final = 1_000_000
MOST_OBJECTIVES: Final = 20


class Metadata(Model):
    """Who the campaign is."""

    name: CampaignName = Field(
        description="Name of the campaign and of its study: at most 52 lower case letters, digits and dashes, beginning and "
        "ending with a letter or digit."
    )
    namespace: NamespaceName | None = Field(None, description="Namespace of the object; counts on a cluster only.")
    labels: ObjectLabels = Field(
        {}, description="Kubernetes labels of the object; on this machine they change nothing."
    )
    annotations: ObjectAnnotations = Field(
        {}, description="Kubernetes annotations of the object; on this machine they change nothing."
    )


class PoolSpec(Model):
    """What one node has to give."""

    node_selector: Labels = Field(
        {}, description="Labels of the nodes to use, for example {pool: cpu}; counts on a cluster only."
    )
    cpu: Cpu | None = Field(
        None,
        description="CPU that one node has to give (allocatable, not printed on the box), in cores such as 4 or 126620m. "
        "Needed where an autoscaler starts at no node at all; default: what is found.",
    )
    memory: Memory | None = Field(
        None, description="Memory that one node has to give, for example 480Gi; default: what is found, else no limit."
    )
    pods: Count | None = Field(
        None, description="Workers that one node accepts at most, for example 110; default: no such limit."
    )
    max_nodes: Count = Field(1, description="How many such nodes the campaign may use at once.")
    vm_size: Annotated[StrictStr, Field(max_length=200)] | None = Field(
        None, description="Name of the machine type, for example Standard_D128as_v7; shown, never looked up."
    )
    price_per_hour: Price | None = Field(
        None,
        description='Price of one node for one hour as a text such as "3.50"; plan, status and results show the cost from '
        "it. Default: no price, no cost.",
    )


class CheckpointSpec(Model):
    """When trials write what they need to go on."""

    every: Duration = Field(
        60.0,
        description="Time between two checkpoints of a trial, for example 60s or 5m: the most that a killed worker loses.",
    )


class FailurePolicy(Model):
    """What happens to attempts that end badly."""

    retries: Natural = Field(
        2,
        description="Further attempts of a trial whose attempt was lost (killed, out of memory, evicted, timed out); each "
        "goes on from the checkpoint with the same parameters.",
    )
    retry_exceptions: StrictBool = Field(
        False,
        description="Whether a slot whose trial raised an exception or returned no usable value is tried again, as a new "
        "trial; otherwise it is closed as failed at once.",
    )
    max_failed_trials: Natural | None = Field(
        None,
        description="End the campaign as Failed once more slots than this have failed. Default: no limit, but a campaign "
        "whose first 5 closed slots all failed ends.",
    )


class Budget(Model):
    """The most the campaign may cost."""

    amount: Amount = Field(
        description='The most that the campaign may cost, as a text such as "20" or "7.50". Reaching it suspends the '
        "campaign; raising it lets the campaign go on.",
    )
    currency: Annotated[StrictStr, Field(max_length=20)] = Field(
        "USD", description="Currency of the amount and of the pool's price, for example USD or EUR."
    )


class CampaignSpec(Model):
    """What is searched, with what, on what."""

    trials: Annotated[Count, Field(le=MOST_TRIALS)] = Field(
        description="How many trials are run: exactly this many, whatever crashes or restarts. May grow later, never shrink."
    )
    threads: Threads = Field(
        "auto",
        description="Threads of each trial: at once the thread count of every maths library in it and its CPU request and "
        "limit (or, on this machine, its cores). auto is 1: the most trials per hour while there are trials enough. "
        "Cannot change later.",
    )
    parallelism: Parallelism = Field(
        "auto",
        description="Trials that run at the same time. auto is as many as fit the pool, never more than the trials. Fewer "
        "let tpe, cmaes, gp and nsga2 learn more often.",
    )
    objectives: Annotated[list[Objective], Field(min_length=1, max_length=MOST_OBJECTIVES)] = Field(
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
        None,
        description="What one node has to give and costs, on a cluster; default: the nodes that are found. corebound run "
        "takes the machine as it is, and of the pool its price.",
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
    active_deadline_seconds: Count | None = Field(
        None,
        description="Seconds that the campaign may be active, suspended time not counted; then running trials are stopped "
        "and it ends. Default: no limit.",
    )
    budget: Budget | None = Field(
        None,
        description="The most the campaign may cost; kept where a price is known (pool.pricePerHour). Default: no limit.",
    )
    ttl_seconds_after_finished: Natural | None = Field(
        None,
        description="Seconds after its end when the object is deleted; results stay in the ledger. Default: never. Counts on "
        "a cluster only.",
    )

    def rules(self) -> tuple[Rule, ...]:
        """What needs a single objective has one; the grid holds the trials; nothing contradicts threads."""
        return (
            self._metrics_once,
            self._one_objective_for_target,
            self._one_objective_for_pruner,
            self._one_objective_for_cmaes,
            self._grid_large_enough,
            self._thread_contract,
            self._workload_metrics,
            self._workload_parameters,
            self._workload_memory,
        )

    def _metrics_once(self) -> Iterator[Finding]:
        seen: set[str] = set()
        for index, objective in sound(self.objectives, "metric"):
            if objective.metric in seen:
                place = ("objectives", index, "metric")
                yield place, f"found {objective.metric!r} twice, expected each metric once; rename one"
            seen.add(objective.metric)

    def _one_objective_for_target(self) -> Iterator[Finding]:
        for index, objective in sound(self.objectives, "target"):
            if objective.target is not None and len(self.objectives) > 1:
                place = ("objectives", index, "target")
                yield place, "needs exactly one objective; remove the target or the other objectives"

    def _one_objective_for_pruner(self) -> Iterator[Finding]:
        if len(self.objectives) > 1 and self.search.pruner.name != "none":
            name = self.search.pruner.name
            yield ("search", "pruner", "name"), f"found {name}, which needs exactly one objective; set it to none"

    def _one_objective_for_cmaes(self) -> Iterator[Finding]:
        if len(self.objectives) > 1 and self.search.sampler.kind == "cmaes":
            yield ("search", "sampler", "name"), "found cmaes, which needs exactly one objective; use nsga2 or tpe"

    def _grid_large_enough(self) -> Iterator[Finding]:
        if self.search.sampler.kind != "grid":
            return
        # A wrong range or step is told by itself; without it the grid has no size.
        if not all(_has_points(parameter) for parameter in self.search.parameters):
            return
        points, first = self.search.grid_points(), len(self.search.enqueue)
        if self.trials > points + first:
            enqueued = f" and {first} enqueued" if first else ""
            yield (
                ("trials",),
                f"found {self.trials}, but the grid has {points} points{enqueued}; set {points + first} or fewer",
            )

    def _thread_contract(self) -> Iterator[Finding]:
        threads = None if self.threads == "auto" else self.threads
        for index, variable in sound(self.trial.env, "name", "value"):
            for refused in contradictions({variable.name: variable.value}, threads):
                yield ("trial", "env", index), refused

    def _workload_metrics(self) -> Iterator[Finding]:
        if self.trial.workload is not None:
            for index, objective in sound(self.objectives, "metric"):
                yield from not_among(objective.metric, WORKLOAD_METRICS, at=("objectives", index, "metric"))

    def _workload_parameters(self) -> Iterator[Finding]:
        if self.trial.workload is None:
            return
        known = PARAMETERS[self.trial.workload.mode]
        for index, parameter in sound(self.search.parameters, "name"):
            place = ("search", "parameters", index)
            allowed = known.get(parameter.name)
            if allowed is None:
                yield from not_among(parameter.name, known, at=(*place, "name"))
                continue
            if parameter.name in self.trial.workload.settings:
                yield (*place, "name"), f"found {parameter.name!r}, which workload.settings fixes; remove one of them"
            yield from _within(parameter, allowed, place)

    def _workload_memory(self) -> Iterator[Finding]:
        """Of a built-in task; a user's own is measured in the worker, before its first generation."""
        workload = self.trial.workload
        size = TASKS.get(workload.task) if workload is not None else None
        if workload is None or size is None:
            return
        hidden = workload.settings.get("hidden", PARAMETERS[workload.mode]["hidden"].default)
        searched = [_largest(each) for _, each in sound(self.search.parameters, "name") if each.name == "hidden"]
        most = searched[0] if searched else hidden
        if isinstance(most, int) and (need := memory_of(workload, size, hidden=most)).total > self.trial.memory:
            yield ("trial", "memory"), need.refusal(self.trial.memory)


def _largest(parameter: Parameter) -> object:
    if parameter.type == "categorical":
        return max((choice for choice in parameter.choices if isinstance(choice, int)), default=None)
    return parameter.high


def _has_points(parameter: Parameter) -> bool:
    if parameter.type == "float" and parameter.step is None:
        return False
    return not any(True for rule in parameter.rules() for _ in rule())


def _within(parameter: Parameter, allowed: WorkloadParameter, place: Path) -> Iterator[Finding]:
    """What the workload does not allow of a parameter that it has."""
    if parameter.type == "categorical" and allowed.kind == "choice":
        for index, choice in enumerate(parameter.choices):
            yield from not_among(choice, allowed.choices, at=(*place, "choices", index))
    elif parameter.type == "categorical" or allowed.kind == "choice":
        kind = "categorical" if allowed.kind == "choice" else allowed.kind
        yield (*place, "type"), f"found {parameter.type}, expected {kind}: that is what the workload takes"
    elif allowed.kind == "int" and parameter.type == "float":
        yield (*place, "type"), "found float, expected int: that is what the workload takes"
    else:
        for name, value in (("low", parameter.low), ("high", parameter.high)):
            if not allowed.low <= value <= allowed.high:
                bounds = f"{allowed.low:g} to {allowed.high:g}"
                yield (*place, name), f"found {shown(value)}, the workload allows {bounds}"


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
