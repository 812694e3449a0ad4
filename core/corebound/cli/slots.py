"""The slot that a command is about: the one that was named, or the best one's."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from corebound.api.records import CampaignRecord, SlotRow
    from corebound.ledger.ledger import Ledger


def check_slot(slot: int, *, name: str, trials: int) -> None:
    """Raises :class:`UnknownCampaignError` where campaign ``name`` of so many trials has no such slot."""
    from corebound.api.errors import UnknownCampaignError

    if not 0 <= slot < trials:
        raise UnknownCampaignError(
            f"{name!r} has no slot {slot}; its slots are 0 to {trials - 1} (results show them, a trial's number may differ)"
        )


def row_of(ledger: Ledger, campaign: CampaignRecord, slot: int | None) -> SlotRow:
    """The row of that slot, or of the best one. Raises :class:`UnknownCampaignError`."""
    from corebound.api.errors import UnknownCampaignError
    from corebound.api.records import SlotState

    rows = ledger.slots.rows(campaign.campaign_id)
    if slot is not None:
        check_slot(slot, name=campaign.name, trials=len(rows))
        return rows[slot]
    best = ledger.summaries.of(campaign).best
    if best is not None and best.slot is not None:
        return rows[best.slot]
    done = sum(row.state is SlotState.SUCCEEDED for row in rows)
    reason = "with several objectives none is the best; name a SLOT" if done else "no trial has succeeded yet"
    raise UnknownCampaignError(f"{campaign.name!r} has no best trial: {reason}")
