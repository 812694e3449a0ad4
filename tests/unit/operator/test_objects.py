"""What was read of a campaign is good until a watch brings something, and no longer than 15 s."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from corebound_operator.loop.objects import GOOD_SECONDS, Objects

if TYPE_CHECKING:
    from collections.abc import Callable

    from corebound.cluster.client import Cluster
    from corebound_operator.loop.jobs import Jobs

KEY = ("default", "a")


class Server:
    """One campaign, and how often it was asked for; time moves by ``now``."""

    def __init__(self) -> None:
        self.version: str | None = "1"
        self.asked = 0
        self.now = 0.0
        self.meanwhile: Callable[[], object] = lambda: None

    def get(self, *_: Any, **__: Any) -> dict[str, Any] | None:
        self.asked += 1
        found = None if self.version is None else {"metadata": {"resourceVersion": self.version}}
        self.meanwhile()
        return found

    def of(self, _: Any) -> tuple[Any, ...]:
        return ()


def made() -> tuple[Objects, Server]:
    server = Server()
    return Objects(cast("Cluster", server), cast("Jobs", server), clock=lambda: server.now), server


def test_without_an_event_it_is_not_read_again_for_a_while() -> None:
    objects, server = made()
    for second in (0.0, 2.0, GOOD_SECONDS - 1):
        server.now = second
        objects.read(KEY)
    assert server.asked == 1
    server.now = GOOD_SECONDS
    objects.read(KEY)
    assert server.asked == 2


def test_an_event_makes_the_next_turn_read() -> None:
    objects, server = made()
    objects.read(KEY)
    objects.changed(KEY)
    objects.read(KEY)
    assert server.asked == 2


def test_an_event_while_it_is_read_is_not_lost() -> None:
    objects, server = made()
    server.meanwhile = lambda: objects.changed(KEY)
    objects.read(KEY)
    server.meanwhile = lambda: None
    objects.read(KEY)
    assert server.asked == 2
    objects.read(KEY)
    assert server.asked == 2


def test_our_own_status_is_known_when_it_comes_back() -> None:
    objects, server = made()
    objects.read(KEY)
    assert objects.is_known(KEY, "1")
    assert not objects.is_known(KEY, "2")
    objects.wrote_status(KEY, {"metadata": {"resourceVersion": "2"}})
    assert objects.is_known(KEY, "2")
    read = objects.read(KEY)
    assert read is not None
    assert read.campaign["metadata"]["resourceVersion"] == "2"
    assert server.asked == 1


def test_a_campaign_that_is_gone_is_asked_for_each_time() -> None:
    objects, server = made()
    server.version = None
    assert objects.read(KEY) is None
    server.version = "3"
    read = objects.read(KEY)
    assert read is not None
    assert objects.is_known(KEY, "3")
