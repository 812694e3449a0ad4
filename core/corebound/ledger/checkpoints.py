"""Checkpoints: opaque bytes, the newest two of each slot, with a mark of what Optuna held at that moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from corebound.api.errors import FencedError
from corebound.ledger.connection import storage_errors

if TYPE_CHECKING:
    import sqlalchemy

    from corebound.api.records import SlotClaim

_SAVE: Final = text("""
    WITH fence AS (
        SELECT trial_id FROM corebound_slots
        WHERE campaign_id = :campaign AND slot = :slot AND attempt = :attempt AND state = 'running' FOR SHARE
    ), old AS (
        DELETE FROM corebound_checkpoints WHERE campaign_id = :campaign AND slot = :slot AND EXISTS (SELECT 1 FROM fence)
          AND checkpoint_id NOT IN (SELECT max(checkpoint_id) FROM corebound_checkpoints
                                    WHERE campaign_id = :campaign AND slot = :slot)
    )
    INSERT INTO corebound_checkpoints (campaign_id, slot, attempt, step, payload, last_intermediate_id, user_attributes,
        system_attributes)
    SELECT :campaign, :slot, :attempt, :step, :payload,
        coalesce((SELECT max(trial_intermediate_value_id) FROM trial_intermediate_values i
                  WHERE i.trial_id = fence.trial_id), 0),
        coalesce((SELECT jsonb_object_agg(key, value_json) FROM trial_user_attributes u
                  WHERE u.trial_id = fence.trial_id), '{}'),
        coalesce((SELECT jsonb_object_agg(key, value_json) FROM trial_system_attributes s
                  WHERE s.trial_id = fence.trial_id AND corebound_is_progress(key)), '{}')
    FROM fence RETURNING checkpoint_id
""")


class Checkpoints:
    """The door to checkpoints."""

    def __init__(self, engine: sqlalchemy.Engine) -> None:
        self._engine = engine

    def save(self, claim: SlotClaim, payload: bytes, *, step: int | None) -> None:
        """Keep ``payload``. Raises :class:`FencedError` for a superseded attempt."""
        with storage_errors(self._engine), self._engine.begin() as connection:
            saved = connection.execute(
                _SAVE,
                {
                    "campaign": claim.campaign_id,
                    "slot": claim.slot,
                    "attempt": claim.attempt,
                    "step": step,
                    "payload": payload,
                },
            ).one_or_none()
        if saved is None:
            raise FencedError(f"slot {claim.slot} was given to another attempt; this checkpoint is not kept")

    def newest_steps(self, campaign_id: int) -> dict[int, int | None]:
        """Each slot that has a checkpoint, with the newest one's step."""
        with storage_errors(self._engine), self._engine.begin() as connection:
            rows = connection.execute(
                text("""
                    SELECT DISTINCT ON (slot) slot, step FROM corebound_checkpoints
                    WHERE campaign_id = :campaign ORDER BY slot, checkpoint_id DESC
                """),
                {"campaign": campaign_id},
            )
            return {row.slot: row.step for row in rows}

    def load(self, claim: SlotClaim) -> bytes | None:
        """What the newest checkpoint of the claimed slot holds; it is never unpickled here."""
        with storage_errors(self._engine), self._engine.begin() as connection:
            payload = connection.execute(
                text("""
                    SELECT payload FROM corebound_checkpoints
                    WHERE campaign_id = :campaign AND slot = :slot ORDER BY checkpoint_id DESC LIMIT 1
                """),
                {"campaign": claim.campaign_id, "slot": claim.slot},
            ).scalar()
        return None if payload is None else bytes(payload)
