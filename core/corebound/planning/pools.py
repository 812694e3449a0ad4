"""Pools: how many workers of T threads nodes hold, and where a pool's numbers come from. Pure.

Three sources make a pool: this machine as it was looked at, ``spec.pool`` of a campaign, flags of the command line.
What could go wrong: a machine's printed size taken for what it has to give; on a cluster node the system keeps part of
it (128 cores have about 126.62 allocatable), so that two workers of 64 threads never fit.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from corebound.api.errors import PlanError
from corebound.api.plan import DEFAULT_CURRENCY, Pool
from corebound.planning.wording import number_text

if TYPE_CHECKING:
    from decimal import Decimal

    from corebound.api.spec import CampaignSpec

ROUNDING: Final = 1e-9
"""Quotas and millicores divided into cores must not lose a whole core to floating point."""
SIZES_SHOWN: Final = 6


def whole_cores(cores: float) -> int:
    """Threads are whole CPUs: 126.62 usable cores hold 126 of them."""
    return math.floor(cores + ROUNDING)


def places(pool: Pool, *, threads: int, memory_bytes: int) -> int:
    """Workers that fit on all nodes together, by cores, memory and pods."""
    return pool.nodes * min(limits_per_node(pool, threads=threads, memory_bytes=memory_bytes).values())


def limits_per_node(pool: Pool, *, threads: int, memory_bytes: int) -> dict[str, int]:
    """Workers that one node holds, by each thing that limits them: ``cores``, ``memory``, ``pods``."""
    limits = {"cores": whole_cores(pool.cores) // threads}
    if pool.memory_bytes is not None:
        limits["memory"] = pool.memory_bytes // memory_bytes
    if pool.pods is not None:
        limits["pods"] = pool.pods
    return limits


def packing_sizes(cores: float) -> list[tuple[int, int]]:
    """The thread counts that fill a node, largest first, each with how often it fits: the largest for every count."""
    whole = whole_cores(cores)
    largest_for: dict[int, int] = {}
    for threads in range(1, whole + 1):
        largest_for[whole // threads] = threads
    return sorted(((threads, count) for count, threads in largest_for.items()), reverse=True)


def packing_text(cores: float) -> str:
    """A few sizes that pack, for a message: ``126 x1, 63 x2, 42 x3``."""
    return ", ".join(f"{threads} x{count}" for threads, count in packing_sizes(cores)[:SIZES_SHOWN])


def machine_pool(
    *,
    core_ids: tuple[int, ...],
    cores: float,
    memory_bytes: int | None,
    price_per_hour: Decimal | None = None,
    currency: str = DEFAULT_CURRENCY,
) -> Pool:
    """This machine, from what :func:`corebound.local.machine.this_machine` found."""
    found = f"{number_text(cores)} usable cores"
    if cores + ROUNDING < len(core_ids):
        source = f"this machine: {found}, its CPU quota ({len(core_ids)} cores in the affinity mask)"
    else:
        source = f"this machine: {found}, its affinity mask (no smaller CPU quota)"
    return Pool(
        name="this machine",
        cores=cores,
        memory_bytes=memory_bytes,
        core_ids=core_ids,
        price_per_hour=price_per_hour,
        currency=currency,
        source=source,
    )


def described_pool(
    *,
    cores: float,
    allocatable: float | None = None,
    nodes: int = 1,
    memory_bytes: int | None = None,
    pods: int | None = None,
    price_per_hour: Decimal | None = None,
    currency: str = DEFAULT_CURRENCY,
) -> Pool:
    """A pool described by flags; ``cores`` alone means that exactly so many can be used.

    Raises:
        PlanError: numbers that no node can have.
    """
    usable = cores if allocatable is None else allocatable
    positive = {"--cores": cores, "--allocatable": allocatable, "--nodes": nodes, "--memory": memory_bytes}
    wrong = [
        f"{flag} is {number}" for flag, number in positive.items() if number is not None and not 0 < number < math.inf
    ]
    wrong += [f"--pods is {pods}"] if pods is not None and pods < 0 else []
    if price_per_hour is not None and not (price_per_hour.is_finite() and price_per_hour >= 0):
        wrong.append(f"--price is {price_per_hour}")
    if wrong:
        message = f"{'; '.join(wrong)}: a pool needs numbers above 0. Correct them."
        raise PlanError(message)
    if usable > cores:
        message = (
            f"--allocatable {number_text(usable)} is more than --cores {number_text(cores)}: a node has at most its "
            f"cores to give. Exchange or correct them."
        )
        raise PlanError(message)
    given = f"{number_text(cores)} cores"
    return Pool(
        name=f"described pool of {given}",
        cores=usable,
        nodes=nodes,
        memory_bytes=memory_bytes,
        pods=pods,
        price_per_hour=price_per_hour,
        currency=currency,
        source=f"flags: {given}, {number_text(usable)} of them allocatable"
        if allocatable is not None
        else f"flags: {given}, all of them usable (--allocatable says what a node keeps for itself)",
    )


def campaign_pool(spec: CampaignSpec) -> Pool | None:
    """The pool that the campaign's ``spec.pool`` describes; None where it does not say how many cores a node has."""
    described = spec.pool
    if described is None or described.cpu is None:
        return None
    return Pool(
        name=described.vm_size or "spec.pool",
        cores=float(described.cpu),
        nodes=described.max_nodes or 1,
        memory_bytes=described.memory,
        pods=described.pods,
        price_per_hour=described.price_per_hour,
        currency=campaign_currency(spec),
        source=f"spec.pool: {number_text(float(described.cpu))} allocatable cores a node",
    )


def campaign_currency(spec: CampaignSpec) -> str:
    """The currency of the campaign's budget, or the default."""
    return spec.budget.currency if spec.budget is not None else DEFAULT_CURRENCY
