"""What was read of a campaign is good until a watch brings something, and no longer than 15 s."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from corebound_operator.loop.objects import GOOD_SECONDS, Objects

if TYPE_CHECKING:
    from collections.abc import Callable

    from corebound.cluster.client import Cluster
    from corebound_operator.loop.jobs import Jobs

KEY = ("default", "a")


def at_version(version: str, uid: str = "a") -> dict[str, Any]:
    return {"metadata": {"resourceVersion": version, "uid": uid}}


class Server:
    """One campaign, and how often it was asked for; time moves by ``now``."""

    def __init__(self) -> None:
        self.version: str | None = "1"
        self.uid = "a"
        self.asked = 0
        self.listed = 0
        self.now = 0.0
        self.meanwhile: Callable[[], object] = lambda: None

    def get(self, *_: Any, **__: Any) -> dict[str, Any] | None:
        self.asked += 1
        found = None if self.version is None else at_version(self.version, self.uid)
        self.meanwhile()
        return found

    def of(self, _: Any) -> tuple[Any, ...]:
        self.listed += 1
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
    assert objects.heard(KEY, at_version("2"))
    objects.read(KEY)
    assert (server.asked, server.listed) == (2, 1)
    objects.jobs_changed(KEY)
    objects.read(KEY)
    assert (server.asked, server.listed) == (2, 2)
    objects.forget(KEY)
    objects.read(KEY)
    assert (server.asked, server.listed) == (3, 3)


def test_a_new_campaign_is_taken_from_its_event() -> None:
    objects, server = made()
    assert objects.heard(KEY, at_version("7"))
    read = objects.read(KEY)
    assert read is not None
    assert read.campaign == at_version("7")
    assert (server.asked, server.listed) == (0, 0), "without a status it has no Job"
    objects.forget(KEY)
    objects.heard(KEY, {**at_version("8"), "status": {"phase": "Running"}})
    objects.read(KEY)
    assert (server.asked, server.listed) == (0, 1)
    server.now = GOOD_SECONDS
    read = objects.read(KEY)
    assert read is not None
    assert (read.campaign, server.asked) == (at_version("1"), 1)


@pytest.mark.parametrize("event", ["campaign", "job", "gone"])
def test_an_event_while_it_is_read_is_not_lost(event: str) -> None:
    objects, server = made()
    server.meanwhile = {
        "campaign": lambda: objects.heard(KEY, at_version("2")),
        "job": lambda: objects.jobs_changed(KEY),
        "gone": lambda: objects.forget(KEY),
    }[event]
    objects.read(KEY)
    server.meanwhile = lambda: None
    objects.read(KEY)
    assert (server.asked, server.listed) == (2, 2)
    objects.read(KEY)
    assert (server.asked, server.listed) == (2, 2)


def test_our_own_status_is_known_when_it_comes_back() -> None:
    objects, server = made()
    objects.read(KEY)
    assert not objects.heard(KEY, at_version("1"))
    objects.wrote_status(KEY, at_version("2"))
    assert not objects.heard(KEY, at_version("2"))
    read = objects.read(KEY)
    assert read is not None
    assert read.campaign == at_version("2")
    assert server.asked == 1
    # An event that comes late does not put what is older in its place.
    assert objects.heard(KEY, at_version("1"))
    objects.read(KEY)
    assert server.asked == 2


def test_a_campaign_that_is_gone_is_asked_for_each_time() -> None:
    objects, server = made()
    server.version = None
    assert objects.read(KEY) is None
    server.version = "3"
    read = objects.read(KEY)
    assert read is not None
    assert not objects.heard(KEY, at_version("3"))


def test_another_object_of_the_same_name_has_nothing_of_the_one_before() -> None:
    objects, server = made()
    objects.read(KEY)
    server.version, server.uid = "5", "b"
    # Its deletion was missed; what is known of its Jobs is not that of the new one.
    objects.heard(KEY, at_version("5", "b"))
    read = objects.read(KEY)
    assert read is not None
    assert (read.campaign["metadata"]["uid"], server.listed) == ("b", 2)
    objects.wrote_status(KEY, at_version("4", "a"))
    read = objects.read(KEY)
    assert read is not None
    assert read.campaign["metadata"]["uid"] == "b"
