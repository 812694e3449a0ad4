"""Searches as a report finds them, made up: of any size, finished or not, with everything that can happen to a trial."""

from __future__ import annotations

import math
import random
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from corebound.api.plan import DecidedPlan
from corebound.api.records import (
    BestTrial,
    CampaignRecord,
    CoreUse,
    LedgerSummary,
    Phase,
    Reports,
    RunsOn,
    SlotRow,
    SlotState,
    WorkerRow,
    WorkerTelemetry,
)
from corebound.reporting.report.data import ReportData, chosen_curves
from corebound.reporting.report.importance import importance_of

from ..made_up import NOW, record, summary_of

if TYPE_CHECKING:
    from collections.abc import Sequence

START = NOW
HOSTILE = "</script><script>document.title='hacked'</script><img src=x onerror=\"document.title='hacked'\">'\"&amp; {b}"
TRACEBACK = (
    'Traceback (most recent call last):\n  File "train.py", line 3, in objective\nValueError: loss is nan at step '
)
STEPS = 30
RUNS_ON = RunsOn(
    versions={"Python": "3.11.7", "corebound": "0.1.0", "optuna": "5.0.0", "torch": "2.13.0"},
    processor="Fast CPU @ 3 GHz",
    cores=1,
    kernel="Linux 6.8.0",
    cgroup="2",
)


def search(
    trials: int = 40,
    *,
    metrics: Sequence[str] = ("loss",),
    name: str = "poles",
    parameters: Sequence[str] = ("rate", "momentum", "width"),
    phase: Phase = Phase.SUCCEEDED,
    closed: int | None = None,
    states: Sequence[SlotState] = (),
    steps: bool = True,
) -> ReportData:
    """Of ``trials`` slots the first ``closed`` are; ``states`` says how they ended, else nearly all succeed."""
    draw = random.Random(1)
    done = trials if closed is None else closed
    rows = [
        _row(draw, slot, parameters, metrics, _state(slot, done, trials, states), trials=trials)
        for slot in range(trials)
    ]
    curves = {row.slot: _curve(draw, row) for row in rows if row.values is not None} if steps else {}
    reports = {slot: Reports(count=len(curve), last_step=curve[-1][0]) for slot, curve in curves.items()}
    chosen = chosen_curves(rows, reports, maximize=False)
    described = {name: [_described(place, parameters)] for place, name in enumerate(parameters)}
    workers = [_worker(place, trials) for place in range(min(4, trials))] if done else []
    return ReportData(
        summary=_summary(rows, name, metrics, trials, phase, workers),
        attended=phase is Phase.RUNNING,
        rows=rows,
        workers=workers,
        core_use=[use for worker in workers for use in _uses(draw, worker)],
        reports=reports,
        curves={slot: curves[slot] for slot in chosen},
        distributions=described,
        importance=importance_of(rows, described, maximize=[False] * len(metrics)),
        made_at=START + timedelta(hours=2),
        made_with={"corebound": "0.1.0", "Python": "3.11.7"},
    )


def _state(slot: int, done: int, trials: int, states: Sequence[SlotState]) -> SlotState:
    if slot >= done:
        return SlotState.RUNNING if slot < done + 2 and done < trials else SlotState.OPEN
    if states:
        return states[slot % len(states)]
    return SlotState.FAILED if slot % 17 == 5 else SlotState.PRUNED if slot % 6 == 4 else SlotState.SUCCEEDED


def _row(
    draw: random.Random, slot: int, parameters: Sequence[str], metrics: Sequence[str], state: SlotState, *, trials: int
) -> SlotRow:
    params: dict[str, Any] = {}
    for place, name in enumerate(parameters):
        value = 0.3 + (draw.random() - 0.3) * (1 - 0.7 * slot / trials)
        params[name] = ["tanh", "relu", "elu"][int(3 * value)] if place == len(parameters) - 1 else round(value, 6)
    first = abs(params[parameters[0]] - 0.3) + 0.05 * draw.random() if len(parameters) > 1 else draw.random()
    values = (first, *(1 - first + 0.2 * draw.random() for _ in metrics[1:]))
    begun = state is not SlotState.OPEN
    return SlotRow(
        slot=slot,
        state=state,
        attempt=(2 if slot % 13 == 7 else 1) if begun else 0,
        lost_attempts=int(begun and slot % 13 == 7),
        number=slot if begun else None,
        params=params if begun else {},
        values=values if state in (SlotState.SUCCEEDED, SlotState.PRUNED) else None,
        error=f"{TRACEBACK}{slot}" if state is SlotState.FAILED else None,
        worker=f"worker-{slot % 4}" if begun else None,
        cpu_seconds=55.0 if begun else 0.0,
        started_at=START + timedelta(seconds=15 * slot) if begun else None,
        finished_at=START + timedelta(seconds=15 * slot + 60) if state.is_closed else None,
    )


