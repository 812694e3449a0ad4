"""What the tests of a node do to a cluster that they are given: they refuse somebody's Corebound, and take their own away."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from ..cluster import given
from ..cluster.access import RELEASE_NAMESPACE
from ..cluster.control_plane import running
from .conftest import CHART
from .test_chart import EXTERNAL

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ..cluster.control_plane import ControlPlane

pytestmark = [pytest.mark.needs("helm"), pytest.mark.needs("kubernetes")]
CAMPAIGN = {
    "apiVersion": "corebound.dev/v1alpha1",
    "kind": "SearchCampaign",
    "metadata": {"name": "left"},
    "spec": {
        "trials": 1,
        "objectives": [{"metric": "loss", "direction": "minimize"}],
        "trial": {"command": ["echo", "loss=1"]},
    },
}


@pytest.fixture(scope="module")
def given_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """One without a CRD, which other tests' has."""
    with running(tmp_path_factory.mktemp("given")) as started:
        yield started


def install(plane: ControlPlane, name: str, namespace: str) -> None:
    """A release; nothing runs, as there is no node."""
    options = ("--create-namespace", "--set", "preflight=false", *EXTERNAL)
    done = plane.helm("install", name, str(CHART), *options, namespace=namespace)
    assert done.returncode == 0, done.stderr


def names(plane: ControlPlane, kinds: str, *options: str) -> set[str]:
    found = json.loads(plane.kubectl("get", kinds, "-o", "json", *options))
    return {each["metadata"]["name"] for each in found["items"]}


def test_what_the_tests_made_goes_and_all_else_stays(given_plane: ControlPlane) -> None:
    plane = given_plane
    before = names(plane, "namespaces,clusterroles,clusterrolebindings,priorityclasses")
    plane.kubectl("create", "namespace", "theirs")
    for name, namespace in (("provisioned", RELEASE_NAMESPACE), ("theirs", "theirs")):
        plane.kubectl("apply", "-f", "-", text=json.dumps(volume(name, namespace)))
    plane.make_namespace(RELEASE_NAMESPACE)
    plane.make_namespace("test-1", enforce="restricted")
    install(plane, "corebound", RELEASE_NAMESPACE)
    plane.kubectl("wait", "crd", given.DEFINITION, "--for=condition=Established", "--timeout=30s")
    plane.kubectl("apply", "-n", "test-1", "-f", "-", text=json.dumps(CAMPAIGN))

    given.refuse_an_installed_one(plane)  # a run that was killed has left all this
    given.remove_all(plane)

    assert not plane.kubectl("get", "crd", given.DEFINITION, "--ignore-not-found")
    assert names(plane, "namespaces,clusterroles,clusterrolebindings,priorityclasses") == {*before, "theirs"}
    volumes = json.loads(plane.kubectl("get", "persistentvolumes", "-o", "json"))["items"]
    policies = {each["metadata"]["name"]: each["spec"]["persistentVolumeReclaimPolicy"] for each in volumes}
    assert policies == {"provisioned": "Delete", "theirs": "Retain"}
    given.remove_all(plane)  # where there is nothing


def volume(name: str, namespace: str) -> dict[str, Any]:
    """As a provisioner makes one for a claim, of a class that keeps it."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name, "annotations": {"pv.kubernetes.io/provisioned-by": "disks.example"}},
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": "Retain",
            "claimRef": {"namespace": namespace, "name": "data"},
            "csi": {"driver": "disks.example", "volumeHandle": name},
        },
    }


def test_a_cluster_with_somebodys_corebound_is_refused(given_plane: ControlPlane) -> None:
    plane = given_plane
    install(plane, "searches", "searches")
    with pytest.raises(given.UnusableClusterError, match="of a release in the namespace searches"):
        given.refuse_an_installed_one(plane)
    plane.helm("uninstall", "searches", namespace="searches")
    kept = ("annotate", "crd", given.DEFINITION, "meta.helm.sh/release-namespace-")
    plane.kubectl(*kept)
    with pytest.raises(given.UnusableClusterError, match="of no release of Helm's"):
        given.refuse_an_installed_one(plane)
    given.remove_all(plane)
    assert given.DEFINITION in plane.kubectl("get", "crd", "-o", "name"), "it was not ours"
    plane.kubectl("delete", "crd", given.DEFINITION)


def node(name: str, cpu: str, *taints: str, ready: str = "True") -> dict[str, Any]:
    labels = {given.HOST: name}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "spec": {"taints": [{"key": "kept", "effect": effect} for effect in taints]},
        "status": {"allocatable": {"cpu": cpu}, "conditions": [{"type": "Ready", "status": ready}]},
    }


def test_trials_get_the_largest_node_that_takes_anybody(
    given_plane: ControlPlane, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plane = given_plane

    def add(each: dict[str, Any]) -> None:
        # The status of a new node is dropped, and it is tainted as not ready until a controller, not here, has looked.
        plane.kubectl("apply", "-f", "-", text=json.dumps(each))
        for part, options in (("spec", ()), ("status", ("--subresource=status",))):
            patch = json.dumps({part: each[part]})
            plane.kubectl("patch", "node", each["metadata"]["name"], "--type=merge", *options, "--patch", patch)

    monkeypatch.delenv(given.NODE, raising=False)
    add(node("small", "1900m"))
    with pytest.raises(given.UnusableClusterError, match=r"2 allocatable cores .* small \(1\.9 cores\)"):
        given.chosen(plane)
    for each in (node("right", "3860m"), node("tainted", "16", "NoSchedule"), node("lost", "16", ready="Unknown")):
        add(each)
    assert given.chosen(plane)["metadata"]["name"] == "right"
    monkeypatch.setenv(given.NODE, "tainted")
    assert given.chosen(plane)["metadata"]["name"] == "tainted"
    monkeypatch.setenv(given.NODE, "nowhere")
    with pytest.raises(given.UnusableClusterError, match="found no node nowhere"):
        given.chosen(plane)

    tolerations = [{"key": "kept", "operator": "Exists"}]
    mine = tmp_path / "values.yaml"
    mine.write_text(yaml.safe_dump({"trialDefaults": {"tolerations": tolerations}}))
    monkeypatch.setenv(given.VALUES, str(mine))
    assert given.values("tainted") == {
        "trialDefaults": {"tolerations": tolerations, "nodeSelector": {given.HOST: "tainted"}}
    }


def test_the_context_of_the_beginning_is_kept(given_plane: ControlPlane, tmp_path: Path) -> None:
    """And the kubeconfig's files, which it may name beside itself."""
    theirs = json.loads(given_plane.kubeconfig.read_text())
    (tmp_path / "ca.crt").write_bytes(given_plane.certificate.read_bytes())
    [cluster] = theirs["clusters"]
    cluster["cluster"]["certificate-authority"] = "ca.crt"
    elsewhere = {"name": "elsewhere", "cluster": {"server": "https://127.0.0.1:1"}}
    theirs["clusters"].append(elsewhere)
    theirs["contexts"].append({"name": "elsewhere", "context": {"cluster": "elsewhere", "user": "test"}})
    path = tmp_path / "config"
    path.write_text(json.dumps(theirs))
    (tmp_path / "kept").mkdir()
    plane = given.access(path, tmp_path / "kept")
    path.write_text(json.dumps({**theirs, "current-context": "elsewhere"}))
    assert "default" in names(plane, "namespaces")
    assert plane.kubeconfig.stat().st_mode & 0o077 == 0
