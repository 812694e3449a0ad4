"""A one-shot pod: a command of ours in the campaign's namespace, with the namespace's own login to the database.

For users who reach the database in no other way: they need the rights to create, get and delete pods and to get pods/log,
which a tenant has where its campaigns run, and never see the login. The pod keeps to Pod Security ``restricted``, has no
service account's token, ends by itself and is removed. What could go wrong: it does not start (the cluster's own words are
the error), it is refused (so is the command), the user goes away (it ends by its deadline, and goes with the campaign).
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from corebound.api.errors import ClusterError, ClusterRefusedError, UsageError
from corebound.api.jobs import CAMPAIGN_UID, DATABASE_KEY, DATABASE_SECRET, MANAGED_BY, MANAGER, SCRATCH_VOLUME
from corebound.api.reasons import ClusterWord
from corebound.cluster.relay import Answer, unpacked
from corebound.cluster.resources import JOBS, PODS
from corebound.cluster.rights import needing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from corebound.cluster.client import Cluster

Manifest = dict[str, Any]

DEADLINE_SECONDS: Final = 600
POLL_SECONDS: Final = 0.5
PATIENCE_SECONDS: Final = 60.0
"""How long a pod may wait for a node or an image before the reason is the error."""
RESOURCES: Final = {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"cpu": "1", "memory": "1Gi"}}
USER: Final = 65532
SCRATCH_FOLDER: Final = "/tmp"  # noqa: S108  the container's own, which no other process shares
TAKEN_OVER: Final = ("nodeSelector", "tolerations", "imagePullSecrets", "priorityClassName", "serviceAccountName")
"""Of the campaign's own pods: what lets them be scheduled and pulled."""
TAKEN_VOLUMES: Final = ("configMap", "secret", "projected", "csi")
"""Kinds of volumes that many pods have at once, on any node: a private authority of the database is in one of them, and its
path in the login. A claim may be bound to the node of a worker, and a report needs none of its data.
"""
HOPELESS: Final = (
    ClusterWord.IMAGE_PULL,
    ClusterWord.IMAGE_PULL_WAITS,
    ClusterWord.IMAGE_NAME,
    ClusterWord.CONTAINER_CONFIG,
)


class OneShotPods:
    """Runs commands of ours in one namespace."""

    def __init__(self, cluster: Cluster, namespace: str, *, say: Callable[[str], None]) -> None:
        self._cluster, self._namespace, self._say = cluster, namespace, say

    def check(self, manifest: Manifest) -> None:
        """Whether the cluster would take the pod; nothing is made."""
        self._create(manifest, dry_run=True)

    def run(self, manifest: Manifest) -> Answer:
        """Make the pod, wait for its end, and return its answer; the pod is removed in any case."""
        name = manifest["metadata"]["name"]
        self._create(manifest)
        self._say(f"asking in pod {name}")
        try:
            self._wait(name)
            log = b"".join(self._log(name))
            return unpacked(log)
        finally:
            with contextlib.suppress(ClusterError):
                self._cluster.delete(PODS, name, namespace=self._namespace)

    def manifest(self, words: Sequence[str], *, campaign: Manifest | None, image: str | None) -> Manifest:
        """The pod that runs ``corebound WORDS``, like those of the campaign. Raises :class:`UsageError` without an image."""
        template = self._template(campaign)
        container: Manifest = next(iter(template.get("containers", [])), {})
        chosen = image or _image_of(campaign) or container.get("image")
        if chosen is None:
            raise UsageError(
                "it is not known which image the namespace's trials run in (no trial.image, no Job left of the campaign); "
                "name one with --image, or reach the database with --storage or --port-forward"
            )
        return pod_manifest(words, namespace=self._namespace, image=chosen, template=template, owner=campaign)

    def _template(self, campaign: Manifest | None) -> Manifest:
        """The pod specification of the namespace's newest Job, of the campaign itself if it has one."""
        try:
            jobs = self._cluster.list(JOBS, namespace=self._namespace, labels=f"{MANAGED_BY}={MANAGER}")
        except ClusterRefusedError as error:
            if error.status != 403:
                raise
            return {}
        uid = None if campaign is None else campaign["metadata"]["uid"]

        def rank(job: Manifest) -> tuple[bool, str]:
            labels = job["metadata"].get("labels") or {}
            return labels.get(CAMPAIGN_UID) == uid, str(job["metadata"]["creationTimestamp"])

        newest = max(jobs, key=rank, default=None)
        found: Manifest = {} if newest is None else newest["spec"]["template"]["spec"]
        return found

    def _create(self, manifest: Manifest, *, dry_run: bool = False) -> None:
        with needing("create", "pods", namespace=self._namespace):
            self._cluster.create(PODS, manifest, dry_run=dry_run)

    def _wait(self, name: str) -> None:
        began = time.monotonic()
        while True:
            with needing("get", "pods", namespace=self._namespace):
                pod = self._cluster.get(PODS, name, namespace=self._namespace)
            if pod is None:
                raise ClusterError(f"pod {name} was removed before it had answered")
            status = pod.get("status", {})
            if status.get("phase") in ("Succeeded", "Failed"):
                return
            reason, message = _why_waiting(status)
            overdue = time.monotonic() - began > PATIENCE_SECONDS
            if reason in HOPELESS or (overdue and status.get("phase") != "Running"):
                raise ClusterError(f"pod {name} does not start: {reason or 'no reason is given'}: {message}")
            time.sleep(POLL_SECONDS)

    def _log(self, name: str) -> list[bytes]:
        with needing("get", "pods/log", namespace=self._namespace):
            return list(self._cluster.log(name, namespace=self._namespace))


