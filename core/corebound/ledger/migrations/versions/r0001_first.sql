CREATE TABLE corebound_campaigns (
    campaign_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uid uuid NOT NULL DEFAULT gen_random_uuid(),
    name text NOT NULL UNIQUE,
    specification jsonb NOT NULL,
    study_name text NOT NULL,
    study_id integer NOT NULL,
    trials integer NOT NULL,
    phase text NOT NULL DEFAULT 'Pending',
    reason text,
    message text,
    stop_requested text,
    retries integer NOT NULL,
    retry_exceptions boolean NOT NULL,
    heartbeat_seconds double precision NOT NULL,
    lease_seconds double precision NOT NULL,
    threads integer,
    workers integer,
    cores double precision,
    artifacts text,
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    finished_at timestamptz,
    -- The deadline counts active time: that of earlier runs, and since when this one goes on.
    active_seconds double precision NOT NULL DEFAULT 0,
    active_since timestamptz
);

-- The fence: what an attempt may write is decided by this row. Heartbeats touch leases only.
CREATE TABLE corebound_slots (
    campaign_id bigint NOT NULL REFERENCES corebound_campaigns ON DELETE CASCADE,
    slot integer NOT NULL,
    state text NOT NULL DEFAULT 'open',
    attempt integer NOT NULL DEFAULT 0,
    closed_attempt integer,
    starts integer NOT NULL DEFAULT 0,
    lost_attempts integer NOT NULL DEFAULT 0,
    trial_id integer,
    error text,
    artifacts text,
    cpu_seconds double precision NOT NULL DEFAULT 0,
    started_at timestamptz,
    finished_at timestamptz,
    PRIMARY KEY (campaign_id, slot)
);
CREATE INDEX corebound_slots_claimable ON corebound_slots (campaign_id, slot) WHERE state IN ('open', 'running');
-- Of its own: the one above also leads past every slot that runs, and a claim takes the first open one.
CREATE INDEX corebound_slots_open ON corebound_slots (campaign_id, slot) WHERE state = 'open';
CREATE UNIQUE INDEX corebound_slots_trial ON corebound_slots (trial_id) WHERE trial_id IS NOT NULL;

