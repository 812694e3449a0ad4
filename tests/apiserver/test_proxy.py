"""A server that only a proxy can find: what is asked of it, forwarded ports, and the operator with what it watches."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from corebound.api.errors import ClusterError, ClusterUnreachableError
from corebound.cluster.client import connect
from corebound.cluster.resources import NAMESPACES

from ..cluster.connect_proxy import ConnectProxy
from ..cluster.operator_process import running_operator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ..cluster.control_plane import ControlPlane
    from .conftest import Campaigns

IMAGE = "trial:test"
LOGIN = "me:pass word"


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[ConnectProxy]:
    """The environment's."""
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with ConnectProxy(login=LOGIN) as opened:
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:pass%20word@{opened.address}")
        monkeypatch.setenv("https_proxy", f"http://me:pass%20word@{opened.address}")
        yield opened


@pytest.fixture
def far(plane: ControlPlane) -> ControlPlane:
    """The same, by a name of its certificate that no other resolver knows."""
    return replace(plane, url=f"https://kubernetes.default.svc:{urlsplit(plane.url).port}")


def target(plane: ControlPlane) -> str:
    return urlsplit(plane.url).netloc


def test_a_server_that_only_the_proxy_finds(far: ControlPlane, proxy: ConnectProxy, monkeypatch: Any) -> None:
    kubeconfig = far.kubeconfig_of(far.token, name="far")
    door = connect(kubeconfig=kubeconfig)
    assert "default" in [each["metadata"]["name"] for each in door.list(NAMESPACES)]
    seen = next(iter(door.watch(NAMESPACES, fields="metadata.name=default", seconds=10)))
    assert (seen[0], seen[1]["metadata"]["name"]) == ("ADDED", "default")
    assert set(proxy.asked) == {target(far)}
    monkeypatch.setenv("NO_PROXY", "kubernetes.default.svc")
    monkeypatch.setenv("no_proxy", "kubernetes.default.svc")
    with pytest.raises(ClusterUnreachableError, match="does not answer: "):
        connect(kubeconfig=kubeconfig).list(NAMESPACES)


def test_ports_are_forwarded_through_the_proxy(far: ControlPlane, proxy: ConnectProxy) -> None:
    door = connect(kubeconfig=far.kubeconfig_of(far.token, name="far"))
    with pytest.raises(ClusterError, match='pods "nothing" not found'):
        door.port_forward("nothing", namespace="default", port=5432)
    assert proxy.asked == [target(far)]


def test_a_proxy_of_the_kubeconfig_is_for_a_server_here_too(plane: ControlPlane) -> None:
    with ConnectProxy() as proxy:
        kubeconfig = plane.kubeconfig_of(plane.token, name="proxied", **{"proxy-url": f"http://{proxy.address}"})
        door = connect(kubeconfig=kubeconfig)
        assert door.list(NAMESPACES)
        assert proxy.asked == [target(plane)]
        with pytest.raises(ClusterError, match='pods "nothing" not found'):
            door.port_forward("nothing", namespace="default", port=5432)
        assert proxy.asked == [target(plane)] * 2


def test_the_operator_works_and_watches_through_the_proxy(
    campaigns: Campaigns, far: ControlPlane, proxy: ConnectProxy, database: str, tmp_path: Path
) -> None:
    settings = {"heartbeatSeconds": 0.5, "pollSeconds": 0.5, "trialDefaults": {"image": IMAGE}, "resyncSeconds": 600}
    campaigns.operator.stop()
    try:
        with running_operator(far, database=database, folder=tmp_path, settings=settings) as operator:
            behind = replace(campaigns, operator=operator)
            behind.apply("behind", trials=2)
            assert behind.phase("behind", "Succeeded", "Failed")["trials"]["succeeded"] == 2
    finally:
        campaigns.operator.start()
    assert set(proxy.asked) == {target(far)}
