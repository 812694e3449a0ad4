"""Where the API server is and which way leads there: the kubeconfig or the pod's service account, and a proxy between.

The ``kubernetes`` package reads them, with cloud logins; the proxy is chosen here, as kubectl does. A kubeconfig's proxy-url
always counts for its server; else HTTPS_PROXY (HTTP_PROXY for a server without TLS), but not for a server on this machine or
one that NO_PROXY names. What could go wrong: no configuration or one that is none, or a proxy of a kind that is not spoken
here (:class:`ClusterUnreachableError`).
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies_environment

from corebound.api.errors import ClusterUnreachableError

if TYPE_CHECKING:
    from urllib.parse import SplitResult

MISSHAPEN: Final = (ValueError, TypeError, KeyError, AttributeError)
"""What the ``kubernetes`` package raises for a kubeconfig that is YAML but no kubeconfig."""
OWN_NAMESPACE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
EVERY_HOST: Final = "*"
NO_HOST: Final = "none.invalid"
"""For the package's own connections, which would else look at the environment once more."""


def load_configuration(*, context: str | None = None, kubeconfig: Path | None = None) -> Any:
    """The ``kubernetes`` package's, of this pod's service account, else of the kubeconfig (``KUBECONFIG``, ``--context``).

    Its ``proxy`` is the one to use, None for none.
    """
    import yaml
    from kubernetes import client, config

    configuration = client.Configuration()
    # The package's own choice is undone: it knows neither this machine, nor a kubeconfig's word above the environment's.
    configuration.proxy = None
    try:
        if context is None and kubeconfig is None and "KUBERNETES_SERVICE_HOST" in os.environ:
            config.load_incluster_config(client_configuration=configuration)
        else:
            file = None if kubeconfig is None else str(kubeconfig)
            config.load_kube_config(config_file=file, context=context, client_configuration=configuration)
    except (config.ConfigException, OSError, yaml.YAMLError, *MISSHAPEN) as error:
        said = " ".join(str(error).split())
        raise ClusterUnreachableError(
            f"no cluster is configured: {said}; set KUBECONFIG, or name a context of it with --context"
        ) from error
    _choose_proxy(configuration)
    return configuration


def current_namespace(*, context: str | None = None) -> str:
    """The namespace of this pod's service account, or that the kubeconfig's context names, else ``default``."""
    from kubernetes import config

    if context is None and "KUBERNETES_SERVICE_HOST" in os.environ:
        with contextlib.suppress(OSError):
            return OWN_NAMESPACE.read_text(encoding="utf-8").strip()
    try:
        contexts, active = config.list_kube_config_contexts()
    except (config.ConfigException, OSError, *MISSHAPEN):
        return "default"
    chosen = active if context is None else next((each for each in contexts if each["name"] == context), active)
    return str(chosen["context"].get("namespace") or "default")


def without_login(proxy: str) -> str:
    """A proxy's address for messages: nobody's password is in it."""
    scheme, separator, address = proxy.rpartition("://")
    return f"{scheme}{separator}{address.rpartition('@')[2]}"


def _choose_proxy(configuration: Any) -> None:
    named = str(configuration.proxy or "")
    proxy = named or _proxy_of_environment(configuration.host)
    if not proxy:
        configuration.proxy, configuration.no_proxy = None, EVERY_HOST
        return
    address = _usable(proxy if "://" in proxy else f"http://{proxy}")
    if address is None:
        whose = "the kubeconfig's proxy-url" if named else "the proxy that the environment names"
        way_out = "" if named else ", or let NO_PROXY name the server if it can be reached without one"
        raise ClusterUnreachableError(
            f"{whose} is {without_login(proxy)}, expected http://HOST:PORT or https://HOST:PORT; name such a proxy{way_out}"
        )
    configuration.proxy, configuration.no_proxy = address.geturl(), NO_HOST
    if address.username is not None:
        from urllib3 import make_headers

        login = f"{unquote(address.username)}:{unquote(address.password or '')}"
        configuration.proxy_headers = make_headers(proxy_basic_auth=login)


def _proxy_of_environment(server: str) -> str:
    from kubernetes.client.rest import should_bypass_proxies

    proxies = getproxies_environment()
    address = urlsplit(server)
    if _is_this_machine(address.hostname or "") or should_bypass_proxies(server, no_proxy=proxies.get("no", "")):
        return ""
    return proxies.get(address.scheme, "")


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _usable(proxy: str) -> SplitResult | None:
    try:
        address = urlsplit(proxy)
        # A port that is no number is found when it is asked for.
        spoken = address.scheme in ("http", "https") and address.hostname and address.port != 0
    except ValueError:
        return None
    return address if spoken else None