def pod_manifest(
    words: Sequence[str], *, namespace: str, image: str, template: Manifest, owner: Manifest | None
) -> Manifest:
    """The pod that runs ``corebound WORDS`` and answers through its log."""
    metadata: Manifest = {
        "name": f"corebound-{words[0]}-{uuid4().hex[:10]}",
        "namespace": namespace,
        "labels": {MANAGED_BY: MANAGER, "app.kubernetes.io/component": "one-shot"},
    }
    if owner is not None:
        named = {"name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"]}
        metadata["ownerReferences"] = [{"apiVersion": owner["apiVersion"], "kind": owner["kind"], **named}]
    login = {"name": DATABASE_SECRET, "key": DATABASE_KEY}
    volumes, mounts = _taken_volumes(template)
    container: Manifest = {
        "name": "corebound",
        "image": image,
        "command": ["python", "-m", "corebound.cli.relay", *words],
        "env": [
            {"name": "HOME", "value": SCRATCH_FOLDER},
            {"name": "COREBOUND_HOME", "value": f"{SCRATCH_FOLDER}/corebound"},
            {"name": "NO_COLOR", "value": "1"},
            {"name": "COREBOUND_DATABASE_URL", "valueFrom": {"secretKeyRef": login}},
        ],
        "resources": RESOURCES,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [{"name": SCRATCH_VOLUME, "mountPath": SCRATCH_FOLDER}, *mounts],
    }
    spec: Manifest = {
        **{name: template[name] for name in TAKEN_OVER if name in template},
        "restartPolicy": "Never",
        "activeDeadlineSeconds": DEADLINE_SECONDS,
        "terminationGracePeriodSeconds": 5,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": _security(template),
        "containers": [container],
        "volumes": [{"name": SCRATCH_VOLUME, "emptyDir": {"sizeLimit": "1Gi"}}, *volumes],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def _security(template: Manifest) -> Manifest:
    """The campaign's, so that its files can be read here, too; but never root, which only its program may need."""
    ours = {"runAsUser": USER, "runAsGroup": USER}
    found = {**ours, **template.get("securityContext", {})}
    as_root = ours if found["runAsUser"] == 0 else {}
    return {**found, **as_root, "runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}


def _taken_volumes(template: Manifest) -> tuple[list[Manifest], list[Manifest]]:
    """The campaign's volumes of :data:`TAKEN_VOLUMES` that its trials mount, and these mounts."""
    trial: Manifest = next(iter(template.get("containers", [])), {})
    # What a subPathExpr names are variables of the trial.
    mounts = [each for each in trial.get("volumeMounts", []) if "subPathExpr" not in each]
    mounted = {each["name"] for each in mounts}
    volumes = [each for each in template.get("volumes", []) if each["name"] in mounted and _is_taken(each)]
    names = {each["name"] for each in volumes}
    return volumes, [each for each in mounts if each["name"] in names]


def _is_taken(volume: Manifest) -> bool:
    """Not with a service account's token: this pod has none."""
    sources = volume.get("projected", {}).get("sources") or []
    has_token = any("serviceAccountToken" in each for each in sources)
    return any(kind in volume for kind in TAKEN_VOLUMES) and not has_token


def _image_of(campaign: Manifest | None) -> str | None:
    trial = {} if campaign is None else campaign["spec"].get("trial", {})
    found: str | None = trial.get("image")
    return found


def _why_waiting(status: Manifest) -> tuple[str, str]:
    for container in status.get("containerStatuses") or []:
        waiting = container.get("state", {}).get("waiting")
        if waiting:
            return str(waiting.get("reason", "")), str(waiting.get("message", ""))
    for condition in status.get("conditions") or []:
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return str(condition.get("reason", "")), str(condition.get("message", ""))
    return "", ""
