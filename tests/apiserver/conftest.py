"""A real control plane, the real operator and real workers for the whole session, and what tests do with them."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from uuid import uuid4

import psycopg
import pytest

from corebound.cluster.client import Cluster, connect
from corebound.cluster.resources import CAMPAIGNS, JOBS, NAMESPACES, PODS
from corebound.local.postgres import EmbeddedPostgres

from ..cluster.control_plane import ControlPlane, running
from ..cluster.nodes import ProcessNode
from ..cluster.operator_process import OperatorProcess, running_operator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..cluster.access import Access

Manifest = dict[str, Any]

CUSTOM_RESOURCE = Path(__file__).parents[2] / "crds" / "searchcampaigns.yaml"
TRIALS = Path(__file__).parent / "trials"
IMAGE = "trial:test"
SECONDS = 120.0


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with running(tmp_path_factory.mktemp("control-plane")) as started:
        yield started


@pytest.fixture(scope="session")
def cluster(plane: ControlPlane) -> Cluster:
    """With the CRD."""
    plane.install(CUSTOM_RESOURCE)
    return connect(kubeconfig=plane.kubeconfig)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    postgres = EmbeddedPostgres(tmp_path_factory.mktemp("postgres"))
    with postgres.used(connections=200):
        yield postgres


@pytest.fixture(scope="session")
def database(server: EmbeddedPostgres) -> str:
    """The address of a login that may make roles and schemas in its own database, and is no superuser."""
    host = str(server.socket_folder)
    with psycopg.connect(host=host, user="corebound", dbname="postgres", autocommit=True) as connection:
        connection.execute("CREATE ROLE operator LOGIN CREATEROLE")
        connection.execute("CREATE DATABASE campaigns OWNER operator")
    return f"postgresql+psycopg://operator@/campaigns?host={quote(host, safe='')}"


@pytest.fixture(scope="session")
def machine(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessNode]:
    """Eight cores that are less: its pods sleep most of the time."""
    folder = tmp_path_factory.mktemp("node")
    started = ProcessNode(cluster, "node-1", folder=folder, images={IMAGE: TRIALS}, cpu="8")
    yield started
    started.stop()


@pytest.fixture(scope="session")
def operator(
    plane: ControlPlane, cluster: Cluster, database: str, machine: ProcessNode, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OperatorProcess]:
    settings = {"heartbeatSeconds": 0.5, "pollSeconds": 0.5, "trialDefaults": {"image": IMAGE}}
    folder = tmp_path_factory.mktemp("operator")
    with running_operator(plane, database=database, folder=folder, settings=settings) as started:
        yield started


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace of its own, with Pod Security ``restricted``."""
    name = f"test-{uuid4().hex[:10]}"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    metadata = {"name": name, "labels": labels}
    cluster.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    yield name
    cluster.delete(NAMESPACES, name)


@dataclass(frozen=True)
class Campaigns:
    """What a user does with kubectl, in one namespace."""

    plane: Access
    cluster: Cluster
    operator: Any
    """An OperatorProcess; on a node its release, which has only the log."""
    namespace: str

    def apply(self, name: str, *, labels: dict[str, str] | None = None, **spec: Any) -> None:
        """Create or change a campaign."""
        manifest = self.manifest(name, labels=labels, **spec)
        self.plane.kubectl("apply", "-n", self.namespace, "-f", "-", text=json.dumps(manifest))

    def manifest(self, name: str, *, labels: dict[str, str] | None = None, **spec: Any) -> Manifest:
        return {
            "apiVersion": "corebound.dev/v1alpha1",
            "kind": "SearchCampaign",
            "metadata": {"name": name, "namespace": self.namespace, "labels": labels or {}},
            "spec": {
                "trials": 4,
                "objectives": [{"metric": "loss", "direction": "minimize"}],
                "trial": {"entrypoint": "objectives.py:quick"},
                **spec,
            },
        }

    def patch(self, name: str, **spec: Any) -> None:
        self.cluster.patch(CAMPAIGNS, name, {"spec": spec}, namespace=self.namespace)

    def delete(self, name: str) -> None:
        self.plane.kubectl("delete", "searchcampaign", name, "-n", self.namespace, "--timeout=30s")

    def get(self, name: str) -> Manifest:
        found = self.cluster.get(CAMPAIGNS, name, namespace=self.namespace)
        assert found is not None
        return found

    def status(self, name: str) -> Manifest:
        return dict(self.get(name).get("status") or {})

    def condition(self, name: str, kind: str) -> Manifest:
        conditions = self.status(name).get("conditions", [])
        return next((each for each in conditions if each["type"] == kind), {"status": None, "reason": None})

    def jobs(self, name: str) -> list[Manifest]:
        return self.cluster.list(JOBS, namespace=self.namespace, labels=f"corebound.dev/campaign={name}")

    def pods(self, name: str) -> list[Manifest]:
        return self.cluster.list(PODS, namespace=self.namespace, labels=f"corebound.dev/campaign={name}")

    def phase(self, name: str, *phases: str) -> Manifest:
        """Wait for one of ``phases``; the status then."""
        return self.wait(name, lambda status: status.get("phase") in phases, f"phase {' or '.join(phases)}")

    def wait(self, name: str, holds: Callable[[Manifest], object], what: str) -> Manifest:
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            status = self.status(name)
            if holds(status):
                return status
            time.sleep(0.1)
        shown = json.dumps(self.status(name), indent=1)
        pods = [(pod["metadata"]["name"], pod["status"].get("phase")) for pod in self.pods(name)]
        log = self.operator.log[-3000:]
        raise AssertionError(f"{name}: waited {SECONDS:.0f} s for {what}\n{shown}\n{pods}\n{log}")

    def until(self, holds: Callable[[], object], what: str, *, seconds: float = SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what}\n{self.operator.log[-3000:]}"
            time.sleep(0.1)


@pytest.fixture
def campaigns(plane: ControlPlane, cluster: Cluster, operator: OperatorProcess, namespace: str) -> Campaigns:
    return Campaigns(plane, cluster, operator, namespace)
