"""Jumps of time: seen once, and given time to settle."""

from __future__ import annotations

from corebound.local.clock_watch import ClockWatch


class Clocks:
    """Both run together until one is set."""

    def __init__(self) -> None:
        self.wall, self.steady = 1_000_000.0, 50.0

    def run(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds

    def sleep(self, seconds: float) -> None:
        """The machine is suspended."""
        self.wall += seconds


def made() -> tuple[ClockWatch, Clocks]:
    clocks = Clocks()
    return ClockWatch(10.0, wall=lambda: clocks.wall, steady=lambda: clocks.steady), clocks


def test_time_that_only_runs_is_no_jump() -> None:
    watch, clocks = made()
    for _ in range(5):
        clocks.run(3600)
        assert not watch.has_jumped()
        assert not watch.is_settling()


def test_a_jump_is_seen_once_and_settles_within_a_heartbeat() -> None:
    watch, clocks = made()
    clocks.sleep(3600)
    assert watch.has_jumped()
    assert not watch.has_jumped()
    clocks.run(9.9)
    assert watch.is_settling()
    clocks.run(0.1)
    assert not watch.is_settling()


def test_who_only_asks_whether_it_settles_sees_the_jump_as_well() -> None:
    watch, clocks = made()
    clocks.sleep(60)
    assert watch.is_settling()


def test_small_corrections_and_a_clock_set_back_are_none() -> None:
    watch, clocks = made()
    clocks.sleep(10)
    assert not watch.has_jumped()
    clocks.sleep(-7200)
    assert not watch.is_settling()
    clocks.sleep(11)
    assert watch.is_settling()
