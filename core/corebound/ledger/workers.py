"""Workers and their heartbeats: telemetry and the renewal of the lease in one statement."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from corebound.api.records import Beat, RunsOn, SlotProgress, WorkerRow, WorkerTelemetry
from corebound.ledger.connection import storage_errors
from corebound.ledger.slots import cleaned

if TYPE_CHECKING:
    import sqlalchemy

    from corebound.api.records import SlotClaim

# Telemetry is kept ever more rarely as a worker gets older: all heartbeats of 140 workers would be 0.6 GB a day. Each has
# totals, so that what lies between two that are kept is not lost.
_BEAT: Final = text("""
    WITH worker AS (
        UPDATE corebound_workers SET seen_at = clock_timestamp(), telemetry = cast(:telemetry AS jsonb)
        WHERE worker_id = :worker RETURNING started_at
    ), sample AS (
        INSERT INTO corebound_worker_samples (worker_id, at, telemetry)
        SELECT :worker, clock_timestamp(), cast(:telemetry AS jsonb) FROM worker WHERE NOT EXISTS (
            SELECT 1 FROM corebound_worker_samples
            WHERE worker_id = :worker AND at > clock_timestamp() - (clock_timestamp() - started_at) / :kept_in_a_life)
    ), renewed AS (
        UPDATE corebound_leases l SET expires_at = clock_timestamp() + make_interval(secs => c.lease_seconds),
            step = :step, steps = :steps, last_value = :value, cpu_seconds = :cpu,
            last_report_at = clock_timestamp() - make_interval(secs => :ago)
        FROM corebound_campaigns c
        WHERE l.campaign_id = :campaign AND l.slot = :slot AND l.attempt = :attempt AND c.campaign_id = l.campaign_id
        RETURNING 1
    )
    SELECT EXISTS (SELECT 1 FROM renewed),
           (SELECT stop_requested FROM corebound_campaigns
            WHERE campaign_id = (SELECT campaign_id FROM corebound_workers WHERE worker_id = :worker))
""")

KEPT_IN_A_LIFE: Final = 500
"""Samples of a worker's telemetry at least, where it has sent more, spread over the time that it has lived by now."""

_ONE_REGISTRATION: Final = text(
    "SELECT pg_advisory_xact_lock(hashtextextended(cast(:campaign AS text) || '/' || :name || '/' || :host, :pid))"
)
_REGISTERED: Final = text("""
    SELECT worker_id FROM corebound_workers
    WHERE campaign_id = :campaign AND name = :name AND host = :host AND pid = :pid AND ended_at IS NULL
    ORDER BY worker_id DESC LIMIT 1
""")
_REGISTER: Final = text("""
    INSERT INTO corebound_workers (campaign_id, name, host, pid, threads, cores, runs_on)
    VALUES (:campaign, :name, :host, :pid, :threads, :cores, cast(:runs_on AS jsonb)) RETURNING worker_id
""")


class Workers:
    """The door to workers."""

    def __init__(self, engine: sqlalchemy.Engine) -> None:
        self._engine = engine

    def register(
        self,
        campaign_id: int,
        *,
        name: str,
        host: str,
        pid: int,
        threads: int,
        cores: str,
        runs_on: RunsOn | None = None,
        again: bool = False,
    ) -> int:
        """A worker has started; returns its id. With ``again`` the answer to an earlier call of it was lost."""
        values = {
            "campaign": campaign_id,
            "name": name,
            "host": host,
            "pid": pid,
            "threads": threads,
            "cores": cores,
            "runs_on": None if runs_on is None else json.dumps(asdict(runs_on)),
        }
        with storage_errors(self._engine), self._engine.begin() as connection:
            # An earlier call may be in the middle of its commit.
            connection.execute(_ONE_REGISTRATION, values)
            known: int | None = connection.execute(_REGISTERED, values).scalar() if again else None
            if known is not None:
                return known
            worker_id: int = connection.execute(_REGISTER, values).scalar_one()
        return worker_id

    def beat(
        self,
        worker_id: int,
        telemetry: WorkerTelemetry,
        *,
        claim: SlotClaim | None = None,
        progress: SlotProgress | None = None,
    ) -> Beat:
        """Keep what was measured and renew the lease of ``claim``, in one statement."""
        progress = progress or SlotProgress()
        with storage_errors(self._engine), self._engine.begin() as connection:
            held, stop = connection.execute(
                _BEAT,
                {
                    "worker": worker_id,
                    "telemetry": json.dumps(asdict(telemetry)),
                    "kept_in_a_life": KEPT_IN_A_LIFE,
                    "campaign": claim.campaign_id if claim else -1,
                    "slot": claim.slot if claim else -1,
                    "attempt": claim.attempt if claim else -1,
                    "step": progress.step,
                    "steps": progress.steps,
                    "value": progress.last_value,
                    "cpu": progress.cpu_seconds,
                    "ago": progress.reported_ago,
                },
            ).one()
        return Beat(lease_held=held or claim is None, stop_requested=stop)

    def end(self, worker_id: int, *, exit_code: int, message: str | None, telemetry: WorkerTelemetry) -> None:
        """A worker goes, with its exit code and last line."""
        with storage_errors(self._engine), self._engine.begin() as connection:
            connection.execute(
                text("""
                    UPDATE corebound_workers SET seen_at = clock_timestamp(), ended_at = clock_timestamp(),
                        exit_code = :code, message = :message, telemetry = cast(:telemetry AS jsonb)
                    WHERE worker_id = :worker
                """),
                {
                    "worker": worker_id,
                    "code": exit_code,
                    "message": cleaned(message),
                    "telemetry": json.dumps(asdict(telemetry)),
                },
            )

    def bury(self, campaign_id: int, *, name: str, exit_code: int, message: str) -> None:
        """The supervisor saw this worker die without a word: its lease has run out, its slot can be carried on."""
        with storage_errors(self._engine), self._engine.begin() as connection:
            connection.execute(
                text("""
                    WITH dead AS (
                        UPDATE corebound_workers SET ended_at = clock_timestamp(), exit_code = :code, message = :message
                        WHERE campaign_id = :campaign AND name = :name AND ended_at IS NULL RETURNING worker_id
                    )
                    UPDATE corebound_leases SET expires_at = '-infinity' WHERE worker_id IN (SELECT worker_id FROM dead)
                """),
                {"campaign": campaign_id, "name": name, "code": exit_code, "message": cleaned(message)},
            )

    def rows(self, campaign_id: int) -> list[WorkerRow]:
        """All workers of the campaign, oldest first."""
        with storage_errors(self._engine), self._engine.begin() as connection:
            rows = connection.execute(
                text("SELECT * FROM corebound_workers WHERE campaign_id = :campaign ORDER BY worker_id"),
                {"campaign": campaign_id},
            ).mappings()
            return [
                WorkerRow(
                    **{name: row[name] for name in row if name not in ("campaign_id", "telemetry", "runs_on")},
                    telemetry=WorkerTelemetry(**row["telemetry"]),
                    runs_on=None if row["runs_on"] is None else RunsOn(**row["runs_on"]),
                )
                for row in rows
            ]
