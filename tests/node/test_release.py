"""The chart's life on a real cluster: refused, tested, upgraded in the middle of a campaign, uninstalled."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from .release import CHART, Release

if TYPE_CHECKING:
    from pathlib import Path

    from ..apiserver.conftest import Campaigns
    from ..cluster.images import Images
    from ..cluster.real_node import RealNode

SLOW = {"command": ["sh", "-c", "for step in $(seq 80); do sleep 0.1; done; echo loss=1"]}


def names(node: RealNode, kind: str, *options: str) -> set[str]:
    found = json.loads(node.plane.kubectl("get", kind, "-o", "json", *options))
    return {each["metadata"]["name"] for each in found["items"]}


def test_helms_own_test_runs_a_campaign(release: Release, node: RealNode) -> None:
    said = release.helm("test", release.name, "--timeout", "120s").stdout
    assert "Succeeded" in said
    assert not names(node, "pods,searchcampaigns,serviceaccounts", "-n", release.namespace) & {"corebound-test"}


def test_an_upgrade_leaves_running_trials_alone(
    release: Release, campaigns: Campaigns, node: RealNode, tmp_path: Path
) -> None:
    newer = tmp_path / "corebound"
    shutil.copytree(CHART, newer)
    chart = yaml.safe_load((newer / "Chart.yaml").read_text(encoding="utf-8"))
    (newer / "Chart.yaml").write_text(yaml.safe_dump({**chart, "version": "99.0.0"}), encoding="utf-8")
    secret = ("get", "secret", f"{release.prefix}-postgresql", "-n", release.namespace, "-o", "jsonpath={.data}")
    before = node.plane.kubectl(*secret)
    campaigns.apply("upgraded", trials=4, trial=SLOW)
    campaigns.wait("upgraded", lambda status: status.get("trials", {}).get("running") == 2, "two trials to run")
    pods = {pod["metadata"]["uid"] for pod in campaigns.pods("upgraded")}
    release.upgrade(chart=newer, operator={"heartbeatSeconds": 2})
    assert json.loads(release.helm("list", "-o", "json").stdout)[0]["chart"] == "corebound-99.0.0"
    status = campaigns.phase("upgraded", "Succeeded", "Failed")
    assert status["trials"]["succeeded"] == 4
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
    release: Release, images: Images, values: dict[str, Any], said: str
) -> None:
    second = Release(release.plane, images, name="second", namespace="second")
    done = second.install(**values, check=False)
    assert done.returncode != 0
    assert said in done.stderr
    assert "corebound" not in release.plane.kubectl("get", "deployments", "-n", "second", check=False)


def test_the_embedded_database_needs_a_storage_class(release: Release, node: RealNode, images: Images) -> None:
    default = "storageclass.kubernetes.io/is-default-class"
    node.plane.kubectl("annotate", "storageclass", "folders", f"{default}=false", "--overwrite")
    try:
        second = Release(node.plane, images, name="second", namespace="second")
        done = second.install(namespaces=["team-a"], check=False)
    finally:
        node.plane.kubectl("annotate", "storageclass", "folders", f"{default}=true", "--overwrite")
    assert done.returncode != 0
    assert "found no default StorageClass" in done.stderr


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://corebound:wrong@{host}:5432/corebound", "refuses the operator's login"),
        ("postgresql://corebound:x@10.96.255.254:5432/corebound", "10.96.255.254"),
        ("postgresql://plain:plain@{host}:5432/corebound", "CREATEROLE"),
        ("mysql://corebound@{host}/corebound", "postgresql"),
    ],
    ids=["a wrong password", "nobody there", "a login without CREATEROLE", "another database"],
)
def test_a_database_that_cannot_be_used_keeps_the_release_from_getting_ready(
    release: Release, images: Images, node: RealNode, url: str, said: str
) -> None:
    database = f"{release.prefix}-postgresql"
    psql = (
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
    node.plane.kubectl(*psql, "-c", "CREATE ROLE plain LOGIN PASSWORD 'plain'") if ":plain@" in url else None
    other = Release(node.plane, images, name="other", namespace="other")
    node.plane.kubectl("create", "namespace", "other", check=False)
    address = url.format(host=f"{database}.{release.namespace}.svc")
    node.plane.kubectl("delete", "secret", "mine", "-n", "other", "--ignore-not-found")
    node.plane.kubectl("create", "secret", "generic", "mine", "-n", "other", f"--from-literal=url={address}")
    values = {
        "preflight": False,
        "crds": {"enabled": False},
        "namespaces": ["other"],
        "database": {"external": {"existingSecret": "mine"}},
    }
    try:
        done = other.install("--timeout", "15s", check=False, **values)
        assert done.returncode != 0, "a campaign would not run"
        assert said in other.log, other.log
        assert ":wrong@" not in other.log and ":plain@" not in other.log
    finally:
        other.helm("uninstall", other.name, "--wait")


def test_uninstalling_leaves_what_is_documented(release: Release, campaigns: Campaigns, node: RealNode) -> None:
    """The last test of the session: the release is installed again and finds its campaigns and its data."""
    campaigns.apply("kept", trials=2, trial={"command": ["sh", "-c", "echo loss=1"]})
    campaigns.phase("kept", "Succeeded")
    release.uninstall()
    campaigns.until(lambda: not names(node, "pods", "-n", release.namespace), "its pods to go")
    everything = "jobs,deployments,statefulsets,services,secrets,configmaps,networkpolicies,serviceaccounts,roles"
    kept = names(node, everything, "-n", release.namespace)
    assert {name for name in kept if "corebound" in name} == {f"{release.prefix}-postgresql"}
    assert not {name for name in names(node, "clusterroles,clusterrolebindings") if "corebound" in name}
    assert names(node, "persistentvolumeclaims", "-n", release.namespace) == {f"data-{release.prefix}-postgresql-0"}
    assert campaigns.status("kept")["phase"] == "Succeeded"
    release.install()
    campaigns.patch("kept", trials=3)
    assert campaigns.phase("kept", "Succeeded")["trials"]["succeeded"] >= 2
    campaigns.wait("kept", lambda status: status["trials"]["succeeded"] == 3, "the third trial")
