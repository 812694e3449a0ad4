"""Optuna's schema and ours, made once and never by workers.

What could go wrong: many programs start at once (an advisory lock lets one through), the database holds a version that
this program does not know, or tables that somebody else made (said, nothing touched).
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import NullPool, inspect, text

from corebound.api.errors import SchemaMismatchError, UnknownCampaignError
from corebound.ledger.connection import database_url, engine_options, make_engine, public_address, storage_errors

if TYPE_CHECKING:
    import sqlalchemy

LEDGER_REVISION: Final = "0005"
OLDER_LEDGERS: Final = ("0001", "0002", "0003", "0004")
"""What is upgraded in place."""
OPTUNA_REVISION: Final = "v3.2.0.a"
_LOCK: Final = 0x636F7265
_MIGRATING: Final = threading.Lock()
"""Alembic's context and operations are global to the process: of two upgrades one would write into the other's schema."""
# Each schema of a database has its own ledger. Advisory locks are the whole database's, so their keys name it.
_TAKE_LOCK: Final = "SELECT pg_advisory_lock(:key, hashtext(coalesce(current_schema(), '')))"
_LET_GO: Final = "SELECT pg_advisory_unlock(:key, hashtext(coalesce(current_schema(), '')))"
_OPTUNA_TABLES: Final = frozenset({
    "studies", "study_directions", "study_user_attributes", "study_system_attributes", "trials", "trial_params",
    "trial_values", "trial_intermediate_values", "trial_user_attributes", "trial_system_attributes", "trial_heartbeats",
    "version_info",
})  # fmt: skip


def prepare_database(url: str, *, share: bool = False) -> None:
    """Create or upgrade both in the login's first schema; safe to call from many programs at once.

    Where Optuna's tables hold somebody else's studies, ours are added to them only if it is meant so: ``share``.
    Raises :class:`SchemaMismatchError`.
    """
    engine = make_engine(url, connections=2, application="corebound-prepare")
    try:
        with storage_errors(engine), engine.connect() as lock:
            # Whoever makes the schema may take longer on a slow disk than any lock of a running campaign.
            lock.execute(text("SET lock_timeout = 0"))
            lock.execute(text(_TAKE_LOCK), {"key": _LOCK})
            lock.commit()
            try:
                found = _revisions(lock)
                if found == (OPTUNA_REVISION, LEDGER_REVISION):
                    return
                _refuse_newer(found)
                _refuse_foreign(lock, found, share=share)
                with _MIGRATING:
                    if found[0] is None:
                        _create_optuna_schema(url)
                    with engine.begin() as connection:
                        _upgrade(connection)
            finally:
                lock.execute(text(_LET_GO), {"key": _LOCK})
                lock.commit()
    finally:
        engine.dispose()


def check_schema(engine: sqlalchemy.Engine) -> None:
    """Raise :class:`SchemaMismatchError` unless both schemas are the ones this program knows.

    A database without a ledger has no campaign either: :class:`UnknownCampaignError`.
    """
    with storage_errors(engine), engine.connect() as connection:
        found = _revisions(connection)
    if found[1] is None:
        raise UnknownCampaignError(
            f"{public_address(engine.url)} holds no campaigns yet; corebound run makes the first one"
        )
    if found != (OPTUNA_REVISION, LEDGER_REVISION):
        raise _mismatch(found)


def _revisions(connection: sqlalchemy.Connection) -> tuple[str | None, str | None]:
    tables = set(inspect(connection).get_table_names())

    def revision(table: str) -> str | None:
        if table not in tables:
            return None
        found: str | None = connection.execute(text(f"SELECT version_num FROM {table}")).scalar()
        return found

    found = revision("alembic_version"), revision("corebound_alembic_version")
    connection.rollback()
    return found


def _refuse_newer(found: tuple[str | None, str | None]) -> None:
    if found[0] not in (None, OPTUNA_REVISION) or found[1] not in (None, LEDGER_REVISION, *OLDER_LEDGERS):
        raise _mismatch(found)


def _refuse_foreign(connection: sqlalchemy.Connection, found: tuple[str | None, str | None], *, share: bool) -> None:
    """Tables that are not ours stay as they are."""
    tables = set(inspect(connection).get_table_names())
    ours = sorted(table for table in tables if table.startswith("corebound_"))
    optunas = sorted(tables & _OPTUNA_TABLES)
    used = "studies" in tables and connection.execute(text("SELECT EXISTS (SELECT 1 FROM studies)")).scalar()
    connection.rollback()
    if found[1] is None and ours:
        raise SchemaMismatchError(
            f"the database holds a table {ours[0]} but no ledger of Corebound, expected neither or both; nothing was "
            "changed. Name another database with --storage (CREATE DATABASE corebound makes one)"
        )
    if found[0] is None and found[1] is not None:
        raise _mismatch(found)
    if found[0] is None and optunas and (len(optunas) < len(_OPTUNA_TABLES) or used):
        raise SchemaMismatchError(
            f"the database holds tables with names of Optuna's ({', '.join(optunas[:3])} ...) that Optuna has not made, "
            "expected none; nothing was changed. Name another database with --storage (CREATE DATABASE corebound makes one)"
        )
    if found == (OPTUNA_REVISION, None) and used and not share:
        raise SchemaMismatchError(
            "the database holds Optuna's tables with studies in them, and was not made by Corebound; nothing was changed. "
            "Name another database with --storage (CREATE DATABASE corebound makes one), or say --share-database: Corebound "
            "then adds its tables and triggers beside them, and leaves the studies that are there alone"
        )


def _mismatch(found: tuple[str | None, str | None]) -> SchemaMismatchError:
    if found[0] == OPTUNA_REVISION and found[1] in OLDER_LEDGERS:
        return SchemaMismatchError(
            f"the database holds ledger {found[1]}, this program knows {LEDGER_REVISION}: corebound run upgrades it, and so "
            "does the operator when it starts"
        )
    return SchemaMismatchError(
        f"the database holds Optuna's schema {found[0] or 'not at all'} and ledger {found[1] or 'not at all'}, this "
        f"program knows {OPTUNA_REVISION} and {LEDGER_REVISION}: use the version of Corebound that wrote it, or another "
        "database"
    )


def _create_optuna_schema(url: str) -> None:
    from optuna.storages import RDBStorage

    address = database_url(url)
    options = engine_options(address, connections=1, application="corebound-prepare")
    # Nobody gets hold of a storage whose making fails, so it keeps no connections.
    storage = RDBStorage(
        address.render_as_string(hide_password=False),
        engine_kwargs={"poolclass": NullPool, "connect_args": options["connect_args"]},
    )
    storage.remove_session()


def _upgrade(connection: sqlalchemy.Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
