"""A campaign in constant size, by one statement: one round trip, and one look at slots and leases.

Results stand beside the slots, so Optuna's tables are asked for the best trial's parameters only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from corebound.api.records import BestTrial, CampaignRecord, LedgerSummary, SlotState
from corebound.ledger.connection import storage_errors
from corebound.ledger.rows import external_value

if TYPE_CHECKING:
    from collections.abc import Sequence

    import sqlalchemy

FIRST_CLOSED: Final = 5
# A trial that was stopped and carried on later did not run all the time between: it counts only where there is no other.
# Trials without a slot, copies of another study's among them, are no result of this campaign.
# A lease has run out when a claim says so.
_SUMMARY: Final = text("""
    WITH groups AS (
        SELECT state, count(*) AS count, min(started_at) AS first_claim, min(finished_at) AS first_close,
            max(finished_at) AS last_close, count(*) FILTER (WHERE starts = 1) AS straight,
            sum(date_part('epoch', finished_at - started_at)) FILTER (WHERE starts = 1) AS straight_seconds,
            sum(cpu_seconds) AS cpu_seconds
        FROM corebound_slots WHERE campaign_id = :campaign GROUP BY state
    ), good AS (
        SELECT min(first_close) AS first_close, sum(straight_seconds) / nullif(sum(straight), 0) AS mean_seconds,
            sum(cpu_seconds) / nullif(sum(count), 0) AS mean_cpu
        FROM groups WHERE state IN ('succeeded', 'pruned')
    ), workers AS (
        SELECT coalesce(sum((telemetry->>'cpu_seconds')::float), 0) AS cpu,
            coalesce(sum(threads * (telemetry->>'wall_seconds')::float), 0) AS reserved,
            coalesce(sum((telemetry->>'throttled_seconds')::float), 0) AS throttled
        FROM corebound_workers WHERE campaign_id = :campaign
    ), best AS (
        SELECT slot, trial_id, results[1] AS value FROM corebound_slots
        WHERE campaign_id = :campaign AND :one AND results IS NOT NULL AND results[1] = CASE WHEN :maximize
            THEN (SELECT max(results[1]) FROM corebound_slots WHERE campaign_id = :campaign AND results IS NOT NULL)
            ELSE (SELECT min(results[1]) FROM corebound_slots WHERE campaign_id = :campaign AND results IS NOT NULL) END
        ORDER BY trial_id LIMIT 1
    )
    SELECT clock_timestamp() AS now, workers.*,
        (SELECT json_object_agg(state, count) FROM groups) AS counts,
        (SELECT min(first_claim) FROM groups) AS first_claim, (SELECT max(last_close) FROM groups) AS last_close,
        coalesce(good.mean_seconds, good.mean_cpu / coalesce(
            (SELECT threads FROM corebound_campaigns WHERE campaign_id = :campaign), 1)) AS mean_trial_seconds,
        (SELECT count(*) FROM corebound_leases WHERE campaign_id = :campaign AND (expires_at = '-infinity' OR (
            expires_at < clock_timestamp()
            AND clock_timestamp() > pg_postmaster_start_time() + make_interval(secs => :lease)))) AS expired,
        (SELECT count(*) FROM (
            SELECT 1 FROM corebound_slots WHERE campaign_id = :campaign AND state = 'failed'
              AND finished_at < coalesce(good.first_close, 'infinity') LIMIT :first) failures) AS failed_before_good,
        (SELECT error FROM corebound_slots WHERE campaign_id = :campaign AND state = 'failed'
         ORDER BY finished_at DESC LIMIT 1) AS last_error,
        (SELECT slot FROM best) AS best_slot, (SELECT value FROM best) AS best_value,
        (SELECT number FROM trials WHERE trial_id = (SELECT trial_id FROM best)) AS best_number,
        (SELECT json_agg(json_build_array(param_name, param_value, distribution_json) ORDER BY param_id) FROM trial_params
         WHERE trial_id = (SELECT trial_id FROM best)) AS best_params,
        CASE WHEN NOT :one THEN (SELECT json_agg(results) FROM corebound_slots
            WHERE campaign_id = :campaign AND results IS NOT NULL) END AS points
    FROM good, workers
""")


class Summaries:
    """The door to summaries."""

    def __init__(self, engine: sqlalchemy.Engine) -> None:
        self._engine = engine
        self._statements = engine.execution_options(isolation_level="AUTOCOMMIT")

    def of(self, campaign: CampaignRecord) -> LedgerSummary:
        """The campaign as it stands now."""
        maximize = campaign.maximize
        one = len(maximize) == 1
        first = min(FIRST_CLOSED, campaign.trials)
        values = {
            "campaign": campaign.campaign_id, "one": one, "maximize": maximize[0], "first": first,
            "lease": campaign.lease_seconds,
        }  # fmt: skip
        with storage_errors(self._engine), self._statements.connect() as connection:
            row = connection.execute(_SUMMARY, values).mappings().one()
        counts = {SlotState(state): count for state, count in row["counts"].items()}
        return LedgerSummary(
            campaign=campaign,
            now=row["now"],
            counts=counts,
            claimable=counts.get(SlotState.OPEN, 0) + row["expired"],
            best=_best(row),
            front_size=None if one else _front_size(row["points"] or [], maximize=maximize),
            cpu_seconds=row["cpu"],
            worker_seconds=row["reserved"],
            throttled_seconds=row["throttled"],
            mean_trial_seconds=row["mean_trial_seconds"],
            first_claim_at=row["first_claim"],
            last_close_at=row["last_close"],
            failed_first=row["failed_before_good"] >= first,
            last_error=row["last_error"],
        )


def _best(row: sqlalchemy.RowMapping) -> BestTrial | None:
    if row["best_slot"] is None:
        return None
    params: dict[str, Any] = {
        name: external_value(value, distribution) for name, value, distribution in row["best_params"] or ()
    }
    return BestTrial(slot=row["best_slot"], number=row["best_number"], value=row["best_value"], params=params)


def _front_size(results: Sequence[Sequence[float | str]], *, maximize: Sequence[bool]) -> int:
    """How many of these no other one beats in all objectives; infinities come as text."""
    signs = [-1.0 if up else 1.0 for up in maximize]
    points = [tuple(sign * float(value) for sign, value in zip(signs, each, strict=True)) for each in results]
    front: list[tuple[float, ...]] = []
    for point in sorted(set(points)):
        # With two objectives the last one found is the first to beat another.
        if not any(all(a <= b for a, b in zip(other, point, strict=True)) for other in reversed(front)):
            front.append(point)
    unbeaten = set(front)
    return sum(point in unbeaten for point in points)
