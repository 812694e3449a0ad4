"""Which port of which pod an address of the database means; and a forwarded connection over plain sockets."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Any, cast

import pytest

from corebound.api.errors import ClusterError
from corebound.cluster.port_forward import Target, forwarded, service_of, target_of, target_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from corebound.cluster.client import Cluster


@pytest.mark.parametrize(
    ("host", "meant"),
    [
        ("postgres", ("postgres", "team-a")),
        ("postgres.databases", ("postgres", "databases")),
        ("postgres.databases.svc", ("postgres", "databases")),
        ("postgres.databases.svc.cluster.local.", ("postgres", "databases")),
        ("postgres-0.postgres.databases.svc.cluster.local", ("postgres", "databases")),
        ("corebound.postgres.database.azure.com", None),
        ("10.0.0.4", None),
        ("fd00::4", None),
        ("/var/run/postgresql", None),
        ("", None),
    ],
)
def test_a_hosts_name_means_a_service_or_none(host: str, meant: tuple[str, str] | None) -> None:
    assert service_of(host, namespace="team-a") == meant


def service(target: object = "db") -> dict[str, Any]:
    return {"spec": {"selector": {"app": "postgres"}, "ports": [{"port": 5432, "targetPort": target}]}}


PORTS = [{"name": "metrics", "containerPort": 9187}], [{"name": "db", "containerPort": 6432}]
POD = {
    "metadata": {"name": "postgres-0"},
    "spec": {
        "containers": [
            {"ports": [{"name": "metrics", "containerPort": 9187}]},
            {"ports": [{"name": "db", "containerPort": 6432}]},
        ]
    },
    "status": {"conditions": [{"type": "Ready", "status": "True"}]},
}


def test_the_pods_port_may_have_another_number_or_a_name() -> None:
    assert target_port(service(), POD, 5432) == 6432
    assert target_port(service(7432), POD, 5432) == 7432
    assert target_port({"spec": {"ports": [{"port": 5432}]}}, POD, 5432) == 5432
    with pytest.raises(ClusterError, match="has no port 'sql'"):
        target_port(service("sql"), POD, 5432)


class Answers:
    """A cluster that answers with what it was given, and whose pods are echoes."""

    def __init__(self, found: dict[str, Any] | None, pods: list[dict[str, Any]]) -> None:
        self.found, self.pods = found, pods

    def get(self, *_: object, **__: object) -> dict[str, Any] | None:
        return self.found

    def list(self, *_: object, labels: str, **__: object) -> list[dict[str, Any]]:
        assert labels == "app=postgres"
        return self.pods

    def port_forward(self, pod: str, *, namespace: str, port: int) -> socket.socket:
        ours, theirs = socket.socketpair()

        def echo() -> None:
            with theirs:
                while piece := theirs.recv(100):
                    theirs.sendall(f"{pod}:{port} ".encode() + piece)

        threading.Thread(target=echo, daemon=True).start()
        return ours


def cluster(found: dict[str, Any] | None, pods: list[dict[str, Any]]) -> Cluster:
    return cast("Cluster", Answers(found, pods))


def test_a_pod_that_is_ready_is_chosen() -> None:
    waiting = {**POD, "metadata": {"name": "postgres-1"}, "status": {}}
    there = cluster(service(), [waiting, POD])
    found = target_of(there, host="postgres.databases", port=5432, namespace="team-a")
    assert found == Target(pod="postgres-0", namespace="databases", port=6432)
    assert target_of(cluster(None, []), host="example.com", port=5432, namespace="team-a") is None
    with pytest.raises(ClusterError, match="no pod behind Service databases/postgres is ready"):
        target_of(cluster(service(), [waiting]), host="postgres.databases", port=5432, namespace="team-a")
    bare = {"spec": {"ports": []}}
    with pytest.raises(ClusterError, match="selects no pods"):
        target_of(cluster(bare, []), host="postgres.databases", port=5432, namespace="team-a")


@contextlib.contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        yield connection


def test_each_connection_is_forwarded_by_itself_until_the_end() -> None:
    target = Target(pod="postgres-0", namespace="databases", port=6432)
    with forwarded(cluster(None, []), target) as port, connected(port) as first, connected(port) as second:
        first.sendall(b"one")
        assert first.recv(100) == b"postgres-0:6432 one"
        second.sendall(b"two")
        assert second.recv(100) == b"postgres-0:6432 two"
        first.shutdown(socket.SHUT_WR)
        assert first.recv(100) == b""
    with pytest.raises(OSError):
        connected(port).__enter__()
