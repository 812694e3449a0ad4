"""From a local port to a database's Service in the cluster, with the user's own rights: what ``kubectl port-forward`` does.

An address of the cluster flows in, the local one flows out. Rights: get the Service, list its pods, create pods/portforward.
What could go wrong: an address that is no Service (the cluster cannot help), no pod behind it that is ready, a connection
that is cut, which the database's driver sees as its own.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from corebound.api.errors import ClusterError
from corebound.cluster.resources import PODS, SERVICES
from corebound.cluster.rights import needing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from corebound.cluster.client import Cluster

Manifest = dict[str, Any]

PIECE: Final = 65536
POSTGRES_PORT: Final = 5432


@dataclass(frozen=True, kw_only=True)
class Target:
    """A port of a pod."""

    pod: str
    namespace: str
    port: int


def service_of(host: str, *, namespace: str) -> tuple[str, str] | None:
    """Service and namespace that a host's name means to a pod in ``namespace``; None for what cannot be one. Pure."""
    parts = host.rstrip(".").split(".")
    if not host or host.replace(".", "").isdigit() or ":" in host or "/" in host:
        return None
    if len(parts) == 1:
        return (parts[0], namespace)
    if len(parts) == 2 or parts[2] == "svc":
        return (parts[0], parts[1])
    if len(parts) >= 4 and parts[3] == "svc":
        return (parts[1], parts[2])  # one pod of a headless Service
    return None


def target_of(cluster: Cluster, *, host: str, port: int, namespace: str) -> Target | None:
    """A pod that is ready behind the Service of that name; None where there is no such Service."""
    meant = service_of(host, namespace=namespace)
    if meant is None:
        return None
    name, where = meant
    with needing("get", "services", namespace=where):
        service = cluster.get(SERVICES, name, namespace=where)
    if service is None:
        return None
    selector = ",".join(f"{key}={value}" for key, value in (service["spec"].get("selector") or {}).items())
    if not selector:
        raise ClusterError(f"Service {where}/{name} selects no pods, nothing can be forwarded to it; use --storage")
    with needing("list", "pods", namespace=where):
        pods = cluster.list(PODS, namespace=where, labels=selector)
    ready = next((pod for pod in pods if _is_ready(pod)), None)
    if ready is None:
        raise ClusterError(f"no pod behind Service {where}/{name} is ready: the database does not run there")
    return Target(pod=ready["metadata"]["name"], namespace=where, port=target_port(service, ready, port))


def target_port(service: Manifest, pod: Manifest, port: int) -> int:
    """The pod's port for the Service's. Pure."""
    wanted: Any = next(
        (each.get("targetPort", port) for each in service["spec"].get("ports", []) if each["port"] == port), port
    )
    if isinstance(wanted, int):
        return wanted
    for container in pod["spec"]["containers"]:
        for each in container.get("ports") or []:
            if each.get("name") == wanted:
                return int(each["containerPort"])
    raise ClusterError(f"pod {pod['metadata']['name']} has no port {wanted!r}, which its Service names; use --storage")


@contextlib.contextmanager
def forwarded(cluster: Cluster, target: Target) -> Iterator[int]:
    """A port of this machine's loopback interface, each connection to which becomes one to ``target``.

    The first is made at once: what the cluster refuses is told in its own words, not as a database that is silent.
    """
    with needing("create", "pods/portforward", namespace=target.namespace):
        first = cluster.port_forward(target.pod, namespace=target.namespace, port=target.port)
    with socket.create_server(("127.0.0.1", 0)) as server, contextlib.closing(first):
        accepting = threading.Thread(target=_accept, args=(server, cluster, target, first), daemon=True)
        accepting.start()
        try:
            yield int(server.getsockname()[1])
        finally:
            # close() alone does not wake a thread that waits in accept().
            with contextlib.suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            accepting.join(timeout=5)


def _accept(server: socket.socket, cluster: Cluster, target: Target, first: Any) -> None:
    made = first
    while True:
        try:
            ours, _ = server.accept()
        except OSError:
            return
        threading.Thread(target=_serve, args=(ours, cluster, target, made), daemon=True).start()
        made = None


def _serve(ours: socket.socket, cluster: Cluster, target: Target, made: Any) -> None:
    """Until either side ends; an error is the end of ``ours``, which is what the driver understands."""
    with ours, contextlib.suppress(Exception):
        theirs = made or cluster.port_forward(target.pod, namespace=target.namespace, port=target.port)
        with contextlib.closing(theirs):
            back = threading.Thread(target=_pump, args=(theirs, ours), daemon=True)
            back.start()
            _pump(ours, theirs)
            back.join(timeout=5)


def _pump(source: Any, sink: Any) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(PIECE):
            sink.sendall(piece)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def _is_ready(pod: Manifest) -> bool:
    conditions = pod.get("status", {}).get("conditions") or []
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