CREATE TABLE corebound_workers (
    worker_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    campaign_id bigint NOT NULL REFERENCES corebound_campaigns ON DELETE CASCADE,
    name text NOT NULL,
    host text NOT NULL,
    pid integer NOT NULL,
    threads integer NOT NULL,
    cores text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    seen_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    exit_code integer,
    message text,
    telemetry jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX corebound_workers_campaign ON corebound_workers (campaign_id);

CREATE TABLE corebound_leases (
    campaign_id bigint NOT NULL,
    slot integer NOT NULL,
    attempt integer NOT NULL,
    worker_id bigint NOT NULL,
    claimed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz NOT NULL,
    step integer,
    steps integer,
    last_value double precision,
    last_report_at timestamptz,
    cpu_seconds double precision NOT NULL DEFAULT 0,
    PRIMARY KEY (campaign_id, slot),
    FOREIGN KEY (campaign_id, slot) REFERENCES corebound_slots ON DELETE CASCADE
);

CREATE TABLE corebound_worker_samples (
    worker_id bigint NOT NULL REFERENCES corebound_workers ON DELETE CASCADE,
    at timestamptz NOT NULL DEFAULT now(),
    telemetry jsonb NOT NULL,
    PRIMARY KEY (worker_id, at)
);

CREATE TABLE corebound_checkpoints (
    checkpoint_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    campaign_id bigint NOT NULL,
    slot integer NOT NULL,
    attempt integer NOT NULL,
    step integer,
    payload bytea NOT NULL,
    last_intermediate_id bigint NOT NULL,
    user_attributes jsonb NOT NULL,
    system_attributes jsonb NOT NULL,
    saved_at timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (campaign_id, slot) REFERENCES corebound_slots ON DELETE CASCADE
);
CREATE INDEX corebound_checkpoints_slot ON corebound_checkpoints (campaign_id, slot, checkpoint_id);

-- Is this attribute one that an attempt writes as it goes, and so is taken back to the checkpoint with it?
CREATE FUNCTION corebound_is_progress(key text) RETURNS boolean LANGUAGE sql IMMUTABLE AS
$$ SELECT key LIKE 'constraints%' OR key LIKE 'completed\_rung\_%' $$;

CREATE FUNCTION corebound_refuse(reason text) RETURNS void LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'corebound fence: %', reason USING ERRCODE = 'CB001'; END $$;

-- Raises unless the writer of this transaction holds the newest attempt at the slot of trial `written`.
CREATE FUNCTION corebound_check_writer(written integer, is_attribute boolean) RETURNS void LANGUAGE plpgsql AS
$$
DECLARE
    fence record;
    writer text := coalesce(current_setting('corebound.slot', true), '');
BEGIN
    SELECT campaign_id, slot, attempt, closed_attempt INTO fence FROM corebound_slots WHERE trial_id = written FOR SHARE;
    IF NOT FOUND THEN
        -- A worker whose slot was given a new trial must not write to the old one either.
        IF writer <> '' AND EXISTS (
            SELECT 1 FROM trial_system_attributes WHERE trial_id = written AND key = 'corebound:slot'
        ) AND NOT EXISTS (
            SELECT 1 FROM corebound_slots
            WHERE campaign_id || '/' || slot = writer AND trial_id IS NULL
              AND attempt::text = current_setting('corebound.attempt', true)
        ) THEN
            PERFORM corebound_refuse('this trial was replaced');
        END IF;
        RETURN;
    END IF;
    IF writer = '' THEN
        IF NOT is_attribute THEN
            PERFORM corebound_refuse('this trial belongs to a slot, only the worker of its attempt may change it');
        END IF;
    ELSIF writer <> fence.campaign_id || '/' || fence.slot
       OR current_setting('corebound.attempt', true) <> fence.attempt::text
       OR fence.closed_attempt = fence.attempt THEN
        PERFORM corebound_refuse(format('slot %s is at attempt %s, the writer is not', fence.slot, fence.attempt));
    END IF;
END
$$;

-- Inserting a running trial gives it to the writer's slot, in the same transaction.
CREATE FUNCTION corebound_fence_trials() RETURNS trigger LANGUAGE plpgsql AS
$$
DECLARE
    writer text := coalesce(current_setting('corebound.slot', true), '');
    taken integer;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        PERFORM corebound_check_writer(OLD.trial_id, false);
    END IF;
    IF writer <> '' AND NEW.state = 'RUNNING' AND (TG_OP = 'INSERT' OR OLD.state = 'WAITING') THEN
        SELECT trial_id INTO taken FROM corebound_slots
        WHERE campaign_id = split_part(writer, '/', 1)::bigint AND slot = split_part(writer, '/', 2)::integer
          AND attempt::text = current_setting('corebound.attempt', true) AND state = 'running' FOR UPDATE;
        IF NOT FOUND THEN
            PERFORM corebound_refuse('the slot was given to another attempt');
        END IF;
        IF taken IS NOT NULL THEN
            RAISE EXCEPTION 'slot % has its trial already, its objective may not create another one', writer
                USING ERRCODE = 'CB002';
        END IF;
        UPDATE corebound_slots SET trial_id = NEW.trial_id
        WHERE campaign_id = split_part(writer, '/', 1)::bigint AND slot = split_part(writer, '/', 2)::integer;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER corebound_fence BEFORE INSERT OR UPDATE ON trials
    FOR EACH ROW EXECUTE FUNCTION corebound_fence_trials();

CREATE FUNCTION corebound_fence_values() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM corebound_check_writer(NEW.trial_id, false); RETURN NEW; END $$;
CREATE FUNCTION corebound_fence_attributes() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM corebound_check_writer(NEW.trial_id, true); RETURN NEW; END $$;
CREATE TRIGGER corebound_fence BEFORE INSERT OR UPDATE ON trial_params
    FOR EACH ROW EXECUTE FUNCTION corebound_fence_values();
CREATE TRIGGER corebound_fence BEFORE INSERT OR UPDATE ON trial_values
    FOR EACH ROW EXECUTE FUNCTION corebound_fence_values();
CREATE TRIGGER corebound_fence BEFORE INSERT OR UPDATE ON trial_intermediate_values
    FOR EACH ROW EXECUTE FUNCTION corebound_fence_values();
CREATE TRIGGER corebound_fence BEFORE INSERT OR UPDATE ON trial_user_attributes
    FOR EACH ROW EXECUTE FUNCTION corebound_fence_attributes();
CREATE TRIGGER corebound_fence BEFORE INSERT OR UPDATE ON trial_system_attributes
    FOR EACH ROW EXECUTE FUNCTION corebound_fence_attributes();

-- Of Optuna's tables: the newest number of a study, and trials that somebody has enqueued, without a scan.
CREATE INDEX corebound_trials_by_study ON trials (study_id, trial_id);
CREATE INDEX corebound_trials_waiting ON trials (study_id, trial_id) WHERE state = 'WAITING';

-- The trial of a freshly claimed slot: the one it has (a cut connection hid the answer), an enqueued one, else a new one.
CREATE FUNCTION corebound_create_trial(study integer, writer text, writer_attempt text, fixed text) RETURNS integer
LANGUAGE plpgsql AS
$$
DECLARE
    found_slot record;
    made integer;
    newest integer;
BEGIN
    PERFORM set_config('corebound.slot', writer, true), set_config('corebound.attempt', writer_attempt, true);
    -- The lock waits for an earlier call whose answer was lost while it was committing.
    SELECT slot, attempt, trial_id INTO found_slot FROM corebound_slots
    WHERE campaign_id = split_part(writer, '/', 1)::bigint AND slot = split_part(writer, '/', 2)::integer FOR UPDATE;
    IF found_slot.attempt::text IS DISTINCT FROM writer_attempt THEN
        PERFORM corebound_refuse('the slot was given to another attempt');
    END IF;
    IF found_slot.trial_id IS NOT NULL THEN
        RETURN found_slot.trial_id;
    END IF;
    UPDATE trials SET state = 'RUNNING', datetime_start = timezone('utc', clock_timestamp())
    WHERE trial_id = (SELECT trial_id FROM trials WHERE study_id = study AND state = 'WAITING' ORDER BY trial_id LIMIT 1
                      FOR UPDATE SKIP LOCKED)
    RETURNING trial_id INTO made;
    IF FOUND THEN
        RETURN made;
    END IF;
    -- Optuna gives numbers under this lock too, so they have no gap and follow the ids.
    PERFORM 1 FROM studies WHERE study_id = study FOR UPDATE;
    SELECT number INTO newest FROM trials WHERE study_id = study ORDER BY trial_id DESC LIMIT 1;
    INSERT INTO trials (number, study_id, state, datetime_start)
    VALUES (coalesce(newest, -1) + 1, study, 'RUNNING', timezone('utc', clock_timestamp())) RETURNING trial_id INTO made;
    INSERT INTO trial_system_attributes (trial_id, key, value_json)
    VALUES (made, 'corebound:slot', found_slot.slot::text), (made, 'fixed_params', fixed);
    RETURN made;
END
$$;
