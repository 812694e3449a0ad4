"""Slots and leases: who may run which attempt, and how each attempt ends.

A claim raises the slot's attempt, which fences every earlier writer, and gives a lease that heartbeats renew. The
state of the Optuna trial decides how a slot is closed, so a crash between ``tell`` and ``close`` is repaired by the next
claim. What could go wrong: a worker that was thought dead calls any of these (FencedError, nothing written), or the answer
to a commit is lost (closing the same attempt again gives the same state, claiming again the same claim, and what gave a
slot back is fenced the second time).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from corebound.api.errors import FencedError
from corebound.api.records import SlotClaim, SlotState
from corebound.ledger import slot_sql
from corebound.ledger.connection import storage_errors
from corebound.ledger.rows import running_rows, slot_rows
from corebound.ledger.statements import Statements
from corebound.ledger.writer import write_as

if TYPE_CHECKING:
    from collections.abc import Callable

    import sqlalchemy

    from corebound.api.records import SlotRow

LONGEST_ERROR: Final = 20_000
_STATE_OF_TRIAL: Final = {"COMPLETE": SlotState.SUCCEEDED, "PRUNED": SlotState.PRUNED, "FAIL": SlotState.FAILED}


class Slots:
    """The door to slots and leases."""

    def __init__(self, engine: sqlalchemy.Engine) -> None:
        self._engine = engine
        self._statements = Statements(engine)

    def claim(
        self,
        campaign_id: int,
        worker_id: int,
        *,
        again: bool = False,
        on_closed: Callable[[int], None] | None = None,
    ) -> SlotClaim | None:
        """The lowest slot that is open or whose lease has run out; None when nothing can be claimed now.

        With ``again`` the answer to an earlier claim of this worker was lost: a slot which that one took is given out
        first, as the same attempt. ``on_closed`` is called with each slot that is closed in passing: a lost worker had told
        its trial, or was the last of too many. Nothing is held then.
        """
        with storage_errors(self._engine):
            if again and (own := self._own(campaign_id, worker_id)) is not None:
                return own
            while True:
                found = self._statements.row(slot_sql.TAKE_NEW, {"campaign": campaign_id, "worker": worker_id})
                # No open slot that is not being claimed just now; one whose lease has run out may be left.
                if found is None and self._statements.row(slot_sql.ANY_LEFT, {"campaign": campaign_id}) is None:
                    return None
                if found is not None and found.attempt is not None:
                    return SlotClaim(
                        campaign_id=campaign_id, slot=found.slot, attempt=found.attempt, starts=found.starts,
                        trial_id=None, lost_attempts=found.lost_attempts, has_checkpoint=False,
                    )  # fmt: skip
                begun = self._claim_begun(campaign_id, worker_id)
                if isinstance(begun, SlotClaim):
                    return begun
                if begun is not None and on_closed is not None:
                    on_closed(begun)

    def _claim_begun(self, campaign_id: int, worker_id: int) -> SlotClaim | int | None:
        """As :meth:`claim`, with a look at what an earlier attempt has left; a slot that was closed, or None: look again."""
        with self._engine.begin() as connection:
            row = connection.execute(slot_sql.CANDIDATE, {"campaign": campaign_id}).mappings().one_or_none()
            if row is None:
                return None
            # PostgreSQL rechecks the locked row against the lease as it was before the lock: look once more.
            still = {"campaign": campaign_id, "slot": row["slot"]}
            if row["state"] == "running" and connection.execute(slot_sql.STILL, still).one_or_none() is None:
                return None
            return self._take(connection, campaign_id, worker_id, row)

    def _own(self, campaign_id: int, worker_id: int) -> SlotClaim | None:
        values = {"campaign": campaign_id, "worker": worker_id}
        with self._engine.begin() as connection:
            connection.execute(slot_sql.WAIT_FOR_OWN, values)
            row = connection.execute(slot_sql.OWN, values).mappings().first()
        return None if row is None else SlotClaim(campaign_id=campaign_id, **row)

    def _take(self, connection: sqlalchemy.Connection, campaign_id: int, worker_id: int, row: Any) -> SlotClaim | int:
        """Claim the locked slot, or close it when there is nothing left to run in it (its number)."""
        expired = row["state"] == "running"
        lost = row["lost_attempts"] + expired
        last = SlotClaim(
            campaign_id=campaign_id, slot=row["slot"], attempt=row["attempt"], starts=row["starts"],
            trial_id=row["trial_id"], lost_attempts=lost, has_checkpoint=False,
        )  # fmt: skip
        if row["trial_state"] in _STATE_OF_TRIAL:
            state = _STATE_OF_TRIAL[row["trial_state"]]
            told = "the trial was told before its worker was lost" if state is SlotState.FAILED else None
            if row["keeps_files"]:
                told = "its worker was lost before any files of the trial could be kept"
            self._close(connection, last, state, error=told, cpu_seconds=0.0)
            return last.slot
        if expired and lost > row["retries"]:
            error = f"lost {lost} times: its worker died or lost the database for longer than a lease"
            self._tell_failed(connection, last)
            self._close(connection, last, SlotState.FAILED, error=error, cpu_seconds=0.0)
            return last.slot
        taken = connection.execute(
            slot_sql.TAKE,
            {
                "campaign": campaign_id,
                "slot": row["slot"],
                "worker": worker_id,
                "lease": row["lease_seconds"],
                "lost": lost,
            },
        ).one()
        claim = SlotClaim(
            campaign_id=campaign_id, slot=row["slot"], attempt=taken[0], starts=taken[1],
            trial_id=row["trial_id"], lost_attempts=lost, has_checkpoint=taken[2],
        )  # fmt: skip
        if claim.trial_id is not None:
            self._take_back(connection, claim)
        return claim

    def close(
        self, claim: SlotClaim, *, cpu_seconds: float, error: str | None = None, artifacts: str | None = None
    ) -> SlotState:
        """Close the slot as its trial's state says (a trial that still runs is told FAIL)."""
        values = {
            "campaign": claim.campaign_id,
            "slot": claim.slot,
            "attempt": claim.attempt,
            "cpu": cpu_seconds,
            "error": cleaned(error),
            "artifacts": artifacts,
        }
        with storage_errors(self._engine):
            closed = self._statements.row(slot_sql.CLOSE_TOLD, values)
        if closed is not None:
            return SlotState(closed.state)
        with storage_errors(self._engine), self._engine.begin() as connection:
            row = self._hold(connection, claim, closed_is_fine=True)
            if row["closed_attempt"] == claim.attempt:
                return SlotState(row["state"])
            state = _STATE_OF_TRIAL.get(row["trial_state"] or "")
            if state is None:
                self._tell_failed(connection, claim)
                state = SlotState.FAILED
            self._close(connection, claim, state, error=error, cpu_seconds=cpu_seconds)
            return state

    def trial_id(self, campaign_id: int, slot: int) -> int | None:
        """Optuna's id of the slot's trial."""
        statement = text("SELECT trial_id FROM corebound_slots WHERE campaign_id = :campaign AND slot = :slot")
        with storage_errors(self._engine):
            found = self._statements.row(statement, {"campaign": campaign_id, "slot": slot})
        return None if found is None else found.trial_id

    def release(self, claim: SlotClaim, *, cpu_seconds: float = 0.0) -> None:
        """Open the slot again, not counted as lost: the worker was asked to stop."""
        with storage_errors(self._engine), self._engine.begin() as connection:
            row = self._hold(connection, claim)
            self._reopen(connection, claim, lost=row["lost_attempts"], error=None, cpu_seconds=cpu_seconds)

    def lose(self, claim: SlotClaim, *, error: str, cpu_seconds: float = 0.0) -> SlotState:
        """An attempt that ended by no fault of the objective's own: carried on while retries remain, else failed."""
        with storage_errors(self._engine), self._engine.begin() as connection:
            row = self._hold(connection, claim)
            lost = row["lost_attempts"] + 1
            if row["trial_state"] in _STATE_OF_TRIAL or lost > row["retries"]:
                state = _STATE_OF_TRIAL.get(row["trial_state"] or "", SlotState.FAILED)
                if row["trial_state"] not in _STATE_OF_TRIAL:
                    self._tell_failed(connection, claim)
                    error = f"lost {lost} times, the last: {error}"
                kept = error if state is SlotState.FAILED else None
                self._close(connection, claim, state, error=kept, cpu_seconds=cpu_seconds)
                return state
            self._reopen(connection, claim, lost=lost, error=error, cpu_seconds=cpu_seconds)
            return SlotState.OPEN

    def retry(self, claim: SlotClaim, *, error: str, cpu_seconds: float = 0.0) -> SlotState:
        """A trial that raised, under ``retryExceptions``: told FAIL, and a new trial while retries remain."""
        with storage_errors(self._engine), self._engine.begin() as connection:
            row = self._hold(connection, claim)
            lost = row["lost_attempts"] + 1
            if row["trial_state"] not in _STATE_OF_TRIAL:
                self._tell_failed(connection, claim)
            if lost > row["retries"]:
                self._close(connection, claim, SlotState.FAILED, error=error, cpu_seconds=cpu_seconds)
                return SlotState.FAILED
            self._reopen(connection, claim, lost=lost, error=error, cpu_seconds=cpu_seconds, fresh=True)
            return SlotState.OPEN

    def skip(self, claim: SlotClaim, *, reason: str, cpu_seconds: float = 0.0) -> None:
        """A running trial of a campaign that has ended: told FAIL with the reason."""
        with storage_errors(self._engine), self._engine.begin() as connection:
            row = self._hold(connection, claim, closed_is_fine=True)
            if row["closed_attempt"] == claim.attempt:
                return
            state = _STATE_OF_TRIAL.get(row["trial_state"] or "", SlotState.SKIPPED)
            if state is SlotState.SKIPPED:
                self._tell_failed(connection, claim)
            self._close(connection, claim, state, error=reason, cpu_seconds=cpu_seconds)

    def rows(self, campaign_id: int, *, kept_whole: bool = True) -> list[SlotRow]:
        """All slots with their trials; ``kept_whole=False`` without our own user attributes: genomes are 10 kB a trial."""
        with storage_errors(self._engine), self._engine.begin() as connection:
            return slot_rows(connection, campaign_id, kept_whole=kept_whole)

    def running(self, campaign_id: int) -> list[SlotRow]:
        """The running slots alone, without what their trials hold: cheap enough to be asked every second."""
        with storage_errors(self._engine), self._engine.begin() as connection:
            return running_rows(connection, campaign_id)

    def _hold(self, connection: sqlalchemy.Connection, claim: SlotClaim, *, closed_is_fine: bool = False) -> Any:
        """Lock the slot; FencedError unless this attempt is its newest, and has not closed it."""
        statement = text("""
            SELECT s.state, s.attempt, s.closed_attempt, s.lost_attempts, s.trial_id, t.state::text AS trial_state, c.retries
            FROM corebound_slots s JOIN corebound_campaigns c USING (campaign_id)
            LEFT JOIN trials t ON t.trial_id = s.trial_id
            WHERE s.campaign_id = :campaign AND s.slot = :slot FOR UPDATE OF s
        """)
        row = (
            connection.execute(statement, {"campaign": claim.campaign_id, "slot": claim.slot}).mappings().one_or_none()
        )
        if row is None or row["attempt"] != claim.attempt:
            found = "gone" if row is None else f"at attempt {row['attempt']}"
            raise FencedError(
                f"slot {claim.slot} is {found}, this worker's attempt was {claim.attempt}; it writes nothing"
            )
        if row["closed_attempt"] == claim.attempt and not closed_is_fine:
            raise FencedError(f"slot {claim.slot} was closed by this attempt {claim.attempt} already; it stays so")
        return row

    def _close(
        self,
        connection: sqlalchemy.Connection,
        claim: SlotClaim,
        state: SlotState,
        *,
        error: str | None,
        cpu_seconds: float,
    ) -> None:
        connection.execute(
            slot_sql.CLOSE,
            {
                "campaign": claim.campaign_id,
                "slot": claim.slot,
                "state": state.value,
                "error": cleaned(error),
                "cpu": cpu_seconds,
            },
        )

    def _reopen(
        self,
        connection: sqlalchemy.Connection,
        claim: SlotClaim,
        *,
        lost: int,
        error: str | None,
        cpu_seconds: float,
        fresh: bool = False,
    ) -> None:
        """Give the slot back. The attempt rises, so that what the ended attempt may still send is refused."""
        connection.execute(
            slot_sql.REOPEN,
            {
                "campaign": claim.campaign_id,
                "slot": claim.slot,
                "error": cleaned(error),
                "lost": lost,
                "cpu": cpu_seconds,
                "fresh": fresh,
            },
        )

    def _tell_failed(self, connection: sqlalchemy.Connection, claim: SlotClaim) -> None:
        """Tell the slot's trial FAIL; one that died before it had a trial gets one, so that Optuna's tools show it."""
        write_as(connection, campaign_id=claim.campaign_id, slot=claim.slot, attempt=claim.attempt)
        if claim.trial_id is None:
            _add_failed_trial(connection, claim)
        connection.execute(
            text("""
                UPDATE trials SET state = 'FAIL', datetime_complete = timezone('utc', clock_timestamp())
                WHERE state IN ('RUNNING', 'WAITING') AND trial_id =
                    (SELECT trial_id FROM corebound_slots WHERE campaign_id = :campaign AND slot = :slot)
            """),
            {"campaign": claim.campaign_id, "slot": claim.slot},
        )

    def _take_back(self, connection: sqlalchemy.Connection, claim: SlotClaim) -> None:
        """Take the trial back to its checkpoint, or to its parameters when it has none."""
        write_as(connection, campaign_id=claim.campaign_id, slot=claim.slot, attempt=claim.attempt)
        where = {"campaign": claim.campaign_id, "slot": claim.slot, "trial": claim.trial_id}
        last, user, system = connection.execute(slot_sql.TAKEN_BACK_TO, where).one()
        for sql in slot_sql.TAKE_BACK:
            values = {"trial": claim.trial_id, "last": last, "user": user, "system": system}
            connection.execute(text(sql), {name: value for name, value in values.items() if f":{name}" in sql})


