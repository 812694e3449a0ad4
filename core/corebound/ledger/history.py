"""What a campaign has been through, for reports: steps, the use of cores over time, the space that was searched.

Everything is thinned by the server, so that what crosses the wire has a bounded size: a day of 128 workers is a million
heartbeats, and 10,000 trials of 150 steps are 1.5 million values. What could go wrong: a campaign that still runs changes
between two of these questions, so figures made of them may differ by a trial.
"""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from corebound.api.records import CoreUse, Reports
from corebound.ledger.connection import storage_errors
from corebound.ledger.rows import stored_value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import sqlalchemy

_REPORTS: Final = text("""
    SELECT s.slot, count(*) AS count, max(x.step) AS last_step
    FROM trial_intermediate_values x JOIN corebound_slots s ON s.trial_id = x.trial_id AND s.campaign_id = :campaign
    GROUP BY s.slot
""")
_CURVES: Final = text("""
    WITH numbered AS (
        SELECT s.slot, x.step, x.intermediate_value AS value, x.intermediate_value_type::text AS kind,
               row_number() OVER (PARTITION BY s.slot ORDER BY x.step) - 1 AS place,
               count(*) OVER (PARTITION BY s.slot) AS count
        FROM trial_intermediate_values x JOIN corebound_slots s ON s.trial_id = x.trial_id
        WHERE s.campaign_id = :campaign AND s.slot = ANY(:slots)
    )
    SELECT slot, step, value, kind FROM numbered
    WHERE place % greatest(1, ceil(count / cast(:points AS float))::integer) = 0 OR place = count - 1 ORDER BY slot, step
""")
# A heartbeat belongs to the stretch in which it was sent; it covers the time since the one before that was kept.
_CORE_USE: Final = text("""
    WITH sample AS (
        SELECT x.worker_id, x.at, (x.telemetry->>'cpu_seconds')::float AS cpu, (x.telemetry->>'wall_seconds')::float AS wall,
               min(x.at) OVER () AS first, max(x.at) OVER () AS last
        FROM corebound_worker_samples x JOIN corebound_workers w USING (worker_id) WHERE w.campaign_id = :campaign
    ), covered AS (
        SELECT worker_id, at, first, last, cpu - lag(cpu, 1, 0) OVER worker AS cpu, wall - lag(wall, 1, 0) OVER worker AS wall
        FROM sample WINDOW worker AS (PARTITION BY worker_id ORDER BY at)
    )
    SELECT worker_id, max(at) AS ended_at, sum(wall) AS wall_seconds, sum(cpu) AS cpu_seconds FROM covered WHERE wall > 0
    GROUP BY worker_id, floor(extract(epoch FROM at - first) / greatest(extract(epoch FROM last - first), 1) * :stretches)
    ORDER BY worker_id, ended_at
""")
_DISTRIBUTIONS: Final = text("""
    SELECT DISTINCT x.param_name, x.distribution_json
    FROM trial_params x JOIN corebound_slots s ON s.trial_id = x.trial_id AND s.campaign_id = :campaign
    ORDER BY 1, 2
""")
_USER_ATTRIBUTES: Final = text("""
    SELECT x.key, x.value_json FROM trial_user_attributes x JOIN corebound_slots s ON s.trial_id = x.trial_id
    WHERE s.campaign_id = :campaign AND s.slot = :slot
""")


class History:
    """The door to what has been."""

    def __init__(self, engine: sqlalchemy.Engine) -> None:
        self._engine = engine

    def reports(self, campaign_id: int) -> dict[int, Reports]:
        """The steps reported by each slot's trial; slots that reported none are left out."""
        rows = self._rows(_REPORTS, campaign=campaign_id)
        return {row["slot"]: Reports(count=row["count"], last_step=row["last_step"]) for row in rows}

    def curves(
        self, campaign_id: int, *, slots: Sequence[int], points: int
    ) -> Mapping[int, Sequence[tuple[int, float]]]:
        """Steps and values of these slots, thinned evenly to about ``points`` each; the last step is always there."""
        found: dict[int, list[tuple[int, float]]] = defaultdict(list)
        for row in self._rows(_CURVES, campaign=campaign_id, slots=list(slots), points=points):
            found[row["slot"]].append((row["step"], stored_value(row["value"], row["kind"])))
        return dict(found)

    def core_use(self, campaign_id: int, *, stretches: int) -> list[CoreUse]:
        """What each worker used in each of about ``stretches`` stretches of the campaign's time."""
        return [CoreUse(**row) for row in self._rows(_CORE_USE, campaign=campaign_id, stretches=stretches)]

    def distributions(self, campaign_id: int) -> dict[str, list[dict[str, Any]]]:
        """The ranges, in Optuna's form, from which each parameter was drawn; several where the objective changes them."""
        found: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in self._rows(_DISTRIBUTIONS, campaign=campaign_id):
            found[row["param_name"]].append(json.loads(row["distribution_json"]))
        return dict(found)

    def user_attributes(self, campaign_id: int, *, slot: int) -> dict[str, Any]:
        """All of one slot's trial, our own among them."""
        return {
            row["key"]: json.loads(row["value_json"])
            for row in self._rows(_USER_ATTRIBUTES, campaign=campaign_id, slot=slot)
        }

    def server_version(self) -> str:
        """Of PostgreSQL, as it says itself."""
        return str(self._rows(text("SHOW server_version"))[0]["server_version"])

    def _rows(self, statement: sqlalchemy.TextClause, **values: Any) -> Sequence[Mapping[str, Any]]:
        with storage_errors(self._engine), self._engine.begin() as connection:
            return [dict(row) for row in connection.execute(statement, values).mappings()]
