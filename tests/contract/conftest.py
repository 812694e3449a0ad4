"""A real PostgreSQL for the ledger's contract: the embedded one, a fresh database per test."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote
from uuid import uuid4

import psycopg
import pytest

from corebound.ledger.ledger import Ledger, open_ledger
from corebound.ledger.schema import prepare_database
from corebound.local.postgres import EmbeddedPostgres

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    postgres = EmbeddedPostgres(tmp_path_factory.mktemp("postgres"))
    with postgres.used(connections=150):
        yield postgres


@pytest.fixture
def url(server: EmbeddedPostgres) -> Iterator[str]:
    name = f"test_{uuid4().hex[:12]}"
    host = str(server.socket_folder)
    with psycopg.connect(host=host, user="corebound", dbname="postgres", autocommit=True) as connection:
        connection.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(name)))
    yield f"postgresql+psycopg://corebound@/{name}?host={quote(host, safe='')}"
    with psycopg.connect(host=host, user="corebound", dbname="postgres", autocommit=True) as connection:
        connection.execute(psycopg.sql.SQL("DROP DATABASE {} WITH (FORCE)").format(psycopg.sql.Identifier(name)))


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    prepare_database(url)
    with open_ledger(url, application="test", connections=4) as opened:
        yield opened
