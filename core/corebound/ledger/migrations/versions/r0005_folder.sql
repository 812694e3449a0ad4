ALTER TABLE corebound_campaigns ADD COLUMN folder text;

-- A function can only be replaced as a whole; what is new are the lines about an enqueued trial.
-- The trial of a freshly claimed slot: the one it has (a cut connection hid the answer), an enqueued one, else a new one.
CREATE OR REPLACE FUNCTION corebound_create_trial(study integer, writer text, writer_attempt text, fixed text) RETURNS integer
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
        -- Whoever enqueued it may have given it attributes: no attempt wrote them, so none takes them back.
        INSERT INTO trial_system_attributes (trial_id, key, value_json)
        VALUES (made, 'corebound:slot', found_slot.slot::text),
               (made, 'corebound:enqueued', (SELECT coalesce(jsonb_object_agg(key, value_json), '{}')::text
                                             FROM trial_user_attributes WHERE trial_id = made))
        ON CONFLICT (trial_id, key) DO UPDATE SET value_json = excluded.value_json;
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
