"""What trials wrote while they ran, read back."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from comparison.trial_log import Line, parsed, same_results, victim, window


def line(event: str, trial: str, seconds: float, **told: Any) -> Line:
    fields = {"pid": 1, "cpu": seconds * 2, "own_cpu": seconds, "switches": int(seconds * 10), "check": None, **told}
    return Line(event=event, trial=trial, seconds=seconds, **fields)


TWO_WORKERS = [
    line("began", "a", 10.0, pid=1),
    line("began", "b", 11.0, pid=2),
    line("ended", "a", 15.0, pid=1, check=0.5),
    line("began", "c", 15.5, pid=1),
    line("ended", "b", 16.0, pid=2, check=0.5),
    line("ended", "c", 20.0, pid=1, check=0.5),
]


def test_a_half_written_last_line_does_not_count() -> None:
    text = "".join(f"{json.dumps(asdict(each))}\n" for each in TWO_WORKERS)
    assert parsed(text) == TWO_WORKERS
    assert parsed(text[:-5]) == TWO_WORKERS[:-1]


def test_time_and_cpu_are_from_the_first_begin_to_the_last_end() -> None:
    found = window(TWO_WORKERS)
    assert found is not None
    assert (found.began, found.ended) == (10.0, 20.0)
    assert found.cpu_seconds == 20.0, "the whole group's: daemons and spinning threads count"
    assert (found.made, found.finished) == (3, 3)


def test_switches_are_each_processs_own_while_it_ran_trials() -> None:
    found = window(TWO_WORKERS)
    assert found is not None
    assert found.switches == (200 - 100) + (160 - 110)


def test_without_a_group_the_processes_of_the_trials_count() -> None:
    found = window([line(each.event, each.trial, each.seconds, pid=each.pid, cpu=None) for each in TWO_WORKERS])
    assert found is not None
    assert found.cpu_seconds == (20.0 - 10.0) + (16.0 - 11.0)


def test_what_began_after_the_last_end_is_made_but_takes_no_time() -> None:
    found = window([*TWO_WORKERS, line("began", "d", 30.0, pid=2)])
    assert found is not None
    assert (found.ended, found.made, found.finished) == (20.0, 4, 3)
    assert found.switches == 150


def test_no_trial_ended() -> None:
    assert window(TWO_WORKERS[:2]) is None


def test_the_victim_runs_a_trial_after_enough_have_ended() -> None:
    assert victim(TWO_WORKERS[:2], after=1) is None
    assert victim(TWO_WORKERS[:3], after=1) == 2
    assert victim(TWO_WORKERS[:4], after=1) == 1, "the last to begin"
    assert victim(TWO_WORKERS, after=1) is None, "nothing runs any more"


def test_other_numbers_are_noticed() -> None:
    other = [line("ended", "a", 1.0, check=0.6)]
    assert same_results([TWO_WORKERS, TWO_WORKERS, []])
    assert not same_results([TWO_WORKERS, other])
