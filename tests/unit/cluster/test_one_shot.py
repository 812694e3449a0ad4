"""The one-shot pod: restricted, bounded, scheduled as the campaign's own pods are."""

from __future__ import annotations

from corebound.api.loading import campaign_from_mapping
from corebound.cluster.one_shot import pod_manifest
from corebound_operator.build.job import job_manifest
from corebound_operator.build.settings import Settings

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


def test_what_the_trials_mount_of_configuration_is_mounted_and_their_data_is_not() -> None:
    """The path of the database's private authority is in the login; a claim could tie the pod to a worker's node."""
    campaign = campaign_from_mapping(
        {
            **OWNER,
            "metadata": {"name": "poles", "namespace": "team-a"},
            "spec": {
                "trials": 1,
                "objectives": [{"metric": "loss", "direction": "minimize"}],
                "trial": {
                    "command": ["true"],
                    "template": {
                        "volumes": [
                            {"name": "authority", "configMap": {"name": "authority"}},
                            {"name": "tmp", "secret": {"secretName": "keys"}},
                            {"name": "vault", "csi": {"driver": "secrets-store.csi.k8s.io", "readOnly": True}},
                            {"name": "both", "projected": {"sources": [{"configMap": {"name": "authority"}}]}},
                            {"name": "token", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}},
                            {"name": "data", "persistentVolumeClaim": {"claimName": "data"}},
                            {"name": "node", "hostPath": {"path": "/data"}},
                            {"name": "unused", "configMap": {"name": "unused"}},
                        ],
                        "volumeMounts": [
                            {"name": "authority", "mountPath": "/etc/corebound/ca", "readOnly": True},
                            {"name": "authority", "mountPath": "/each", "subPathExpr": "$(COREBOUND_WORKER)"},
                            {"name": "tmp", "mountPath": "/keys"},
                            {"name": "vault", "mountPath": "/vault"},
                            {"name": "both", "mountPath": "/both"},
                            {"name": "token", "mountPath": "/token"},
                            {"name": "data", "mountPath": "/data"},
                            {"name": "node", "mountPath": "/node"},
                        ],
                    },
                },
            },
        }
    )
    job = job_manifest(campaign, uid="u-1", namespace="team-a", number=1, threads=1, workers=1, settings=Settings())
    template = job["spec"]["template"]["spec"]
    spec = pod_manifest(["results", "poles"], namespace="team-a", image="mine:1", template=template, owner=OWNER)[
        "spec"
    ]
    names = [each["name"] for each in spec["volumes"]]
    assert names == ["corebound-tmp", "authority", "tmp", "vault", "both"]
    assert spec["volumes"][1:] == [each for each in template["volumes"] if each["name"] in names[1:]]
    mounts = spec["containers"][0]["volumeMounts"]
    assert [each["mountPath"] for each in mounts] == ["/tmp", "/etc/corebound/ca", "/keys", "/vault", "/both"]
    assert mounts[1]["readOnly"] is True
    assert {each["name"] for each in mounts} == set(names)
