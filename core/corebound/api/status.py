"""The status of a SearchCampaign: what the operator writes and ``kubectl get searchcampaigns`` shows. Pure.

Figures flow in, a closed object of constant size flows out, whatever the number of trials: texts are cut, never refused,
because a status that cannot be written hides everything else. What could go wrong: a status that another version has
written; what cannot be read of it counts as not there, since all of it is computed anew from the world.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import (
    AwareDatetime,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
)

from corebound.api.model import Model
from corebound.api.records import Phase, SlotState
from corebound.api.values import Count, Described, Natural, Scalars

if TYPE_CHECKING:
    from collections.abc import Callable

    from corebound.api.records import BestTrial

LONGEST_LINE: Final = 256
LONGEST_MESSAGE: Final = 1024
LONGEST_SHORT: Final = 64
MOST_PARAMETERS_SHOWN: Final = 50


class ConditionType(StrEnum):
    """What a condition speaks of."""

    ACCEPTED = "Accepted"
    STORAGE_READY = "StorageReady"
    RUNNING = "Running"
    THREADS_EXACT = "ThreadsExact"
    COMPLETE = "Complete"
    FAILED = "Failed"


class ConditionStatus(StrEnum):
    """Whether it holds."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


def cut(text: str, most: int) -> str:
    """``text`` on one line of at most ``most`` characters."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 3]}..."


def _cut_to(most: int) -> Callable[[object], object]:
    def check(value: object) -> object:
        return cut(value, most) if isinstance(value, str) else value

    return check


def _whole_seconds(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


Line = Annotated[str, BeforeValidator(_cut_to(LONGEST_LINE)), Field(max_length=LONGEST_LINE), Described("text")]
Message = Annotated[
    str, BeforeValidator(_cut_to(LONGEST_MESSAGE)), Field(max_length=LONGEST_MESSAGE), Described("text")
]
Short = Annotated[str, BeforeValidator(_cut_to(LONGEST_SHORT)), Field(max_length=LONGEST_SHORT), Described("text")]
Reason = Annotated[str, Field(pattern="^[A-Za-z][A-Za-z0-9]*$", max_length=LONGEST_SHORT), Described("CamelCase word")]
Moment = Annotated[AwareDatetime, PlainSerializer(_whole_seconds, when_used="json"), Described("time")]
"""In JSON to the second, as Kubernetes keeps times."""


class StatusModel(Model):
    """Written by programs, so by its names in Python, too."""

    model_config = ConfigDict(populate_by_name=True)


class Condition(StatusModel):
    """One thing that holds or not, and why."""

    type: ConditionType = Field(description="What this condition speaks of.")
    status: ConditionStatus = Field(description="Whether it holds: True, False or Unknown.")
    reason: Reason = Field(description="Why, as one CamelCase word for programs.")
    message: Message = Field("", description="Why, as a sentence for people.")
    observed_generation: Natural = Field(description="Generation of the spec that this speaks of.")
    last_transition_time: Moment = Field(description="When the status last changed from one value to another.")


class TrialCounts(StatusModel):
    """Where the trials stand."""

    progress: Short = Field(description="Trials that are done out of all, for example 37/100.")
    of: Natural = Field(description="All trials of the campaign.")
    done: Natural = Field(description="Trials that are done with: succeeded, pruned, failed and skipped ones.")
    succeeded: Natural = Field(0, description="Trials that returned a value.")
    pruned: Natural = Field(0, description="Trials that were ended early as hopeless.")
    failed: Natural = Field(0, description="Trials that failed for good.")
    skipped: Natural = Field(0, description="Trials that were never run, because the campaign ended before.")
    running: Natural = Field(0, description="Trials that run now.")

    @classmethod
    def counted(cls, counts: Mapping[SlotState, int], *, of: int) -> TrialCounts:
        """From the ledger's counts of slots by state."""
        done = sum(count for state, count in counts.items() if state.is_closed)
        named = {state.value: counts.get(state, 0) for state in SlotState if state is not SlotState.OPEN}
        return cls.model_validate({"progress": f"{done}/{of}", "of": of, "done": done, **named})


class Best(StatusModel):
    """The best trial so far, or how many none of which is better than the others."""

    text: Short = Field(
        description="What the column BEST shows, for example 0.953, or 7 on front with several objectives."
    )
    value: Short | None = Field(
        None, description="Value of the best trial with all its digits, as a text since it may be inf or -inf."
    )
    slot: Natural | None = Field(None, description="Slot of the best trial.")
    trial: Natural | None = Field(None, description="Number of the best trial in Optuna's study.")
    parameters: Scalars = Field(
        {},
        description=f"Parameters of the best trial, the first {MOST_PARAMETERS_SHOWN} of them; the results hold them all.",
    )

    @classmethod
    def of_trial(cls, best: BestTrial) -> Best:
        """With one objective."""
        return cls(
            text=f"{best.value:.6g}",
            value=repr(float(best.value)),
            slot=best.slot,
            trial=best.number,
            parameters=dict(_shown_parameters(best.params)),
        )

    @classmethod
    def of_front(cls, size: int) -> Best:
        """With several objectives."""
        return cls(text=f"{size} on front")


