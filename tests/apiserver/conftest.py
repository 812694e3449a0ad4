"""A real control plane for the whole session, and what tests do with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from corebound.cluster.client import Cluster, connect

from ..cluster.control_plane import ControlPlane, running

if TYPE_CHECKING:
    from collections.abc import Iterator

CUSTOM_RESOURCE = Path(__file__).parents[2] / "crds" / "searchcampaigns.yaml"


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with running(tmp_path_factory.mktemp("control-plane")) as started:
        yield started


@pytest.fixture(scope="session")
def cluster(plane: ControlPlane) -> Cluster:
    """With the CRD."""
    plane.kubectl("apply", "--server-side", "-f", str(CUSTOM_RESOURCE))
    plane.kubectl("wait", "--for=condition=Established", "--timeout=60s", "crd/searchcampaigns.corebound.dev")
    return connect(kubeconfig=plane.kubeconfig)


@pytest.fixture
def namespace(plane: ControlPlane) -> Iterator[str]:
    """A namespace of its own, with Pod Security ``restricted``."""
    name = f"test-{uuid4().hex[:10]}"
    plane.kubectl("create", "namespace", name)
    plane.kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
    yield name
    plane.kubectl("delete", "namespace", name, "--wait=false")
