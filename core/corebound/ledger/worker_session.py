"""A worker's one connection as its storage uses it: each statement alone, for the claim that is bound, as long as it takes.

Optuna's own storage works over the same connection, for what no trial does as a rule. What could go wrong: a connection is
cut between a commit and its answer (all that goes through here may be repeated), the database stays away longer than the
grace (StorageUnreachableError), a superseded attempt writes (FencedError).
"""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING, Any

from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from sqlalchemy.exc import DBAPIError

from corebound.ledger.connection import database_url, leave_read_only, make_engine, storage_errors, translated
from corebound.ledger.patience import patiently
from corebound.ledger.statements import Statements
from corebound.ledger.writer import Writer, carry_writer, names_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import sqlalchemy

    from corebound.ledger.patience import Answer


class WorkerSession:
    """Safe for several threads; ``grace`` is the longest outage that is sat out, in seconds."""

    def __init__(self, url: str, *, application: str, grace: float) -> None:
        self.url, self.grace = url, grace
        self.lock = threading.RLock()
        """Taken before the one connection, never after it; what is kept beside the database is changed under it, too."""
        self.engine = make_engine(url, connections=1, application=application)
        self._reading = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self._statements = Statements(self.engine)
        self.writer = Writer()
        """For which attempt is written."""

    def execute(self, statement: Any, **values: Any) -> list[Any]:
        """One statement, patiently; the rows it returns. What it writes is written for the bound claim."""
        claim = self.writer.claim
        values["writer_slot"], values["writer_attempt"] = (
            names_of(campaign_id=claim.campaign_id, slot=claim.slot, attempt=claim.attempt) if claim else ("", "")
        )

        def execute() -> list[Any]:
            with self.lock:
                return self._statements.rows(statement, values)

        return self.patiently(execute)

    def read(self, read: Callable[[sqlalchemy.Connection], Answer]) -> Answer:
        """What ``read`` makes of the connection, under the lock, patiently."""

        def once() -> Answer:
            with self.lock, self._reading.connect() as connection:
                return read(connection)

        return self.patiently(once)

    def delegate(self, name: str, *arguments: Any, **named: Any) -> Any:
        """That method of Optuna's own storage, patiently."""
        return self.patiently(lambda: getattr(self._optunas, name)(*arguments, **named))

    def patiently(self, call: Callable[[], Answer]) -> Answer:
        """``call`` again and again while the database is away, for the grace."""

        def attempt() -> Answer:
            try:
                return call()
            except (StorageInternalError, DBAPIError) as error:
                cause = error if isinstance(error, DBAPIError) else error.__cause__
                if not isinstance(cause, DBAPIError):
                    raise
                self.forget_session()
                raise translated(cause, self.engine) from None

        return patiently(attempt, grace=self.grace)

    def connect(self) -> None:
        """Have the connection. Raises :class:`StorageError` where the database gives none now."""
        with storage_errors(self.engine), self.lock, self.engine.connect():
            pass

    def forget_session(self) -> None:
        """What Optuna's own storage may have begun in this thread, broken or not, is let go."""
        if "_optunas" in vars(self):
            self._optunas.remove_session()

    def close(self) -> None:
        """Let go of the connection."""
        self.forget_session()
        self.engine.dispose()

    @functools.cached_property
    def _optunas(self) -> RDBStorage:
        optunas = RDBStorage(
            database_url(self.url).render_as_string(hide_password=False),
            engine_kwargs={"pool": self.engine.pool},
            skip_compatibility_check=True,
            skip_table_creation=True,
        )
        leave_read_only(optunas.engine)
        carry_writer(optunas.engine, self.writer)
        return optunas
