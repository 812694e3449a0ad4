"""The plan against what happened: as it was decided then, whatever a plan of today would say."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from corebound.reporting.report.document import json_report
from corebound.reporting.report.page import html_report
from corebound.reporting.report.planned import plan_rows

from .searches import START, search

if TYPE_CHECKING:
    from corebound.reporting.report.data import ReportData


def with_campaign(data: ReportData, **changes: Any) -> ReportData:
    return replace(data, summary=replace(data.summary, campaign=replace(data.campaign, **changes)))


def planned(data: ReportData) -> dict[str, str]:
    return {what: text for what, _, text, _ in plan_rows(data)}


def test_one_run_that_knew_no_times() -> None:
    data = search(40)
    assert planned(data) == {
        "trials": "40",
        "threads of a worker": "1",
        "workers at once": "4",
        "waves": "10",
        "time": "unknown then (10 min by the mean trial)",
        "cost": "unknown then (0.58 USD by the mean trial)",
    }
    assert "The plan, decided at 2026-01-30 12:00:00 UTC, against what happened" in html_report(data)


def test_what_was_decided_is_shown_and_not_what_follows_from_today() -> None:
    (first,) = search(40).campaign.plans
    plan = replace(first, workers=9, waves=5, seconds=150.0, cost=Decimal("0.25"), currency="EUR")
    data = with_campaign(search(40), plans=(plan,), workers=4)
    shown = planned(data)
    assert (shown["workers at once"], shown["waves"], shown["time"]) == ("9", "5", "2 min 30 s")
    assert shown["cost"] == "0.25 EUR for whole nodes"


def test_a_newest_plan_that_is_another_one() -> None:
    data = search(40)
    (first,) = data.campaign.plans
    later = START + timedelta(days=1)
    newest = replace(first, decided_at=later, trials=6, workers=2, waves=3, seconds=180.0, cost=Decimal("0.175"))
    data = with_campaign(data, plans=(first, newest))
    shown = planned(data)
    assert shown["trials"] == "40; 6 by the newest plan"
    assert shown["threads of a worker"] == "1"
    assert shown["workers at once"] == "4; 2 by the newest plan"
    assert shown["time"] == "unknown then (10 min by the mean trial); 3 min by the newest plan"
    assert "the newest one at 2026-01-31 12:00:00 UTC" in html_report(data)
    plans = json.loads(json_report(data))["plans"]
    assert [(plan["trials"], plan["seconds"], plan["cost"]) for plan in plans] == [
        (40, None, None),
        (6, 180.0, "0.175"),
    ]
    assert plans[1]["decided_at"] == later.isoformat()


def test_a_campaign_that_has_grown_was_not_planned_whole() -> None:
    data = search(40)
    (first,) = data.campaign.plans
    half = replace(first, trials=20)
    assert planned(with_campaign(data, plans=(half, half)))["trials"] == "20; 20 by the newest plan"


def test_without_a_plan_what_the_newest_run_began_with() -> None:
    old = planned(with_campaign(search(40), plans=()))
    assert (old["trials"], old["workers at once"], old["waves"]) == ("40", "4", "10")
    never = planned(with_campaign(search(40, closed=0), plans=(), threads=None, workers=None))
    assert set(never.values()) == {"-"}
