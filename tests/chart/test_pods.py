"""Every pod of the chart: what it may, what it asks for, how it is pulled, and what starts it anew."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest
import yaml

from .conftest import CHART, NAMESPACE, Chart, Manifest, of_kind
from .test_chart import combinations

if TYPE_CHECKING:
    from pathlib import Path

LINUX = {"kubernetes.io/os": "linux"}
pytestmark = pytest.mark.needs("helm")


def pods_of(objects: list[Manifest]) -> list[tuple[str, Manifest]]:
    """The namespace and the spec of every pod that the objects are or make."""
    return [
        (each["metadata"]["namespace"], each["spec"] if each["kind"] == "Pod" else each["spec"]["template"]["spec"])
        for each in objects
        if each["kind"] in ("Deployment", "StatefulSet", "Pod")
    ]


@combinations
def test_every_pod_has_requests_and_is_restricted(chart: Chart, options: tuple[str, ...]) -> None:
    objects = chart.objects(*options)
    for _, pod in pods_of(objects):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"]:
            assert {"cpu", "memory"} <= set(container["resources"]["requests"])
            assert "memory" in container["resources"]["limits"]
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
            assert container["securityContext"]["allowPrivilegeEscalation"] is False
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        volumes = [each["emptyDir"] for each in pod["volumes"] if "emptyDir" in each]
        assert all("sizeLimit" in each for each in volumes)
    workloads = (*of_kind(objects, "Deployment"), *of_kind(objects, "StatefulSet"))
    assert len(pods_of(objects)) == len(workloads) + 1, "the Pod of helm test is one more"
    for workload in workloads:
        for container in workload["spec"]["template"]["spec"]["containers"]:
            assert container["startupProbe"] and container["readinessProbe"] and container["livenessProbe"]


@combinations
def test_no_pod_waits_on_a_windows_node_for_an_image_that_cannot_run_there(
    chart: Chart, options: tuple[str, ...]
) -> None:
    """Clusters with a pool of each system are common, and without a selector the scheduler takes either."""
    objects = chart.objects(*options)
    for _, pod in pods_of(objects):
        assert pod["nodeSelector"] == LINUX
    [settings] = [each for each in of_kind(objects, "ConfigMap") if each["metadata"]["name"].endswith("-settings")]
    trials = yaml.safe_load(settings["data"]["operator.yaml"])["trialDefaults"]["nodeSelector"]
    assert LINUX.items() <= trials.items(), "such nodes do not count as the pool either"


@pytest.mark.parametrize("part", ["operator", "database.embedded", "optunaDashboard"])
def test_labels_and_taints_of_a_part_are_its_pods(chart: Chart, part: str) -> None:
    """Labels come beside the chart's own, which null takes away."""
    tolerations = [{"key": "system", "operator": "Exists"}]
    found = pods_of(
        chart.objects(
            "--set",
            f"optunaDashboard.enabled=true,{part}.nodeSelector.pool=system,{part}.nodeSelector.kubernetes\\.io/os=null",
            "--set-json",
            f"{part}.tolerations={json.dumps(tolerations)}",
        )
    )
    placed = [
        pod for _, pod in found if pod["nodeSelector"] == {"pool": "system"} and pod["tolerations"] == tolerations
    ]
    assert len(placed) == (2 if part == "operator" else 1), (
        "helm test runs the operator's image, where the operator may run"
    )


def test_the_database_has_an_hour_to_recover(chart: Chart) -> None:
    """A killed recovery begins again from the same place, so that a probe that cannot wait would kill it for ever."""
    [postgresql] = of_kind(chart.objects(), "StatefulSet")
    [container] = postgresql["spec"]["template"]["spec"]["containers"]
    startup = container["startupProbe"]
    assert startup["exec"] == container["livenessProbe"]["exec"]
    assert startup["periodSeconds"] * startup["failureThreshold"] >= 3600
    assert "initialDelaySeconds" not in container["livenessProbe"]


def test_another_version_of_the_chart_restarts_the_operator_alone(chart: Chart, tmp_path: Path) -> None:
    """A restarted database cuts off every worker."""
    newer = tmp_path / "corebound"
    shutil.copytree(CHART, newer)
    description = yaml.safe_load((newer / "Chart.yaml").read_text(encoding="utf-8"))
    changed = {**description, "version": "99.0.0", "appVersion": "99.0.0"}
    (newer / "Chart.yaml").write_text(yaml.safe_dump(changed), encoding="utf-8")

    def pods(folder: Path) -> dict[str, Manifest]:
        found = chart.rendered("--set", "optunaDashboard.enabled=true", folder=folder)
        workloads = (*of_kind(found, "StatefulSet"), *of_kind(found, "Deployment"))
        return {each["metadata"]["name"].partition("corebound-")[2]: each["spec"]["template"] for each in workloads}

    before, after = pods(CHART), pods(newer)
    assert {name for name in before if before[name] != after[name]} == {"operator"}
    assert set(before) == {"operator", "postgresql", "optuna-dashboard"}


def test_each_pod_pulls_with_secrets_of_its_own_namespace(chart: Chart) -> None:
    secrets = (
        "--set",
        "images.pullSecrets={ours},trialDefaults.imagePullSecrets={theirs},optunaDashboard.enabled=true",
    )
    at_home = pods_of(chart.objects(*secrets))
    assert len(at_home) == 4
    assert all(pod["imagePullSecrets"] == [{"name": "ours"}] for _, pod in at_home)
    elsewhere = pods_of(chart.objects(*secrets, "--set", "namespaces={team-a,team-b},optunaDashboard.namespace=team-b"))
    assert sorted((namespace, pod["imagePullSecrets"][0]["name"]) for namespace, pod in elsewhere) == [
        (NAMESPACE, "ours"),
        (NAMESPACE, "ours"),
        ("team-a", "theirs"),
        ("team-b", "theirs"),
    ]
