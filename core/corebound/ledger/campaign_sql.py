"""The statements by which campaigns are made with their study and slots, begun, ended, and found.

Those of one change run inside one transaction of the door's. What a campaign's end or a new begin takes from its slots is in
the order in which it is to run: what was used is added up before the leases that say so are gone.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import text

ADD: Final = text("""
    INSERT INTO corebound_campaigns (uid, name, specification, study_name, study_id, trials, retries,
        retry_exceptions, heartbeat_seconds, lease_seconds, artifacts, folder)
    VALUES (coalesce(cast(:uid AS uuid), gen_random_uuid()), :name, cast(:specification AS jsonb), :name,
        :study, :trials, :retries, :retry_exceptions, :heartbeat, :lease, :artifacts, :folder)
""")
ADD_SLOTS: Final = text("""
    INSERT INTO corebound_slots (campaign_id, slot)
    SELECT :campaign, slot FROM generate_series(cast(:first AS integer), :trials - 1) AS slot
    ON CONFLICT DO NOTHING
""")
ADD_STUDY: Final = text("INSERT INTO studies (study_name) VALUES (:name) ON CONFLICT DO NOTHING RETURNING study_id")
ADD_DIRECTION: Final = text("""
    INSERT INTO study_directions (study_id, objective, direction)
    VALUES (:study, :objective, cast(:direction AS studydirection))
""")
SET_STUDY_ATTRIBUTE: Final = text(
    "INSERT INTO study_system_attributes (study_id, key, value_json) VALUES (:study, :key, :value)"
)
METRIC_NAMES_ATTRIBUTE: Final = "study:metric_names"
"""Where Optuna keeps the names of a study's objectives."""
TRIALS_OF_STUDY: Final = text("SELECT count(*) FROM trials JOIN studies USING (study_id) WHERE study_name = :name")
STUDY_NAMES: Final = text("SELECT study_name FROM studies")
ARTIFACTS: Final = text("SELECT artifacts FROM corebound_campaigns")
RENAME_STUDY: Final = text("UPDATE studies SET study_name = :kept WHERE study_name = :name")
RENAME: Final = text("UPDATE corebound_campaigns SET name = :kept, study_name = :kept WHERE name = :name")
CHANGE: Final = text("""
    UPDATE corebound_campaigns SET specification = cast(:specification AS jsonb), trials = :trials,
        folder = coalesce(:folder, folder)
    WHERE campaign_id = :campaign
""")
ALL: Final = text("SELECT * FROM corebound_campaigns ORDER BY campaign_id")
OF_NAME: Final = text("SELECT * FROM corebound_campaigns WHERE name = :name")
OF_UID: Final = text("SELECT * FROM corebound_campaigns WHERE uid = :uid")
OF_ID: Final = text("SELECT * FROM corebound_campaigns WHERE campaign_id = :campaign")
ENDED_LONG_AGO: Final = text("""
    SELECT * FROM corebound_campaigns
    WHERE phase IN ('Succeeded', 'Failed') AND finished_at < clock_timestamp() - :age
      AND NOT uid = ANY(cast(:keep AS uuid[])) ORDER BY campaign_id
""")
LOCKED_PHASE: Final = text("SELECT phase FROM corebound_campaigns WHERE campaign_id = :campaign FOR UPDATE")
ATTENDED: Final = text("""
    SELECT EXISTS (
        SELECT 1 FROM pg_locks JOIN pg_database d ON d.oid = database AND d.datname = current_database()
        WHERE locktype = 'advisory' AND granted AND classid = cast(:kind AS bigint)
          AND objid = (cast(hashtext(current_schema() || '/' || :name) AS bigint) & 4294967295)
    ) OR EXISTS (
        SELECT 1 FROM corebound_workers
        WHERE campaign_id = :campaign AND ended_at IS NULL AND seen_at > clock_timestamp() - make_interval(secs => :lease)
    )
""")

