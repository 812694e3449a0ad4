"""What crosses a seam between rooms, as frozen dataclasses.

The ledger returns them, the planner, the supervisor, the operator and the displays take them. No behaviour beyond
simple derived figures, no I/O. Times are aware UTC datetimes of the database's clock, durations are seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from corebound.api.plan import DEFAULT_CURRENCY, Experience

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

    from corebound.api.plan import DecidedPlan


class Phase(StrEnum):
    """Where a campaign stands."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUSPENDED = "Suspended"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"

    @property
    def is_final(self) -> bool:
        """Whether nothing more will run (until ``trials`` grows)."""
        return self in (Phase.SUCCEEDED, Phase.FAILED)


class SlotState(StrEnum):
    """Where a slot stands; the last four are closed."""

    OPEN = "open"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    PRUNED = "pruned"
    FAILED = "failed"
    SKIPPED = "skipped"

    @property
    def is_closed(self) -> bool:
        """Whether the slot is done with for good."""
        return self not in (SlotState.OPEN, SlotState.RUNNING)


@dataclass(frozen=True, kw_only=True)
class CampaignRecord:
    """A campaign as the ledger keeps it."""

    campaign_id: int
    uid: UUID
    """Its own for ever, when names are given again and ledgers number alike."""
    name: str
    specification: Mapping[str, Any]
    """The whole SearchCampaign as loaded, in its JSON form."""
    study_name: str
    study_id: int
    trials: int
    phase: Phase
    reason: str | None
    message: str | None
    stop_requested: str | None
    """Why running trials are to be stopped for good; None while the campaign goes on."""
    retries: int
    retry_exceptions: bool
    heartbeat_seconds: float
    lease_seconds: float
    threads: int | None
    workers: int | None
    cores: float | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    active_seconds: float
    """Time that earlier runs were active, all together."""
    active_since: datetime | None
    """When the present run began; None while nobody runs it, or it waits in a queue."""

    artifacts: str | None = None
    """Where the files of its trials are kept, below one folder for each slot: an absolute path or a URL."""
    folder: str | None = None
    """Where its own files were looked for by the last run; None on a cluster, and for runs of earlier versions."""
    plans: tuple[DecidedPlan, ...] = ()
    """The one with which its first run began, and the newest one, if there was another; none before it has run."""

    @property
    def metrics(self) -> list[str]:
        """The objectives' metrics, in their order."""
        return [objective["metric"] for objective in self.specification["spec"]["objectives"]]

    @property
    def maximize(self) -> list[bool]:
        """Which objectives are to be made as large as possible."""
        return [objective["direction"] == "maximize" for objective in self.specification["spec"]["objectives"]]

    @property
    def price_per_hour(self) -> Decimal | None:
        """Of one node, as the campaign gives it."""
        price = self.specification["spec"].get("pool", {}).get("pricePerHour")
        return None if price is None else Decimal(price)

    @property
    def currency(self) -> str:
        """Of its budget, else the usual one."""
        found: str = self.specification["spec"].get("budget", {}).get("currency", DEFAULT_CURRENCY)
        return found


@dataclass(frozen=True, kw_only=True)
class SlotClaim:
    """A worker's right to run one attempt at a slot; what it writes is fenced by ``attempt``."""

    campaign_id: int
    slot: int
    attempt: int
    """The fence: rises with every claim, and when the slot is given back."""
    starts: int
    """Which attempt this is for people: 1, 2, 3 ... as results count them."""
    trial_id: int | None
    """The Optuna trial to carry on, None when one is still to be created."""
    lost_attempts: int
    has_checkpoint: bool


@dataclass(frozen=True, kw_only=True)
class SlotProgress:
    """What a running attempt shows of itself."""

    step: int | None = None
    steps: int | None = None
    last_value: float | None = None
    cpu_seconds: float = 0.0
    """CPU time of this attempt so far, whole process tree."""
    reported_ago: float | None = None
    """Seconds since the objective last reported a step; None before the first."""


@dataclass(frozen=True, kw_only=True)
class WorkerTelemetry:
    """What a worker measured over its own process tree since its last heartbeat; the totals are since it started."""

    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    interval_cpu_seconds: float = 0.0
    interval_wall_seconds: float = 0.0
    throttled_seconds: float = 0.0
    threads: int = 0
    threads_at_work: int = 0
    most_threads_at_work: int = 0
    memory_bytes: int = 0
    voluntary_switches: int = 0
    involuntary_switches: int = 0


