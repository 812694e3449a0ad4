"""The CRD in a real API server: accepted without a complaint, every field explained, columns that show the status."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from corebound.api.records import BestTrial, Phase, SlotState
from corebound.api.status import (
    MOST_PARAMETERS_SHOWN,
    Best,
    CampaignStatus,
    Condition,
    ConditionStatus,
    ConditionType,
    EfficiencyStatus,
    PlanStatus,
    TrialCounts,
    WorkersStatus,
)

from ..unit.api.test_crd_file import fields, schema
from .campaign_door import Door

if TYPE_CHECKING:
    from collections.abc import Iterator

    from corebound.cluster.client import Cluster

    from ..cluster.control_plane import ControlPlane

pytestmark = pytest.mark.usefixtures("cluster")

ROOT = Path(__file__).parents[2]
NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
CAMPAIGN: dict[str, Any] = {
    "apiVersion": "corebound.dev/v1alpha1",
    "kind": "SearchCampaign",
    "metadata": {"name": "shown"},
    "spec": {
        "trials": 100,
        "objectives": [{"metric": "loss", "direction": "minimize"}],
        "trial": {"command": ["true"]},
    },
}
STATUS = CampaignStatus(
    observed_generation=1,
    phase=Phase.RUNNING,
    conditions=[
        Condition(
            type=kind,
            status=ConditionStatus.TRUE,
            reason="Because",
            message="It is so.",
            observed_generation=1,
            last_transition_time=NOON,
        )
        for kind in ConditionType
    ],
    trials=TrialCounts.counted(
        {SlotState.OPEN: 55, SlotState.RUNNING: 8, SlotState.SUCCEEDED: 30, SlotState.PRUNED: 5, SlotState.FAILED: 2},
        of=100,
    ),
    best=Best.of_trial(BestTrial(slot=3, number=4, value=0.953, params={"lr": 0.01, "a": 1, "b": True, "c": "x"})),
    plan=PlanStatus(threads=4, workers=8, waves=13, pool="one node", predicted_seconds=3600, predicted_cost="3.50 USD"),
    workers=WorkersStatus(running=7, wanted=8),
    efficiency=EfficiencyStatus(cpu="97%"),
    cpu_hours="12.4",
    cost="1.42 USD",
    start_time=NOON,
    estimated_completion_time=NOON.replace(hour=14, minute=30),
    message="1 of 8 workers waits: Insufficient cpu",
)


@pytest.fixture
def door(plane: ControlPlane, namespace: str) -> Iterator[Door]:
    opened = Door(plane, namespace)
    yield opened
    opened.close()


def test_it_is_established_without_a_complaint(plane: ControlPlane) -> None:
    crd = json.loads(plane.kubectl("get", "crd", "searchcampaigns.corebound.dev", "-o", "json"))
    conditions = {each["type"]: each["status"] for each in crd["status"]["conditions"]}
    assert conditions == {"NamesAccepted": "True", "Established": "True"}
    names = crd["spec"]["names"]
    assert (names["shortNames"], names["categories"]) == (["campaign", "campaigns"], ["all", "corebound"])
    # A second apply finds nothing to change: what is stored is what the file says.
    again = plane.kubectl("diff", "--server-side", "-f", str(ROOT / "crds" / "searchcampaigns.yaml"))
    assert again == ""


def test_every_field_is_explained(plane: ControlPlane) -> None:
    places = [place for place, _ in fields(schema())]
    assert len(places) > 150
    for part in ("spec", "status"):
        explained = plane.kubectl("explain", f"searchcampaign.{part}", "--recursive")
        for place in places:
            if place.startswith(f".{part}."):
                assert re.search(rf"^ +{place.rpartition('.')[2]}\t", explained, re.MULTILINE), place


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("spec.threads", "Threads of each trial: at once the thread count of every maths library"),
        ("spec.search.parameters.low", "The smallest value, itself allowed."),
        ("spec.search.parameters.choices", "texts, numbers, true or false, for example [tanh, relu]"),
        ("spec.trial.workload.settings.hidden", "Hidden nodes"),
        ("spec.trial.template.tolerations.key", "Key of the taint"),
        ("status.best.text", "What the column BEST shows"),
    ],
)
def test_a_field_is_explained_in_words(plane: ControlPlane, field: str, said: str) -> None:
    explained = " ".join(plane.kubectl("explain", f"searchcampaign.{field}").split())
    assert said in explained


def columns(text: str) -> dict[str, str]:
    heads, values = (re.split(r"\s{2,}", line.strip()) for line in text.splitlines())
    return dict(zip(heads, values, strict=True))


def test_columns_show_the_status(plane: ControlPlane, door: Door, namespace: str) -> None:
    door.create(CAMPAIGN)
    assert door.patch_status("shown", STATUS.to_mapping()).said == ""
    narrow = columns(plane.kubectl("get", "campaigns", "-n", namespace))
    assert re.fullmatch(r"\d+s", narrow.pop("AGE"))
    assert narrow == {
        "NAME": "shown",
        "PHASE": "Running",
        "DONE": "37/100",
        "RUNNING": "8",
        "THREADS": "4",
        "BEST": "0.953",
        "EFFICIENCY": "97%",
        "COST": "1.42 USD",
    }
    wide = columns(plane.kubectl("get", "searchcampaigns", "-n", namespace, "-o", "wide"))
    assert {name: wide[name] for name in wide.keys() - narrow.keys() - {"AGE"}} == {
        "WORKERS": "7",
        "FAILED": "2",
        "ETA": "2026-11-25T14:30:00Z",
        "MESSAGE": "1 of 8 workers waits: Insufficient cpu",
    }
    for category in ("all", "corebound"):
        assert "searchcampaign.corebound.dev/shown" in plane.kubectl("get", category, "-n", namespace, "-o", "name")


def test_the_short_name_of_storage_classes_stays_theirs(plane: ControlPlane) -> None:
    """With sc as a short name kubectl would warn, on every cluster, everybody who asks for StorageClasses by it."""
    assert plane.kubectl("get", "sc", check=False) == "No resources found\n"


def test_what_is_stored_is_the_status(door: Door) -> None:
    door.create(CAMPAIGN)
    assert door.patch_status("shown", STATUS.to_mapping()).accepted
    stored = door.get("shown")
    assert stored["status"] == STATUS.to_mapping()
    assert CampaignStatus.read(stored["status"]) == STATUS
    assert stored["spec"] == CAMPAIGN["spec"], "no default is written into what the user wrote"
    assert stored["metadata"]["generation"] == 1


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ({"phse": "Running"}, 'unknown field "status.phse"'),
        ({"trials": {"done": 1, "of": 2, "progress": "1/2", "lost": 1}}, 'unknown field "status.trials.lost"'),
        ({"phase": "Sleeping"}, "Unsupported value"),
        ({"best": {"text": "x", "value": 0.5}}, "must be of type string"),
        ({"conditions": [{"type": "Accepted", "status": "True"}]}, "Required value"),
        ({"message": "x" * 257}, "Too long"),
        ({"startTime": "yesterday"}, "must be of type date-time"),
    ],
)
def test_another_status_is_refused(door: Door, status: dict[str, Any], said: str) -> None:
    door.create(CAMPAIGN)
    verdict = door.patch_status("shown", status)
    assert not verdict.accepted
    assert said in verdict.said


def test_the_largest_status_is_written_and_stays_small(door: Door) -> None:
    door.create(CAMPAIGN)
    long = "ü" * 5000
    names = {f"{number}{long}": long for number in range(1000)}
    assert STATUS.trials is not None
    largest = STATUS.model_copy(
        update={
            "conditions": [
                Condition.model_validate({**each.model_dump(), "message": long}) for each in STATUS.conditions
            ],
            "best": Best.of_trial(BestTrial(slot=10**6, number=10**6, value=-1e308, params=names)),
            "message": CampaignStatus(message=long).message,
        }
    )
    verdict = door.patch_status("shown", largest.to_mapping())
    assert verdict.accepted, verdict.said
    stored = door.get("shown")["status"]
    assert len(stored["best"]["parameters"]) == MOST_PARAMETERS_SHOWN
    assert len(json.dumps(stored, ensure_ascii=False)) < 40_000


def test_the_status_is_not_written_with_the_spec(door: Door, cluster: Cluster) -> None:
    """A status in a file is dropped on creation, so that nobody's file can pretend that a campaign is done."""
    door.create({**CAMPAIGN, "status": {"phase": "Succeeded"}})
    assert "status" not in door.get("shown")
