"""The door to the database: campaigns, slots, workers, checkpoints and summaries over one small pool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from sqlalchemy import text

from corebound.ledger.campaigns import Campaigns
from corebound.ledger.checkpoints import Checkpoints
from corebound.ledger.connection import database_url, make_engine, public_address, storage_errors
from corebound.ledger.history import History
from corebound.ledger.schema import check_schema
from corebound.ledger.slots import Slots
from corebound.ledger.summaries import Summaries
from corebound.ledger.workers import Workers

if TYPE_CHECKING:
    from pathlib import Path

    import sqlalchemy

    from corebound.api.records import CampaignRecord
    from corebound.ledger.export import Export
    from corebound.ledger.storage import CampaignStorage


class Ledger:
    """Made by :func:`open_ledger`; close it when done."""

    def __init__(self, engine: sqlalchemy.Engine, url: str) -> None:
        self._engine = engine
        self._url = url
        self.campaigns = Campaigns(engine, self._storage)
        self.slots = Slots(engine)
        self.workers = Workers(engine)
        self.checkpoints = Checkpoints(engine)
        self.summaries = Summaries(engine)
        self.history = History(engine)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def optuna_url(self) -> str:
        """The address for Optuna's own tools; holds the password of an external server, print it on request only."""
        return database_url(self._url).render_as_string(hide_password=False)

    @property
    def public_url(self) -> str:
        """The same address without what is secret in it."""
        return public_address(database_url(self._url))

    def connections(self) -> int:
        """How many connections the server has for logins that are no superuser."""
        with storage_errors(self._engine), self._engine.connect() as connection:
            found: int = connection.execute(
                text("""
                    SELECT sum(CASE name WHEN 'max_connections' THEN setting::int ELSE -setting::int END) FROM pg_settings
                    WHERE name IN ('max_connections', 'superuser_reserved_connections', 'reserved_connections')
                """)
            ).scalar_one()
        return found

    def export(self, campaign: CampaignRecord, path: Path) -> Export:
        """Write the campaign's study to a new SQLite file of Optuna's form."""
        from corebound.ledger.export import export_study

        return export_study(self._engine, campaign, path)

    def connect(self) -> None:
        """Have a connection that is kept. Raises :class:`StorageUnreachableError` where the database gives none now."""
        with storage_errors(self._engine), self._engine.connect():
            pass

    def let_go(self) -> None:
        """Let go of every connection; the next question takes a new one."""
        self._engine.dispose()

    def close(self) -> None:
        """Let go of every connection."""
        self._engine.dispose()

    def _storage(self) -> CampaignStorage:
        from corebound.ledger.storage import CampaignStorage

        return CampaignStorage(self._url, application="corebound-study")


def open_ledger(url: str, *, application: str, connections: int = 1) -> Ledger:
    """The ledger at ``url``. Raises :class:`StorageError` and its kin, never with a password in the text."""
    engine = make_engine(url, connections=connections, application=application)
    try:
        check_schema(engine)
    except BaseException:
        engine.dispose()
        raise
    return Ledger(engine, url)
