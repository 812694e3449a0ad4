"""Campaigns as lines: what is said of them, and that they fit any screen."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corebound.api.records import Phase
from corebound.reporting.status import screen_lines, slot_lines, status_line

from .views import NOW, slot, view


def test_a_status_is_one_line() -> None:
    assert status_line(view()) == (
        "poles: 15/200 done, 2 running, 1 failed, best 0.25 (slot 3), 97% of the cores used, about 1 min 14 s left"
    )
    assert status_line(view(phase=Phase.SUCCEEDED, running=0)) == (
        "poles: Succeeded, 15/200 done, 1 failed, best 0.25 (slot 3), 97% of the cores used, all is said"
    )
    assert status_line(view(attended=False)).startswith(
        "poles: nobody runs it now (corebound run goes on with it), 15/200"
    )


@pytest.mark.parametrize(
    ("phase", "attended", "over"),
    [
        (Phase.PENDING, True, False),
        (Phase.RUNNING, True, False),
        (Phase.RUNNING, False, True),
        (Phase.SUSPENDED, True, True),
        (Phase.SUCCEEDED, False, True),
        (Phase.FAILED, True, True),
    ],
)
def test_it_is_over_when_nothing_changes_by_itself(phase: Phase, attended: bool, over: bool) -> None:
    assert view(phase=phase, attended=attended).is_over == over


def test_a_slot_shows_its_own_step_cpu_time_and_last_report() -> None:
    fresh = replace(slot(4), step=None, last_value=None, last_report_at=None, cpu_seconds=0.4)
    assert slot_lines([slot(3), fresh], NOW) == [
        "  slot    step     CPU  last value  reported  running  attempt  worker",
        "     3  37/150  12.3 s     0.83125   2 s ago     13 s        1  worker-3",
        "     4       -   0.4 s           -         -     13 s        1  worker-4",
    ]
    assert slot_lines([slot(index) for index in range(5)], NOW, most=3)[-1] == "  ... and 2 more running"


def test_many_slots_stand_side_by_side_where_there_is_room() -> None:
    lines = screen_lines([view(running=130)], width=240, height=50)
    assert len(lines) <= 50
    assert not any("more running" in line for line in lines)
    assert all(f"worker-{index}" in " ".join(lines).split() for index in range(130))


def test_what_has_no_room_is_counted() -> None:
    lines = screen_lines([view(running=130)], width=80, height=23)
    assert len(lines) == 23
    assert lines[-1] == "  ... and 111 more running"


def test_campaigns_at_work_come_first() -> None:
    over = [view(name=f"over-{index}", campaign_id=index, phase=Phase.FAILED, running=0) for index in range(40)]
    lines = screen_lines([*over, view(campaign_id=99)], width=120, height=23)
    assert lines[0].startswith("poles: ")
    assert lines[3].endswith("worker-1")
    assert lines[-1] == "... and 22 more campaigns"
    assert lines[4].startswith("over-39: ")


@given(
    running=st.lists(st.integers(0, 200), max_size=4),
    width=st.integers(1, 300),
    height=st.integers(1, 100),
    name=st.text("abc-", min_size=1, max_size=52),
)
def test_nothing_is_wider_or_longer_than_the_screen(running: list[int], width: int, height: int, name: str) -> None:
    views = [view(running=count, campaign_id=place, name=name) for place, count in enumerate(running)]
    lines = screen_lines(views, width=width, height=height)
    assert len(lines) <= height
    assert all(len(line) <= width for line in lines)
