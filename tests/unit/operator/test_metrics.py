"""The operator's figures: of every phase and state there is one at each moment, also when no campaign is in it any more."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from corebound.api.records import LedgerSummary, Phase, SlotState
from corebound_operator.loop.queue import WorkQueue
from corebound_operator.wiring.metrics import Metrics

from .worlds import summary

PAGE = Path(__file__).parents[3] / "docs" / "operator.md"
KEY = ("default", "poles")


def figures(metrics: Metrics, name: str, label: str) -> dict[str, float]:
    return {
        sample.labels[label]: sample.value
        for family in metrics.registry.collect()
        if family.name == name
        for sample in family.samples
    }


def test_what_no_campaign_has_any_more_is_zero_and_not_absent() -> None:
    metrics = Metrics(WorkQueue())
    metrics.saw(KEY, summary(open=3, succeeded=1))
    assert figures(metrics, "corebound_campaigns", "phase")["Running"] == 1
    assert figures(metrics, "corebound_slots", "state")["open"] == 3
    metrics.saw(KEY, None)
    assert figures(metrics, "corebound_campaigns", "phase") == dict.fromkeys([each.value for each in Phase], 0)
    assert figures(metrics, "corebound_slots", "state") == dict.fromkeys([each.value for each in SlotState], 0)


def throttled(seconds: float) -> LedgerSummary:
    return replace(summary(running=1), throttled_seconds=seconds)


def test_throttled_time_only_grows() -> None:
    """A fall is a new start of the operator to ``rate()``, which then counts all that is left anew."""
    metrics = Metrics(WorkQueue())
    found = []
    for key, seen in (
        (KEY, throttled(40)),
        (("default", "cart"), throttled(0)),
        (KEY, throttled(45)),
        (("default", "cart"), throttled(2)),
        (KEY, None),
        (("default", "cart"), throttled(1)),
        (("default", "cart"), throttled(4)),
    ):
        metrics.saw(key, seen)
        found.append(metrics.registry.get_sample_value("corebound_throttled_seconds_total"))
    assert found == [0, 0, 5, 7, 7, 7, 10]


def test_only_campaigns_that_run_use_their_cores_well_or_badly() -> None:
    """One that has ended would say for ever how it was."""
    metrics = Metrics(WorkQueue())

    def efficiency() -> float | None:
        return metrics.registry.get_sample_value("corebound_cpu_efficiency")

    assert efficiency() is None
    ended = summary(phase=Phase.SUCCEEDED, succeeded=4, worker_seconds=1000.0)
    metrics.saw(("default", "ended"), replace(ended, cpu_seconds=10.0))
    metrics.saw(("default", "begun"), replace(summary(open=4, worker_seconds=0.0), cpu_seconds=0.0))
    assert efficiency() is None, "nothing is reserved by what runs"
    metrics.saw(KEY, replace(summary(running=1, worker_seconds=100.0), cpu_seconds=90.0))
    assert efficiency() == pytest.approx(0.9)
    metrics.saw(("default", "idle"), replace(summary(running=1, worker_seconds=300.0), cpu_seconds=10.0))
    assert efficiency() == pytest.approx(0.25)
    metrics.saw(
        ("default", "idle"), replace(summary(phase=Phase.SUSPENDED, open=1, worker_seconds=300.0), cpu_seconds=10.0)
    )
    assert efficiency() == pytest.approx(0.9)


def test_a_database_that_was_not_asked_is_neither_up_nor_down() -> None:
    metrics = Metrics(WorkQueue())
    found = []
    for is_up in (None, False, True):
        if is_up is not None:
            metrics.asked(is_up)
        found.append(metrics.registry.get_sample_value("corebound_database_up"))
    assert str(found) == "[nan, 0.0, 1.0]"


def test_the_page_lists_each_metric_and_no_other() -> None:
    metrics = Metrics(WorkQueue())
    metrics.saw(KEY, summary(running=1))
    metrics.turn("failed", 1)
    metrics.requested("GET", 200, 1)
    shown = []
    for family in metrics.registry.collect():
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = ", ".join(label for label in family.samples[0].labels if label != "le")
        shown.append(f"| `{name}{{{labels}}}` | {family.documentation} |".replace("{}", ""))
    written = re.findall(r"^\| `corebound_.*$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(written) == sorted(shown)
