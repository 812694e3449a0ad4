"""Nodes for a control plane without kubelets: plain objects, and one whose pods really run, as processes of this machine.

A :class:`ProcessNode` does what a kubelet does as far as Corebound can see it: it runs the container's command with the
pod's exact environment in a control group with the pod's CPU quota, reports phase, readiness and exit code with the last
lines, gives logs, and on deletion sends SIGTERM, waits for the grace period, then SIGKILL. An image is a folder, the
working directory. What could go wrong: a test that ends early; :meth:`ProcessNode.stop` ends every process and removes
every control group.
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from corebound.api.errors import CoreboundError
from corebound.cluster.resources import NODES, PODS, SECRETS

from . import control_groups
from .kubelet import Kubelet

if TYPE_CHECKING:
    from collections.abc import Callable

    from corebound.cluster.client import Cluster

Manifest = dict[str, Any]

CGROUPS: Final = Path("/sys/fs/cgroup")
PERIOD: Final = 100_000
REFERENCE: Final = re.compile(r"\$\(([A-Za-z_][A-Za-z0-9_]*)\)")
KEPT_ENVIRONMENT: Final = ("PATH", "LANG", "LC_ALL", "SSL_CERT_FILE", "PYTHONPATH")


def add_node(
    cluster: Cluster,
    name: str,
    *,
    cpu: str = "2",
    memory: str = "8Gi",
    pods: int = 110,
    kubelet_port: int | None = None,
    **labels: str,
) -> None:
    """A node that takes pods; nothing runs them."""
    manifest = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", **labels}},
    }
    cluster.create(NODES, manifest)
    gives = {"cpu": cpu, "memory": memory, "pods": str(pods), "ephemeral-storage": "100Gi"}
    ready = {"type": "Ready", "status": "True", "reason": "Test", "message": "", "lastTransitionTime": _now()}
    status: Manifest = {"capacity": gives, "allocatable": gives, "conditions": [ready]}
    if kubelet_port is not None:
        status["addresses"] = [{"type": "InternalIP", "address": "127.0.0.1"}]
        status["daemonEndpoints"] = {"kubeletEndpoint": {"Port": kubelet_port}}
    cluster.patch(NODES, name, {"status": status}, subresource="status")
    # The API server taints every new node until somebody has seen it ready; here nobody watches.
    cluster.patch(NODES, name, {"spec": {"taints": None}})


@dataclass
class _Pod:
    manifest: Manifest
    process: subprocess.Popen[bytes] | None = None
    log: Path = field(default_factory=Path)
    group: Path | None = None
    kill_at: float | None = None
    reported: bool = False

    @property
    def name(self) -> str:
        return str(self.manifest["metadata"]["name"])

    @property
    def namespace(self) -> str:
        return str(self.manifest["metadata"]["namespace"])


class ProcessNode:
    """One node; ``images`` gives each image's folder."""

    def __init__(
        self,
        cluster: Cluster,
        name: str,
        *,
        folder: Path,
        images: dict[str, Path],
        cpu: str = "2",
        with_quota: bool = True,
    ) -> None:
        self._cluster, self._name, self._folder, self._images = cluster, name, folder, images
        self._with_quota = with_quota
        self._pods: dict[str, _Pod] = {}
        self._lock = threading.RLock()
        self._stopped = threading.Event()
        folder.mkdir(parents=True, exist_ok=True)
        self.kubelet = Kubelet(folder, self._log_of)
        add_node(cluster, name, cpu=cpu, kubelet_port=self.kubelet.port)
        self._threads = [threading.Thread(target=each, daemon=True) for each in (self._watch, self._tend)]
        for thread in self._threads:
            thread.start()

    def processes(self) -> dict[str, int]:
        """The process id of each pod that runs."""
        with self._lock:
            return {
                pod.name: pod.process.pid
                for pod in self._pods.values()
                if pod.process is not None and pod.process.poll() is None
            }

    def _log_of(self, namespace: str, name: str) -> tuple[Path, Callable[[], bool]] | None:
        with self._lock:
            pods = [pod for pod in self._pods.values() if (pod.namespace, pod.name) == (namespace, name)]
        process = pods[-1].process if pods else None
        return None if process is None else (pods[-1].log, lambda: process.poll() is None)

    def stop(self) -> None:
        """End everything."""
        self._stopped.set()
        self.kubelet.stop()
        for thread in self._threads:
            thread.join(30)
        with self._lock:
            for pod in self._pods.values():
                if pod.process is not None and pod.process.poll() is None:
                    _kill_group(pod.process)
                _remove(pod.group)

    def _watch(self) -> None:
        while not self._stopped.is_set():
            with contextlib.suppress(CoreboundError):
                for kind, pod in self._cluster.watch(PODS, fields=f"spec.nodeName={self._name}", seconds=3):
                    if self._stopped.is_set():
                        return
                    self._see(kind, pod)

    def _see(self, kind: str, manifest: Manifest) -> None:
        uid = manifest["metadata"]["uid"]
        with self._lock:
            known = self._pods.get(uid)
            if kind == "DELETED":
                if known is not None and known.process is not None and known.process.poll() is None:
                    _kill_group(known.process)
                return
            if known is None:
                known = self._pods[uid] = _Pod(manifest)
                if (
                    manifest.get("status", {}).get("phase") == "Pending"
                    and "deletionTimestamp" not in manifest["metadata"]
                ):
                    self._start(known)
            known.manifest = manifest
            if "deletionTimestamp" in manifest["metadata"] and known.kill_at is None:
                grace = manifest["metadata"].get("deletionGracePeriodSeconds", 30)
                known.kill_at = time.monotonic() + grace
                if known.process is not None and known.process.poll() is None:
                    known.process.terminate()

    def _start(self, pod: _Pod) -> None:
        container = pod.manifest["spec"]["containers"][0]
        image = self._images.get(container["image"])
        if image is None:
            waiting = {"reason": "ErrImagePull", "message": f"image {container['image']} not found"}
            self._report(pod, "Pending", {"waiting": waiting})
            return
        environment = {name: os.environ[name] for name in KEPT_ENVIRONMENT if name in os.environ}
        try:
            environment |= self._environment(pod, container)
        except LookupError as error:
            waiting = {"reason": "CreateContainerConfigError", "message": str(error)}
            self._report(pod, "Pending", {"waiting": waiting})
            return
        environment["HOME"] = str(self._folder)
        words = [_expanded(word, environment) for word in [*container["command"], *container.get("args", [])]]
        if words[0] == "python":
            words[0] = sys.executable
        pod.log = self._folder / f"{pod.name}.log"
        pod.group = self._control_group(pod, container)
        with pod.log.open("wb") as log:
            pod.process = subprocess.Popen(
                words,
                cwd=image,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_entering(pod.group),
            )
        self._report(pod, "Running", {"running": {"startedAt": _now()}}, ready=True)

    def _environment(self, pod: _Pod, container: Manifest) -> dict[str, str]:
        found: dict[str, str] = {}
        for source in container.get("envFrom", []):
            reference = source.get("secretRef", {})
            secret = self._cluster.get(SECRETS, reference.get("name", ""), namespace=pod.namespace)
            for name, value in (secret or {}).get("data", {}).items():
                found[name] = base64.b64decode(value).decode()
        for variable in container.get("env", []):
            source = variable.get("valueFrom", {})
            if "secretKeyRef" in source:
                reference = source["secretKeyRef"]
                secret = self._cluster.get(SECRETS, reference["name"], namespace=pod.namespace)
                if secret is None:
                    raise LookupError(f'secret "{reference["name"]}" not found')
                found[variable["name"]] = base64.b64decode(secret["data"][reference["key"]]).decode()
            elif "fieldRef" in source:
                found[variable["name"]] = _field(pod.manifest, source["fieldRef"]["fieldPath"])
            else:
                found[variable["name"]] = _expanded(variable.get("value", ""), found)
        return found

    def _control_group(self, pod: _Pod, container: Manifest) -> Path | None:
        """As a kubelet makes it on this machine (cgroup v1 or v2), with the container's CPU quota."""
        if not self._with_quota:
            return None
        quota = int(float(container["resources"]["limits"]["cpu"]) * PERIOD)
        name = f"corebound-test-{os.getpid()}-{pod.manifest['metadata']['uid']}"
        if (CGROUPS / "cpu").is_dir():
            group = CGROUPS / "cpu" / name
            group.mkdir()
            (group / "cpu.cfs_period_us").write_text(str(PERIOD))
            (group / "cpu.cfs_quota_us").write_text(str(quota))
        else:
            group = CGROUPS / name
            group.mkdir()
            (group / "cpu.max").write_text(f"{quota} {PERIOD}")
        return group

    def _tend(self) -> None:
        """Report exits, kill what overstays its grace, let deleted pods go."""
        while not self._stopped.wait(0.1):
            with self._lock:
                pods = list(self._pods.items())
            for uid, pod in pods:
                with contextlib.suppress(CoreboundError):
                    self._tend_one(uid, pod)

    def _tend_one(self, uid: str, pod: _Pod) -> None:
        status = None if pod.process is None else pod.process.poll()
        if pod.process is not None and status is None:
            if pod.kill_at is not None and time.monotonic() > pod.kill_at:
                _kill_group(pod.process)
            return
        if pod.process is not None and not pod.reported:
            _remove(pod.group)
            code = status if status is not None and status >= 0 else 128 - (status or 0)
            tail = pod.log.read_bytes()[-2000:].decode(errors="replace")
            ended = {"exitCode": code, "finishedAt": _now(), "reason": "Error" if code else "Completed"}
            if code:
                ended["message"] = tail
            self._report(pod, "Failed" if code else "Succeeded", {"terminated": ended})
            pod.reported = True
        if pod.kill_at is not None:
            # One that was reported already is only waited for: the Job's controller holds it by a finalizer.
            is_over = pod.manifest.get("status", {}).get("phase") in ("Succeeded", "Failed")
            if pod.process is None and not pod.reported and not is_over:
                self._report(pod, "Failed", {"terminated": {"exitCode": 137, "finishedAt": _now(), "reason": "Error"}})
                pod.reported = True
            self._forget(pod)
            with self._lock:
                self._pods.pop(uid, None)

    def _forget(self, pod: _Pod) -> None:
        path = PODS.path(namespace=pod.namespace, name=pod.name)
        options = {"gracePeriodSeconds": 0, "preconditions": {"uid": pod.manifest["metadata"]["uid"]}}
        with contextlib.suppress(CoreboundError):
            self._cluster.connection.request("DELETE", path, body=options)

    def _report(self, pod: _Pod, phase: str, state: Manifest, *, ready: bool = False) -> None:
        container = pod.manifest["spec"]["containers"][0]
        now = _now()
        status = {
            "phase": phase,
            "conditions": [
                {"type": "PodScheduled", "status": "True", "lastTransitionTime": now},
                {"type": "Ready", "status": "True" if ready else "False", "lastTransitionTime": now},
            ],
            "containerStatuses": [
                {
                    "name": container["name"],
                    "image": container["image"],
                    "imageID": "",
                    "ready": ready,
                    "restartCount": 0,
                    "state": state,
                }
            ],
        }
        self._cluster.patch(PODS, pod.name, {"status": status}, namespace=pod.namespace, subresource="status")


def _entering(group: Path | None) -> Any:
    def enter() -> None:
        if group is not None:
            (group / "cgroup.procs").write_text(str(os.getpid()))

    return enter


def _remove(group: Path | None) -> None:
    if group is not None:
        control_groups.remove(group)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _expanded(text: str, environment: dict[str, str]) -> str:
    """``$(NAME)`` as the kubelet replaces it; unknown names stay."""
    return REFERENCE.sub(lambda match: environment.get(match[1], match[0]), text)


def _field(pod: Manifest, path: str) -> str:
    if match := re.fullmatch(r"metadata\.(labels|annotations)\['([^']+)'\]", path):
        return str(pod["metadata"].get(match[1], {}).get(match[2], ""))
    value: Any = pod
    for part in path.split("."):
        value = value[part]
    return str(value)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