def _add_failed_trial(connection: sqlalchemy.Connection, claim: SlotClaim) -> None:
    values = {"campaign": claim.campaign_id, "slot": claim.slot}
    bound = text("SELECT trial_id FROM corebound_slots WHERE campaign_id = :campaign AND slot = :slot")
    if connection.execute(bound, values).scalar() is not None:
        return  # the claim is older than its trial
    # Optuna's own way to a number: the study's row is locked while trials are counted.
    study = text("""
        SELECT study_id FROM studies WHERE study_id =
            (SELECT study_id FROM corebound_campaigns WHERE campaign_id = :campaign) FOR UPDATE
    """)
    values["study"] = connection.execute(study, values).scalar_one()
    made = text("""
        INSERT INTO trials (study_id, number, state, datetime_start, datetime_complete)
        SELECT :study, coalesce(max(number), -1) + 1, 'FAIL', timezone('utc', clock_timestamp()),
            timezone('utc', clock_timestamp())
        FROM trials WHERE study_id = :study RETURNING trial_id
    """)
    values["trial"] = connection.execute(made, values).scalar_one()
    connection.execute(
        text("UPDATE corebound_slots SET trial_id = :trial WHERE campaign_id = :campaign AND slot = :slot"), values
    )


def cleaned(error: str | None) -> str | None:
    """What PostgreSQL can keep of a text: no NUL, no half of a character (of a file's name that is no UTF-8), not endless."""
    if error is None:
        return None
    return error.replace("\x00", "").encode("utf-8", "backslashreplace").decode("utf-8")[:LONGEST_ERROR]
