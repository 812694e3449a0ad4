"""The door to Kubernetes against a real API server: what is there, what is not, who was faster, what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from corebound.api.errors import ClusterConflictError, ClusterRefusedError, ClusterUnreachableError
from corebound.cluster.client import Cluster, connect
from corebound.cluster.resources import NAMESPACES, SECRETS

if TYPE_CHECKING:
    from ..cluster.control_plane import ControlPlane


@pytest.fixture(scope="module")
def door(plane: ControlPlane) -> Cluster:
    return connect(kubeconfig=plane.kubeconfig)


def secret(namespace: str, name: str = "one", **labels: str) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "stringData": {"key": "value"},
    }


def test_an_object_that_is_not_there_is_none(door: Cluster, namespace: str) -> None:
    assert door.get(SECRETS, "nothing", namespace=namespace) is None
    assert door.patch(SECRETS, "nothing", {"data": {}}, namespace=namespace) is None
    door.delete(SECRETS, "nothing", namespace=namespace)


def test_a_name_is_taken_once(door: Cluster, namespace: str) -> None:
    made = door.create(SECRETS, secret(namespace))
    assert made["metadata"]["uid"]
    with pytest.raises(ClusterConflictError, match="already exists"):
        door.create(SECRETS, secret(namespace))


def test_a_guarded_change_loses_against_a_faster_one(door: Cluster, namespace: str) -> None:
    made = door.create(SECRETS, secret(namespace))
    guard = {"resourceVersion": made["metadata"]["resourceVersion"]}
    assert door.patch(SECRETS, "one", {"metadata": {**guard, "labels": {"a": "1"}}}, namespace=namespace)
    with pytest.raises(ClusterConflictError):
        door.patch(SECRETS, "one", {"metadata": {**guard, "labels": {"a": "2"}}}, namespace=namespace)


def test_a_delete_names_the_object_it_means(door: Cluster, namespace: str) -> None:
    made = door.create(SECRETS, secret(namespace))
    door.delete(SECRETS, "one", namespace=namespace, uid="00000000-0000-0000-0000-000000000000")
    assert door.get(SECRETS, "one", namespace=namespace) is not None
    door.delete(SECRETS, "one", namespace=namespace, uid=made["metadata"]["uid"])
    assert door.get(SECRETS, "one", namespace=namespace) is None


def test_lists_go_through_pages_and_selectors(door: Cluster, namespace: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("corebound.cluster.client.PAGE", 3)
    for index in range(8):
        door.create(SECRETS, secret(namespace, f"s{index}", even=str(index % 2 == 0).lower()))
    assert len(door.list(SECRETS, namespace=namespace)) == 8
    assert len(door.list(SECRETS, namespace=namespace, labels="even=true")) == 4


def test_a_watch_begins_with_what_is_there(door: Cluster, namespace: str) -> None:
    door.create(SECRETS, secret(namespace))
    seen = []
    for kind, found in door.watch(SECRETS, namespace=namespace, seconds=20):
        seen.append((kind, found["metadata"]["name"]))
        if len(seen) == 1:
            door.delete(SECRETS, "one", namespace=namespace)
        if kind == "DELETED":
            break
    assert seen == [("ADDED", "one"), ("DELETED", "one")]


def test_refusals_have_the_servers_own_words(door: Cluster, plane: ControlPlane) -> None:
    with pytest.raises(ClusterRefusedError, match="Invalid value") as refused:
        door.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "Not A Name"}})
    assert refused.value.status == 422
    stranger = connect(kubeconfig=plane.kubeconfig_of("no-such-token", name="stranger"))
    with pytest.raises(ClusterRefusedError, match="Unauthorized"):
        stranger.list(NAMESPACES)


def test_a_server_that_is_away_and_a_kubeconfig_that_is_missing(
    plane: ControlPlane, tmp_path: pytest.TempPathFactory
) -> None:
    with pytest.raises(ClusterUnreachableError, match="no cluster is configured"):
        connect(kubeconfig=plane.folder / "nothing")
    away = plane.folder / "away"
    away.write_text(plane.kubeconfig.read_text().replace(plane.url, "https://127.0.0.1:1"))
    with pytest.raises(ClusterUnreachableError, match="does not answer"):
        connect(kubeconfig=away).list(NAMESPACES)


def test_a_token_is_not_shown(door: Cluster, plane: ControlPlane) -> None:
    access = door.connection.access()
    assert access.token == plane.token
    assert plane.token not in repr(access)
