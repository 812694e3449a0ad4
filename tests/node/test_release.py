"""The chart's life on a real cluster: refused, tested, upgraded in the middle of a campaign, uninstalled."""

from __future__ import annotations

import json
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from ..apiserver.conftest import SECONDS
from ..cluster.access import RELEASE_NAMESPACE
from .release import CHART, Release

if TYPE_CHECKING:
    from pathlib import Path

    from ..apiserver.conftest import Campaigns
    from ..cluster.access import ClusterNode

SECOND = f"{RELEASE_NAMESPACE}-second"
SLOW = {"command": ["sh", "-c", "for step in $(seq 100); do sleep 0.1; done; echo loss=1"]}


def names(node: ClusterNode, kind: str, *options: str) -> set[str]:
    found = json.loads(node.plane.kubectl("get", kind, "-o", "json", *options))
    return {each["metadata"]["name"] for each in found["items"]}


def test_helms_own_test_runs_a_campaign(release: Release, node: ClusterNode) -> None:
    said = release.helm("test", release.name, "--timeout", "120s").stdout
    assert "Succeeded" in said
    assert not names(node, "pods,searchcampaigns,serviceaccounts", "-n", release.namespace) & {"corebound-test"}


def test_an_upgrade_leaves_running_trials_alone(
    release: Release, campaigns: Campaigns, node: ClusterNode, tmp_path: Path
) -> None:
    newer = tmp_path / "corebound"
    shutil.copytree(CHART, newer)
    chart = yaml.safe_load((newer / "Chart.yaml").read_text(encoding="utf-8"))
    (newer / "Chart.yaml").write_text(yaml.safe_dump({**chart, "version": "99.0.0"}), encoding="utf-8")
    secret = ("get", "secret", f"{release.prefix}-postgresql", "-n", release.namespace, "-o", "jsonpath={.data}")
    before = node.plane.kubectl(*secret)
    campaigns.apply("upgraded", trials=2, trial=SLOW)
    campaigns.wait("upgraded", lambda status: status.get("trials", {}).get("running") == 2, "two trials to run")
    pods = {pod["metadata"]["uid"] for pod in campaigns.pods("upgraded")}
    release.upgrade(chart=newer, operator={"heartbeatSeconds": 2})
    assert json.loads(release.helm("list", "-o", "json").stdout)[0]["chart"] == "corebound-99.0.0"
    status = campaigns.phase("upgraded", "Succeeded", "Failed")
    assert status["trials"]["succeeded"] == 2
    assert {pod["metadata"]["uid"] for pod in campaigns.pods("upgraded")} == pods, "workers were started anew"
    assert node.plane.kubectl(*secret) == before
    release.upgrade()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"operater": {}}, "operater"),
        ({}, "which serves the whole cluster already"),
        ({"namespaces": ["team-a"]}, "which serves the whole cluster already"),
        ({"preflight": False}, "searchcampaigns.corebound.dev"),
    ],
    ids=["a typo", "a second one", "a second one for some namespaces", "the CRD is another release's"],
)
def test_an_installation_that_would_do_harm_is_refused(
    release: Release, node: ClusterNode, values: dict[str, Any], said: str
) -> None:
    second = Release(node, name="second", namespace=SECOND)
    done = second.install(**values, check=False)
    assert done.returncode != 0
    assert said in done.stderr
    assert "NotFound" in node.plane.kubectl("get", "namespace", SECOND, check=False), "something was made"


@pytest.mark.needs("own-node")
def test_the_embedded_database_needs_a_storage_class(release: Release, node: ClusterNode) -> None:
    default = "storageclass.kubernetes.io/is-default-class"
    node.plane.kubectl("annotate", "storageclass", "folders", f"{default}=false", "--overwrite")
    try:
        second = Release(node, name="second", namespace=SECOND)
        done = second.install(namespaces=["team-a"], check=False)
    finally:
        node.plane.kubectl("annotate", "storageclass", "folders", f"{default}=true", "--overwrite")
    assert done.returncode != 0
    assert "found no default StorageClass" in done.stderr


UNUSABLE = {
    "a wrong password": ("postgresql://corebound:wrong@{host}:5432/corebound", "refuses the operator's login"),
    "nobody there": ("postgresql://corebound:x@10.96.255.254:5432/corebound", "10.96.255.254"),
    "a login without CREATEROLE": ("postgresql://plain:plain@{host}:5432/corebound", "CREATEROLE"),
    "another database": ("mysql://corebound@{host}/corebound", "postgresql"),
}
"""Addresses of databases, and what the operator says of each."""


