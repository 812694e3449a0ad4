"""When a campaign is over, and how."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corebound.api.reasons import ReasonWord
from corebound.api.records import BestTrial, LedgerSummary, Phase, SlotState
from corebound.api.spec import SearchCampaign
from corebound.planning.ending import campaign_ending

from ...made_up import NOW, record, summary_of

MakeCampaign = Callable[..., SearchCampaign]


def summary(
    *,
    best: float | None = None,
    failed_first: bool = False,
    last_error: str | None = None,
    stop_requested: str | None = None,
    after: float = 60,
    active_before: float = 0,
    **counts: int,
) -> LedgerSummary:
    """A ledger's answer; counts by the names of slot states."""
    campaign = record(
        "ended",
        specification={},
        trials=sum(counts.values()),
        stop_requested=stop_requested,
        active_seconds=active_before,
    )
    return summary_of(
        campaign,
        {SlotState(name): count for name, count in counts.items()},
        now=NOW + timedelta(seconds=after),
        best=None if best is None else BestTrial(slot=0, number=7, value=best, params={}),
        failed_first=failed_first,
        last_error=last_error,
    )


def test_a_campaign_with_slots_left_goes_on(make_campaign: MakeCampaign) -> None:
    spec = make_campaign(trials=10).spec
    assert campaign_ending(spec, summary(open=1, succeeded=9)) is None
    assert campaign_ending(spec, summary(running=1, succeeded=9)) is None
    assert campaign_ending(spec, summary(open=10)) is None


def test_all_slots_closed_is_success_even_with_failures(make_campaign: MakeCampaign) -> None:
    ending = campaign_ending(make_campaign(trials=10).spec, summary(succeeded=7, pruned=2, failed=1))
    assert ending is not None
    assert (ending.phase, ending.reason, ending.stops_running) == (Phase.SUCCEEDED, ReasonWord.ALL_TRIALS_CLOSED, False)
    assert ending.message == "10 trials closed: 7 succeeded, 2 pruned, 1 failed"


def test_only_pruned_trials_are_a_success(make_campaign: MakeCampaign) -> None:
    ending = campaign_ending(make_campaign(trials=2).spec, summary(pruned=2))
    assert ending is not None
    assert ending.phase is Phase.SUCCEEDED


def test_all_failed_is_a_failure_with_the_last_error(make_campaign: MakeCampaign) -> None:
    ending = campaign_ending(
        make_campaign(trials=2).spec, summary(failed=2, failed_first=True, last_error="ValueError: no data")
    )
    assert ending is not None
    assert (ending.phase, ending.reason) == (Phase.FAILED, ReasonWord.ALL_TRIALS_FAILED)
    assert ending.message == "all 2 trials failed; last error: ValueError: no data"


def test_a_message_holds_one_line_of_the_last_error(make_campaign: MakeCampaign) -> None:
    """It stands in a status line and in a condition; the whole error is kept with its slot."""
    traceback = "train.py:objective cannot be imported, it raised:\nTraceback ...\nImportError: no module named torch\n"
    stacks = "lost 1 times, the last: took longer than timeout 2 s; its stacks:\nThread 1\n  in hang"
    for error, line in (
        (traceback, "ImportError: no module named torch"),
        (stacks, "lost 1 times, the last: took longer than timeout 2 s"),
    ):
        ending = campaign_ending(make_campaign(trials=1).spec, summary(failed=1, failed_first=True, last_error=error))
        assert ending is not None
        assert ending.message == f"the only trial failed; last error: {line}"


def test_trials_that_grew_are_not_over(make_campaign: MakeCampaign) -> None:
    assert campaign_ending(make_campaign(trials=11).spec, summary(succeeded=10)) is None
    assert campaign_ending(make_campaign(trials=11).spec, summary(failed=4)) is None


@pytest.mark.parametrize(
    ("direction", "value", "reached"),
    [
        ("maximize", 0.95, True),
        ("maximize", 0.949, False),
        ("maximize", float("inf"), True),
        ("minimize", 0.95, True),
        ("minimize", 0.951, False),
        ("minimize", float("-inf"), True),
    ],
)
def test_the_target_ends_it_early(make_campaign: MakeCampaign, direction: str, value: float, reached: bool) -> None:
    spec = make_campaign(trials=10, objectives=[{"metric": "loss", "direction": direction, "target": 0.95}]).spec
    ending = campaign_ending(spec, summary(best=value, succeeded=1, running=2, open=7))
    assert (ending is not None) == reached
    if ending is not None:
        assert (ending.phase, ending.reason, ending.stops_running) == (Phase.SUCCEEDED, "TargetReached", True)


def test_no_feasible_best_reaches_no_target(make_campaign: MakeCampaign) -> None:
    spec = make_campaign(trials=10, objectives=[{"metric": "loss", "direction": "minimize", "target": 1}]).spec
    assert campaign_ending(spec, summary(succeeded=5, open=5)) is None


def test_the_deadline_counts_active_time_only(make_campaign: MakeCampaign) -> None:
    spec = make_campaign(trials=10, activeDeadlineSeconds=100).spec
    assert campaign_ending(spec, summary(active_before=60, after=39.9, running=10)) is None
    suspended = summary(active_before=99.9, after=500, running=10)
    suspended = replace(suspended, campaign=replace(suspended.campaign, active_since=None))
    assert campaign_ending(spec, suspended) is None
    ending = campaign_ending(spec, summary(active_before=60, after=40, running=10))
    assert ending is not None
    assert (ending.phase, ending.reason, ending.stops_running) == (Phase.FAILED, "DeadlineExceeded", True)
    assert ending.message == "ran for 1 min 40 s, activeDeadlineSeconds is 100"


