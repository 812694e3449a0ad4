"""One node of a cluster that was there before the tests and stays: a kubeconfig, a registry, namespaces of their own.

``with given_node(images) as node`` refuses a cluster that has a Corebound, brings the images to one node by way of the
registry and at the end removes what the tests made: releases, the CRD, volumes, namespaces. What could go wrong: a kubelet
that cannot pull (its own words are the error), a run that was killed (the next one removes what it left), two runs at once
(the second one takes the first one for killed).
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from .access import MADE_BY_TESTS, NODE_NAMESPACE, RELEASE_NAMESPACE, Access
from .images import buildah

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .images import Images

KUBECONFIG: Final = "COREBOUND_TEST_KUBECONFIG"
REGISTRY: Final = "COREBOUND_TEST_REGISTRY"
FAST: Final = ("--compression-format=zstd", "--compression-level=1")
"""Torch's layer is gigabytes."""
NODE: Final = "COREBOUND_TEST_NODE"
VALUES: Final = "COREBOUND_TEST_VALUES"
DEFINITION: Final = "searchcampaigns.corebound.dev"
HOST: Final = "kubernetes.io/hostname"
CORES: Final = 2
"""Two trials of one thread run at once."""
PULL_SECONDS: Final = 1200.0
REMOVE_SECONDS: Final = 300


class UnusableClusterError(Exception):
    """The given cluster is not for tests: what was found, what was expected, what to do."""


@dataclass(frozen=True, kw_only=True)
class GivenNode:
    """One of a cluster's nodes; all trials of the tests run on it."""

    plane: Access
    name: str
    images: Images
    values: dict[str, Any]
    registry: str

    def take(self, reference: str) -> str:
        """Push an image that was built here, and have the node pull it: the first pod need not wait for gigabytes."""
        named = in_registry(reference, self.registry)
        buildah("push", *FAST, reference, f"docker://{named}")
        self._pull(named)
        return named

    def _pull(self, image: str) -> None:
        name = f"pull-{secrets.token_hex(4)}"
        manifest = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": NODE_NAMESPACE},
            "spec": {
                "nodeName": self.name,
                "restartPolicy": "Never",
                "containers": [{"name": "pull", "image": image, "command": ["true"]}],
            },
        }
        self.plane.kubectl("apply", "-f", "-", text=json.dumps(manifest))
        pod = ("pod", name, "-n", NODE_NAMESPACE)
        deadline = time.monotonic() + PULL_SECONDS
        while (status := json.loads(self.plane.kubectl("get", *pod, "-o", "json"))["status"])["phase"] != "Succeeded":
            waiting = [each["state"].get("waiting", {}) for each in status.get("containerStatuses", ())]
            refused = [each.get("message") for each in waiting if each.get("reason") == "ImagePullBackOff"]
            if refused or status["phase"] == "Failed" or time.monotonic() > deadline:
                raise UnusableClusterError(
                    f"found that the node {self.name} cannot run {image}: {refused or json.dumps(status)}. Its kubelet must "
                    f"reach the registry of {REGISTRY} without a login of the pod's, and have its architecture in common "
                    f"with this machine; see tests/node/README.md"
                )
            time.sleep(0.5)
        self.plane.kubectl("delete", *pod, "--wait=false")


def is_given() -> bool:
    """Whether there is a cluster to be used instead of a node of our own."""
    return bool(os.environ.get(KUBECONFIG))


@contextlib.contextmanager
def given_node(images: Images) -> Iterator[GivenNode]:
    """The node, with ``images``. Raises UnusableClusterError before anything is made there."""
    registry = os.environ.get(REGISTRY, "").rstrip("/")
    if not registry:
        raise UnusableClusterError(
            f"found {KUBECONFIG} and no {REGISTRY}: name a registry (such as registry.example/corebound-tests) to which "
            f"buildah may push here, and from which the cluster's kubelets pull"
        )
    with tempfile.TemporaryDirectory(prefix="corebound-given-") as folder:
        plane = access(Path(os.environ[KUBECONFIG]), Path(folder))
        refuse_an_installed_one(plane)
        node = chosen(plane)
        host = node["metadata"]["labels"][HOST]
        try:
            remove_all(plane)  # what a run that was killed has left
            plane.make_namespace(RELEASE_NAMESPACE)
            plane.make_namespace(NODE_NAMESPACE, enforce="privileged")
            taken = GivenNode(
                plane=plane,
                name=node["metadata"]["name"],
                images=replace(
                    images,
                    **{
                        name: in_registry(getattr(images, name), registry)
                        for name in ("operator", "trial", "postgresql")
                    },
                ),
                values=values(host),
                registry=registry,
            )
            for reference in (images.postgresql, images.operator, images.trial):
                taken.take(reference)
            yield taken
        finally:
            remove_all(plane)


def access(kubeconfig: Path, folder: Path) -> Access:
    """The kubeconfig's current context, held fast: somebody may choose another one while the tests run."""
    plane = Access(folder=folder)
    view = ("config", "view", "--raw", "--flatten", "--minify")
    plane.kubeconfig.touch(mode=0o600)
    plane.kubeconfig.write_text(plane.kubectl(f"--kubeconfig={kubeconfig}", *view), encoding="utf-8")
    return plane


