"""What a worker's storage says to the database: one statement a call, each fenced by the writer's name within it."""

from __future__ import annotations

import math
from typing import Final

from sqlalchemy import text

# The writer is named in the same statement, before the row that the fence judges exists: one round trip, one transaction.
_WRITER: Final = """
    WITH writer AS MATERIALIZED (
        SELECT set_config('corebound.slot', :writer_slot, true), set_config('corebound.attempt', :writer_attempt, true))
"""
CREATE: Final = text("SELECT corebound_create_trial(:study, :writer_slot, :writer_attempt, :fixed)")
SET_PARAM: Final = text(f"""{_WRITER}
    INSERT INTO trial_params (trial_id, param_name, param_value, distribution_json)
    SELECT :trial, :name, :value, :distribution FROM writer
    ON CONFLICT (trial_id, param_name) DO UPDATE
    SET param_value = excluded.param_value, distribution_json = excluded.distribution_json
""")
REPORT: Final = text(f"""{_WRITER}
    INSERT INTO trial_intermediate_values (trial_id, step, intermediate_value, intermediate_value_type)
    SELECT :trial, :step, :value, cast(:kind AS trialintermediatevaluetype) FROM writer
    ON CONFLICT (trial_id, step) DO UPDATE
    SET intermediate_value = excluded.intermediate_value, intermediate_value_type = excluded.intermediate_value_type
""")
_SET_ATTRIBUTE: Final = f"""{_WRITER}
    INSERT INTO %s (trial_id, key, value_json) SELECT :trial, :key, :value FROM writer
    ON CONFLICT (trial_id, key) DO UPDATE SET value_json = excluded.value_json
"""
SET_USER_ATTRIBUTE: Final = text(_SET_ATTRIBUTE % "trial_user_attributes")
SET_SYSTEM_ATTRIBUTE: Final = text(_SET_ATTRIBUTE % "trial_system_attributes")
TELL: Final = text(f"""{_WRITER}, told AS (
        UPDATE trials SET state = cast(:state AS trialstate), datetime_complete = timezone('utc', clock_timestamp())
        FROM writer WHERE trial_id = :trial AND state = 'RUNNING' RETURNING trial_id
    ), kept AS (
        INSERT INTO trial_values (trial_id, objective, value, value_type)
        SELECT trial_id, objective - 1, value, cast(kind AS trialvaluetype) FROM told, unnest(
            cast(:values AS double precision[]), cast(:kinds AS text[])) WITH ORDINALITY AS given(value, kind, objective)
        ON CONFLICT (trial_id, objective) DO UPDATE SET value = excluded.value, value_type = excluded.value_type
    )
    SELECT trial_id FROM told
""")
ONE_DISTRIBUTION: Final = text("""
    SELECT distribution_json FROM trial_params JOIN trials USING (trial_id)
    WHERE study_id = :study AND param_name = :name LIMIT 1
""")
STUDY_ID: Final = text("SELECT study_id FROM studies WHERE study_name = :name")
STUDY_NAME: Final = text("SELECT study_name FROM studies WHERE study_id = :study")
DIRECTIONS: Final = text("SELECT direction::text FROM study_directions WHERE study_id = :study ORDER BY objective")
STUDY_SYSTEM_ATTRIBUTES: Final = text("SELECT key, value_json FROM study_system_attributes WHERE study_id = :study")
STUDY_USER_ATTRIBUTES: Final = text("SELECT key, value_json FROM study_user_attributes WHERE study_id = :study")


def stored_form(value: float) -> tuple[float | None, str]:
    """A value and its kind: Optuna keeps what is not finite in a column of its own."""
    if math.isnan(value):
        return None, "NAN"
    if math.isinf(value):
        return None, "INF_POS" if value > 0 else "INF_NEG"
    return value, "FINITE"
