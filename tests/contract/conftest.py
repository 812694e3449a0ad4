"""A real PostgreSQL for the ledger's contract: the embedded one, a fresh database per test."""

from __future__ import annotations

import contextlib
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


def address(server: EmbeddedPostgres, name: str) -> str:
    return f"postgresql+psycopg://corebound@/{name}?host={quote(str(server.socket_folder), safe='')}"


def execute(server: EmbeddedPostgres, statement: str, *names: str) -> None:
    with psycopg.connect(
        host=str(server.socket_folder), user="corebound", dbname="postgres", autocommit=True
    ) as connection:
        connection.execute(psycopg.sql.SQL(statement).format(*map(psycopg.sql.Identifier, names)))


@pytest.fixture(scope="session")
def prepared(server: EmbeddedPostgres) -> str:
    """Both schemas and nothing in them, to copy for each test: making them there costs four times as much."""
    execute(server, "CREATE DATABASE {}", "prepared")
    prepare_database(address(server, "prepared"))
    return "prepared"


@pytest.fixture
def empty_url(server: EmbeddedPostgres) -> Iterator[str]:
    """A database without any table."""
    with fresh(server, "template1") as url:
        yield url


@pytest.fixture
def url(server: EmbeddedPostgres, prepared: str) -> Iterator[str]:
    """A database with both schemas."""
    with fresh(server, prepared) as copied:
        yield copied


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    with open_ledger(url, application="test", connections=4) as opened:
        yield opened


@contextlib.contextmanager
def fresh(server: EmbeddedPostgres, template: str) -> Iterator[str]:
    name = f"test_{uuid4().hex[:12]}"
    execute(server, "CREATE DATABASE {} TEMPLATE {}", name, template)
    yield address(server, name)
    execute(server, "DROP DATABASE {} WITH (FORCE)", name)
