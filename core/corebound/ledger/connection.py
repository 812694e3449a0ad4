"""The way to the database: one driver, checked connections, and its errors as ours.

What could go wrong: an unreachable server, a wrong password (never repeated in a message), an attempt that was superseded;
each becomes an error of the one tree.
"""

from __future__ import annotations

import contextlib
import re
import time
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy
from sqlalchemy import event
from sqlalchemy.exc import ArgumentError, DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from corebound.api.errors import FencedError, StorageError, StorageUnreachableError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

_REFUSED_LOGIN: Final = re.compile(
    r"FATAL: .*(password authentication failed|does not exist|no pg_hba\.conf entry|not permitted to log in)"
)
"""While connecting the driver has no SQLSTATE, only the server's words; in another language trying again does no harm."""
_UNTRUSTED: Final = re.compile(
    r"root certificate file|certificate verify failed|does not match host name|server does not support SSL"
)
"""The driver's own words where it does not go on with a server that the address tells it to check."""
_UNKNOWN_LOGIN: Final = re.compile(
    r'FATAL: .*(password authentication failed|role ".*" does not exist|not permitted to log in)'
)
_POOLED: Final = "unsupported startup parameter"
"""PgBouncer's words where it does not pass a session's options on."""
NO_POOLER: Final = (
    "a pooler such as PgBouncer stands in between, and a session needs settings of its own; give the address of the server "
    "itself"
)
FENCED: Final = "CB001"
"""SQLSTATE of a write by a superseded attempt."""
READ_ONLY: Final = "25006"
"""SQLSTATE of a write to a server that takes none: its disk is nearly full, or it has become a standby."""
_PARENT_GONE: Final = "23503"
"""SQLSTATE of a row whose trial, slot or campaign is no longer there."""

CONNECT_OPTIONS: Final[dict[str, Any]] = {
    "connect_timeout": 10,
    "keepalives": 1,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
    "options": "-c idle_in_transaction_session_timeout=15s -c lock_timeout=10s",
}

PING_AFTER_SECONDS: Final = 1.0
"""Idle time after which a connection is asked whether it still lives. A busy worker asks with each statement anyway, and all
callers try again: a ping before each of them would be half of all round trips."""


def database_url(text: str) -> sqlalchemy.URL:
    """``text`` with the driver spelled out. Raises :class:`UsageError` for what is no PostgreSQL address."""
    try:
        url = sqlalchemy.make_url(text)
    except (ArgumentError, ValueError) as error:
        # Neither the text nor the driver's words for it are repeated: a password may stand in both.
        raise UsageError("the storage is no URL, expected postgresql://user:password@host:port/database") from error
    if url.drivername not in ("postgres", "postgresql", "postgresql+psycopg"):
        raise UsageError(f"found a {url.drivername} storage, expected postgresql://user:password@host:port/database")
    return url.set(drivername="postgresql+psycopg")


def public_address(url: sqlalchemy.URL) -> str:
    """The address for messages: passwords are stars, also those that stand behind the question mark."""
    stars = {name: "***" for name in url.query if "password" in name.lower()}
    return url.update_query_dict(stars).render_as_string(hide_password=True).replace("%2A", "*")


def same_place(one: str, other: str) -> bool:
    """Whether two addresses differ at most in their passwords. Raises :class:`UsageError`."""
    # A password of None would leave the one that is there.
    first, second = (database_url(each)._replace(password=None) for each in (one, other))
    return first == second


def make_engine(text: str, *, connections: int, application: str) -> sqlalchemy.Engine:
    """An engine of at most ``connections`` connections, which are checked after some idle time."""
    url = database_url(text)
    options = {**engine_options(url, connections=connections, application=application), "pool_pre_ping": False}
    engine = sqlalchemy.create_engine(url, **options)
    _ping_when_idle(engine)
    leave_read_only(engine)
    return engine


