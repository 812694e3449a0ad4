"""The statements by which slots are claimed, closed, given back and taken back to their checkpoint.

The usual claim and the usual close are one statement each; the others run inside a transaction that holds the slot's row.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import text

_CLAIMABLE: Final = """
    SELECT s.slot, s.state, s.attempt, s.starts, s.lost_attempts, s.trial_id, t.state::text AS trial_state, c.retries,
           c.lease_seconds, c.artifacts IS NOT NULL AS keeps_files
    FROM corebound_campaigns c
    JOIN corebound_slots s ON s.campaign_id = c.campaign_id AND s.state IN ('open', 'running')
    LEFT JOIN corebound_leases l ON l.campaign_id = s.campaign_id AND l.slot = s.slot
    LEFT JOIN trials t ON t.trial_id = s.trial_id
    WHERE c.campaign_id = :campaign AND c.stop_requested IS NULL AND c.phase IN ('Pending', 'Running')
      AND (s.state = 'open' OR l.slot IS NULL OR l.expires_at = '-infinity' OR (
          l.expires_at < clock_timestamp()
          AND clock_timestamp() > pg_postmaster_start_time() + make_interval(secs => c.lease_seconds)))
"""
_FIRST: Final = " ORDER BY s.slot LIMIT 1"
CANDIDATE: Final = text(_CLAIMABLE + _FIRST + " FOR UPDATE OF s SKIP LOCKED")
ANY_LEFT: Final = text(_CLAIMABLE + _FIRST)
STILL: Final = text(_CLAIMABLE + " AND s.slot = :slot")
TAKE: Final = text("""
    WITH taken AS (
        UPDATE corebound_slots s SET state = 'running', attempt = attempt + 1, starts = starts + 1,
               lost_attempts = :lost, error = NULL, cpu_seconds = s.cpu_seconds + coalesce(
                   (SELECT l.cpu_seconds FROM corebound_leases l WHERE l.campaign_id = :campaign AND l.slot = :slot), 0),
               started_at = coalesce(started_at, clock_timestamp())
        WHERE campaign_id = :campaign AND slot = :slot RETURNING attempt, starts
    ), lease AS (
        INSERT INTO corebound_leases (campaign_id, slot, attempt, worker_id, expires_at)
        SELECT :campaign, :slot, attempt, :worker, clock_timestamp() + make_interval(secs => :lease) FROM taken
        ON CONFLICT (campaign_id, slot) DO UPDATE SET attempt = excluded.attempt, worker_id = excluded.worker_id,
            claimed_at = excluded.claimed_at, expires_at = excluded.expires_at, step = NULL, steps = NULL,
            last_value = NULL, last_report_at = NULL, cpu_seconds = 0
    )
    SELECT attempt, starts, EXISTS (SELECT 1 FROM corebound_checkpoints WHERE campaign_id = :campaign AND slot = :slot),
           pg_advisory_xact_lock_shared(-:worker)
    FROM taken
""")
# A claim whose answer was lost may be in the middle of its commit: its worker's lock is waited for first.
WAIT_FOR_OWN: Final = text("SELECT pg_advisory_xact_lock(-:worker)")
OWN: Final = text("""
    SELECT s.slot, s.attempt, s.starts, s.trial_id, s.lost_attempts, EXISTS (
        SELECT 1 FROM corebound_checkpoints k WHERE k.campaign_id = s.campaign_id AND k.slot = s.slot) AS has_checkpoint
    FROM corebound_leases l JOIN corebound_slots s USING (campaign_id, slot, attempt)
    WHERE l.campaign_id = :campaign AND l.worker_id = :worker AND s.state = 'running'
""")
# The usual claim, of the first open slot when nobody has begun it and no lease before it has run out, in one statement. Any
# other candidate is only named: it needs a look. Leases are looked at alone: each claim would else pass by all that runs.
TAKE_NEW: Final = text("""
    WITH campaign AS (
        SELECT lease_seconds, clock_timestamp() > pg_postmaster_start_time() + make_interval(secs => lease_seconds) AS settled
        FROM corebound_campaigns
        WHERE campaign_id = :campaign AND stop_requested IS NULL AND phase IN ('Pending', 'Running')
    ), expired AS (
        SELECT min(l.slot) AS slot FROM campaign c JOIN corebound_leases l ON l.campaign_id = :campaign
        WHERE l.expires_at = '-infinity' OR (c.settled AND l.expires_at < clock_timestamp())
    ), candidate AS (
        SELECT s.slot, s.trial_id, c.lease_seconds
        FROM campaign c JOIN corebound_slots s ON s.campaign_id = :campaign AND s.state = 'open'
        ORDER BY s.slot LIMIT 1 FOR UPDATE OF s SKIP LOCKED
    ), taken AS (
        UPDATE corebound_slots s SET state = 'running', attempt = s.attempt + 1, starts = s.starts + 1, error = NULL,
               started_at = coalesce(s.started_at, clock_timestamp())
        FROM candidate c, expired e
        WHERE s.campaign_id = :campaign AND s.slot = c.slot AND c.trial_id IS NULL AND (e.slot IS NULL OR e.slot > c.slot)
        RETURNING s.slot, s.attempt, s.starts, s.lost_attempts, c.lease_seconds
    ), lease AS (
        INSERT INTO corebound_leases (campaign_id, slot, attempt, worker_id, expires_at)
        SELECT :campaign, slot, attempt, :worker, clock_timestamp() + make_interval(secs => lease_seconds) FROM taken
        ON CONFLICT (campaign_id, slot) DO UPDATE SET attempt = excluded.attempt, worker_id = excluded.worker_id,
            claimed_at = excluded.claimed_at, expires_at = excluded.expires_at, step = NULL, steps = NULL,
            last_value = NULL, last_report_at = NULL, cpu_seconds = 0
    )
    SELECT c.slot, t.attempt, t.starts, t.lost_attempts, pg_advisory_xact_lock_shared(-:worker)
    FROM candidate c LEFT JOIN taken t ON true
