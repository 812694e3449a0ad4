"""A real Kubernetes control plane on free ports of the loopback interface: etcd, API server, controllers, scheduler.

``with running(folder) as plane`` starts it (seconds) and leaves nothing behind: processes end with this one, even when it
is killed. There is no kubelet: nodes are plain objects (``nodes.py``). What could go wrong: a program that ends at its
start; its last lines are part of the error.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import secrets
import signal
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from .access import Access
from .build import minor_of, program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

START_SECONDS: Final = 120.0
STOP_SECONDS: Final = 20.0
ADMINISTRATORS: Final = "system:masters"
OPERATOR: Final = "corebound-operator"
CONDITIONS: Final = "jsonpath={range .status.conditions[*]}{.type}={.status} {end}"
"""With a filter in the place of the star, kubectl fails while there is no condition at all."""
NOT_NEEDED: Final = (
    "horizontal-pod-autoscaler-controller",
    "node-lifecycle-controller",
    "persistentvolume-attach-detach-controller",
    "persistentvolume-binder-controller",
    "persistentvolume-expander-controller",
    "taint-eviction-controller",
)
"""What waits for kubelets or clouds: nodes without a kubelet would be tainted as lost."""


@dataclass(frozen=True, kw_only=True)
class ControlPlane(Access):
    """A running one, and how to reach it."""

    url: str
    token: str
    operator_token: str
    """Of the user ``corebound-operator``, who may nothing until a test binds a role to that name."""
    minor: str
    """Of Kubernetes, such as ``1.37``."""

    @property
    def port(self) -> int:
        """Of the API server."""
        return int(self.url.rpartition(":")[2])

    @property
    def certificate(self) -> Path:
        """The server's own, and so its own authority."""
        return self.folder / "certificates" / "apiserver.crt"

    def program(self, name: str) -> Path:
        """One that is as new as the server."""
        return program(name, self.minor)

    def kubeconfig_of(self, token: str, *, name: str, **cluster: str) -> Path:
        """A kubeconfig for another bearer token, or with more about the cluster."""
        path = self.folder / f"kubeconfig-{name}"
        path.write_text(json.dumps(_kubeconfig(self.url, self.certificate, token, **cluster)), encoding="utf-8")
        path.chmod(0o600)
        return path

    def install(self, definition: Path) -> None:
        """Apply a CustomResourceDefinition and wait until its kind is served.

        Not by ``kubectl wait``: that fails while the object has no conditions at all.
        """
        self.kubectl("apply", "--server-side", "-f", str(definition))
        deadline = time.monotonic() + START_SECONDS
        while "Established=True" not in self.kubectl("get", "-f", str(definition), "-o", CONDITIONS):
            if time.monotonic() > deadline:
                raise AssertionError(f"{definition.name} is not served after {START_SECONDS:.0f} s")
            time.sleep(0.1)


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a control plane runs: here, without a node, or on a node that has namespaces of its own."""

    address: str = "127.0.0.1"
    enter: tuple[str, ...] = ()
    """The command that starts another one there."""
    without: tuple[str, ...] = NOT_NEEDED
    """Controllers that do not run."""
    use: str = "control-plane"
    """What decides the version: ``build.minor_of``."""


@contextlib.contextmanager
def running(folder: Path, place: Place = Place()) -> Iterator[ControlPlane]:
    """A control plane whose files are below ``folder``; ended on leaving."""
    folder.mkdir(parents=True, exist_ok=True)
    etcd_port, peer_port, api_port = (free_port() for _ in range(3))
    plane = ControlPlane(
        folder=folder,
        url=f"https://{place.address}:{api_port}",
        token=secrets.token_hex(16),
        operator_token=secrets.token_hex(16),
        minor=minor_of(place.use),
    )
    _write_keys(plane)
    processes: list[subprocess.Popen[bytes]] = []
    try:
        processes.append(start(folder, program("etcd"), _etcd_options(folder, etcd_port, peer_port), place.enter))
        options = _api_server_options(plane, place, etcd_port, api_port)
        processes.append(start(folder, plane.program("kube-apiserver"), options, place.enter))
        _wait(lambda: _ready(plane), plane, processes)
        plane.kubeconfig_of(plane.token, name="admin").rename(plane.kubeconfig)
        options = _controller_options(plane, place.without)
        processes.append(start(folder, plane.program("kube-controller-manager"), options, place.enter))
        processes.append(start(folder, plane.program("kube-scheduler"), _client_options(plane), place.enter))
        _wait(lambda: _has_default_service_account(plane), plane, processes)
        yield plane
    finally:
        for process in reversed(processes):
            end(process)


def _etcd_options(folder: Path, port: int, peer_port: int) -> list[str]:
    client, peer = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peer_port}"
    return [
        f"--data-dir={folder / 'etcd'}",
        "--unsafe-no-fsync",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--log-level=warn",
    ]


def _api_server_options(plane: ControlPlane, place: Place, etcd_port: int, port: int) -> list[str]:
    return [
        f"--etcd-servers=http://127.0.0.1:{etcd_port}",
        f"--bind-address={place.address}",
        f"--advertise-address={place.address}",
        f"--secure-port={port}",
        f"--cert-dir={plane.folder / 'certificates'}",
        f"--service-account-key-file={plane.folder / 'service-account.key'}",
        f"--service-account-signing-key-file={plane.folder / 'service-account.key'}",
        "--service-account-issuer=https://kubernetes.default.svc",
        "--service-cluster-ip-range=10.96.0.0/16",
        f"--token-auth-file={plane.folder / 'tokens.csv'}",
        "--authorization-mode=Node,RBAC",
        # As on OpenShift: who gives an object an owner must have the right to delete it.
        "--enable-admission-plugins=OwnerReferencesPermissionEnforcement",
        "--allow-privileged=true",
        "--kubelet-preferred-address-types=InternalIP",
        # Endpoints on the loopback interface are refused, and without a node nobody asks for them.
        f"--endpoint-reconciler-type={'lease' if place.enter else 'none'}",
    ]


def _client_options(plane: ControlPlane) -> list[str]:
    return [
        f"--kubeconfig={plane.kubeconfig}",
        "--leader-elect=false",
        "--secure-port=0",
        "--kube-api-qps=500",
        "--kube-api-burst=1000",
    ]


def _controller_options(plane: ControlPlane, without: tuple[str, ...]) -> list[str]:
    return [
        *_client_options(plane),
        f"--service-account-private-key-file={plane.folder / 'service-account.key'}",
        f"--root-ca-file={plane.certificate}",
        "--use-service-account-credentials",
        f"--controllers={','.join(['*', *(f'-{name}' for name in without)])}",
    ]


def _write_keys(plane: ControlPlane) -> None:
    key = plane.folder / "service-account.key"
    subprocess.run(["openssl", "genrsa", "-out", str(key), "2048"], check=True, capture_output=True)
    tokens = plane.folder / "tokens.csv"
    users = [f'{plane.token},admin,admin,"{ADMINISTRATORS}"', f"{plane.operator_token},{OPERATOR},{OPERATOR}"]
    tokens.write_text("\n".join(users) + "\n", encoding="utf-8")
    tokens.chmod(0o600)


def _kubeconfig(url: str, certificate: Path, token: str, **cluster: str) -> dict[str, Any]:
    cluster = {"server": url, "certificate-authority": str(certificate), **cluster}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": cluster}],
        "users": [{"name": "test", "user": {"token": token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "current-context": "test",
    }


def start(folder: Path, binary: Path, options: list[str], enter: tuple[str, ...] = ()) -> subprocess.Popen[bytes]:
    """One program, ended with this process; its output goes to ``folder``."""
    with (folder / f"{binary.name}.log").open("wb") as log:
        return subprocess.Popen(
            [*enter, str(binary), *options],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            start_new_session=True,
            preexec_fn=end_with_parent,
        )


def end_with_parent() -> None:
    """Linux: this process is killed when the thread that started it is gone (prctl(2), PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask it to end, then kill it."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait(is_ready: Callable[[], bool], plane: ControlPlane, processes: list[subprocess.Popen[bytes]]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not is_ready():
        gone = next((process for process in processes if process.poll() is not None), None)
        if gone is not None or time.monotonic() > deadline:
            logs = sorted(plane.folder.glob("*.log"))
            ends = "\n".join(f"--- {log.name}\n" + log.read_text(errors="replace")[-2000:] for log in logs)
            what = f"ended with status {gone.returncode}" if gone else f"not ready within {START_SECONDS:.0f} s"
            raise AssertionError(f"the control plane is {what}:\n{ends}")
        time.sleep(0.1)


def _ready(plane: ControlPlane) -> bool:
    return _answer(plane, "/readyz") is not None


def _has_default_service_account(plane: ControlPlane) -> bool:
    """Before the controllers have made it, no pod can be created."""
    return _answer(plane, "/api/v1/namespaces/default/serviceaccounts/default") is not None


def _answer(plane: ControlPlane, path: str) -> bytes | None:
    if not plane.certificate.exists():
        return None
    request = urllib.request.Request(plane.url + path, headers={"Authorization": f"Bearer {plane.token}"})
    try:
        context = ssl.create_default_context(cafile=str(plane.certificate))
        with urllib.request.urlopen(request, timeout=5, context=context) as answer:
            body: bytes = answer.read()
            return body
    except (OSError, urllib.error.URLError):
        return None


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port
