"""The operator's probes, asked over HTTP as the kubelet asks: what makes each fail, and that it then does."""

from __future__ import annotations

import socket
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from prometheus_client import CollectorRegistry

from corebound.api.errors import StorageUnreachableError
from corebound_operator.wiring.serving import Serving

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class World:
    """What the probes look at."""

    port: int
    trouble: str | None = None
    synced: bool = True
    database: str | None = None
    asked: list[bool] = field(default_factory=list)

    def ask_database(self) -> None:
        if self.database is not None:
            raise StorageUnreachableError(self.database)

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode().strip()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode().strip()

    def until(self, path: str, status: int) -> str:
        deadline = time.monotonic() + 30
        while (found := self.get(path))[0] != status:
            assert time.monotonic() < deadline, found
            time.sleep(0.05)
        return found[1]


@pytest.fixture
def world() -> Iterator[World]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    made = World(port)
    serving = Serving(
        port=port,
        registry=CollectorRegistry(),
        trouble=lambda: made.trouble,
        synced=lambda: made.synced,
        ask_database=made.ask_database,
        asked=made.asked.append,
    )
    serving.start()
    yield made
    serving.stop()


def test_a_loop_in_trouble_is_started_anew(world: World) -> None:
    assert world.until("/healthz", 200) == "well"
    world.trouble = "threads have died: resync"
    assert world.get("/healthz") == (503, "threads have died: resync")
    assert world.get("/readyz") == (503, "threads have died: resync")


def test_without_its_database_it_is_alive_but_not_ready(world: World) -> None:
    world.until("/readyz", 200)
    world.database = "db:5432 does not answer"
    assert "does not answer" in world.until("/readyz", 503)
    assert world.get("/healthz")[0] == 200
    world.database = None
    world.until("/readyz", 200)
    assert set(world.asked) == {True, False}


def test_before_every_campaign_was_seen_it_is_not_ready(world: World) -> None:
    world.synced = False
    assert world.until("/readyz", 503) in ("not all campaigns were seen yet", "the database was not asked yet")
    world.synced = True
    world.until("/readyz", 200)
