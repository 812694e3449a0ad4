"""What is seen of a campaign at one moment, and what is to be done: the two ends of ``decide``.

Everything is read anew for each decision; nothing is remembered between two of them. A part that could not be read is a
:class:`Obstacle` in its place, with the words that the status will show.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from corebound.api.jobs import JobView, PodTrouble
    from corebound.api.plan import Plan
    from corebound.api.reasons import ReasonWord
    from corebound.api.records import LedgerSummary, Phase
    from corebound.api.spec import SearchCampaign


@dataclass(frozen=True, kw_only=True)
class Obstacle:
    """Why something could not be read or made."""

    reason: ReasonWord
    message: str


@dataclass(frozen=True, kw_only=True)
class SpecObstacle(Obstacle):
    """A specification that cannot be accepted, by itself or on this pool: only its owner can help."""


@dataclass(frozen=True, kw_only=True)
class World:
    """A campaign, its Jobs and its ledger."""

    campaign: SearchCampaign | SpecObstacle
    ledger: LedgerSummary | Obstacle
    """A problem is a database that cannot be used now."""
    plan: Plan | Obstacle | None
    """None while the ledger is away."""
    jobs: tuple[JobView, ...]
    trouble: PodTrouble | None
    """What keeps pods from running, if anything does; looked at only while fewer run than should."""
    broken_contract: str | None
    """The last line of a worker that found its threads wrong."""
    failures_in_a_row: int
    """Pods that ended badly since the last slot was closed."""
    now: datetime
    pods_leave: bool = False
    """Whether some of its pods are being deleted; looked at only while fewer run than should."""
    pods_lost: int = 0
    """Pods of the live Job that never end, because their node is lost."""


@dataclass(frozen=True, kw_only=True)
class CreateJob:
    """Make the Job of a new round."""

    number: int
    workers: int


@dataclass(frozen=True, kw_only=True)
class ResizeJob:
    """Change how many pods run; ``completions`` only together with ``parallelism`` (KEP-3715)."""

    name: str
    parallelism: int
    completions: int | None = None


@dataclass(frozen=True, kw_only=True)
class SuspendJob:
    """Stop its pods, or let them run again."""

    name: str
    suspend: bool


@dataclass(frozen=True, kw_only=True)
class DeleteJob:
    """Remove it with its pods."""

    name: str
    uid: str
    why: str


@dataclass(frozen=True, kw_only=True)
class BeginCampaign:
    """The ledger's campaign runs (again) with this plan."""

    plan: Plan


@dataclass(frozen=True, kw_only=True)
class KeepPlan:
    """The campaign goes on by another plan, which the ledger keeps for reports."""

    plan: Plan


@dataclass(frozen=True, kw_only=True)
class CountTime:
    """From now on the campaign's time counts as active, or does not."""

    counts: bool


@dataclass(frozen=True, kw_only=True)
class RequestStop:
    """Running trials are to be stopped for good."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class FinishCampaign:
    """The ledger's campaign gets its phase; a final one skips what is open."""

    phase: Phase
    reason: str
    message: str


@dataclass(frozen=True, kw_only=True)
class DeleteCampaign:
    """The object goes: its time after the end has passed."""


Action = (
    CreateJob
    | ResizeJob
    | SuspendJob
    | DeleteJob
    | BeginCampaign
    | KeepPlan
    | CountTime
    | RequestStop
    | FinishCampaign
    | DeleteCampaign
)


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What to do now, in this order, and when to look again at the latest."""

    phase: Phase
    reason: str
    message: str
    actions: tuple[Action, ...] = ()
    again_in: float | None = None
    """Seconds; None when only an event or the resync is waited for."""
