"""Single statements, each a transaction of its own: the engine's connections, the driver's own execution.

A worker's claim, report and close are each one statement. SQLAlchemy's execution around them cost more of the client's time
than the driver and all the rest together (``bench/ledger.py``), so it stays out of these: its pool, its check of idle
connections, its spelling of parameters and its errors are kept. What could go wrong: a connection is lost or interrupted in
the middle (it is thrown away, the next statement connects anew).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import DBAPIError

from corebound.ledger.connection import READ_ONLY

if TYPE_CHECKING:
    from collections.abc import Mapping

    import sqlalchemy


class Statements:
    """Safe for several threads, as the engine is."""

    def __init__(self, engine: sqlalchemy.Engine) -> None:
        self._engine = engine
        self._texts: dict[sqlalchemy.TextClause, str] = {}

    def rows(self, statement: sqlalchemy.TextClause, values: Mapping[str, Any]) -> list[Any]:
        """The rows it returns, as named tuples. Raises :class:`sqlalchemy.exc.DBAPIError`."""
        from psycopg.rows import namedtuple_row

        text = self._text(statement)
        connection = self._connect(text)
        driver: Any = connection.driver_connection
        try:
            driver.autocommit = True
            with driver.cursor(row_factory=namedtuple_row) as cursor:
                cursor.execute(text, values)
                found = cursor.fetchall() if cursor.description else []
            driver.autocommit = False
        except self._engine.dialect.loaded_dbapi.Error as error:
            lost = driver.closed or getattr(error, "sqlstate", None) == READ_ONLY
            if lost:
                connection.invalidate(error)
            else:
                driver.autocommit = False
            raise self._raised(text, error, lost=lost) from error
        except BaseException as interruption:
            connection.invalidate(interruption)
            raise
        finally:
            if not driver.closed and driver.autocommit:
                connection.invalidate()  # a signal came in between: the pool would not take it back
            connection.close()
        return found

    def row(self, statement: sqlalchemy.TextClause, values: Mapping[str, Any]) -> Any:
        """The one row it returns, or None."""
        found = self.rows(statement, values)
        return found[0] if found else None

    def _connect(self, text: str) -> Any:
        try:
            return self._engine.raw_connection()
        except self._engine.dialect.loaded_dbapi.Error as error:
            raise self._raised(text, error, lost=False) from error

    def _raised(self, text: str, error: Any, *, lost: bool) -> BaseException:
        dialect = self._engine.dialect
        raised: BaseException = DBAPIError.instance(
            text, None, error, dialect.loaded_dbapi.Error, connection_invalidated=lost, dialect=dialect
        )
        return raised

    def _text(self, statement: sqlalchemy.TextClause) -> str:
        """The statement with the driver's own marks for its parameters."""
        if (known := self._texts.get(statement)) is None:
            known = self._texts[statement] = str(statement.compile(dialect=self._engine.dialect))
        return known
