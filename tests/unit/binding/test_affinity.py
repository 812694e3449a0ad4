"""Core lists as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corebound_trial.binding.affinity import format_cores, parse_cores


@given(st.sets(st.integers(0, 300)))
def test_reading_gives_back_what_was_written(cores: set[int]) -> None:
    assert parse_cores(format_cores(cores)) == tuple(sorted(cores))


def test_runs_are_written_as_ranges() -> None:
    assert format_cores([6, 3, 2, 1, 0, 8, 9]) == "0-3,6,8-9"
    assert format_cores([]) == ""


@pytest.mark.parametrize("text", ["a", "1-", "3-1", "-1", "1,x", "1--2", "\u0661"])
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write for example"):
        parse_cores(text)
