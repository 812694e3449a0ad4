"""Changing roles and schemas: statements whose parts are names, one caller at a time.

What could go wrong: others change the same rows of the server's catalogue meanwhile (the transaction is done again), or the
login lacks a right (the error says which, and what else can be done).
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any, Final, cast

from psycopg import sql
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from corebound.api.errors import StorageError
from corebound.ledger.connection import storage_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import psycopg
    import sqlalchemy

_LOCK: Final = 0x74656E61
_LONGEST_WAIT: Final = "60s"
_CHANGED_MEANWHILE: Final = ("23505", "40P01", "42710", "42P06")
SHARED_INSTEAD: Final = (
    "one role for each namespace needs a login with CREATEROLE, and CREATE on the database; ask an administrator for both, "
    "or set database.isolation: shared, where workers of all namespaces use the operator's own login"
)


class ChangedMeanwhileError(Exception):
    """Somebody else changed the same rows of the catalogue; the transaction is to be done again."""


def in_turn(engine: sqlalchemy.Engine, work: Callable[[sqlalchemy.Connection], None]) -> None:
    """``work`` in a transaction of its own, one caller at a time in this database.

    Roles are the whole server's: another database's operator is no part of the lock, and seen only by a failure.
    """
    for attempt in range(1, 11):
        try:
            with storage_errors(engine), engine.begin() as connection:
                connection.execute(text(f"SET LOCAL lock_timeout = '{_LONGEST_WAIT}'"))
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
                try:
                    work(connection)
                except DBAPIError as error:
                    if attempt < 10 and changed_meanwhile(error.orig):
                        raise ChangedMeanwhileError from error
                    raise
            return
        except ChangedMeanwhileError:
            time.sleep(0.05 * attempt)
    raise StorageError("the server's roles were changed by others again and again; try again later")


def changed_meanwhile(error: BaseException | None) -> bool:
    """Whether doing it again may help."""
    state = getattr(error, "sqlstate", None)
    return state in _CHANGED_MEANWHILE or (state == "XX000" and "tuple concurrently" in str(error))


@contextlib.contextmanager
def needs_right() -> Iterator[None]:
    """What may fail for want of a right."""
    try:
        yield
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != "42501":
            raise
        raise StorageError(f"the database refused: {said(error.orig)}: {SHARED_INSTEAD}") from error


def run(connection: sqlalchemy.Connection, statement: str, **names: str) -> None:
    """Run a statement whose ``{names}`` are identifiers, which no statement takes as parameters."""
    quoted = composed(statement, **names).as_string(driver_of(connection))
    connection.execution_options(no_parameters=True).exec_driver_sql(quoted)


def composed(statement: str, **names: str) -> sql.Composed:
    """The statement with its identifiers quoted."""
    template: Any = statement  # a constant of its caller, which mypy cannot see
    return sql.SQL(template).format(**{key: sql.Identifier(name) for key, name in names.items()})


def driver_of(connection: sqlalchemy.Connection) -> psycopg.Connection[Any]:
    """The driver's own connection."""
    return cast("psycopg.Connection[Any]", connection.connection.driver_connection)


def server_version(connection: sqlalchemy.Connection) -> int:
    """As 160004."""
    return driver_of(connection).info.server_version


def exists(connection: sqlalchemy.Connection, statement: str, name: str) -> bool:
    """Whether a statement about ``:name`` finds a row."""
    return connection.execute(text(statement), {"name": name}).first() is not None


def said(error: BaseException | None) -> str:
    """The first line of what the server said."""
    return str(error).strip().split("\n")[0]
