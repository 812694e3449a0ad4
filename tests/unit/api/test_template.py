"""``spec.trial.template`` is closed: exactly the documented fields, each with Kubernetes' own shape."""

from __future__ import annotations

from typing import Any

import pytest

from corebound.api.errors import SpecError
from corebound.api.loading import campaign_from_mapping
from corebound.api.template import PodTemplate

FULL: dict[str, Any] = {
    "nodeSelector": {"pool": "cpu"},
    "tolerations": [{"key": "spot", "operator": "Exists", "effect": "NoSchedule"}],
    "affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
    "envFrom": [{"secretRef": {"name": "credentials"}}, {"prefix": "X_", "configMapRef": {"name": "settings"}}],
    "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}, {"name": "scratch", "emptyDir": {}}],
    "volumeMounts": [{"name": "data", "mountPath": "/data", "readOnly": True}],
    "labels": {"team": "search"},
    "annotations": {"note": "yes"},
    "imagePullSecrets": [{"name": "registry"}],
    "priorityClassName": "low",
    "serviceAccountName": "trial",
    "securityContext": {"runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
}


def campaign(template: object) -> dict[str, Any]:
    return {
        "apiVersion": "corebound.dev/v1alpha1",
        "kind": "SearchCampaign",
        "metadata": {"name": "template"},
        "spec": {
            "trials": 1,
            "objectives": [{"metric": "loss", "direction": "minimize"}],
            "trial": {"command": ["true"], "template": template},
        },
    }


def test_all_fields_and_no_others() -> None:
    assert {field.alias for field in PodTemplate.model_fields.values()} == set(FULL)
    loaded = campaign_from_mapping(campaign(FULL))
    assert loaded.to_mapping()["spec"]["trial"]["template"] == FULL
    assert campaign_from_mapping(loaded.to_mapping()) == loaded


def test_each_field_says_where_it_counts() -> None:
    for name, field in PodTemplate.model_fields.items():
        assert "Counts on a cluster only" in (field.description or ""), name


MISTAKES: list[tuple[Any, str]] = [
    ({"nodeSelectr": {}}, "spec.trial.template.nodeSelectr: is no field; did you mean 'nodeSelector'?"),
    ({"node_selector": {}}, "did you mean 'nodeSelector'?"),
    ({"hostNetwork": True}, "spec.trial.template.hostNetwork: is no field (allowed: affinity,"),
    ([], "spec.trial.template: found an empty list, expected a mapping"),
    ({"nodeSelector": {"gpu": False}}, "spec.trial.template.nodeSelector.gpu: found false, expected a text"),
    ({"tolerations": {}}, "spec.trial.template.tolerations: found a mapping, expected a list"),
    ({"tolerations": ["spot"]}, "spec.trial.template.tolerations[0]: found 'spot', expected a mapping"),
    (
        {"tolerations": [{"efect": "NoSchedule"}]},
        "spec.trial.template.tolerations[0].efect: is no field; did you mean 'effect'?",
    ),
    ({"tolerations": [{"effect": "NoShedule"}]}, "did you mean 'NoSchedule'?"),
    ({"affinity": {"nodeAfinity": {}}}, "did you mean 'nodeAffinity'?"),
    ({"envFrom": [{"secretRf": {"name": "a"}}]}, "did you mean 'secretRef'?"),
    ({"envFrom": [{"secretRef": "a"}]}, "envFrom[0].secretRef: found 'a', expected a mapping"),
    ({"envFrom": [{}]}, "envFrom[0]: found neither, expected one of configMapRef and secretRef"),
    ({"volumes": [{"emptyDir": {}}]}, "spec.trial.template.volumes[0].name: is missing"),
    ({"volumes": [{"name": "a"}]}, "volumes[0]: found no source"),
    (
        {"volumes": [{"name": "a", "emptyDir": {}}, {"name": "a", "emptyDir": {}}]},
        "volumes[1].name: found 'a' twice",
    ),
    ({"volumeMounts": [{"name": "a", "mountpath": "/a"}]}, "did you mean 'mountPath'?"),
    (
        {"volumeMounts": [{"name": "a", "mountPath": "/a"}]},
        "volumeMounts[0].name: found 'a', expected a volume of this template (there is none)",
    ),
    ({"imagePullSecrets": ["registry"]}, "imagePullSecrets[0]: found 'registry', expected a mapping"),
    ({"priorityClassName": 5}, "spec.trial.template.priorityClassName: found 5, expected a text"),
    ({"securityContext": "root"}, "spec.trial.template.securityContext: found 'root', expected a mapping"),
]


@pytest.mark.parametrize(("template", "said"), MISTAKES)
def test_each_mistake_is_named(template: object, said: str) -> None:
    with pytest.raises(SpecError) as caught:
        campaign_from_mapping(campaign(template))
    assert said in str(caught.value)