def refuse_an_installed_one(plane: Access) -> None:
    """A Corebound of somebody's: its operator would take our campaigns, and our CRD would change theirs."""
    found = plane.kubectl("get", "crd", DEFINITION, "--ignore-not-found", "-o", "json")
    if not found:
        return
    owner = json.loads(found)["metadata"].get("annotations", {}).get("meta.helm.sh/release-namespace")
    if owner != RELEASE_NAMESPACE:
        whose = f"of a release in the namespace {owner}" if owner else "of no release of Helm's"
        raise UnusableClusterError(
            f"found the CRD {DEFINITION}, {whose}, in the cluster of {KUBECONFIG}: the tests install one of their own, "
            f"and delete it with every campaign at the end. Give a cluster without Corebound"
        )


def chosen(plane: Access) -> dict[str, Any]:
    """The Node object: the one that COREBOUND_TEST_NODE names, else the one with the most cores that is ready for anybody."""
    nodes = json.loads(plane.kubectl("get", "nodes", "-o", "json"))["items"]
    named = os.environ.get(NODE)
    fit = [each for each in nodes if (each["metadata"]["name"] == named if named else _takes_anybody(each))]
    found = max(fit, key=_cores, default=None)
    if found is None or _cores(found) < CORES:
        shown = ", ".join(f"{each['metadata']['name']} ({_cores(each):g} cores)" for each in nodes) or "none"
        raise UnusableClusterError(
            f"found no node {named or 'that is ready and without taints'} with {CORES} allocatable cores or more among "
            f"the cluster's: {shown}. Name one in {NODE}, or add one"
        )
    return dict(found)


def _takes_anybody(node: dict[str, Any]) -> bool:
    taints = {each["effect"] for each in node["spec"].get("taints", ())}
    ready = [each["status"] for each in node["status"].get("conditions", ()) if each["type"] == "Ready"]
    return ready == ["True"] and not node["spec"].get("unschedulable") and not taints - {"PreferNoSchedule"}


def _cores(node: dict[str, Any]) -> float:
    quantity = str(node["status"]["allocatable"]["cpu"])
    return int(quantity[:-1]) / 1000 if quantity.endswith("m") else float(quantity)


def values(host: str) -> dict[str, Any]:
    """Those of the file that COREBOUND_TEST_VALUES names, and that trials run on this host alone."""
    path = os.environ.get(VALUES)
    given: dict[str, Any] = (yaml.safe_load(Path(path).read_text(encoding="utf-8")) or {}) if path else {}
    return {**given, "trialDefaults": {**given.get("trialDefaults", {}), "nodeSelector": {HOST: host}}}


def in_registry(reference: str, registry: str) -> str:
    """What an image that was built here is called there."""
    return f"{registry}/{reference.removeprefix('localhost/')}"


def remove_all(plane: Access) -> None:
    """What the tests made, this time or earlier, with everything in it; nothing where they made nothing."""
    labels = ",".join(f"{key}={value}" for key, value in MADE_BY_TESTS.items())
    ours = plane.kubectl("get", "namespaces", "-l", labels, "-o", "jsonpath={.items[*].metadata.name}").split()
    has_definition = bool(plane.kubectl("get", "crd", DEFINITION, "--ignore-not-found", "-o", "name"))
    for namespace in ours if has_definition else ():
        # While the operator is there, which ends their pods.
        plane.kubectl("delete", "searchcampaigns", "--all", "-n", namespace, f"--timeout={REMOVE_SECONDS}s")
    for namespace in ours:
        for release in plane.helm("list", "--all", "--short", namespace=namespace).stdout.split():
            done = plane.helm("uninstall", release, "--wait", f"--timeout={REMOVE_SECONDS}s", namespace=namespace)
            assert done.returncode == 0, done.stderr
    if RELEASE_NAMESPACE in ours:
        plane.kubectl("delete", "crd", DEFINITION, "--ignore-not-found", f"--timeout={REMOVE_SECONDS}s")
    _release_disks(plane, frozenset(ours))
    if ours:
        # One that a test has deleted may just be gone.
        plane.kubectl("delete", "namespaces", *ours, "--ignore-not-found", f"--timeout={REMOVE_SECONDS}s")


def _release_disks(plane: Access, namespaces: frozenset[str]) -> None:
    """Volumes that were provisioned for claims of ours go with them, also where their class would keep them."""
    for volume in json.loads(plane.kubectl("get", "persistentvolumes", "-o", "json"))["items"]:
        claim = volume["spec"].get("claimRef", {})
        is_provisioned = "pv.kubernetes.io/provisioned-by" in volume["metadata"].get("annotations", {})
        if is_provisioned and claim.get("namespace") in namespaces:
            patch = json.dumps({"spec": {"persistentVolumeReclaimPolicy": "Delete"}})
            plane.kubectl("patch", "persistentvolume", volume["metadata"]["name"], "--patch", patch)