def engine_options(url: sqlalchemy.URL, *, connections: int, application: str) -> dict[str, Any]:
    """Keywords of ``create_engine`` for ``url``, also for Optuna's own storage."""
    # The driver takes one text of options; those of the address come last, so they win.
    options = " ".join([CONNECT_OPTIONS["options"], *url.normalized_query.get("options", ())])
    return {
        "pool_size": connections,
        "max_overflow": 0,
        "pool_pre_ping": True,
        "pool_timeout": 60,
        "connect_args": {**CONNECT_OPTIONS, "options": options, "application_name": application},
    }


def _ping_when_idle(engine: sqlalchemy.Engine) -> None:
    """Replace connections that died while nobody used them, as ``pool_pre_ping`` does, but only after some idle time."""

    @event.listens_for(engine, "checkin")
    def _note(connection: Any, record: Any) -> None:
        del connection
        record.info["used_at"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def _ping(connection: Any, record: Any, proxy: Any) -> None:
        del proxy
        idle = time.monotonic() - record.info.get("used_at", time.monotonic())
        if connection.closed or (idle > PING_AFTER_SECONDS and not _answers(engine, connection)):
            raise DisconnectionError("the connection was lost while it was idle")


def leave_read_only(engine: sqlalchemy.Engine) -> None:
    """A server that takes no writes may be another one's standby by now: the next try connects anew."""

    @event.listens_for(engine, "handle_error")
    def _disconnect(context: sqlalchemy.engine.ExceptionContext) -> None:
        if getattr(context.original_exception, "sqlstate", None) == READ_ONLY:
            context.is_disconnect = True


def _answers(engine: sqlalchemy.Engine, connection: Any) -> bool:
    try:
        return bool(engine.dialect.do_ping(connection))
    except engine.dialect.loaded_dbapi.Error:
        return False


@contextlib.contextmanager
def storage_errors(engine: sqlalchemy.Engine | None = None) -> Iterator[None]:
    """Turn the driver's errors into ours, and the pool's when its connections stay with statements that do not answer."""
    try:
        yield
    except DBAPIError as error:
        raise translated(error, engine) from error
    except PoolTimeoutError as error:
        where = public_address(engine.url) if engine is not None else "the database"
        raise StorageUnreachableError(f"{where} does not answer: every connection waits for it") from error


def translated(error: DBAPIError, engine: sqlalchemy.Engine | None = None) -> StorageError | FencedError:
    """The error of our tree that says what the driver said; never with a password."""
    said = str(error.orig).strip().split("\n")[0]
    state = getattr(error.orig, "sqlstate", None)
    if state == FENCED:
        return FencedError(said)
    if state == _PARENT_GONE:
        return FencedError("what this belongs to was deleted with its campaign; nothing is written")
    where = public_address(engine.url) if engine is not None else "the database"
    if state == READ_ONLY:
        return StorageUnreachableError(
            f"{where} takes no writes now: {said}; is its disk full, or was there a failover?"
        )
    if _POOLED in said:
        return StorageError(f"{where} refused: {said}: {NO_POOLER}")
    if is_passing(error):
        return StorageUnreachableError(f"{where} does not answer: {said}; is it running, and is the address right?")
    return StorageError(f"{where} refused: {said}")


def is_refused_login(error: DBAPIError) -> bool:
    """Whether the server does not know this user, or not with this password."""
    state = getattr(error.orig, "sqlstate", None) or ""
    return state == "28P01" or (not state and _UNKNOWN_LOGIN.search(str(error.orig)) is not None)


def is_passing(error: DBAPIError) -> bool:
    """Whether trying again may help: a lost connection, a server that starts or stops, a deadlock, a lock time-out."""
    state = getattr(error.orig, "sqlstate", None) or ""
    if state[:2] == "28" or state[:2] == "3D" or (not state and _REFUSED_LOGIN.search(str(error.orig))):
        return False
    if not state and (_UNTRUSTED.search(str(error.orig)) or _POOLED in str(error.orig)):
        return False
    if state[:2] in ("08", "40", "57", "53") or state in ("55P03", "25P03", READ_ONLY):
        return True
    return error.connection_invalidated or (not state and isinstance(error, sqlalchemy.exc.OperationalError))
