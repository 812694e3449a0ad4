"""The work queue: one turn at a time for each key, none lost, fewer turns than events."""

from __future__ import annotations

import threading

from corebound_operator.loop.queue import (
    DIRTY_WAIT_SECONDS,
    HEAD_START_SECONDS,
    LONGEST_WAIT_SECONDS,
    MOST_LEFT_BEHIND,
    NEVER,
    WorkQueue,
)

A, B = ("default", "a"), ("default", "b")


class Clock:
    """Time that only moves when told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def made(interval: float = 0.0) -> tuple[WorkQueue, Clock]:
    clock = Clock()
    return WorkQueue(clock=clock, interval=interval), clock


def test_many_events_of_a_key_are_one_turn() -> None:
    queue, _ = made()
    for _ in range(100):
        queue.add(A)
    queue.add(B)
    assert [queue.take(), queue.take()] == [A, B]
    assert queue.depth() == 0


def test_a_key_that_changes_at_work_comes_again_but_not_at_once() -> None:
    queue, _ = made()
    queue.add(A)
    assert queue.take() == A
    queue.add(A)
    queue.add(A)
    assert queue.depth() == 0
    queue.done(A)
    assert queue.depth() == 1
    assert queue.take() == A
    queue.done(A)
    assert queue.depth() == 0


def test_a_new_key_goes_before_those_that_had_a_turn_but_not_for_ever() -> None:
    queue, clock = made()
    queue.add(A)
    assert queue.take() == A
    queue.done(A, again_in=0.0)
    clock.now += 1
    queue.add(B)
    assert [queue.take(), queue.take()] == [B, A]
    queue.done(A, again_in=0.0)
    clock.now += HEAD_START_SECONDS + 1
    queue.add(("default", "c"))
    assert queue.take() == A


def test_what_is_over_goes_behind_new_ones() -> None:
    queue, _ = made()
    queue.add(A, first=False)
    queue.add(B)
    assert [queue.take(), queue.take()] == [B, A]
    queue.done(A, again_in=NEVER)
    queue.done(B, again_in=NEVER)
    # Unless there is news of it before its turn.
    queue.add(B, first=False)
    queue.add(A, first=False)
    queue.add(A)
    assert [queue.take(), queue.take()] == [A, B]


def test_nothing_is_kept_of_a_key_that_is_gone_unless_there_is_another_one_of_its_name() -> None:
    queue, clock = made(interval=60.0)
    queue.add(A)
    assert queue.take() == A
    queue.done(A, again_in=NEVER)
    queue.add(A)
    assert queue.take() == A  # at once: its last turn is forgotten
    queue.add(A)
    queue.done(A, again_in=NEVER)
    clock.now += 60
    assert queue.take() == A


def test_the_earlier_of_two_times_counts() -> None:
    queue, clock = made()
    queue.add(A, after=10)
    queue.add(A, after=5)
    queue.add(A, after=20)
    assert queue.depth() == 0
    clock.now += 5
    assert queue.take() == A
    queue.done(A)
    clock.now += 20
    assert queue.depth() == 0


def test_failures_wait_longer_each_time_and_are_forgotten_after_a_success() -> None:
    queue, clock = made()
    waits = []
    queue.add(A)
    for _ in range(12):
        assert queue.take() == A
        queue.done(A, failed=True)
        before = clock.now
        while not queue.depth():
            clock.now += 0.1
        waits.append(clock.now - before)
    assert waits[0] < 0.5 < waits[3]
    assert [round(wait) for wait in waits] == sorted(round(wait) for wait in waits)
    assert abs(waits[-1] - LONGEST_WAIT_SECONDS) < 1
    assert queue.take() == A
    queue.done(A)
    queue.add(A)
    assert queue.take() == A
    queue.done(A, failed=True)
    clock.now += 0.5
    assert queue.depth() == 1


def test_a_minimum_interval_lies_between_two_turns() -> None:
    queue, clock = made(interval=2.0)
    queue.add(A)
    assert queue.take() == A
    queue.done(A)
    queue.add(A)
    assert queue.depth() == 0
    clock.now += 2
    assert queue.depth() == 1


def test_a_long_turn_shows() -> None:
    queue, clock = made()
    queue.add(A)
    queue.take()
    clock.now += 33
    assert queue.oldest_at_work() == 33


def test_no_key_is_ever_at_work_twice_with_real_threads() -> None:
    queue = WorkQueue(interval=0.0)
    keys = [("default", f"campaign-{index}") for index in range(5)]
    at_work: set[tuple[str, str]] = set()
    turns = dict.fromkeys(keys, 0)
    overlaps = []
    lock = threading.Lock()

    def work() -> None:
        while (key := queue.take()) is not None:
            with lock:
                if key in at_work:
                    overlaps.append(key)
                at_work.add(key)
                turns[key] += 1
            with lock:
                at_work.discard(key)
            queue.done(key)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(500):
        for key in keys:
            queue.add(key)
    while queue.depth():
        pass
    queue.close()
    for thread in threads:
        thread.join(10)
    assert not overlaps
    assert all(turns.values())
    assert sum(turns.values()) <= 2500


def test_what_happened_during_a_turn_that_failed_shortens_its_wait() -> None:
    queue, clock = made()
    for _ in range(12):
        queue.add(A)
        clock.now += LONGEST_WAIT_SECONDS
        assert queue.take() == A
        queue.done(A, failed=True)
    clock.now += LONGEST_WAIT_SECONDS
    assert queue.take() == A
    queue.add(A)
    queue.done(A, failed=True)
    clock.now += DIRTY_WAIT_SECONDS - 0.1
    assert queue.depth() == 0
    clock.now += 0.2
    assert queue.take() == A


def test_a_key_that_is_moved_again_and_again_leaves_little_behind() -> None:
    queue, clock = made()
    for _ in range(10_000):
        queue.add(A, after=1e6)
        queue.add(A)
        assert queue.take() == A
        queue.done(A, again_in=1e6)
        clock.now += 1
    assert len(queue._heap) < 2 * MOST_LEFT_BEHIND
