"""A pooler in front of the server, as far as it matters here: what becomes of the options with which a session begins."""

from __future__ import annotations

import select
import socket
import struct
import threading
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

import psycopg
import pytest

from corebound.api.errors import StorageError, StorageUnreachableError
from corebound.ledger.tenancy import accepts, prepare_tenant

if TYPE_CHECKING:
    from pathlib import Path

    from corebound.local.postgres import EmbeddedPostgres

TENANT = {"namespace": "team-a", "namespace_uid": "0badcafe-0000"}
ENCRYPTION_REQUESTS = (80877103, 80877104)
REFUSAL = b"SFATAL\0C08P01\0Munsupported startup parameter: options\0\0"


class Pooler:
    """Refuses options, as PgBouncer by itself, or drops them, as with ``ignore_startup_parameters = options``."""

    def __init__(self, socket_folder: Path, *, database: str, drops: bool) -> None:
        self._target, self._drops = str(socket_folder / ".s.PGSQL.5432"), drops
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"postgresql://corebound@127.0.0.1:{self._listener.getsockname()[1]}/{database}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as server:
            version, parameters = _startup(client)
            if b"options" in parameters and not self._drops:
                client.sendall(b"E" + struct.pack("!I", len(REFUSAL) + 4) + REFUSAL)
                return
            parameters.pop(b"options", None)
            words = b"".join(name + b"\0" + value + b"\0" for name, value in parameters.items()) + b"\0"
            server.connect(self._target)
            server.sendall(struct.pack("!II", len(words) + 8, version) + words)
            while True:
                for ready in select.select([client, server], [], [])[0]:
                    data = ready.recv(65536)
                    if not data:
                        return
                    (server if ready is client else client).sendall(data)


def _startup(client: socket.socket) -> tuple[int, dict[bytes, bytes]]:
    """The version of the protocol and the parameters of the session."""
    while True:
        length, version = struct.unpack("!II", client.recv(8, socket.MSG_WAITALL))
        words = client.recv(length - 8, socket.MSG_WAITALL).split(b"\0") if length > 8 else []
        if version not in ENCRYPTION_REQUESTS:
            return version, dict(zip(words[:-2:2], words[1:-2:2], strict=False))
        client.sendall(b"N")


@pytest.mark.parametrize("drops", [False, True])
def test_a_pooler_is_refused_by_name_and_nothing_is_made_in_another_schema(
    server: EmbeddedPostgres, empty_url: str, *, drops: bool
) -> None:
    direct = empty_url.replace("+psycopg", "")
    database = urlsplit(empty_url).path.strip("/")
    with Pooler(server.socket_folder, database=database, drops=drops) as pooler:
        with pytest.raises(StorageError, match="PgBouncer stands in between") as refused:
            if drops:
                assert accepts(pooler.url)
            prepare_tenant(pooler.url, **TENANT)
        assert not isinstance(refused.value, StorageUnreachableError), "waiting would not help"
        with psycopg.connect(direct) as connection:
            made = "SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
            assert connection.execute(made).fetchall() == [(0,)]
        # Also when everything is there already.
        prepare_tenant(direct, **TENANT)
        with pytest.raises(StorageError, match="PgBouncer stands in between"):
            prepare_tenant(pooler.url, **TENANT)
