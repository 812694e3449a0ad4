"""What a planner answers: threads, workers and waves on a pool, what they will take and cost, and why.

Pure data that crosses from ``planning`` to the ledger, the supervisor, the operator and the displays. Times are
seconds, money is ``Decimal`` in ``currency``; what is not known is None, never zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

DEFAULT_CURRENCY: Final = "USD"


@dataclass(frozen=True, kw_only=True)
class Pool:
    """Equal nodes that a campaign may use; this machine is a pool of one node."""

    name: str
    cores: float
    """Usable cores of one node: what is allocatable, not what is printed on the machine."""
    nodes: int = 1
    memory_bytes: int | None = None
    """Memory of one node; None where it is not known, then it limits nothing."""
    pods: int | None = None
    """Workers that one node accepts at most; None without such a limit."""
    core_ids: tuple[int, ...] = ()
    """This machine's logical CPUs; empty for a pool that is only described."""
    price_per_hour: Decimal | None = None
    """Price of one node for one hour."""
    currency: str = DEFAULT_CURRENCY
    source: str
    """A sentence: where these numbers come from."""


@dataclass(frozen=True, kw_only=True)
class Reason:
    """Why one choice of the plan is what it is."""

    choice: str
    """threads, workers, waves, rounds, pool, time or cost."""
    text: str


@dataclass(frozen=True, kw_only=True)
class Experience:
    """What earlier runs of the same campaign have shown."""

    closed: int = 0
    """Slots that are done with."""
    finished: int = 0
    """How many of them tell how long a trial takes."""
    trial_seconds: float | None = None
    """Mean wall time of those."""


@dataclass(frozen=True, kw_only=True)
class RoundsOption:
    """The same campaign with other workers, so that the sampler learns more or less often."""

    rounds: float
    """Adaptive rounds: trials divided by workers."""
    workers: int
    waves: int
    seconds: float | None
    cost: Decimal | None
    fits: bool
    """Whether the pool holds so many workers."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Threads x workers x waves on a pool."""

    trials: int
    """What it is for: the trials that are left."""
    threads: int
    """Of each worker, and at once its CPU request, limit or number of cores."""
    workers: int
    """At once, on all nodes together."""
    waves: int
    """How often every worker takes one of the trials that are left: trials / workers, rounded up."""
    rounds: float | None
    """Adaptive rounds of a model-based sampler; None where samples do not depend on results."""
    pool: Pool
    nodes: int
    """Nodes of the pool that the workers need."""
    reasons: tuple[Reason, ...]
    warnings: tuple[str, ...]
    options: tuple[RoundsOption, ...]
    """What 5 and 10 adaptive rounds would take; empty where samples do not depend on results."""
    trial_seconds: float | None
    seconds: float | None
    """Expected time from the first claim to the last close."""
    cost: Decimal | None
    """Expected price of the nodes for that time."""
    currency: str


@dataclass(frozen=True, kw_only=True)
class DecidedPlan:
    """What the ledger keeps of a plan that was acted on, to be held against what happens."""

    decided_at: datetime
    trials: int
    threads: int
    workers: int
    waves: int
    seconds: float | None
    cost: Decimal | None
    currency: str


def plan_figures(plan: Plan | DecidedPlan) -> dict[str, Any]:
    """What stands for a plan in JSON, in the ledger and in reports; money as text."""
    return {
        "trials": plan.trials,
        "threads": plan.threads,
        "workers": plan.workers,
        "waves": plan.waves,
        "seconds": plan.seconds,
        "cost": None if plan.cost is None else f"{plan.cost:f}",
        "currency": plan.currency,
    }
