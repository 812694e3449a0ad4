"""A comparison that was ended goes on where it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from comparison.record import Record
from comparison.table import Figure, Killed

if TYPE_CHECKING:
    from pathlib import Path

FIGURE = Figure(seconds=10.0, cpu_seconds=5.0, switches=100.0, start_and_end=1.0, made=4, results=4)
KILLED = Killed(asked=6, results=5, running=1)


def test_all_that_was_measured_is_there_again(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    first = Record(path, trials=4, seconds=5.0, units=700)
    first.add_figure(0, "bare", FIGURE)
    first.add_figure(1, "loky", FIGURE)
    first.add_killed("loky", KILLED)
    first.add_scaling("bare", 2, 8.0)
    again = Record(path, trials=4, seconds=5.0, units=650)
    assert again.rounds == first.rounds == [{"bare": FIGURE}, {"loky": FIGURE}]
    assert again.kills == {"loky": KILLED}
    assert again.scaling == {"bare": {2: 8.0}}
    assert again.units == 700, "trials stay as large as they were"


def test_a_half_written_line_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    Record(path, trials=4, seconds=5.0, units=700).add_killed("loky", KILLED)
    path.write_text(path.read_text()[:-3])
    assert Record(path, trials=4, seconds=5.0, units=700).kills == {}


def test_a_record_of_another_comparison_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    Record(path, trials=4, seconds=5.0, units=700)
    with pytest.raises(ValueError, match=r"found a record of \{'trials': 4\}"):
        Record(path, trials=5, seconds=5.0, units=700)