def test_a_finished_search_is_no_missed_deadline(make_campaign: MakeCampaign) -> None:
    ending = campaign_ending(make_campaign(trials=10, activeDeadlineSeconds=100).spec, summary(after=500, succeeded=10))
    assert ending is not None
    assert ending.reason == ReasonWord.ALL_TRIALS_CLOSED


def test_more_failures_than_allowed_end_it(make_campaign: MakeCampaign) -> None:
    spec = make_campaign(trials=10, failurePolicy={"maxFailedTrials": 2}).spec
    assert campaign_ending(spec, summary(failed=2, succeeded=1, open=7)) is None
    ending = campaign_ending(spec, summary(failed=3, succeeded=1, open=6, last_error="boom"))
    assert ending is not None
    assert (ending.phase, ending.reason, ending.stops_running) == (Phase.FAILED, "TooManyFailedTrials", True)
    assert ending.message == "3 trials failed, failurePolicy.maxFailedTrials is 2; last error: boom"


def test_five_failures_at_the_start_end_it(make_campaign: MakeCampaign) -> None:
    ending = campaign_ending(
        make_campaign(trials=100).spec, summary(failed=5, running=2, open=93, failed_first=True, last_error="no module")
    )
    assert ending is not None
    assert (ending.phase, ending.reason, ending.stops_running) == (Phase.FAILED, "FirstTrialsFailed", True)
    assert ending.message == "the first 5 closed trials all failed; last error: no module"


def test_the_budget_suspends(make_campaign: MakeCampaign) -> None:
    spec = make_campaign(trials=10, budget={"amount": "20", "currency": "USD"}).spec
    running = summary(running=2, open=8)
    assert campaign_ending(spec, running, cost_so_far=None) is None
    assert campaign_ending(spec, running, cost_so_far=Decimal("19.99")) is None
    ending = campaign_ending(spec, running, cost_so_far=Decimal("20.01"))
    assert ending is not None
    assert (ending.phase, ending.reason, ending.stops_running) == (Phase.SUSPENDED, "BudgetExhausted", False)
    assert ending.message == "cost 20.01 USD of a budget of 20.00 USD; raise spec.budget.amount to go on"


@pytest.mark.parametrize(
    ("requested", "phase"),
    [
        ("TargetReached", Phase.SUCCEEDED),
        ("StoppedByObjective: trial 7 called study.stop()", Phase.SUCCEEDED),
        ("DeadlineExceeded", Phase.FAILED),
        ("TooManyFailedTrials", Phase.FAILED),
        ("FirstTrialsFailed: boom", Phase.FAILED),
        ("WorkersKeepDying: 10 pods in a row ended without closing a slot", Phase.FAILED),
        ("ThreadContractBroken: quota 2 CPUs, expected 1", Phase.FAILED),
    ],
)
def test_a_requested_stop_stays_the_answer(make_campaign: MakeCampaign, requested: str, phase: Phase) -> None:
    """Also after its slots have become skipped: that is no finished search."""
    spec = make_campaign(trials=10).spec
    for counts, left in (({"running": 1, "succeeded": 9}, True), ({"skipped": 3, "succeeded": 7}, False)):
        ending = campaign_ending(spec, summary(stop_requested=requested, **counts))
        assert ending is not None
        assert (ending.phase, ending.stops_running) == (phase, left)
        assert ending.reason == requested.partition(":")[0]


def test_a_remembered_message_is_repeated(make_campaign: MakeCampaign) -> None:
    stopped = summary(stop_requested="DeadlineExceeded", skipped=3, succeeded=7)
    campaign = replace(stopped.campaign, reason="DeadlineExceeded", message="ran for 2 h")
    ending = campaign_ending(make_campaign(trials=10).spec, replace(stopped, campaign=campaign))
    assert ending is not None
    assert ending.message == "ran for 2 h"


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    counts=st.fixed_dictionaries({state.value: st.integers(0, 6) for state in SlotState}),
    limit=st.one_of(st.none(), st.integers(0, 6)),
    active=st.floats(0, 200),
    cost=st.one_of(st.none(), st.decimals(0, 3, places=2)),
)
def test_an_ending_fits_what_is_left(
    make_campaign: MakeCampaign, counts: dict[str, int], limit: int | None, active: float, cost: Decimal | None
) -> None:
    trials = sum(counts.values())
    if trials == 0:
        return
    fields: dict[str, Any] = {
        "trials": trials,
        "activeDeadlineSeconds": 100,
        "budget": {"amount": "1", "currency": "USD"},
    }
    if limit is not None:
        fields["failurePolicy"] = {"maxFailedTrials": limit}
    found: dict[str, Any] = dict(counts)
    ending = campaign_ending(make_campaign(**fields).spec, summary(after=active, **found), cost_so_far=cost)
    left = counts["open"] + counts["running"]
    if ending is None:
        assert left
        assert active < 100
        assert cost is None or cost < 1
        assert limit is None or counts["failed"] <= limit
        return
    assert ending.message
    if ending.phase.is_final:
        assert ending.stops_running == bool(left)
    else:
        assert left
        assert ending.reason == ReasonWord.BUDGET_EXHAUSTED
    if ending.phase is Phase.SUCCEEDED:
        assert not left
        assert counts["succeeded"] + counts["pruned"] > 0
