"""Who writes: the slot and the attempt that the fence on Optuna's tables compares with the slot's own newest attempt.

A transaction says it of itself, so that a reconnect cannot lose it. What could go wrong: a writer that names an attempt which
was superseded; the fence refuses what it writes (``connection.FENCED``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import event

if TYPE_CHECKING:
    import sqlalchemy

    from corebound.api.records import SlotClaim

_NAME: Final = "SELECT set_config('corebound.slot', %s, true), set_config('corebound.attempt', %s, true)"


class Writer:
    """Whoever writes over an engine now: nobody, or one attempt at one slot."""

    def __init__(self) -> None:
        self.claim: SlotClaim | None = None


def carry_writer(engine: sqlalchemy.Engine, writer: Writer) -> None:
    """Name the writer at the beginning of every transaction of ``engine``."""

    @event.listens_for(engine, "begin")
    def _name(connection: sqlalchemy.Connection) -> None:
        if (claim := writer.claim) is not None:
            write_as(connection, campaign_id=claim.campaign_id, slot=claim.slot, attempt=claim.attempt)


def write_as(connection: sqlalchemy.Connection, *, campaign_id: int, slot: int, attempt: int) -> None:
    """What this transaction writes from now on is written for that attempt."""
    connection.exec_driver_sql(_NAME, names_of(campaign_id=campaign_id, slot=slot, attempt=attempt))


def names_of(*, campaign_id: int, slot: int, attempt: int) -> tuple[str, str]:
    """``corebound.slot`` and ``corebound.attempt`` as the fence reads them."""
    return f"{campaign_id}/{slot}", str(attempt)
