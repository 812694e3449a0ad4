"""The status: closed, of constant size, whatever the figures are; what cannot be read of a stored one is not there."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from corebound.api.records import BestTrial, Phase, SlotState
from corebound.api.status import (
    LONGEST_LINE,
    MOST_PARAMETERS_SHOWN,
    Best,
    CampaignStatus,
    Condition,
    ConditionStatus,
    ConditionType,
    TrialCounts,
    kept_transitions,
)

NOON = datetime(2026, 11, 25, 12, 0, 0, 600_000, tzinfo=UTC)


def condition(
    kind: ConditionType = ConditionType.RUNNING,
    status: ConditionStatus = ConditionStatus.TRUE,
    *,
    at: datetime = NOON,
    message: str = "",
) -> Condition:
    return Condition(
        type=kind,
        status=status,
        reason="Because",
        message=message,
        observed_generation=1,
        last_transition_time=at,
    )


def test_counts_are_summed_up() -> None:
    counts = {
        SlotState.OPEN: 50,
        SlotState.RUNNING: 13,
        SlotState.SUCCEEDED: 30,
        SlotState.PRUNED: 5,
        SlotState.FAILED: 2,
    }
    assert TrialCounts.counted(counts, of=100).model_dump(mode="json", by_alias=True) == {
        "progress": "37/100",
        "of": 100,
        "done": 37,
        "succeeded": 30,
        "pruned": 5,
        "failed": 2,
        "skipped": 0,
        "running": 13,
    }


def test_a_status_is_json_and_is_read_back() -> None:
    status = CampaignStatus(
        observed_generation=3,
        phase=Phase.RUNNING,
        conditions=[condition(), condition(ConditionType.ACCEPTED, ConditionStatus.UNKNOWN)],
        best=Best.of_trial(BestTrial(slot=3, number=4, value=math.inf, params={"a": 1, "b": True, "c": "x", "d": 0.5})),
        start_time=NOON,
    )
    stored = json.loads(json.dumps(status.to_mapping(), allow_nan=False))
    assert stored["best"] == {
        "text": "inf",
        "value": "inf",
        "slot": 3,
        "trial": 4,
        "parameters": {"a": 1, "b": True, "c": "x", "d": 0.5},
    }
    assert stored["startTime"] == "2026-11-25T12:00:00Z"
    assert stored["conditions"][0]["lastTransitionTime"] == "2026-11-25T12:00:00Z"
    assert CampaignStatus.read(stored).to_mapping() == stored


@pytest.mark.parametrize("value", [math.inf, math.nan, "x" * 1000, None, (1, 2), 10**400])
def test_any_parameter_of_an_objective_can_be_shown(value: object) -> None:
    params = {f"p{number}" + "y" * 1000: value for number in range(1000)}
    shown = Best.of_trial(BestTrial(slot=None, number=0, value=0.1, params=params)).model_dump(
        mode="json", by_alias=True
    )
    assert len(shown["parameters"]) == MOST_PARAMETERS_SHOWN
    assert len(json.dumps(shown, allow_nan=False)) < MOST_PARAMETERS_SHOWN * (2 * LONGEST_LINE + 20) + 200


def test_texts_are_cut_and_kept_on_one_line() -> None:
    status = CampaignStatus(message="a\nb " * 1000, conditions=[condition(message="ü" * 10_000)])
    assert status.message is not None
    assert len(status.message) == LONGEST_LINE
    assert status.message.startswith("a b a b")
    assert status.message.endswith("...")
    assert len(status.conditions[0].message) == 1024


def test_a_status_has_no_other_fields() -> None:
    with pytest.raises(ValidationError, match="phse"):
        CampaignStatus.model_validate({"phse": "Running"})


@pytest.mark.parametrize(
    ("stored", "read"),
    [
        (None, {}),
        ("text", {}),
        ({"phase": "Sleeping", "cost": "1.42 USD", "new": 1}, {"cost": "1.42 USD"}),
        ({"trials": {"done": 1}, "conditions": 5, "message": 7, "phase": "Failed"}, {"phase": "Failed"}),
    ],
)
def test_what_another_version_wrote_is_read_as_far_as_it_goes(stored: object, read: dict[str, Any]) -> None:
    assert CampaignStatus.read(stored).to_mapping() == {"conditions": [], **read}


def test_an_unreadable_condition_does_not_hide_the_others() -> None:
    stored = CampaignStatus(conditions=[condition()]).to_mapping()
    stored["conditions"].append({"type": "Progressing", "status": "True"})
    assert CampaignStatus.read(stored).conditions == [condition(at=NOON.replace(microsecond=0))]


def test_the_time_of_a_transition_stays_while_the_status_does() -> None:
    later = NOON + timedelta(minutes=5)
    before = [condition(), condition(ConditionType.ACCEPTED)]
    now = [
        condition(at=later, message="new words"),
        condition(ConditionType.ACCEPTED, ConditionStatus.FALSE, at=later),
        condition(ConditionType.COMPLETE, at=later),
    ]
    kept = kept_transitions(before, now)
    assert [each.last_transition_time for each in kept] == [NOON, later, later]
    assert kept[0].message == "new words"
