"""The plan: threads x workers x waves on a pool, what they take and cost, and the reason for each choice. Pure.

A campaign and a pool go in, a :class:`~corebound.api.plan.Plan` comes out, or a refusal that shows the arithmetic.
Threads are chosen first (1 unless asked for), then as many workers as fit, never more than trials; time
and cost follow. What could go wrong: a thread count that leaves half a node idle, and so many workers that a
model-based sampler never sees a result; both are allowed and both are said.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from corebound.api.errors import PlanError
from corebound.api.plan import Experience, Plan, Reason
from corebound.planning.advice import warnings_of
from corebound.planning.figures import ROUNDS_GOOD, Figures, is_model_based, sampler_name, trials_left
from corebound.planning.pools import limits_per_node, packing_text, whole_cores
from corebound.planning.waves import adaptive_rounds, waves
from corebound.planning.wording import bytes_text, count_text, duration_text, money_text, number_text

if TYPE_CHECKING:
    from decimal import Decimal

    from corebound.api.plan import Pool
    from corebound.api.spec import CampaignSpec, SearchCampaign

CONNECTIONS_PER_WORKER: Final = 2
NO_EXPERIENCE: Final = Experience()


@dataclass(frozen=True, kw_only=True)
class _Choice:
    """A number of the plan with the reason for it."""

    number: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class _TrialTime:
    """How long one trial takes, and how that is known, or why it is not."""

    seconds: float | None
    source: str


def make_plan(
    campaign: SearchCampaign,
    pool: Pool,
    *,
    trial_seconds: float | None = None,
    experience: Experience = NO_EXPERIENCE,
    connections: int | None = None,
    taken: int = 0,
) -> Plan:
    """Plan a campaign on a pool.

    Args:
        campaign: what to search.
        pool: where.
        trial_seconds: wall time of one trial with the planned threads, as somebody says; goes before what is measured.
        experience: what earlier runs of this campaign have shown: what is left, and how long its trials take.
        connections: how many connections the database has for workers, two each; None without a limit.
        taken: how many of them the workers of other campaigns have.

    Raises:
        PlanError: what is asked for cannot run on this pool; the text holds the arithmetic and what would fit.
    """
    spec = campaign.spec
    _refuse_empty_pool(spec, pool)
    threads = _threads(spec, pool)
    left = trials_left(spec, experience.closed)
    workers = _workers(spec, pool, trials=left, threads=threads.number, connections=connections, taken=taken)
    time = _trial_time(trial_seconds, experience)
    figures = Figures(
        spec=spec, pool=pool, threads=threads.number, trial_seconds=time.seconds, closed=experience.closed
    )
    rounds = adaptive_rounds(trials=spec.trials, workers=workers.number) if is_model_based(spec) else None
    options = figures.options(workers.number) if rounds is not None else ()
    return Plan(
        trials=left,
        threads=threads.number,
        workers=workers.number,
        waves=waves(trials=left, workers=workers.number),
        rounds=rounds,
        pool=pool,
        nodes=figures.nodes(workers.number),
        reasons=_reasons(figures, threads=threads, workers=workers, rounds=rounds, time=time),
        warnings=warnings_of(figures, workers=workers.number, rounds=rounds),
        options=options,
        trial_seconds=time.seconds,
        seconds=figures.seconds(workers.number),
        cost=figures.cost(workers.number),
        currency=pool.currency,
    )


def _trial_time(given: float | None, experience: Experience) -> _TrialTime:
    if given is not None:
        return _TrialTime(seconds=given, source="as given")
    if experience.trial_seconds is not None:
        trials = f"of {experience.finished} finished trials" if experience.finished > 1 else "of the one finished trial"
        return _TrialTime(seconds=experience.trial_seconds, source=f"mean {trials} of this campaign")
    return _TrialTime(seconds=None, source="not known until a trial has finished (--trial-seconds says it before)")


def _refuse_empty_pool(spec: CampaignSpec, pool: Pool) -> None:
    """A pool on which not even one worker of one thread has a place."""
    if whole_cores(pool.cores) < 1:
        message = (
            f"{pool.name} has {number_text(pool.cores)} usable cores, a worker needs at least 1 whole core. "
            f"Raise its CPU quota or affinity, or plan on another pool. ({pool.source})"
        )
        raise PlanError(message)
    if pool.memory_bytes is not None and spec.trial.memory > pool.memory_bytes:
        message = (
            f"spec.trial.memory is {bytes_text(spec.trial.memory)}, {pool.name} has {bytes_text(pool.memory_bytes)} a "
            f"node: not one worker fits. Lower trial.memory or use a larger node."
        )
        raise PlanError(message)
    if pool.pods is not None and pool.pods < 1:
        message = f"{pool.name} accepts {pool.pods} pods a node: not one worker fits. Raise the node's pod limit."
        raise PlanError(message)


def _threads(spec: CampaignSpec, pool: Pool) -> _Choice:
    whole = whole_cores(pool.cores)
    if spec.threads == "auto":
        return _Choice(number=1, reason="1: most trials per hour while there are trials enough")
    threads = int(spec.threads)
    if threads > whole:
        message = (
            f"spec.threads is {threads}, a node ({pool.name}) has {number_text(pool.cores)} usable cores ({whole} "
            f"whole): a worker does not fit. Use at most {whole}; sizes that fill a node: {packing_text(pool.cores)}."
        )
        raise PlanError(message)
    return _Choice(number=threads, reason=f"{threads}: set in spec.threads")


def _workers(
    spec: CampaignSpec, pool: Pool, *, trials: int, threads: int, connections: int | None, taken: int
) -> _Choice:
    """As many as asked for or as fit, never more than trials."""
    per_node = limits_per_node(pool, threads=threads, memory_bytes=spec.trial.memory)
    limits = {name: pool.nodes * count for name, count in per_node.items()}
    if connections is not None:
        limits["connections"] = max(0, connections - taken) // CONNECTIONS_PER_WORKER
    fitting = min(limits.values())
    if fitting < 1:
        message = (
            f"the database has {connections} connections for workers{_taken(taken)}, one worker needs "
            f"{CONNECTIONS_PER_WORKER}. Raise max_connections of the server."
        )
        raise PlanError(message)
    explanations = {
        "cores": f"{number_text(pool.cores)} cores / {threads} a worker{_on_nodes(pool)}",
        "memory": f"{bytes_text(pool.memory_bytes or 0)} / {bytes_text(spec.trial.memory)} a worker{_on_nodes(pool)}",
        "pods": f"{pool.pods} pods{_on_nodes(pool)}",
        "connections": f"{connections} database connections{_taken(taken)} / {CONNECTIONS_PER_WORKER} a worker",
    }
    tightest = min(limits, key=lambda name: limits[name])
    if spec.parallelism == "auto":
        if trials <= fitting:
            return _Choice(number=trials, reason=f"{trials}: one for each trial ({fitting} would fit)")
        return _Choice(number=fitting, reason=f"{fitting}: what fits, limited by {tightest} ({explanations[tightest]})")
    wanted = min(int(spec.parallelism), trials)
    if wanted > fitting:
        raise PlanError(_too_many_workers(wanted, fitting, pool, threads, tightest, explanations[tightest]))
    if wanted < int(spec.parallelism):
        return _Choice(
            number=wanted, reason=f"{wanted}: one for each trial (spec.parallelism {spec.parallelism} is more)"
        )
    return _Choice(number=wanted, reason=f"{wanted}: set in spec.parallelism ({fitting} would fit)")


def _taken(connections: int) -> str:
    return f", of which other campaigns have {connections}" if connections else ""


def _too_many_workers(wanted: int, fitting: int, pool: Pool, threads: int, tightest: str, explanation: str) -> str:
    asked = f"{count_text(wanted, 'worker')} x {count_text(threads, 'thread')} = {wanted * threads} cores"
    remedies = [f"parallelism: {fitting}"]
    narrower = whole_cores(pool.cores) // math.ceil(wanted / pool.nodes)
    if tightest == "cores" and narrower >= 1:
        remedies.append(f"threads: {narrower} ({narrower} x {wanted} = {narrower * wanted})")
    found = f"{pool.name} has {number_text(pool.cores)} usable cores{_on_nodes(pool)}"
    times = {1: "once", 2: "twice"}.get(fitting, f"{fitting} times")
    return (
        f"{asked}; {found} and holds {count_text(threads, 'thread')} only {times}, limited by {tightest} "
        f"({explanation}). Use {' or '.join(remedies)}, or parallelism: auto."
    )


def _on_nodes(pool: Pool) -> str:
    return f" on each of {pool.nodes} nodes" if pool.nodes > 1 else ""


def _reasons(
    figures: Figures, *, threads: _Choice, workers: _Choice, rounds: float | None, time: _TrialTime
) -> tuple[Reason, ...]:
    """One line for each choice."""
    spec, pool = figures.spec, figures.pool
    count = waves(trials=figures.trials, workers=workers.number)
    left = (
        f"{figures.trials} trials"
        if figures.trials == spec.trials
        else f"{figures.trials} of {spec.trials} trials left"
    )
    found = [
        Reason(choice="pool", text=_pool_reason(pool)),
        Reason(choice="threads", text=threads.reason),
        Reason(choice="workers", text=workers.reason),
        Reason(choice="waves", text=f"{count}: {left} / {count_text(workers.number, 'worker')}"),
    ]
    if rounds is not None:
        text = f"{number_text(rounds)}: what {sampler_name(spec)} can learn from, {ROUNDS_GOOD} or more is good"
        found.append(Reason(choice="rounds", text=text))
    seconds, cost = figures.seconds(workers.number), figures.cost(workers.number)
    if seconds is None or figures.trial_seconds is None:
        found.append(Reason(choice="time", text=time.source))
    else:
        trial = f"{duration_text(figures.trial_seconds)} a trial ({time.source})"
        text = f"{duration_text(seconds)}: {count_text(count, 'wave')} x {trial}"
        found.append(Reason(choice="time", text=text))
    found.append(Reason(choice="cost", text=_cost_reason(figures, workers.number, seconds, cost)))
    return tuple(found)


def _pool_reason(pool: Pool) -> str:
    extent = f"; {pool.nodes} such nodes" if pool.nodes > 1 else ""
    memory = f"; memory {bytes_text(pool.memory_bytes)}" if pool.memory_bytes is not None else ""
    pods = f"; at most {pool.pods} pods" if pool.pods is not None else ""
    # Known by number are only the cores of this machine.
    shared = "; campaigns that run at once share it core by core" if pool.core_ids else ""
    return f"{pool.source}{extent}{memory}{pods}{shared}"


def _cost_reason(figures: Figures, workers: int, seconds: float | None, cost: Decimal | None) -> str:
    price = figures.pool.price_per_hour
    nodes = count_text(figures.nodes(workers), "node")
    if price is None:
        return "not known: no price (--price, or pricePerHour in spec.pool)"
    rate = f"{money_text(price, figures.pool.currency)} an hour"
    if seconds is None or cost is None:
        return f"{nodes} x {rate}; the sum is not known until a trial has finished"
    return f"{money_text(cost, figures.pool.currency)}: {nodes} x {duration_text(seconds)} x {rate}"