def _shown_parameters(parameters: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    for name in list(parameters)[:MOST_PARAMETERS_SHOWN]:
        value = parameters[name]
        yield cut(name, LONGEST_LINE), value if _is_json_number(value) else cut(str(value), LONGEST_LINE)


def _is_json_number(value: object) -> bool:
    """JSON knows no infinity, and an API server keeps whole numbers in 64 bits."""
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    return isinstance(value, float) and math.isfinite(value)


class PlanStatus(StatusModel):
    """What was planned when the campaign was last planned."""

    threads: Count = Field(
        description="Threads of each worker: its CPU request, its CPU limit and its libraries' threads."
    )
    workers: Natural = Field(description="Workers at once.")
    waves: Natural = Field(description="How often every worker takes a trial.")
    pool: Line = Field("", description="The nodes that it was planned for, and where that is known from.")
    predicted_seconds: Natural | None = Field(None, description="Expected seconds from the first trial to the last.")
    predicted_cost: Short | None = Field(None, description="Expected cost, for example 1.42 USD.")


class WorkersStatus(StatusModel):
    """Workers, each of which is one pod."""

    running: Natural = Field(description="Workers that are ready.")
    wanted: Natural = Field(description="Workers that there should be now.")


class EfficiencyStatus(StatusModel):
    """What the reserved cores are used for."""

    cpu: Short = Field(description="Share of the reserved CPU time that was used, for example 97%.")


class CampaignStatus(StatusModel):
    """Where the campaign stands. Computed from the world each time; its size does not depend on the trials."""

    observed_generation: Natural | None = Field(None, description="Generation of the spec that this status speaks of.")
    phase: Phase | None = Field(
        None,
        description="Where the campaign stands, in one word; the conditions tell why. Succeeded and Failed are final.",
    )
    conditions: list[Condition] = Field([], max_length=len(ConditionType), description="What holds and what does not.")
    trials: TrialCounts | None = Field(None, description="How many trials are done, and how they ended.")
    best: Best | None = Field(None, description="The best trial so far; failed and infeasible ones do not count.")
    plan: PlanStatus | None = Field(None, description="Threads, workers and waves that were planned.")
    workers: WorkersStatus | None = Field(None, description="How many workers there are and should be.")
    efficiency: EfficiencyStatus | None = Field(None, description="How well the reserved cores are used.")
    cpu_hours: Short | None = Field(None, description="CPU time of all workers in hours, for example 12.4.")
    cost: Short | None = Field(None, description="Cost so far where a price is known, for example 1.42 USD.")
    start_time: Moment | None = Field(None, description="When the first trial began.")
    completion_time: Moment | None = Field(None, description="When the campaign ended.")
    estimated_completion_time: Moment | None = Field(
        None, description="When the last trial is expected to end, as far as that is known."
    )
    message: Line | None = Field(None, description="The most important thing to know now, in one line.")

    @classmethod
    def read(cls, stored: object) -> CampaignStatus:
        """What an object's status holds, without what cannot be read of it."""
        parts = stored if isinstance(stored, Mapping) else {}
        kept: dict[str, Any] = {}
        for field in cls.model_fields.values():
            name = str(field.alias)
            value = parts.get(name)
            if name == "conditions" and isinstance(value, list):
                value = [condition for condition in value if _is_readable(Condition, condition)]
            if value is not None and _is_readable(cls, {name: value}):
                kept[name] = value
        return cls.model_validate(kept)

    def condition(self, kind: ConditionType) -> Condition | None:
        """The condition of that type, if it is there."""
        return next((condition for condition in self.conditions if condition.type is kind), None)

    def to_mapping(self) -> dict[str, Any]:
        """The JSON form, without what is not known."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


def kept_transitions(before: Iterable[Condition], now: Iterable[Condition]) -> list[Condition]:
    """``now``, each with the time at which its status really changed: that of ``before`` where it did not."""
    earlier = {condition.type: condition for condition in before}
    kept = []
    for condition in now:
        was = earlier.get(condition.type)
        same = was is not None and was.status is condition.status
        kept.append(
            condition.model_copy(update={"last_transition_time": was.last_transition_time})
            if was and same
            else condition
        )
    return kept


def _is_readable(model: type[Model], value: object) -> bool:
    try:
        model.model_validate(value)
    except ValidationError:
        return False
    return True
