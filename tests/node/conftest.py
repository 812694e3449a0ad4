"""One real node for the whole session, with the images built from the Dockerfile and the chart installed by Helm.

It is one of our own, or that of a cluster which COREBOUND_TEST_KUBECONFIG names (``README.md``).
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from corebound.cluster.client import Cluster, connect

from ..apiserver.conftest import Campaigns
from ..cluster.given import UnusableClusterError, given_node, is_given
from ..cluster.images import PROJECT, build_from, build_images
from ..cluster.real_node import running_node
from .release import Release
from .watching import Watch, start_watcher

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..cluster.access import ClusterNode
    from ..cluster.images import Images

HERE = Path(__file__).parent
FIRST_SECONDS = 1800
"""For the first test, which waits for images that are not there yet."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "node" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timeout(FIRST_SECONDS))


@pytest.fixture(scope="session")
def images() -> Images:
    return build_images()


@pytest.fixture(scope="session")
def node(images: Images) -> Iterator[ClusterNode]:
    with (_given if is_given() else running_node)(images) as started:
        yield started


@contextlib.contextmanager
def _given(images: Images) -> Iterator[ClusterNode]:
    """What it is refused for is said once, not by every test."""
    try:
        with given_node(images) as found:
            yield found
    except UnusableClusterError as error:
        pytest.exit(str(error), pytest.ExitCode.USAGE_ERROR)


@pytest.fixture(scope="session")
def release(node: ClusterNode) -> Release:
    installed = Release(node)
    installed.install()
    return installed


@pytest.fixture(scope="session")
def watcher(node: ClusterNode) -> None:
    """The pod that looks at the node."""
    start_watcher(node)


@pytest.fixture
def watch(node: ClusterNode, watcher: None) -> Iterator[Watch]:
    """Looks at the pods whose UIDs it is given."""
    started = Watch(node.plane)
    yield started
    started.kill()


@pytest.fixture(scope="session")
def cluster(node: ClusterNode) -> Cluster:
    return connect(kubeconfig=node.plane.kubeconfig)


@pytest.fixture
def namespace(node: ClusterNode) -> Iterator[str]:
    """A namespace of its own, with Pod Security ``restricted``."""
    name = f"test-{uuid4().hex[:10]}"
    node.plane.make_namespace(name, enforce="restricted")
    yield name
    # Its pods must be gone: the next test's need their cores.
    node.plane.kubectl("delete", "searchcampaigns,jobs", "--all", "-n", name, "--cascade=foreground", "--timeout=150s")
    node.plane.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def campaigns(node: ClusterNode, cluster: Cluster, release: Release, namespace: str) -> Campaigns:
    return Campaigns(node.plane, cluster, release, namespace)


@pytest.fixture(scope="session")
def user_image(node: ClusterNode, images: Images) -> str:
    """FROM the trial image, with objectives of a user."""
    reference = build_from(HERE / "user_image", "users-own", TRIAL_IMAGE=images.trial)
    return node.take(reference)


@pytest.fixture(scope="session")
def plain_image(node: ClusterNode, images: Images, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Python image with corebound[trial] from a wheel, as a package index would give it."""
    folder = tmp_path_factory.mktemp("plain")
    shutil.copytree(HERE / "plain_image", folder, dirs_exist_ok=True)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(PROJECT)]
    subprocess.run(pip, check=True)
    reference = build_from(folder, "users-plain", PYTHON_IMAGE=images.base)
    return node.take(reference)


@pytest.fixture(scope="session")
def dashboard_image(node: ClusterNode, images: Images) -> str:
    """In the place of the public one."""
    lines = (PROJECT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    optuna = next(line.split()[0] for line in lines if line.startswith("optuna=="))
    reference = build_from(HERE / "dashboard_image", "optuna-dashboard", PYTHON_IMAGE=images.base, OPTUNA=optuna)
    return node.take(reference)
