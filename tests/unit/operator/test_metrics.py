"""The operator's figures: of every phase and state there is one at each moment, also when no campaign is in it any more."""

from __future__ import annotations

from corebound.api.records import Phase, SlotState
from corebound_operator.loop.queue import WorkQueue
from corebound_operator.wiring.metrics import Metrics

from .worlds import summary

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
