"""A campaign in constant size, whatever its number of trials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from corebound.api.records import BestTrial, CampaignRecord, LedgerSummary, SlotState
from corebound.ledger.connection import storage_errors
from corebound.ledger.rows import external_value, stored_value

if TYPE_CHECKING:
    import sqlalchemy

_COUNTS: Final = text("""
    SELECT s.state, count(*) AS count,
           count(*) FILTER (WHERE s.state = 'open' OR l.expires_at < clock_timestamp()) AS claimable,
           min(s.started_at) AS first_claim, max(s.finished_at) AS last_close
    FROM corebound_slots s LEFT JOIN corebound_leases l USING (campaign_id, slot)
    WHERE s.campaign_id = :campaign GROUP BY s.state
""")
# A trial that was stopped and carried on later did not run all the time between: it counts only where there is no other.
_MEAN_SECONDS: Final = text("""
    SELECT coalesce(avg(extract(epoch FROM s.finished_at - s.started_at)) FILTER (WHERE s.starts = 1),
                    avg(s.cpu_seconds / coalesce(c.threads, 1)))::float
    FROM corebound_slots s JOIN corebound_campaigns c USING (campaign_id)
    WHERE s.campaign_id = :campaign AND s.state IN ('succeeded', 'pruned')
""")
_WORKERS: Final = text("""
    SELECT count(*) FILTER (WHERE ended_at IS NULL), coalesce(sum((telemetry->>'cpu_seconds')::float), 0),
           coalesce(sum(threads * (telemetry->>'wall_seconds')::float), 0),
           coalesce(sum((telemetry->>'throttled_seconds')::float), 0)
    FROM corebound_workers WHERE campaign_id = :campaign
""")
# Trials without a slot, copies of another study's among them, are no result of this campaign.
_FEASIBLE: Final = """
    FROM corebound_slots s JOIN trials t ON t.trial_id = s.trial_id JOIN trial_values v ON v.trial_id = t.trial_id
    WHERE s.campaign_id = :campaign AND t.state = 'COMPLETE' AND NOT EXISTS (
        SELECT 1 FROM trial_system_attributes a WHERE a.trial_id = t.trial_id AND a.key LIKE 'constraints:%'
          AND a.value_json::float > 0)
"""
_BEST: Final = f"""
    SELECT t.trial_id, t.number, s.slot, v.value, v.value_type::text {_FEASIBLE} AND v.objective = 0
    ORDER BY CASE v.value_type::text WHEN 'INF_POS' THEN 'Infinity'::float WHEN 'INF_NEG' THEN '-Infinity'::float
             ELSE v.value END {{direction}}, t.number LIMIT 1
"""
_LAST_ERROR: Final = text("""
    SELECT error FROM corebound_slots WHERE campaign_id = :campaign AND state = 'failed' ORDER BY finished_at DESC LIMIT 1
""")
_FIRST_CLOSED: Final = text("""
    SELECT state FROM corebound_slots WHERE campaign_id = :campaign AND finished_at IS NOT NULL AND state <> 'skipped'
    ORDER BY finished_at LIMIT 5
""")


class Summaries:
    """The door to summaries."""

    def __init__(self, engine: sqlalchemy.Engine) -> None:
        self._engine = engine

    def of(self, campaign: CampaignRecord, *, maximize: list[bool]) -> LedgerSummary:
        """The campaign as it stands now; ``maximize`` has one entry per objective."""
        with storage_errors(self._engine), self._engine.begin() as connection:
            values = {"campaign": campaign.campaign_id}
            now = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
            groups = connection.execute(_COUNTS, values).mappings().all()
            live, cpu, reserved, throttled = connection.execute(_WORKERS, values).one()
            first_closed = connection.execute(_FIRST_CLOSED, values).scalars().all()
            counts = {SlotState(group["state"]): group["count"] for group in groups}
            one = len(maximize) == 1
            return LedgerSummary(
                campaign=campaign,
                now=now,
                counts=counts,
                claimable=sum(group["claimable"] for group in groups if group["state"] in ("open", "running")),
                live_workers=live,
                best=_best(connection, campaign, maximize=maximize[0]) if one else None,
                front_size=None if one else _front_size(connection, campaign, maximize=maximize),
                cpu_seconds=cpu,
                worker_seconds=reserved,
                throttled_seconds=throttled,
                mean_trial_seconds=connection.execute(_MEAN_SECONDS, values).scalar(),
                first_claim_at=min((g["first_claim"] for g in groups if g["first_claim"]), default=None),
                last_close_at=max((g["last_close"] for g in groups if g["last_close"]), default=None),
                failed_first=len(first_closed) >= min(5, campaign.trials)
                and all(state == "failed" for state in first_closed),
                last_error=connection.execute(_LAST_ERROR, values).scalar(),
            )


def _best(connection: sqlalchemy.Connection, campaign: CampaignRecord, *, maximize: bool) -> BestTrial | None:
    direction = "DESC" if maximize else "ASC"
    row = connection.execute(
        text(_BEST.replace("{direction}", direction)), {"campaign": campaign.campaign_id}
    ).one_or_none()
    if row is None:
        return None
    params: dict[str, Any] = {
        name: external_value(value, distribution)
        for name, value, distribution in connection.execute(
            text(
                "SELECT param_name, param_value, distribution_json FROM trial_params WHERE trial_id = :trial "
                "ORDER BY param_id"
            ),
            {"trial": row[0]},
        )
    }
    return BestTrial(slot=row[2], number=row[1], value=stored_value(row[3], row[4]), params=params)


def _front_size(connection: sqlalchemy.Connection, campaign: CampaignRecord, *, maximize: list[bool]) -> int:
    """How many feasible trials no other one beats in all objectives."""
    rows = connection.execute(
        text(f"SELECT t.trial_id, v.objective, v.value, v.value_type::text {_FEASIBLE}"),
        {"campaign": campaign.campaign_id},
    )
    points: dict[int, list[float]] = {}
    for trial, objective, value, kind in rows:
        sign = -1.0 if maximize[objective] else 1.0
        points.setdefault(trial, [0.0] * len(maximize))[objective] = sign * stored_value(value, kind)
    unique = sorted({tuple(point) for point in points.values()})
    front: list[tuple[float, ...]] = []
    for point in unique:
        if not any(all(a <= b for a, b in zip(other, point, strict=True)) for other in front):
            front.append(point)
    return sum(tuple(point) in set(front) for point in points.values())
