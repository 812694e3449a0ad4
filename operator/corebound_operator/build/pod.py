"""The pod of a worker: CPU request = limit = threads, Pod Security ``restricted``, and what the campaign's template adds.

The template is laid over what we choose (node selector, tolerations, volumes ...); nothing of it can change the container's
resources, its command or the variables of the thread contract, because it has no field for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from corebound.api.contract import ExitCode
from corebound.api.jobs import CAMPAIGN_UID, SCRATCH_VOLUME
from corebound_operator.build.environment import environment
from corebound_operator.build.names import CONTAINER

if TYPE_CHECKING:
    from corebound.api.spec import SearchCampaign
    from corebound_operator.build.settings import TrialDefaults

Manifest = dict[str, Any]

HOME: Final = "/home/corebound"
GRACE_SECONDS: Final = 60
"""A stop asks for a checkpoint (10 s), then the ledger is told; the rest is for a slow database."""
SAFE_TO_EVICT: Final = "cluster-autoscaler.kubernetes.io/safe-to-evict"
NEAR_OWN_NODES: Final = 50

BLAMELESS: Final = (ExitCode.LEDGER_UNREACHABLE, ExitCode.STOPPED)
"""Exits that say nothing against the campaign."""

RESTRICTED_POD: Final[Manifest] = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
RESTRICTED_CONTAINER: Final[Manifest] = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def pod_template(
    campaign: SearchCampaign, *, uid: str, threads: int, defaults: TrialDefaults, labels: dict[str, str]
) -> Manifest:
    """``spec.template`` of the Job of ``campaign`` with workers of ``threads`` threads."""
    template = _template(campaign)
    pool_selector = campaign.spec.pool.node_selector if campaign.spec.pool else {}
    spec: Manifest = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "securityContext": {**RESTRICTED_POD, **_user(defaults), **template.get("securityContext", {})},
        "containers": [_container(campaign, uid=uid, threads=threads, defaults=defaults)],
        "volumes": [*_scratch_volumes(defaults), *template.get("volumes", [])],
        "nodeSelector": {**defaults.node_selector, **pool_selector, **template.get("nodeSelector", {})},
        "tolerations": [*defaults.tolerations, *template.get("tolerations", [])],
        "affinity": template.get("affinity") or _near(uid),
    }
    secrets = [*({"name": name} for name in defaults.image_pull_secrets), *template.get("imagePullSecrets", [])]
    optional = {
        "imagePullSecrets": secrets,
        "priorityClassName": template.get("priorityClassName") or defaults.priority_class_name,
        "serviceAccountName": template.get("serviceAccountName"),
    }
    spec.update({name: value for name, value in optional.items() if value})
    return {
        "metadata": {
            "labels": {**template.get("labels", {}), **labels},
            "annotations": {**template.get("annotations", {}), SAFE_TO_EVICT: "false"},
        },
        "spec": {name: value for name, value in spec.items() if value not in ({}, [])},
    }


def _container(campaign: SearchCampaign, *, uid: str, threads: int, defaults: TrialDefaults) -> Manifest:
    trial, template = campaign.spec.trial, _template(campaign)
    resources = {"cpu": str(threads), "memory": str(trial.memory)}
    own_image = trial.image is None
    return {
        "name": CONTAINER,
        "image": trial.image or defaults.image,
        "imagePullPolicy": defaults.image_pull_policy,
        "command": ["python", "-m", "corebound_trial", campaign.metadata.name],
        "args": [
            "--uid",
            uid,
            "--name",
            "$(COREBOUND_WORKER)",
            "--threads",
            str(threads),
            "--own-quota",
            "--enforce-memory",
        ],
        "env": environment(trial, threads=threads, home=HOME),
        **{name: template[name] for name in ("envFrom",) if name in template},
        "resources": {"requests": resources, "limits": resources},
        "securityContext": {
            **RESTRICTED_CONTAINER,
            **({"readOnlyRootFilesystem": True} if own_image and defaults.read_only_root else {}),
        },
        "volumeMounts": [
            {"name": SCRATCH_VOLUME, "mountPath": "/tmp"},  # noqa: S108  the container's own
            {"name": "corebound-home", "mountPath": HOME},
            {"name": "corebound-shm", "mountPath": "/dev/shm"},  # noqa: S108  likewise
            *template.get("volumeMounts", []),
        ],
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }


def _template(campaign: SearchCampaign) -> Manifest:
    """The campaign's additions as Kubernetes writes them, without what is left out."""
    return campaign.spec.trial.template.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude_none=True)


def _scratch_volumes(defaults: TrialDefaults) -> list[Manifest]:
    disk = {"sizeLimit": defaults.scratch}
    return [
        {"name": SCRATCH_VOLUME, "emptyDir": disk},
        {"name": "corebound-home", "emptyDir": disk},
        {"name": "corebound-shm", "emptyDir": {"medium": "Memory", **disk}},
    ]


def _user(defaults: TrialDefaults) -> Manifest:
    return {"runAsUser": defaults.run_as_user, "runAsGroup": defaults.run_as_user, "fsGroup": defaults.run_as_user}


def _near(uid: str) -> Manifest:
    """Fill the nodes that the campaign already pays for before others are started."""
    term = {"labelSelector": {"matchLabels": {CAMPAIGN_UID: uid}}, "topologyKey": "kubernetes.io/hostname"}
    preferred = [{"weight": NEAR_OWN_NODES, "podAffinityTerm": term}]
    return {"podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}


def failure_rules() -> list[Manifest]:
    """What a worker's exit means to the Job (KEP-3329): the first rule that matches counts.

    A broken contract fails the Job at once. Evictions, a stop and an unreachable ledger are nobody's fault: they end their
    index, for which the operator adds another one at once. Ignored instead, they would wait in a back-off that doubles up to
    ten minutes, and on spot nodes the cores would idle.
    """
    broken = [ExitCode.CONTRACT_BROKEN.value]
    blameless = [code.value for code in BLAMELESS]
    return [
        {"action": "FailJob", "onExitCodes": {"containerName": CONTAINER, "operator": "In", "values": broken}},
        {"action": "FailIndex", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
        {"action": "FailIndex", "onExitCodes": {"containerName": CONTAINER, "operator": "In", "values": blameless}},
    ]
