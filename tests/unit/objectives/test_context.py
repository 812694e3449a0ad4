"""What an attempt has at hand for the moment at which it is asked to stop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy
import pytest

from corebound.api.errors import ObjectiveError
from corebound_trial.objectives import protocol
from corebound_trial.objectives.state_codec import decode_state

from .attempts import Ledger, attempt_context

if TYPE_CHECKING:
    from collections.abc import Callable


class Clock:
    """``time`` as the context asks for it: making a state takes CPU time, a step takes none."""

    def __init__(self) -> None:
        self.now, self.cpu = 0.0, 0.0

    def monotonic(self) -> float:
        return self.now

    def thread_time(self) -> float:
        return self.cpu

    def state(self, number: int, *, cost: float = 0.0) -> Callable[[], dict[str, Any]]:
        def make() -> dict[str, Any]:
            self.cpu += cost
            return {"number": number}

        return make


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(protocol, "time", clock)
    return clock


def numbers(ledger: Ledger) -> list[int]:
    return [decode_state(payload)["number"] for payload in ledger.saved]


def test_nothing_is_stored_until_it_is_asked_for_and_then_once(clock: Clock) -> None:
    ledger = Ledger()
    context = attempt_context(ledger)
    for number in range(3):
        context.keep(clock.state(number))
        clock.now += 1
    assert numbers(ledger) == []
    context.store_kept()
    context.store_kept()
    assert numbers(ledger) == [2]


def test_what_was_saved_is_newer_than_what_was_kept_before(clock: Clock) -> None:
    ledger = Ledger()
    context = attempt_context(ledger)
    context.keep(clock.state(1))
    context.save({"number": 2})
    context.store_kept()
    assert numbers(ledger) == [2]


def test_what_is_kept_after_the_wish_to_stop_is_stored_at_once(clock: Clock) -> None:
    ledger = Ledger()
    attempt_context(ledger, stop=lambda: True).keep(clock.state(1))
    assert numbers(ledger) == [1]


def test_keeping_takes_no_more_than_its_share_of_the_time(clock: Clock) -> None:
    """Steps of 10 ms whose state takes 5 ms to make: all but a few are passed by."""
    context = attempt_context()
    for number in range(10_000):
        context.keep(clock.state(number, cost=0.005))
        clock.now += 0.01
    assert clock.cpu <= 100 * protocol.KEEPING_SHARE + 2 * 0.005
    assert clock.cpu > 0.8 * 100 * protocol.KEEPING_SHARE


def test_the_beginning_of_every_long_step_is_kept(clock: Clock) -> None:
    ledger = Ledger()
    context = attempt_context(ledger)
    for number in range(5):
        context.keep(clock.state(number, cost=0.005))
        clock.now += 2.1
        context.store_kept()
    assert numbers(ledger) == [0, 1, 2, 3, 4]


def test_steps_of_any_library_are_plain_and_within_what_the_ledger_holds() -> None:
    """The worker's heartbeat carries them: one that the database refuses would end the worker."""
    ledger = Ledger()
    context = attempt_context(ledger)
    context.progress(numpy.int64(3), numpy.int32(7))
    context.progress(10**12, -(10**12))
    assert ledger.progress == [(3, 7), (2**31 - 1, 1 - 2**31)]
    assert {type(number) for shown in ledger.progress for number in shown} == {int}
    with pytest.raises(ValueError, match="invalid literal"):
        context.progress("three")  # type: ignore[arg-type]


def test_what_is_too_large_to_be_stored_is_said_at_once(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "MOST_CHECKPOINT_BYTES", 10)
    with pytest.raises(ObjectiveError, match="keep only what is needed to go on"):
        attempt_context().keep(clock.state(1))
