"""What an API server lets change in a stored campaign: limits and sizes, nothing that changes results or threads.

Every field is tried, and the loader's ``immutable_changes`` must say the same.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Final

import pytest

from corebound.api.immutability import CHANGEABLE, immutable_changes
from corebound.api.loading import campaign_from_mapping
from corebound.api.spec import CampaignSpec
from corebound.api.template import PodTemplate
from corebound.api.trial import TrialSpec

from ..unit.api.test_properties import FULL as WORKLOAD
from ..unit.api.test_template import FULL as TEMPLATE
from .campaign_door import Door

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..cluster.control_plane import ControlPlane

pytestmark = pytest.mark.usefixtures("cluster")

ENTRYPOINT: Final[dict[str, Any]] = {
    **WORKLOAD,
    "metadata": {"name": "entrypoint"},
    "spec": {
        "trials": 9,
        "objectives": [{"metric": "loss", "direction": "minimize"}],
        "search": {"sampler": {"entrypoint": "a:b"}},
        "trial": {"entrypoint": "a:b", "arguments": {"x": 1}, "template": TEMPLATE},
    },
}
SMALL: Final[dict[str, Any]] = {
    **WORKLOAD,
    "metadata": {"name": "small"},
    "spec": {
        "trials": 9,
        "objectives": [{"metric": "loss", "direction": "minimize"}],
        "trial": {"command": ["a"]},
    },
}
STORED: Final = {"workload": WORKLOAD, "entrypoint": ENTRYPOINT, "small": SMALL}
AWAY: Final = object()

FIXED: Final[list[tuple[str, str, Any]]] = [
    ("workload", "threads", 4),
    ("workload", "objectives.0.direction", "minimize"),
    ("workload", "objectives.0.target", 1),
    ("workload", "search.sampler", {"name": "random"}),
    ("workload", "search.sampler.seed", 2),
    ("workload", "search.sampler.seed", AWAY),
    ("workload", "search.pruner", {"name": "hyperband"}),
    ("workload", "search.pruner.options", {"n_warmup_steps": 4}),
    ("workload", "search.parameters.0.high", 0.4),
    ("workload", "search.parameters.2.choices", ["tanh", "sigmoid", "relu"]),
    ("workload", "search.parameters", WORKLOAD["spec"]["search"]["parameters"][::-1]),
    ("entrypoint", "trial.template.volumes", TEMPLATE["volumes"][::-1]),
    ("workload", "search.enqueue", [{"survival": 0.4}]),
    ("workload", "search.enqueue", AWAY),
    ("workload", "search.warmStart.study", "other"),
    ("workload", "search.warmStart", AWAY),
    ("workload", "trial.workload.task", "cartpole"),
    ("workload", "trial.workload", {"mode": "neat", "task": "xor", "population": 9, "seeds": 2}),
    ("workload", "trial.workload.population", 10),
    ("workload", "trial.workload.generations", 10),
    ("workload", "trial.workload.seeds", 3),
    ("workload", "trial.workload.settings", {"elites": 0.2}),
    ("workload", "trial.callbacks", ["a:c"]),
    ("workload", "trial.env.0.value", "c"),
    ("workload", "trial.env", AWAY),
    ("workload", "trial.memory", "2Gi"),
    ("workload", "trial.timeout", "3h"),
    ("workload", "trial.timeout", AWAY),
    ("workload", "trial.stallTimeout", 60),
    ("workload", "trial.image", "j"),
    ("workload", "trial.artifacts", "/b"),
    ("workload", "pool", AWAY),
    ("workload", "pool.nodeSelector", {"a": "c"}),
    ("workload", "pool.cpu", "5"),
    ("workload", "pool.memory", "9Gi"),
    ("workload", "pool.pods", 10),
    ("workload", "pool.maxNodes", 3),
    ("workload", "pool.vmSize", "other"),
    ("workload", "pool.pricePerHour", "3.51"),
    ("workload", "checkpoint.every", "11s"),
    ("workload", "failurePolicy.retries", 5),
    ("workload", "failurePolicy.retryExceptions", AWAY),
    ("workload", "failurePolicy.maxFailedTrials", AWAY),
    ("entrypoint", "threads", 1),
    ("entrypoint", "search.sampler.entrypoint", "a:c"),
    ("entrypoint", "search.sampler.options", {"a": 1}),
    ("entrypoint", "trial.entrypoint", "a:c"),
    ("entrypoint", "trial.arguments", {"x": 2}),
    ("entrypoint", "trial.arguments", {"x": True}),
    *[("entrypoint", f"trial.template.{name}", AWAY) for name in TEMPLATE if name != "volumes"],
    ("entrypoint", "trial.template.volumes.0.persistentVolumeClaim.claimName", "other"),
    ("entrypoint", "trial.template.affinity", {"podAffinity": {"a": 1}}),
    ("entrypoint", "trial.template.securityContext.runAsUser", 1001),
    ("small", "trial.command", ["b"]),
    ("small", "trial", {"entrypoint": "a:b"}),
    ("small", "search", {"sampler": {"name": "random"}}),
    ("small", "search", {"parameters": [{"name": "a", "type": "int", "low": 1, "high": 2}]}),
    ("small", "pool", {}),
    ("small", "checkpoint", {"every": "61s"}),
    ("small", "failurePolicy", {"retries": 3}),
    ("small", "trial.template", {"labels": {"a": "b"}}),
]
FREE: Final[list[tuple[str, str, Any]]] = [
    ("small", "trials", 10),
    ("small", "parallelism", 3),
    ("workload", "parallelism", "auto"),
    ("small", "suspend", True),
    ("small", "activeDeadlineSeconds", 5),
    ("workload", "activeDeadlineSeconds", AWAY),
    ("small", "budget", {"amount": 5, "currency": "EUR"}),
    ("workload", "budget", AWAY),
    ("workload", "budget.amount", "0.01"),
    ("small", "ttlSecondsAfterFinished", 0),
    ("workload", "ttlSecondsAfterFinished", AWAY),
    # other words for the same
    ("small", "threads", "auto"),
    ("small", "search", {}),
    ("small", "search", {"sampler": {}, "pruner": {"name": "none", "options": {}}, "parameters": [], "enqueue": []}),
    ("small", "checkpoint", {"every": "1m"}),
    ("small", "checkpoint", {"every": 60}),
    ("small", "failurePolicy", {"retries": 2, "retryExceptions": False}),
    ("small", "trial", {"command": ["a"], "memory": "1024Mi", "env": [], "arguments": {}, "callbacks": []}),
    ("small", "trial.template", {"labels": {}, "tolerations": [], "affinity": {}, "securityContext": {}}),
    ("workload", "trial.timeout", "120m"),
    ("workload", "trial.timeout", 7200),
    ("workload", "trial.memory", 2**30),
    ("workload", "pool.cpu", 4),
    ("workload", "pool.cpu", "4000m"),
    ("workload", "pool.pricePerHour", "3.5"),
    ("workload", "trial.workload.generations", 150),
]


@pytest.fixture(scope="module")
def door(plane: ControlPlane) -> Iterator[Door]:
    plane.kubectl("create", "namespace", "updates")
    opened = Door(plane, "updates")
    for campaign in STORED.values():
        opened.create(campaign)
    yield opened
    opened.close()
    plane.kubectl("delete", "namespace", "updates", "--wait=false")


def changed(name: str, place: str, value: Any) -> dict[str, Any]:
    whole = copy.deepcopy(STORED[name])
    part: Any = whole["spec"]
    *around, last = (int(step) if step.isdigit() else step for step in place.split("."))
    for step in around:
        part = part[step]
    if value is AWAY:
        del part[last]
    else:
        part[last] = value
    return whole


def differences(name: str, new: dict[str, Any]) -> list[str]:
    return immutable_changes(campaign_from_mapping(STORED[name]), campaign_from_mapping(new))


@pytest.mark.parametrize(("name", "place", "value"), FIXED)
def test_what_is_fixed_stays(door: Door, name: str, place: str, value: Any) -> None:
    new = changed(name, place, value)
    assert differences(name, new)
    verdict = door.change(new)
    assert not verdict.accepted
    assert "cannot change" in verdict.said
    assert "set it back, or delete the campaign, or give the new one another name" in verdict.said
    assert f"spec.{place.split('.')[0]}" in verdict.said


@pytest.mark.parametrize(("name", "place", "value"), FREE)
def test_what_may_change_may(door: Door, name: str, place: str, value: Any) -> None:
    new = changed(name, place, value)
    assert differences(name, new) == []
    assert door.change(new).said == ""


def test_every_field_is_tried() -> None:
    fixed, free = {place for _, place, _ in FIXED}, {place.split(".")[0] for _, place, _ in FREE}
    for field in CampaignSpec.model_fields.values():
        assert field.alias in (free if field.alias in CHANGEABLE else {place.split(".")[0] for place in fixed})
    for path, model in (("trial", TrialSpec), ("trial.template", PodTemplate)):
        for field in model.model_fields.values():
            assert any(place.startswith(f"{path}.{field.alias}") for place in fixed), field.alias


def test_trials_only_grow(door: Door) -> None:
    verdict = door.change(changed("small", "trials", 8))
    assert verdict.said.endswith("cannot change from 9 to 8: trials can only grow")


@pytest.mark.parametrize(
    ("name", "place", "value", "said"),
    [
        ("small", "threads", 2, "spec.threads: Invalid value: cannot change from auto to 2; set it back, or"),
        ("workload", "trial.timeout", "3h", "cannot change from 2h to 3h; set it back, or delete the campaign"),
        ("workload", "trial.timeout", AWAY, "cannot change from 2h to nothing; set it back"),
        ("small", "checkpoint", {"every": 5}, "cannot change from 60s to 5; set it back"),
    ],
)
def test_a_refused_change_is_told_with_both_values(door: Door, name: str, place: str, value: Any, said: str) -> None:
    assert said in door.change(changed(name, place, value)).said


def test_a_change_that_breaks_a_rule_is_refused(door: Door) -> None:
    verdict = door.change(changed("small", "parallelism", 0))
    assert "found 0, expected auto or a whole number of at least 1" in verdict.said
