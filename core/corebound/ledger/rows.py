"""Slots as rows for people: with their trials (six queries whatever the number of trials), or the running ones alone."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from corebound.api.records import SlotRow, SlotState

if TYPE_CHECKING:
    import sqlalchemy

_SLOTS: Final = text("""
    SELECT s.slot, s.state, s.starts AS attempt, s.lost_attempts, s.trial_id, t.number, s.error, s.artifacts,
           w.name AS worker, l.step, l.steps,
           l.last_value, l.last_report_at, s.cpu_seconds + coalesce(l.cpu_seconds, 0) AS cpu_seconds,
           s.started_at, s.finished_at
    FROM corebound_slots s
    LEFT JOIN corebound_leases l USING (campaign_id, slot)
    LEFT JOIN corebound_workers w USING (worker_id)
    LEFT JOIN trials t ON t.trial_id = s.trial_id
    WHERE s.campaign_id = :campaign ORDER BY s.slot
""")
_RUNNING: Final = text("""
    SELECT s.slot, s.state, s.starts AS attempt, s.lost_attempts, w.name AS worker, l.step, l.steps, l.last_value,
           l.last_report_at, s.cpu_seconds + l.cpu_seconds AS cpu_seconds, s.started_at, l.claimed_at
    FROM corebound_slots s
    JOIN corebound_leases l USING (campaign_id, slot)
    LEFT JOIN corebound_workers w USING (worker_id)
    WHERE s.campaign_id = :campaign AND s.state = 'running' ORDER BY s.slot
""")


def slot_rows(connection: sqlalchemy.Connection, campaign_id: int, *, kept_whole: bool = True) -> list[SlotRow]:
    """All slots of a campaign in order."""
    slots = connection.execute(_SLOTS, {"campaign": campaign_id}).mappings().all()
    params: dict[int, dict[str, Any]] = defaultdict(dict)
    for trial, name, value, distribution in _of_trials(
        connection,
        "SELECT x.trial_id, param_name, param_value, distribution_json FROM trial_params x",
        campaign_id,
        order="x.param_id",  # as they were suggested
    ):
        params[trial][name] = external_value(value, distribution)
    values: dict[int, dict[int, float]] = defaultdict(dict)
    for trial, objective, value, kind in _of_trials(
        connection, "SELECT x.trial_id, objective, value, value_type::text FROM trial_values x", campaign_id
    ):
        values[trial][objective] = stored_value(value, kind)
    attributes: dict[int, dict[str, Any]] = defaultdict(dict)
    kept = "trial_user_attributes"
    if not kept_whole:
        kept = f"(SELECT * FROM {kept} WHERE key NOT LIKE 'corebound:%')"
    for trial, key, value in _of_trials(connection, f"SELECT x.trial_id, key, value_json FROM {kept} x", campaign_id):
        attributes[trial][key] = json.loads(value)
    constraints: dict[int, dict[str, float]] = defaultdict(dict)
    for trial, key, value in _of_trials(
        connection, "SELECT x.trial_id, key, value_json FROM trial_system_attributes x", campaign_id
    ):
        if key.startswith("constraints:"):
            constraints[trial][key.removeprefix("constraints:")] = json.loads(value)
        elif key == "constraints":  # of a sampler's constraints_func: a list, without names
            constraints[trial].update({str(index): one for index, one in enumerate(json.loads(value) or ())})
    return [
        SlotRow(
            **{name: row[name] for name in row if name not in ("trial_id", "state")},
            state=SlotState(row["state"]),
            params=params.get(row["trial_id"], {}),
            values=tuple(value for _, value in sorted(values[row["trial_id"]].items())) or None,
            user_attrs=attributes.get(row["trial_id"], {}),
            constraints=constraints.get(row["trial_id"], {}),
        )
        for row in slots
    ]


def running_rows(connection: sqlalchemy.Connection, campaign_id: int) -> list[SlotRow]:
    """The running slots in order, without number, parameters and values."""
    rows = connection.execute(_RUNNING, {"campaign": campaign_id}).mappings()
    return [SlotRow(**{**row, "state": SlotState(row["state"])}, number=None) for row in rows]


def external_value(value: float, distribution: str) -> Any:
    """A parameter as users know it: Optuna stores numbers, and the index of a choice."""
    described = json.loads(distribution)
    attributes = described["attributes"]
    if "choices" in attributes:
        return attributes["choices"][int(value)]
    return int(value) if described["name"].startswith("Int") else value


def stored_value(value: float | None, kind: str) -> float:
    """Optuna keeps infinities in a column of their own."""
    return {"INF_POS": float("inf"), "INF_NEG": float("-inf")}.get(kind, value if value is not None else float("nan"))


def _of_trials(
    connection: sqlalchemy.Connection, select: str, campaign_id: int, *, order: str = "x.trial_id"
) -> list[Any]:
    joined = f"{select} JOIN corebound_slots s ON s.trial_id = x.trial_id AND s.campaign_id = :campaign"
    statement = text(f"{joined} ORDER BY {order}")
    return list(connection.execute(statement, {"campaign": campaign_id}).all())
