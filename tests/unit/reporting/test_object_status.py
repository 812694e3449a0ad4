"""Campaigns of a cluster as lines and as JSON, from their status alone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from corebound.reporting.object_status import ObjectView, object_mapping
from corebound.reporting.status import screen_lines

NOW = datetime(2026, 1, 30, 12, tzinfo=UTC)


def condition(kind: str, status: str, reason: str, message: str = "", *, generation: int = 2) -> dict[str, Any]:
    at = {"observedGeneration": generation, "lastTransitionTime": "2026-01-30T11:00:00Z"}
    return {"type": kind, "status": status, "reason": reason, "message": message, **at}


def view(*, generation: int = 2, **status: Any) -> ObjectView:
    filled = {
        "observedGeneration": 2,
        "phase": "Running",
        "trials": {"progress": "37/100", "of": 100, "done": 37, "succeeded": 34, "failed": 3, "running": 4},
        "best": {"text": "0.953", "value": "0.9531", "slot": 3, "trial": 4, "parameters": {"x": 0.5}},
        "efficiency": {"cpu": "97%"},
        "cost": "1.42 USD",
        "estimatedCompletionTime": "2026-01-30T12:10:00Z",
        "conditions": [condition("Running", "True", "WorkersRunning")],
        "message": "37/100 trials are done",
    }
    metadata = {"name": "poles", "namespace": "team-a", "generation": generation}
    manifest = {
        "metadata": {**metadata, "creationTimestamp": "2026-01-30T11:00:00Z"},
        "spec": {},
        "status": {**filled, **status},
    }
    return ObjectView.of(manifest, now=NOW)


def test_a_running_one_in_one_line_with_the_words_of_the_local_display() -> None:
    assert view().line == (
        "poles: 37/100 done, 4 running, 3 failed, best 0.953 (slot 3), 97% of the cores used, cost 1.42 USD, "
        "about 10 min left"
    )
    assert not view().is_over


def test_what_does_not_run_says_why() -> None:
    waiting = view(conditions=[condition("Running", "False", "Unschedulable")], message="0/3 nodes are available")
    assert waiting.line.endswith("0/3 nodes are available")
    assert waiting.is_settled
    assert not waiting.is_over
    starting = view(conditions=[condition("Running", "False", "Starting")])
    assert not starting.is_settled


@pytest.mark.parametrize(
    ("phase", "over"), [("Succeeded", True), ("Failed", True), ("Suspended", True), ("Pending", False)]
)
def test_it_is_over_by_the_phase_of_the_present_specification(phase: str, over: bool) -> None:
    assert view(phase=phase).is_over == over
    # Trials were added to a finished one, or it was resumed: the old phase is not the end.
    changed = view(phase=phase, generation=3)
    assert not changed.is_over
    assert changed.phase is None
    assert "no operator has looked at it yet" in changed.line


def test_an_operator_without_its_database_says_that_it_has_none() -> None:
    away = condition("StorageReady", "False", "DatabaseUnreachable", "no answer", generation=3)
    seen = view(phase="Succeeded", generation=3, conditions=[away])
    assert seen.line.startswith("poles: no answer, ")
    assert not seen.is_ended
    assert "no operator has looked at it yet" in view(generation=4, conditions=[away]).line


def test_one_that_no_operator_has_seen() -> None:
    fresh = ObjectView.of({"metadata": {"name": "poles", "namespace": "a", "generation": 1}, "spec": {}}, now=NOW)
    assert fresh.line == "poles: no operator has looked at it yet"
    assert object_mapping(fresh)["phase"] is None
    assert not fresh.is_settled


def test_json_has_the_names_of_a_ledgers_campaign() -> None:
    found = object_mapping(view())
    assert found["counts"] == {"open": 59, "running": 4, "succeeded": 34, "failed": 3}
    assert found["best"] == {"slot": 3, "number": 4, "value": 0.9531, "params": {"x": 0.5}}
    assert (found["cost"], found["currency"]) == ("1.42", "USD")
    assert object_mapping(view(best={"text": "inf", "value": "inf", "slot": 1, "trial": 1}))["best"]["value"] == "inf"
    front = view(best={"text": "7 on front"})
    assert object_mapping(front)["best"] is None
    assert "7 on front" in front.line


def test_they_fit_a_screen_like_those_of_a_ledger() -> None:
    lines = screen_lines([view(), view(phase="Succeeded")], width=60, height=10)
    assert max(map(len, lines)) <= 60
    assert lines[0].startswith("poles: 37/100 done")
