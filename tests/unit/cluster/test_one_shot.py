"""The one-shot pod: restricted, bounded, scheduled as the campaign's own pods are."""

from __future__ import annotations

from corebound.cluster.one_shot import pod_manifest

OWNER = {
    "apiVersion": "corebound.dev/v1alpha1",
    "kind": "SearchCampaign",
    "metadata": {"name": "poles", "uid": "u-1", "namespace": "team-a"},
}
TEMPLATE = {
    "tolerations": [{"key": "cpu", "operator": "Exists"}],
    "nodeSelector": {"pool": "cpu"},
    "imagePullSecrets": [{"name": "registry"}],
    "affinity": {"podAffinity": {}},
    "securityContext": {"runAsUser": 1000, "fsGroup": 1000, "runAsNonRoot": False},
    "containers": [{"name": "trial", "env": [{"name": "TOKEN", "value": "secret"}], "volumeMounts": []}],
}


def test_it_is_restricted_bounded_and_has_the_login_by_reference_only() -> None:
    pod = pod_manifest(
        ["results", "poles", "--json"], namespace="team-a", image="mine:1", template=TEMPLATE, owner=OWNER
    )
    spec = pod["spec"]
    [container] = spec["containers"]
    assert container["command"] == ["python", "-m", "corebound.cli.relay", "results", "poles", "--json"]
    assert container["image"] == "mine:1"
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] == 1000
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert spec["automountServiceAccountToken"] is False
    assert spec["activeDeadlineSeconds"] > 0
    assert (spec["nodeSelector"], spec["tolerations"]) == (TEMPLATE["nodeSelector"], TEMPLATE["tolerations"])
    assert "affinity" not in spec
    assert "TOKEN" not in str(pod)
    url = next(each for each in container["env"] if each["name"] == "COREBOUND_DATABASE_URL")
    assert url["valueFrom"]["secretKeyRef"] == {"name": "corebound-database", "key": "url"}
    assert pod["metadata"]["ownerReferences"][0]["uid"] == "u-1"
    assert "corebound.dev/campaign-uid" not in pod["metadata"]["labels"], "it is none of the campaign's workers"


def test_without_a_job_to_go_by_it_still_is() -> None:
    pod = pod_manifest(["results", "poles"], namespace="team-a", image="mine:1", template={}, owner=None)
    assert pod["spec"]["securityContext"]["runAsUser"] > 0
    assert "ownerReferences" not in pod["metadata"]


def test_a_campaign_that_runs_as_root_is_asked_about_as_our_own_user() -> None:
    """Its pod says runAsNonRoot, with which a kubelet starts no user 0."""
    security = {"runAsNonRoot": False, "runAsUser": 0, "runAsGroup": 0, "fsGroup": 65532}
    pod = pod_manifest(
        ["results", "poles"], namespace="team-a", image="mine:1", template={"securityContext": security}, owner=OWNER
    )
    found = pod["spec"]["securityContext"]
    assert found["runAsNonRoot"] is True
    assert (found["runAsUser"], found["runAsGroup"], found["fsGroup"]) == (65532, 65532, 65532)
