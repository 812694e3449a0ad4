"""One connection to an API server: requests in plain JSON, many at once, and streams.

Requests go through urllib3 directly: the models of the ``kubernetes`` package cost a hundred times the parsing of the JSON.
Safe for several threads. What could go wrong: no answer (:class:`ClusterUnreachableError`), somebody was faster
(:class:`ClusterConflictError`), rights that are missing or objects that are refused (:class:`ClusterRefusedError`, with the
server's own words). A server that asks for patience (429 with Retry-After) is asked again.
"""

from __future__ import annotations

import json
import os
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import urllib3

from corebound.api.errors import ClusterConflictError, ClusterRefusedError, ClusterUnreachableError, Problem
from corebound.cluster.configuration import without_login

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Manifest = dict[str, Any]

AT_ONCE: Final = 16
"""Requests at the same time; more would be queued by the server's own fairness."""
SECONDS: Final = 15.0
PATIENCE: Final = 3
LONGEST_WAIT_SECONDS: Final = 5.0


@dataclass(frozen=True, kw_only=True)
class Access:
    """How to reach the server, for clients of another kind."""

    server: str
    authority: str | None
    verified: bool
    scheme: str | None
    token: str | None = field(repr=False)
    certificate: str | None
    key: str | None
    proxy: str | None = field(repr=False)
    """With its login, where it wants one."""


class Connection:
    """By a configuration of :func:`.configuration.load_configuration`."""

    def __init__(self, configuration: Any) -> None:
        self.configuration = configuration
        """The ``kubernetes`` package's, for its own connections."""
        self.observe: Callable[[str, int, float], None] = _unobserved
        """Hears of each request: its method, the answer's status, how long it took in seconds."""
        self._server = configuration.host.rstrip("/")
        self._allowed = threading.BoundedSemaphore(AT_ONCE)
        self._pool = _pool(configuration)

    @property
    def server(self) -> str:
        """The API server's address."""
        return str(self._server)

    def access(self) -> Access:
        """Address and credentials as they are now; tokens that rotate are read anew."""
        scheme, _, token = self._authorization().partition(" ")
        return Access(
            server=self.server,
            authority=self.configuration.ssl_ca_cert,
            verified=self.configuration.verify_ssl,
            scheme=scheme or None,
            token=token or None,
            certificate=self.configuration.cert_file,
            key=self.configuration.key_file,
            proxy=self.configuration.proxy,
        )

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Manifest | None = None,
        content: str = "application/json",
    ) -> Manifest:
        """The answer to ``body``, both as JSON."""
        for tried in range(PATIENCE):
            with self._allowed:
                began = time.monotonic()
                response = self._send(method, path, query=query, body=body, content=content, seconds=SECONDS)
                data = response.data
            self.observe(method, response.status, time.monotonic() - began)
            if response.status != 429 or tried == PATIENCE - 1:
                break
            time.sleep(min(LONGEST_WAIT_SECONDS, float(response.headers.get("Retry-After", "1"))))
        _raise_for(response.status, data, f"{method} {path}")
        answer: Manifest = json.loads(data)
        return answer

    def open(
        self, method: str, path: str, *, query: Mapping[str, str], seconds: float | None
    ) -> urllib3.BaseHTTPResponse:
        """An answer that goes on for ``seconds``, or without end; to be closed."""
        response = self._send(method, path, query=query, seconds=seconds, stream=True)
        if response.status >= 400:
            _raise_for(response.status, response.data, f"{method} {path}")
        return response

    def _send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Manifest | None = None,
        content: str = "application/json",
        seconds: float | None,
        stream: bool = False,
    ) -> urllib3.BaseHTTPResponse:
        headers = {"Accept": "application/json", "Content-Type": content}
        if authorization := self._authorization():
            headers["Authorization"] = authorization
        asked = {name: value for name, value in (query or {}).items() if value}
        try:
            return self._pool.request(
                method,
                self._server + path + (f"?{urlencode(asked)}" if asked else ""),
                body=None if body is None else json.dumps(body).encode(),
                headers=headers,
                timeout=urllib3.Timeout(connect=SECONDS, read=seconds),
                preload_content=not stream,
            )
        except urllib3.exceptions.HTTPError as error:
            proxy = self.configuration.proxy
            way = f" through the proxy {without_login(proxy)}" if proxy else ""
            raise ClusterUnreachableError(
                f"{self._server} does not answer{way}: {_why(error)}; {self._what_may_be_wrong()}?"
            ) from error

    def _what_may_be_wrong(self) -> str:
        """A pod has no kubeconfig, but a policy may be in its way: it looks at the port behind the Service's."""
        in_a_pod = os.environ.get("KUBERNETES_SERVICE_HOST")
        if in_a_pod and in_a_pod in self._server:
            return "does a NetworkPolicy leave out its port (networkPolicies.apiServerPorts of the chart)"
        return "is the cluster there, and the kubeconfig right"

    def _authorization(self) -> str:
        settings = self.configuration.auth_settings().values()
        return next((str(each["value"]) for each in settings if each["in"] == "header" and each["value"]), "")


def _pool(configuration: Any) -> urllib3.PoolManager:
    settings: dict[str, Any] = {
        "maxsize": AT_ONCE,
        "retries": False,
        "cert_file": configuration.cert_file,
        "key_file": configuration.key_file,
        "server_hostname": configuration.tls_server_name,
        "cert_reqs": "CERT_NONE",
    }
    if configuration.verify_ssl:
        settings |= {"ca_certs": configuration.ssl_ca_cert, "cert_reqs": "CERT_REQUIRED"}
    if configuration.proxy is None:
        return urllib3.PoolManager(**settings)
    return urllib3.ProxyManager(configuration.proxy, proxy_headers=configuration.proxy_headers, **settings)


def _unobserved(method: str, status: int, seconds: float) -> None:
    del method, status, seconds


def _why(error: urllib3.exceptions.HTTPError) -> str:
    """The kind of error is enough, except where a certificate, or the way through a proxy, is refused."""
    kind = type(error).__name__
    telling = isinstance(error, urllib3.exceptions.SSLError | urllib3.exceptions.ProxyError)
    return f"{kind}: {' '.join(str(error).split())[:300]}" if telling else kind


def _raise_for(status: int, data: bytes, what: str) -> None:
    if status < 400:
        return
    try:
        said = json.loads(data)
        reason, message = str(said.get("reason", "")), str(said.get("message", ""))
        causes = (said.get("details") or {}).get("causes") or []
    except (ValueError, AttributeError):
        reason, message, causes = "", data[:500].decode(errors="replace"), []
    text = f"the cluster refused {what} ({status} {reason}): {message}"
    if status >= 500 or status == 429:
        raise ClusterUnreachableError(text)
    kind = ClusterConflictError if status == 409 else ClusterRefusedError
    problems = tuple(Problem(message=str(each.get("message", "")), field=str(each.get("field", ""))) for each in causes)
    raise kind(text, status=status, reason=reason, said=message, causes=problems)