def _curve(draw: random.Random, row: SlotRow) -> list[tuple[int, float]]:
    last = STEPS // 3 if row.state is SlotState.PRUNED else STEPS
    end = (row.values or (0.5,))[0]
    return [(step, end + math.exp(-step / 8) + 0.02 * draw.random()) for step in range(1, last + 1)]


def _described(place: int, parameters: Sequence[str]) -> dict[str, Any]:
    if place == len(parameters) - 1:
        return {"name": "CategoricalDistribution", "attributes": {"choices": ["tanh", "relu", "elu"]}}
    return {"name": "FloatDistribution", "attributes": {"low": 0.0, "high": 1.0, "log": False, "step": None}}


def _worker(place: int, trials: int) -> WorkerRow:
    seconds = 15 * trials + 60
    return WorkerRow(
        worker_id=place,
        name=f"worker-{place}",
        host="node-a",
        pid=100 + place,
        threads=1,
        cores=str(place),
        started_at=START,
        seen_at=START + timedelta(seconds=seconds),
        ended_at=START + timedelta(seconds=seconds),
        exit_code=0,
        message=None,
        telemetry=WorkerTelemetry(
            cpu_seconds=0.93 * seconds, wall_seconds=seconds, most_threads_at_work=1, memory_bytes=2**29
        ),
        runs_on=RUNS_ON,
    )


def _uses(draw: random.Random, worker: WorkerRow) -> list[CoreUse]:
    seconds = worker.telemetry.wall_seconds
    return [
        CoreUse(
            worker_id=worker.worker_id,
            ended_at=worker.started_at + timedelta(seconds=seconds * (place + 1) / 100),
            wall_seconds=seconds / 100,
            cpu_seconds=seconds / 100 * (0.4 if draw.random() < 0.05 else 0.94),
        )
        for place in range(100)
    ]


def _summary(
    rows: Sequence[SlotRow], name: str, metrics: Sequence[str], trials: int, phase: Phase, workers: Sequence[WorkerRow]
) -> LedgerSummary:
    good = [row for row in rows if row.state is SlotState.SUCCEEDED and row.values]
    best = min(good, key=lambda row: row.values or (), default=None)
    ended = [row.finished_at for row in rows if row.finished_at]
    return summary_of(
        _campaign(name, metrics, trials, phase),
        {
            state: sum(row.state is state for row in rows)
            for state in SlotState
            if any(row.state is state for row in rows)
        },
        now=START + timedelta(hours=2),
        claimable=0,
        best=None
        if best is None or best.values is None or len(metrics) > 1
        else BestTrial(slot=best.slot, number=best.slot, value=best.values[0], params=best.params),
        front_size=None if len(metrics) == 1 else 1,
        cpu_seconds=sum(worker.telemetry.cpu_seconds for worker in workers),
        worker_seconds=sum(worker.telemetry.wall_seconds for worker in workers),
        mean_trial_seconds=60 if good else None,
        first_claim_at=START if ended else None,
        last_close_at=max(ended, default=None),
    )


def _campaign(name: str, metrics: Sequence[str], trials: int, phase: Phase) -> CampaignRecord:
    objectives = [{"metric": metric, "direction": "minimize"} for metric in metrics]
    pool = {"pricePerHour": "3.50"}
    return record(
        name,
        specification={"metadata": {"name": name}, "spec": {"trials": trials, "objectives": objectives, "pool": pool}},
        trials=trials,
        phase=phase,
        reason="AllTrialsClosed" if phase is Phase.SUCCEEDED else None,
        message=f"{trials} trials closed" if phase.is_final else None,
        workers=4,
        active_since=None,
        plans=(
            DecidedPlan(
                decided_at=START,
                trials=trials,
                threads=1,
                workers=4,
                waves=-(-trials // 4),
                seconds=None,
                cost=None,
                currency="USD",
            ),
        ),
    )
