"""Which way leads to the API server: straight, through the proxy of its kubeconfig, or through that of the environment."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

import pytest

from corebound.api.errors import ClusterUnreachableError
from corebound.cluster.client import connect
from corebound.cluster.configuration import load_configuration
from corebound.cluster.resources import NAMESPACES

from ...cluster.connect_proxy import ConnectProxy

if TYPE_CHECKING:
    from pathlib import Path

VARIABLES = ("HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "ALL_PROXY")
FAR = "https://kubernetes.example:6443"


@pytest.fixture(autouse=True)
def _nothing_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*VARIABLES, "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def kubeconfig(folder: Path, server: str = FAR, **cluster: str) -> Path:
    path = folder / "kubeconfig"
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
        "clusters": [{"name": "here", "cluster": {"server": server, **cluster}}],
        "users": [{"name": "me", "user": {"token": "a-token"}}],
    }
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize(
    ("server", "environment", "proxy"),
    [
        (FAR, {}, None),
        (FAR, {"HTTPS_PROXY": "http://proxy.example:3128"}, "http://proxy.example:3128"),
        (FAR, {"https_proxy": "proxy.example:3128"}, "http://proxy.example:3128"),
        (FAR, {"HTTP_PROXY": "http://proxy.example:3128", "ALL_PROXY": "http://proxy.example:3128"}, None),
        ("http://kubernetes.example", {"HTTP_PROXY": "http://proxy.example:3128"}, "http://proxy.example:3128"),
        (FAR, {"HTTPS_PROXY": "http://proxy.example:3128", "NO_PROXY": "a.example,.example"}, None),
        (FAR, {"HTTPS_PROXY": "http://proxy.example:3128", "NO_PROXY": "*"}, None),
        ("https://10.96.0.1:443", {"HTTPS_PROXY": "http://proxy.example:3128", "NO_PROXY": "10.0.0.0/8"}, None),
        ("https://127.0.0.1:6443", {"HTTPS_PROXY": "http://proxy.example:3128"}, None),
        ("https://[::1]:6443", {"HTTPS_PROXY": "http://proxy.example:3128"}, None),
        ("https://localhost:6443", {"HTTPS_PROXY": "http://proxy.example:3128"}, None),
    ],
)
def test_the_environments_proxy_is_for_servers_that_are_elsewhere(
    server: str, environment: dict[str, str], proxy: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert load_configuration(kubeconfig=kubeconfig(tmp_path, server)).proxy == proxy


def test_a_kubeconfigs_proxy_is_above_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://another.example:3128")
    monkeypatch.setenv("NO_PROXY", "*")
    near = kubeconfig(tmp_path, "https://127.0.0.1:6443", **{"proxy-url": "http://proxy.example:3128"})
    assert load_configuration(kubeconfig=near).proxy == "http://proxy.example:3128"


@pytest.mark.parametrize(
    "proxy", ["socks5://me:secret@proxy.example:1080", "http://me:secret@proxy.example:many", "http://"]
)
def test_a_proxy_that_cannot_be_used_is_refused_without_its_password(
    proxy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(
        ClusterUnreachableError, match=r"kubeconfig's proxy-url is .*, expected http://HOST:PORT"
    ) as refused:
        connect(kubeconfig=kubeconfig(tmp_path, **{"proxy-url": proxy}))
    assert "NO_PROXY" not in str(refused.value)
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    with pytest.raises(
        ClusterUnreachableError, match=r"environment names is .*, or let NO_PROXY name the server"
    ) as again:
        connect(kubeconfig=kubeconfig(tmp_path))
    assert "secret" not in f"{refused.value} {again.value}"


def test_a_proxy_that_refuses_is_part_of_the_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with ConnectProxy(login="me:another") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:secret@{proxy.address}")
        cluster = connect(kubeconfig=kubeconfig(tmp_path))
        with pytest.raises(ClusterUnreachableError) as refused:
            cluster.list(NAMESPACES)
    assert f"{FAR} does not answer through the proxy http://{proxy.address}: ProxyError" in str(refused.value)
    assert "407 Proxy Authentication Required" in str(refused.value)
    assert "secret" not in str(refused.value)
    assert "secret" not in repr(cluster.connection.access())
    assert proxy.asked == ["kubernetes.example:6443"]


def test_a_pod_is_told_of_policies_and_a_person_of_the_kubeconfig(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nobody = f"https://127.0.0.1:{taken.getsockname()[1]}"
        away = connect(kubeconfig=kubeconfig(tmp_path, nobody))
        with pytest.raises(ClusterUnreachableError, match="is the cluster there, and the kubeconfig right"):
            away.get(NAMESPACES, "default")
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
        with pytest.raises(ClusterUnreachableError, match=r"networkPolicies\.apiServerPorts of the chart"):
            away.get(NAMESPACES, "default")
