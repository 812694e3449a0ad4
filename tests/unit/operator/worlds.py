"""Campaigns of a cluster at one moment, made up."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from corebound.api.jobs import JobView
from corebound.api.loading import campaign_from_mapping
from corebound.api.plan import Plan, Pool
from corebound.api.records import BestTrial, LedgerSummary, Phase, SlotState
from corebound_operator.decide.world import World

from ...made_up import NOW, record, summary_of

UID = "00000000-0000-0000-0000-000000000001"


def specification(**spec: Any) -> dict[str, Any]:
    return {
        "trials": 10,
        "objectives": [{"metric": "loss", "direction": "minimize"}],
        "trial": {"command": ["true"]},
        **spec,
    }


def mapping(*, name: str = "poles", labels: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "corebound.dev/v1alpha1",
        "kind": "SearchCampaign",
        "metadata": {"name": name, "labels": labels or {}},
        "spec": specification(**spec),
    }


def plan(workers: int, *, threads: int = 1) -> Plan:
    pool = Pool(name="4 nodes", cores=4, nodes=4, source="for a test")
    return Plan(
        trials=workers,
        threads=threads,
        workers=workers,
        waves=1,
        rounds=None,
        pool=pool,
        nodes=1,
        reasons=(),
        warnings=(),
        options=(),
        trial_seconds=None,
        seconds=None,
        cost=None,
        currency="USD",
    )


def summary(
    *,
    phase: Phase = Phase.RUNNING,
    expired: int = 0,
    best: float | None = None,
    trials: int | None = None,
    finished_ago: float | None = None,
    stop_requested: str | None = None,
    failed_first: bool = False,
    spec: dict[str, Any] | None = None,
    worker_seconds: float = 100.0,
    **counts: int,
) -> LedgerSummary:
    campaign = record(
        specification={"spec": spec or specification()},
        trials=trials if trials is not None else sum(counts.values()),
        phase=phase,
        reason="AllTrialsClosed" if phase.is_final else None,
        message="10 trials closed" if phase.is_final else None,
        stop_requested=stop_requested,
        finished_at=None if finished_ago is None else NOW - timedelta(seconds=finished_ago),
    )
    return summary_of(
        campaign,
        {SlotState(name): count for name, count in counts.items()},
        claimable=counts.get("open", 0) + expired,
        best=None if best is None else BestTrial(slot=3, number=3, value=best, params={"x": 1.5}),
        cpu_seconds=97.0,
        worker_seconds=worker_seconds,
        first_claim_at=NOW if counts.get("running") or counts.get("succeeded") else None,
        last_close_at=NOW if counts.get("succeeded") else None,
        failed_first=failed_first,
    )


def job(number: int = 1, **fields: Any) -> JobView:
    made = JobView(
        name=f"poles-r{number}",
        uid=f"job-{number}",
        round=number,
        parallelism=4,
        completions=4,
        suspended=False,
        queued=False,
        active=4,
        ready=4,
        terminating=0,
        succeeded=0,
        failed_pods=0,
        failed_indexes=0,
        outcome=None,
        reason="",
        message="",
        deleted=False,
    )
    return replace(made, **fields)


def world(ledger: Any, *jobs: JobView, workers: int = 4, spec: dict[str, Any] | None = None, **fields: Any) -> World:
    made = World(
        campaign=campaign_from_mapping(mapping(**(spec or {}))),
        ledger=ledger,
        plan=plan(workers),
        jobs=jobs,
        trouble=None,
        broken_contract=None,
        failures_in_a_row=0,
        now=NOW,
    )
    return replace(made, **fields)