@dataclass(frozen=True, kw_only=True)
class Beat:
    """The ledger's answer to a heartbeat."""

    lease_held: bool
    """False when the slot was given to another worker: stop it and write nothing."""
    stop_requested: str | None
    """The campaign's reason to stop running trials for good, if any."""


@dataclass(frozen=True, kw_only=True)
class SlotRow:
    """One slot with its trial, for results, displays and reports."""

    slot: int
    state: SlotState
    attempt: int
    """How many attempts have been started."""
    lost_attempts: int
    number: int | None
    """Optuna's trial number."""
    params: Mapping[str, Any] = field(default_factory=dict)
    values: tuple[float, ...] | None = None
    user_attrs: Mapping[str, Any] = field(default_factory=dict)
    constraints: Mapping[str, float] = field(default_factory=dict)
    error: str | None = None
    artifacts: str | None = None
    """Where the files that the trial left are kept."""
    worker: str | None = None
    step: int | None = None
    steps: int | None = None
    last_value: float | None = None
    last_report_at: datetime | None = None
    cpu_seconds: float = 0.0
    """All attempts together."""
    claimed_at: datetime | None = None
    """When its running attempt began."""
    started_at: datetime | None = None
    finished_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class RunsOn:
    """What a program runs on, as it found it when it started."""

    versions: Mapping[str, str]
    """Of Python, and of those packages that are installed."""
    processor: str
    """The CPU's model, or the architecture where it does not say."""
    cores: float
    """Cores that the program may use: the smaller of its affinity and its CPU quota."""
    kernel: str
    cgroup: str
    """Versions of the control groups that it sees: ``2``, ``1``, ``1 and 2``; empty without any."""


@dataclass(frozen=True, kw_only=True)
class WorkerRow:
    """One worker, alive or gone."""

    worker_id: int
    name: str
    host: str
    pid: int
    threads: int
    cores: str
    """The cores it is bound to, e.g. ``0-1``; empty without affinity."""
    started_at: datetime
    seen_at: datetime
    ended_at: datetime | None
    exit_code: int | None
    message: str | None
    telemetry: WorkerTelemetry
    runs_on: RunsOn | None = None
    """None of workers that registered before the ledger kept it."""


@dataclass(frozen=True, kw_only=True)
class CoreUse:
    """What one worker did in one stretch of time that ended at ``ended_at``."""

    worker_id: int
    ended_at: datetime
    wall_seconds: float
    cpu_seconds: float


@dataclass(frozen=True, kw_only=True)
class Reports:
    """How many steps the trial of a slot has reported, and the last one."""

    count: int
    last_step: int


@dataclass(frozen=True, kw_only=True)
class BestTrial:
    """The best feasible trial of a single-objective campaign."""

    slot: int | None
    number: int
    value: float
    params: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class LedgerSummary:
    """A campaign in constant size: all that a status line, ``decide`` and the supervisor need."""

    campaign: CampaignRecord
    now: datetime
    counts: Mapping[SlotState, int]
    claimable: int
    """Open slots plus running ones whose lease has run out."""
    best: BestTrial | None
    front_size: int | None
    """Size of the Pareto front with several objectives."""
    cpu_seconds: float
    """CPU time of all workers, trials and overhead together."""
    worker_seconds: float
    """Sum over workers of threads x wall time: the core-seconds that were reserved."""
    throttled_seconds: float
    mean_trial_seconds: float | None
    first_claim_at: datetime | None
    last_close_at: datetime | None
    failed_first: bool
    """Whether the first 5 closed slots (or all, if fewer were asked) all failed."""
    last_error: str | None

    @property
    def done(self) -> int:
        """Closed slots."""
        return sum(count for state, count in self.counts.items() if state.is_closed)

    @property
    def has_slots_left(self) -> bool:
        """Whether slots are open or running; of a finished campaign only when ``trials`` has grown since."""
        return any(count for state, count in self.counts.items() if not state.is_closed)

    @property
    def experience(self) -> Experience:
        """What a plan for the rest of the campaign can go by."""
        finished = sum(self.counts.get(state, 0) for state in (SlotState.SUCCEEDED, SlotState.PRUNED))
        return Experience(closed=self.done, finished=finished, trial_seconds=self.mean_trial_seconds)

    @property
    def active_seconds(self) -> float:
        """How long the campaign has been active, over all its runs; suspended time does not count."""
        since = self.campaign.active_since
        return self.campaign.active_seconds + ((self.now - since).total_seconds() if since is not None else 0.0)

    @property
    def efficiency(self) -> float | None:
        """Share of the reserved core-seconds that was CPU time, 0 ... 1."""
        return self.cpu_seconds / self.worker_seconds if self.worker_seconds else None