# Of all plans the first and the newest one are kept; when they were decided is the database's time.
_PLANS: Final = """
    CASE WHEN cast(:plan AS jsonb) IS NULL THEN plans ELSE jsonb_path_query_array(plans, '$[0]')
        || (cast(:plan AS jsonb) || jsonb_build_object('decided_at', clock_timestamp())) END
"""
# A run that ended without a word was active until its workers were last seen.
BEGIN: Final = text(f"""
    UPDATE corebound_campaigns SET phase = 'Running', reason = NULL, message = NULL, stop_requested = NULL,
        finished_at = NULL, threads = :threads, workers = :workers, cores = :cores,
        started_at = coalesce(started_at, clock_timestamp()),
        active_seconds = active_seconds + extract(epoch FROM greatest(interval '0', (
            SELECT max(seen_at) FROM corebound_workers w WHERE w.campaign_id = :campaign
        ) - active_since)),
        active_since = clock_timestamp(), plans = {_PLANS}
    WHERE campaign_id = :campaign
""")
COUNT_TIME: Final = text("""
    UPDATE corebound_campaigns SET active_since = CASE WHEN :counts THEN clock_timestamp() END,
        active_seconds = active_seconds + coalesce(extract(epoch FROM clock_timestamp() - active_since), 0)
    WHERE campaign_id = :campaign
""")
KEEP_PLAN: Final = text(f"UPDATE corebound_campaigns SET plans = {_PLANS} WHERE campaign_id = :campaign")
REQUEST_STOP: Final = text("""
    UPDATE corebound_campaigns SET stop_requested = coalesce(stop_requested, :reason)
    WHERE campaign_id = :campaign
""")
END: Final = text("""
    UPDATE corebound_campaigns SET phase = :phase, reason = :reason, message = :message,
        finished_at = CASE WHEN :final THEN clock_timestamp() END,
        active_seconds = active_seconds + coalesce(extract(epoch FROM clock_timestamp() - active_since), 0),
        active_since = NULL
    WHERE campaign_id = :campaign
""")

_TAKE_LEASES: Final = text("""
    UPDATE corebound_slots s SET cpu_seconds = s.cpu_seconds + l.cpu_seconds FROM corebound_leases l
    WHERE s.campaign_id = :campaign AND l.campaign_id = s.campaign_id AND l.slot = s.slot
""")
_DROP_LEASES: Final = text("DELETE FROM corebound_leases WHERE campaign_id = :campaign")
TAKE_SLOTS_BACK: Final = (
    _TAKE_LEASES,
    _DROP_LEASES,
    text("""
        UPDATE corebound_slots SET state = 'open', attempt = attempt + 1 WHERE campaign_id = :campaign AND state = 'running'
    """),
    text("""
        UPDATE corebound_workers SET ended_at = seen_at, message = 'gone without a word'
        WHERE campaign_id = :campaign AND ended_at IS NULL
    """),
)
# A trial that was told before its worker was gone has its result, whatever ends the campaign.
CLOSE_WHAT_WAS_TOLD: Final = (
    _TAKE_LEASES,
    _DROP_LEASES,
    text("""
        UPDATE corebound_slots s SET attempt = attempt + 1, finished_at = clock_timestamp(),
            state = CASE t.state WHEN 'COMPLETE' THEN 'succeeded' WHEN 'PRUNED' THEN 'pruned' ELSE 'failed' END,
            error = CASE t.state WHEN 'FAIL' THEN 'the trial was told before its worker was lost' END
        FROM trials t WHERE s.campaign_id = :campaign AND s.state IN ('open', 'running')
          AND t.trial_id = s.trial_id AND t.state IN ('COMPLETE', 'PRUNED', 'FAIL')
    """),
)
STILL_RUNNING: Final = text("""
    SELECT s.slot, s.attempt, s.trial_id FROM corebound_slots s JOIN trials t ON t.trial_id = s.trial_id
    WHERE s.campaign_id = :campaign AND s.state IN ('open', 'running') AND t.state = 'RUNNING' FOR UPDATE OF s
""")
FAIL_TRIAL: Final = text("""
    UPDATE trials SET state = 'FAIL', datetime_complete = timezone('utc', clock_timestamp()) WHERE trial_id = :trial
""")
SKIP_WHAT_IS_LEFT: Final = text("""
    UPDATE corebound_slots SET state = 'skipped', error = :message, attempt = attempt + 1, finished_at = clock_timestamp()
    WHERE campaign_id = :campaign AND state IN ('open', 'running')
""")
DROP_CHECKPOINTS: Final = text("""
    DELETE FROM corebound_checkpoints k USING corebound_slots s WHERE k.campaign_id = :campaign
      AND s.campaign_id = k.campaign_id AND s.slot = k.slot AND s.state NOT IN ('open', 'running')
""")
