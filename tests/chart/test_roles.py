"""Roles for people, asked of a real API server: who has Kubernetes' own, and who gets one of a namespace's release."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from .conftest import RELEASE, Chart, listed, of_kind

if TYPE_CHECKING:
    from ..cluster.control_plane import ControlPlane

READ = ("get", "list", "watch")
WRITE = ("create", "update", "patch", "delete")
AGGREGATION_SECONDS = 30.0
pytestmark = pytest.mark.needs("helm")


@pytest.fixture
def namespace(plane: ControlPlane) -> str:
    name = f"people-{uuid4().hex[:10]}"
    plane.kubectl("create", "namespace", name)
    return name


def bound(plane: ControlPlane, namespace: str, user: str, role: str) -> None:
    plane.kubectl("create", "rolebinding", user, role, f"--user={user}", "-n", namespace)


def may(plane: ControlPlane, user: str, *verbs: str, namespace: str) -> list[bool]:
    """Not by ``kubectl auth can-i``, which asks for another group where the kind is not installed."""
    asked = {"group": "corebound.dev", "resource": "searchcampaigns", "namespace": namespace}
    reviews = [
        {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {"user": user, "resourceAttributes": {**asked, "verb": verb}},
        }
        for verb in verbs
    ]
    said = plane.kubectl("create", "-f", "-", "-o", "jsonpath={.status.allowed}/", text=listed(reviews))
    return [allowed == "true" for allowed in said.removesuffix("/").split("/")]


def applied(chart: Chart, plane: ControlPlane, *options: str) -> None:
    """The roles of a release for people, and no others."""
    roles = [each for kind in ("Role", "ClusterRole") for each in of_kind(chart.objects(*options), kind)]
    people = [each for each in roles if each["metadata"]["name"].endswith(("-view", "-edit"))]
    plane.kubectl("apply", "-f", "-", text=listed(people))


def test_a_release_of_some_namespaces_has_roles_to_bind_in_each(
    chart: Chart, plane: ControlPlane, namespace: str
) -> None:
    applied(chart, plane, "--set", f"namespaces={{{namespace}}}")
    for user in ("view", "edit"):
        bound(plane, namespace, user, f"--role={RELEASE}-corebound-{user}")
        assert may(plane, user, *READ, *WRITE, namespace=namespace) == [True] * len(READ) + [user == "edit"] * len(
            WRITE
        )
        assert may(plane, user, "get", namespace="default") == [False]


def test_a_release_of_the_cluster_adds_to_kubernetes_own_roles(
    chart: Chart, plane: ControlPlane, namespace: str
) -> None:
    applied(chart, plane)
    for user in ("view", "edit"):
        bound(plane, namespace, user, f"--clusterrole={user}")
        deadline = time.monotonic() + AGGREGATION_SECONDS
        while may(plane, user, "get" if user == "view" else "patch", namespace=namespace) != [True]:
            assert time.monotonic() < deadline, f"{user} has got nothing in {AGGREGATION_SECONDS:.0f} s"
            time.sleep(0.2)
        assert may(plane, user, *READ, *WRITE, namespace=namespace) == [True] * len(READ) + [user == "edit"] * len(
            WRITE
        )
