-- What a slot's trial came to, one value an objective: a campaign's best is found without a look at Optuna's tables.
-- NULL for what did not succeed and for trials that break a constraint.
ALTER TABLE corebound_slots ADD COLUMN results double precision[];

CREATE FUNCTION corebound_results(told integer) RETURNS double precision[] LANGUAGE sql STABLE AS
$$
    SELECT array_agg(CASE value_type::text WHEN 'INF_POS' THEN 'Infinity'::double precision
                         WHEN 'INF_NEG' THEN '-Infinity'::double precision ELSE value END ORDER BY objective)
    FROM trial_values
    WHERE trial_id = told AND NOT EXISTS (
        SELECT 1 FROM trial_system_attributes a
        WHERE a.trial_id = told AND a.key LIKE 'constraints:%' AND a.value_json::double precision > 0)
$$;

-- Slots are closed in several ways; whichever it is, the result is kept with it.
CREATE FUNCTION corebound_keep_results() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN NEW.results := corebound_results(NEW.trial_id); RETURN NEW; END $$;
CREATE TRIGGER corebound_keep_results BEFORE UPDATE ON corebound_slots
    FOR EACH ROW WHEN (NEW.state = 'succeeded' AND OLD.state <> 'succeeded') EXECUTE FUNCTION corebound_keep_results();

UPDATE corebound_slots SET results = corebound_results(trial_id) WHERE state = 'succeeded';

CREATE INDEX corebound_slots_best ON corebound_slots (campaign_id, (results[1]), trial_id) WHERE results IS NOT NULL;
CREATE INDEX corebound_slots_failed ON corebound_slots (campaign_id, finished_at) WHERE state = 'failed';