@pytest.fixture(scope="module")
def with_unusable_databases(release: Release, node: ClusterNode) -> dict[str, Refusal]:
    """A release for each, all at once: what came of ``helm install --wait``, and what its operator said."""
    database, kubectl = f"{release.prefix}-postgresql", node.plane.kubectl
    shell = (
        "exec",
        f"{database}-0",
        "-n",
        release.namespace,
        "--",
        "psql",
        "-h",
        "/var/run/postgresql",
        "-U",
        "corebound",
    )
    kubectl(*shell, "-c", "CREATE ROLE plain LOGIN PASSWORD 'plain'")
    # The chart's own policy lets no other release's operator in.
    kubectl("apply", "-n", release.namespace, "-f", "-", text=json.dumps(ANYBODY))

    def installed(number: int, url: str, expected: str) -> tuple[Release, Refusal]:
        name = f"{release.namespace}-{number}"
        other = Release(node, name=name, namespace=name)
        node.plane.make_namespace(name)
        address = url.format(host=f"{database}.{release.namespace}.svc")
        kubectl("create", "secret", "generic", "mine", "-n", name, f"--from-literal=url={address}")
        values = {
            "preflight": False,
            "crds": {"enabled": False},
            "namespaces": [name],
            "database": {"external": {"existingSecret": "mine"}},
        }
        done = other.install("--timeout", "20s", check=False, **values)
        return other, Refusal(done.returncode, log_with(other, expected))

    with ThreadPoolExecutor(len(UNUSABLE)) as pool:
        found = list(pool.map(installed, range(len(UNUSABLE)), *zip(*UNUSABLE.values(), strict=True)))
        list(pool.map(lambda each: each[0].uninstall(), found))
    kubectl("delete", "networkpolicy", "anybody", "-n", release.namespace)
    return {name: refusal for name, (_, refusal) in zip(UNUSABLE, found, strict=True)}


def log_with(release: Release, expected: str) -> str:
    """What its operator says once that is in it: Helm may give up before the operator has said anything."""
    deadline = time.monotonic() + SECONDS
    while expected not in (said := release.log) and time.monotonic() < deadline:
        time.sleep(0.5)
    return said


@dataclass(frozen=True)
class Refusal:
    status: int
    said: str


ANYBODY = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "anybody"},
    "spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{}]},
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_a_database_that_cannot_be_used_keeps_the_release_from_getting_ready(
    with_unusable_databases: dict[str, Refusal], name: str
) -> None:
    refusal = with_unusable_databases[name]
    assert refusal.status != 0, "a campaign would not run"
    assert UNUSABLE[name][1] in refusal.said, refusal.said
    assert ":wrong@" not in refusal.said and ":plain@" not in refusal.said


def test_uninstalling_leaves_what_is_documented(release: Release, campaigns: Campaigns, node: ClusterNode) -> None:
    """The last test of the session: the release is installed again and finds its campaigns and its data."""
    campaigns.apply("kept", trials=2, trial={"command": ["sh", "-c", "echo loss=1"]})
    campaigns.phase("kept", "Succeeded")
    campaigns.apply("at-work", trials=2, trial=SLOW)
    campaigns.wait("at-work", lambda status: status.get("trials", {}).get("running"), "a trial at work")
    campaigns.patch("at-work", suspend=True)
    running = ("--selector=app.kubernetes.io/managed-by=corebound", "--field-selector=status.phase=Running")
    node.plane.kubectl("wait", "pods", "--for=delete", "-n", campaigns.namespace, *running, "--timeout=60s")
    release.uninstall()
    campaigns.until(lambda: not names(node, "pods", "-n", release.namespace), "its pods to go")
    everything = "jobs,deployments,statefulsets,services,secrets,configmaps,networkpolicies,serviceaccounts,roles"
    kept = names(node, everything, "-n", release.namespace)
    assert {name for name in kept if "corebound" in name} == {f"{release.prefix}-postgresql"}
    assert not {name for name in names(node, "clusterroles,clusterrolebindings") if "corebound" in name}
    assert names(node, "persistentvolumeclaims", "-n", release.namespace) == {f"data-{release.prefix}-postgresql-0"}
    there = names(node, "secrets,configmaps,deployments,serviceaccounts", "-n", campaigns.namespace)
    assert there - {"default", "kube-root-ca.crt"} == {"corebound-database"}
    assert all(name.startswith(("kept-r", "at-work-r")) for name in names(node, "jobs", "-n", campaigns.namespace))
    assert not names(node, "pods", "-n", campaigns.namespace, *running)
    assert campaigns.status("kept")["phase"] == "Succeeded"
    release.install()
    campaigns.patch("at-work", suspend=False)
    assert campaigns.phase("at-work", "Succeeded", "Failed")["trials"]["succeeded"] == 2
    campaigns.patch("kept", trials=3)
    assert campaigns.phase("kept", "Succeeded")["trials"]["succeeded"] >= 2
    campaigns.wait("kept", lambda status: status["trials"]["succeeded"] == 3, "the third trial")
