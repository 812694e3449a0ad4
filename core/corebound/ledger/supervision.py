"""The right to supervise one campaign: a lock that the server drops with the connection that took it.

What could go wrong: the connection is cut, and somebody else may take the lock; so whoever has it asks often whether it is
still there, and takes it again or learns that it is another's.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from corebound.api.errors import CampaignConflictError
from corebound.ledger.connection import storage_errors

if TYPE_CHECKING:
    import sqlalchemy

SUPERVISED: Final = 0x73757065
# Advisory locks are the whole database's: campaigns of the same name in two schemas are two.
_SUPERVISE: Final = text("SELECT pg_try_advisory_lock(:kind, hashtext(current_schema() || '/' || :name))")
_LEAVE: Final = text("SELECT pg_advisory_unlock(:kind, hashtext(current_schema() || '/' || :name))")


class Supervision:
    """Held or not; made by :meth:`.campaigns.Campaigns.supervise`."""

    def __init__(self, engine: sqlalchemy.Engine, name: str) -> None:
        self._engine, self._name = engine, name
        self._key = {"kind": SUPERVISED, "name": name}
        self._connection: sqlalchemy.Connection | None = None

    def hold(self) -> None:
        """Have the lock. Raises :class:`CampaignConflictError` when somebody else has it by now."""
        with storage_errors(self._engine):
            try:
                if self._connection is None:
                    self._take(self._engine.connect())
                else:
                    self._ask(self._connection, text("SELECT 1"))
            except BaseException:
                self._forget()
                raise

    def end(self) -> None:
        """Let others have it."""
        with contextlib.suppress(Exception):
            if self._connection is not None:
                self._ask(self._connection, _LEAVE)
        self._forget()

    def _take(self, connection: sqlalchemy.Connection) -> None:
        self._connection = connection
        if not self._ask(connection, _SUPERVISE):
            raise CampaignConflictError(
                f"campaign {self._name!r} is being run by another corebound; see it with: corebound watch {self._name}"
            )

    def _ask(self, connection: sqlalchemy.Connection, statement: sqlalchemy.TextClause) -> Any:
        values = {name: value for name, value in self._key.items() if f":{name}" in statement.text}
        answer = connection.execute(statement, values).scalar()
        connection.commit()
        return answer

    def _forget(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            with contextlib.suppress(Exception):
                # Not into the pool: a lock that it may still have would go to whoever gets it next.
                connection.invalidate()
                connection.close()
