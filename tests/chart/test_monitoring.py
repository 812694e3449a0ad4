"""The dashboard and the alerts: they ask only for figures and labels that the operator has."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from corebound_operator.loop.queue import WorkQueue
from corebound_operator.wiring.metrics import Metrics

from ..unit.operator.worlds import summary
from .conftest import CHART, Chart, of_kind
from .test_chart import MONITORING

if TYPE_CHECKING:
    from .test_chart import Manifest


@dataclass
class Figure:
    """What Prometheus may ask for by one name: its kind, and the values of each label."""

    kind: str
    labels: dict[str, set[str]]


def figures() -> dict[str, Figure]:
    """All that an operator shows once each thing has happened to it."""
    metrics = Metrics(WorkQueue())
    metrics.saw(("team", "poles"), summary(running=1))
    for outcome in ("succeeded", "conflict", "failed"):
        metrics.turn(outcome, 1)
    metrics.requested("GET", 200, 1)
    metrics.looked(1)
    found: dict[str, Figure] = {}
    for family in metrics.registry.collect():
        for sample in family.samples:
            figure = found.setdefault(sample.name, Figure(family.type, {}))
            for label, value in sample.labels.items():
                figure.labels.setdefault(label, set()).add(value)
    return found


def test_dashboard_and_alerts_ask_only_for_figures_that_there_are(chart: Chart) -> None:
    for expression in expressions(chart):
        names = re.findall(r"corebound_\w+", expression)
        assert names, expression
        assert set(names) <= set(figures()), expression


def unknown_labels(expression: str) -> list[str]:
    """What it names in braces, in by(), on() and their like, and is none of its metrics' labels, or no value of one."""
    known = figures()
    wrong = [
        f"{name}{{{label}}}"
        for name, braces in re.findall(r"(corebound_\w+)\{([^}]*)\}", expression)
        for label, value in re.findall(r'(\w+)\s*=\s*"([^"]*)"', braces)
        if value not in known[name].labels.get(label, ())
    ]
    names = re.findall(r"corebound_\w+", expression)
    for listed in re.findall(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)", expression):
        labels = [each.strip() for each in listed.split(",") if each.strip()]
        wrong += [f"{name} by {each}" for each in labels for name in names if each not in known[name].labels]
    return wrong


def test_dashboard_and_alerts_name_only_labels_that_there_are(chart: Chart) -> None:
    for expression in expressions(chart):
        assert unknown_labels(expression) == [], expression
    for panel in dashboard(chart)["panels"]:
        for target in panel["targets"]:
            [name] = re.findall(r"corebound_\w+", target["expr"])
            left = re.search(r"\bby\s*\(([^)]*)\)", target["expr"])
            for label in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]):
                assert label in (figures()[name].labels if left is None else left[1].split(", ")), target


@pytest.mark.parametrize(
    ("expression", "wrong"),
    [
        ('corebound_campaigns{phase="Runing"} > 0', "corebound_campaigns{phase}"),
        ('increase(corebound_reconcile_total{outcome="failed"}[30m])', "corebound_reconcile_total{outcome}"),
        ("sum by (le, verb) (corebound_api_seconds_bucket)", "corebound_api_seconds_bucket by verb"),
        ("corebound_slots > on(state) corebound_campaigns", "corebound_campaigns by state"),
    ],
)
def test_a_label_that_there_is_not_is_found(expression: str, wrong: str) -> None:
    assert unknown_labels(expression) == [wrong]


def test_an_outage_an_absence_and_what_stands_still_each_have_an_alert(chart: Chart) -> None:
    asked = {each["alert"]: each["expr"] for each in alerts(chart)}
    for alert, expression in {
        "CoreboundDatabaseDown": "corebound_database_up == 0",
        "CoreboundOperatorAbsent": "absent(corebound_queue_depth)",
        "CoreboundQueueStuck": "corebound_oldest_reconcile_seconds > 120",
    }.items():
        assert asked[alert] == expression
    page = (CHART.parents[1] / "docs" / "operator.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`(Corebound[A-Z]\w+)`", page)) == set(asked)


def test_each_line_of_a_panel_is_a_question_of_its_own(chart: Chart) -> None:
    """Without labels the right side of an ``or`` shows only while the left one has no figure."""
    assert not [each for each in expressions(chart) if " or " in each]
    for panel in dashboard(chart)["panels"]:
        marks = [target["refId"] for target in panel["targets"]]
        assert len(set(marks)) == len(marks), panel["title"]


def test_a_rate_is_asked_only_of_what_never_falls(chart: Chart) -> None:
    rates = [name for each in expressions(chart) for name in re.findall(r"\b(?:rate|increase)\((corebound_\w+)", each)]
    assert len(rates) > 3
    assert {figures()[name].kind for name in rates} == {"counter", "histogram"}


def dashboard(chart: Chart) -> Manifest:
    found = of_kind(chart.objects(*MONITORING), "ConfigMap")
    text = next(each for each in found if each["metadata"]["name"].endswith("-dashboard"))["data"]["corebound.json"]
    made: Manifest = json.loads(text)
    return made


def alerts(chart: Chart) -> list[Manifest]:
    [found] = of_kind(chart.objects(*MONITORING), "PrometheusRule")
    return [rule for group in found["spec"]["groups"] for rule in group["rules"]]


def expressions(chart: Chart) -> list[str]:
    """All that is asked of Prometheus."""
    targets = [target for panel in dashboard(chart)["panels"] for target in panel["targets"]]
    return [str(each["expr"]) for each in (*targets, *alerts(chart))]
