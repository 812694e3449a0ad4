-- NULL for what did not succeed and for trials that break a constraint: one that was set by its name, or one of the list that a
-- sampler's constraints_func has answered, truth values too. The list is taken apart as text: NaN and Infinity are no JSON.
CREATE OR REPLACE FUNCTION corebound_results(told integer) RETURNS double precision[] LANGUAGE sql STABLE AS
$$
    SELECT array_agg(CASE value_type::text WHEN 'INF_POS' THEN 'Infinity'::double precision
                         WHEN 'INF_NEG' THEN '-Infinity'::double precision ELSE value END ORDER BY objective)
    FROM trial_values
    WHERE trial_id = told AND NOT EXISTS (
        SELECT 1 FROM trial_system_attributes a,
            regexp_split_to_table(CASE WHEN a.value_json <> 'null' THEN trim(both '[] ' from a.value_json) END, ',') AS one
        WHERE a.trial_id = told AND (a.key = 'constraints' OR a.key LIKE 'constraints:%')
          AND CASE trim(one) WHEN '' THEN 0 WHEN 'true' THEN 1 WHEN 'false' THEN 0 ELSE trim(one)::double precision END > 0)
$$;

UPDATE corebound_slots SET results = corebound_results(trial_id) WHERE state = 'succeeded';
