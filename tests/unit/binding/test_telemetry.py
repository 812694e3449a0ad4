"""Which of the threads that were seen twice count as at work."""

from __future__ import annotations

import pytest

from corebound_trial.binding.telemetry import LEAST_CROWD, _at_work, _Thread, _ThreadSeen

NO_PROCESS = -1


def at_work(count: int, *, ticks: int, state: str, new: bool = False) -> int:
    """Of ``count`` such threads, within a second."""
    threads = [_Thread(NO_PROCESS, number, 0) for number in range(count)]
    before = {} if new else dict.fromkeys(threads, 0)
    seen = _ThreadSeen(name="python", state=state, cpu_ticks=ticks, switches=(0, 0))
    return len(_at_work(dict.fromkeys(threads, seen), before, interval=1.0))


@pytest.mark.parametrize("new", [False, True])
@pytest.mark.parametrize(
    ("count", "ticks", "state", "expected"),
    [
        (3, 6, "R", 3),
        (3, 5, "R", 0),
        (64, 1, "R", 64),
        (LEAST_CROWD, 1, "R", LEAST_CROWD),
        (LEAST_CROWD - 1, 1, "R", 0),
        (64, 0, "R", 0),
        (64, 5, "S", 0),
    ],
)
def test_a_share_of_a_core_or_a_crowd_that_wants_one(
    count: int, ticks: int, state: str, expected: int, new: bool
) -> None:
    assert at_work(count, ticks=ticks, state=state, new=new) == expected


def test_what_worked_and_rests_counts_only_when_it_was_there_all_the_time() -> None:
    assert at_work(3, ticks=6, state="S") == 3
    assert at_work(3, ticks=6, state="S", new=True) == 0
