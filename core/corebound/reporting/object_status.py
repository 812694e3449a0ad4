"""Campaigns of a cluster as they run, from the status of their objects alone: the same line, the same JSON as a ledger's.

What a status does not hold (each slot's own step) is not shown. Pure. What could go wrong: a status of an earlier
specification, as long as no operator has looked at the present one and at its ledger: it is never taken for the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from corebound.api.jobs import moment
from corebound.api.reasons import ReasonWord
from corebound.api.records import Phase, SlotState
from corebound.api.status import CampaignStatus, ConditionStatus, ConditionType
from corebound.planning.wording import count_text, duration_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from corebound.api.records import SlotRow

NOT_SEEN: Final = "no operator has looked at it yet"


@dataclass(frozen=True, kw_only=True)
class ObjectView:
    """One SearchCampaign at one moment."""

    name: str
    namespace: str
    created: datetime | None
    generation: int
    """Of the present specification."""
    suspended: bool
    """``spec.suspend``."""
    being_deleted: bool
    status: CampaignStatus
    now: datetime
    running: tuple[SlotRow, ...] = ()
    """Empty: slots are the ledger's."""

    @classmethod
    def of(cls, manifest: Mapping[str, Any], *, now: datetime) -> ObjectView:
        """The view of an object's JSON."""
        metadata = manifest["metadata"]
        status = CampaignStatus.read(manifest.get("status"))
        return cls(
            name=metadata["name"],
            namespace=metadata["namespace"],
            created=moment(metadata.get("creationTimestamp")),
            generation=metadata.get("generation", 0),
            suspended=bool(manifest.get("spec", {}).get("suspend")),
            being_deleted="deletionTimestamp" in metadata,
            status=status,
            now=now,
        )

    @property
    def is_current(self) -> bool:
        """Whether the status speaks of the present specification."""
        return (self.status.observed_generation or 0) >= self.generation

    @property
    def phase(self) -> Phase | None:
        """Of the present specification; None while nobody has looked at it."""
        return self.status.phase if self.is_current else None

    @property
    def is_over(self) -> bool:
        """Whether nothing will change by itself any more."""
        return self.phase is not None and (self.phase.is_final or self.phase is Phase.SUSPENDED)

    @property
    def is_refused(self) -> bool:
        """Whether the operator does not accept the specification: only its owner can help."""
        accepted = self.status.condition(ConditionType.ACCEPTED)
        return self.is_current and accepted is not None and accepted.status is ConditionStatus.FALSE

    @property
    def is_ended(self) -> bool:
        """Whether waiting for its end makes no sense any more."""
        return self.is_over or self.is_refused

    @property
    def is_settled(self) -> bool:
        """Whether workers run, or it is known why they do not."""
        running = self.status.condition(ConditionType.RUNNING)
        reason = running.reason if running is not None and self.is_current else ReasonWord.STARTING
        return self.is_ended or (self.is_current and reason != ReasonWord.STARTING)

    @property
    def works(self) -> bool:
        """Whether a worker still runs, or has not given its trial back yet."""
        status = self.status
        return bool((status.workers and status.workers.running) or (status.trials and status.trials.running))

    @property
    def age_rank(self) -> float:
        """Rises from older campaigns to newer ones."""
        return self.created.timestamp() if self.created else 0.0

    @property
    def line(self) -> str:
        """The campaign in one line."""
        return f"{self.name}: {', '.join(self._parts())}"

    def _parts(self) -> list[str]:
        status, trials = self.status, self.status.trials
        parts = ["being deleted"] if self.being_deleted else []
        if not self.is_current:
            parts.append(self._why_not_current)
        elif status.phase is not None and status.phase is not Phase.RUNNING:
            parts.append(status.phase.value)
        if trials is not None:
            parts.append(f"{trials.progress} done")
            if not self.is_over:
                parts.append(f"{trials.running} running")
            for state in (SlotState.PRUNED, SlotState.FAILED, SlotState.SKIPPED):
                if count := getattr(trials, state.value):
                    parts.append(f"{count} {state}")
        if status.best is not None:
            place = "" if status.best.slot is None else f" (slot {status.best.slot})"
            parts.append(status.best.text if status.best.value is None else f"best {status.best.text}{place}")
        if status.efficiency is not None:
            parts.append(f"{status.efficiency.cpu} of the cores used")
        if status.cost is not None:
            parts.append(f"cost {status.cost}")
        if status.estimated_completion_time is not None and not self.is_over:
            left = (status.estimated_completion_time - self.now).total_seconds()
            parts.append(f"about {duration_text(max(60.0, left))} left")
        if status.message and self.is_current and (self.is_over or not self._has_workers):
            parts.append(status.message)
        return parts

    @property
    def _why_not_current(self) -> str:
        """An operator that has seen the present specification, but not its ledger, says why of its storage alone."""
        storage = self.status.condition(ConditionType.STORAGE_READY)
        seen = storage is not None and storage.observed_generation >= self.generation
        return storage.message if storage is not None and seen else NOT_SEEN

    @property
    def _has_workers(self) -> bool:
        running = self.status.condition(ConditionType.RUNNING)
        return running is not None and running.status is ConditionStatus.TRUE


def plan_line(view: ObjectView) -> str | None:
    """What the operator has planned, in one line; None before."""
    plan = view.status.plan
    if plan is None:
        return None
    shape = [count_text(plan.threads, "thread"), count_text(plan.workers, "worker"), count_text(plan.waves, "wave")]
    known = [None if plan.predicted_seconds is None else duration_text(plan.predicted_seconds), plan.predicted_cost]
    return ", ".join([" x ".join(shape), *(text for text in known if text)])


def object_mapping(view: ObjectView) -> dict[str, Any]:
    """The campaign as one JSON object with the names that a ledger's campaign has; null is what a status does not hold."""
    status, trials, best = view.status, view.status.trials, view.status.best
    counts = {}
    if trials is not None:
        counts = {state.value: getattr(trials, state.value) for state in SlotState if state is not SlotState.OPEN}
        counts = {"open": trials.of - trials.done - trials.running, **counts}
    amount, _, currency = (status.cost or "").partition(" ")
    return {
        "campaign": view.name,
        "namespace": view.namespace,
        "phase": None if view.phase is None else view.phase.value,
        "message": status.message,
        "trials": None if trials is None else trials.of,
        "counts": {state: count for state, count in counts.items() if count},
        "threads": status.plan and status.plan.threads,
        "workers": status.plan and status.plan.workers,
        "best": None
        if best is None or best.value is None
        else {"slot": best.slot, "number": best.trial, "value": _number(best.value), "params": dict(best.parameters)},
        "best_text": best and best.text,
        "efficiency": status.efficiency and status.efficiency.cpu,
        "cpu_hours": status.cpu_hours,
        "cost": amount or None,
        "currency": currency or None,
        "started_at": status.start_time and status.start_time.isoformat(),
        "finished_at": status.completion_time and status.completion_time.isoformat(),
        "conditions": [condition.model_dump(mode="json", by_alias=True) for condition in status.conditions],
        "observed": view.is_current,
    }


def _number(text: str) -> float | str:
    """Infinities stay a text, as JSON has none."""
    value = float(text)
    return text if value in (float("inf"), float("-inf")) else value
