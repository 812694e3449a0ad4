"""Where the ledger is: ``--storage``, COREBOUND_DATABASE_URL, or the embedded server while the command runs."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from corebound.ledger.ledger import Ledger

storage_option = click.option(
    "--storage",
    default=None,
    help="postgresql://user:password@host/database; default: COREBOUND_DATABASE_URL, else an embedded server.",
)


@contextlib.contextmanager
def opened_storage(storage: str | None, *, connections: int = 0) -> Iterator[tuple[str, Callable[[], None]]]:
    """The database's URL, and how to start it again should it die (nothing for an external server)."""
    url = storage or os.environ.get("COREBOUND_DATABASE_URL")
    if url:
        yield url, lambda: None
        return
    from corebound.local.postgres import EmbeddedPostgres

    server = EmbeddedPostgres.of_this_user()
    with server.used(connections=connections) as url:
        yield url, lambda: server.start(connections=connections)


@contextlib.contextmanager
def opened_ledger(storage: str | None, *, application: str) -> Iterator[Ledger]:
    """The prepared ledger, for commands that only read."""
    from corebound.ledger.ledger import open_ledger
    from corebound.ledger.schema import prepare_database

    with opened_storage(storage) as (url, _):
        prepare_database(url)
        with open_ledger(url, application=application) as ledger:
            yield ledger