""")
# The usual close, of a trial that has been told, in one statement; it finds nothing where something else is the matter.
CLOSE_TOLD: Final = text("""
    WITH held AS (
        SELECT s.slot, t.state::text AS trial_state FROM corebound_slots s JOIN trials t ON t.trial_id = s.trial_id
        WHERE s.campaign_id = :campaign AND s.slot = :slot AND s.attempt = :attempt AND s.state = 'running'
          AND t.state IN ('COMPLETE', 'PRUNED', 'FAIL') FOR UPDATE OF s
    ), gone AS (
        DELETE FROM corebound_leases WHERE campaign_id = :campaign AND slot IN (SELECT slot FROM held)
    ), dropped AS (
        DELETE FROM corebound_checkpoints WHERE campaign_id = :campaign AND slot IN (SELECT slot FROM held)
    )
    UPDATE corebound_slots s SET closed_attempt = attempt, error = :error, artifacts = :artifacts,
        cpu_seconds = cpu_seconds + :cpu, finished_at = clock_timestamp(),
        state = CASE held.trial_state WHEN 'COMPLETE' THEN 'succeeded' WHEN 'PRUNED' THEN 'pruned' ELSE 'failed' END
    FROM held WHERE s.campaign_id = :campaign AND s.slot = held.slot RETURNING s.state
""")
CLOSE: Final = text("""
    WITH gone AS (DELETE FROM corebound_leases WHERE campaign_id = :campaign AND slot = :slot),
    dropped AS (DELETE FROM corebound_checkpoints WHERE campaign_id = :campaign AND slot = :slot)
    UPDATE corebound_slots SET state = :state, closed_attempt = attempt, error = :error,
           cpu_seconds = cpu_seconds + :cpu, finished_at = clock_timestamp()
    WHERE campaign_id = :campaign AND slot = :slot
""")
# A new trial must not go on from the checkpoint of the one before it.
REOPEN: Final = text("""
    WITH gone AS (DELETE FROM corebound_leases WHERE campaign_id = :campaign AND slot = :slot),
    dropped AS (DELETE FROM corebound_checkpoints WHERE campaign_id = :campaign AND slot = :slot AND :fresh)
    UPDATE corebound_slots SET state = 'open', error = :error, lost_attempts = :lost,
           attempt = attempt + 1, cpu_seconds = cpu_seconds + :cpu, trial_id = CASE WHEN :fresh THEN NULL ELSE trial_id END
    WHERE campaign_id = :campaign AND slot = :slot
""")
# A trial without a checkpoint goes back to what it was enqueued with, if it was.
TAKEN_BACK_TO: Final = text("""
    SELECT coalesce(k.last_intermediate_id, 0), coalesce(k.user_attributes::text, e.value_json, '{}'),
           coalesce(k.system_attributes::text, '{}')
    FROM (SELECT) AS one
    LEFT JOIN (
        SELECT * FROM corebound_checkpoints WHERE campaign_id = :campaign AND slot = :slot ORDER BY checkpoint_id DESC LIMIT 1
    ) k ON true
    LEFT JOIN trial_system_attributes e ON e.trial_id = :trial AND e.key = 'corebound:enqueued'
""")
# What the dead attempt wrote after its checkpoint would bend the carried-on trial's curve; parameters stay.
TAKE_BACK: Final = (
    "DELETE FROM trial_intermediate_values WHERE trial_id = :trial AND trial_intermediate_value_id > :last",
    "DELETE FROM trial_user_attributes WHERE trial_id = :trial",
    "DELETE FROM trial_system_attributes WHERE trial_id = :trial AND corebound_is_progress(key)",
    "INSERT INTO trial_user_attributes (trial_id, key, value_json) "
    "SELECT :trial, key, value FROM jsonb_each_text(cast(:user AS jsonb))",
    "INSERT INTO trial_system_attributes (trial_id, key, value_json) "
    "SELECT :trial, key, value FROM jsonb_each_text(cast(:system AS jsonb))",
)
