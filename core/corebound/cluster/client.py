"""One connection to an API server, for objects as plain JSON.

Configuration (kubeconfig, service account, cloud logins) is that of the ``kubernetes`` package; requests go through
urllib3 directly, because its models cost a hundred times the parsing of the JSON. Safe for several threads. What could go
wrong: no answer (:class:`ClusterUnreachableError`), somebody was faster (:class:`ClusterConflictError`), rights that are
missing or objects that are refused (:class:`ClusterRefusedError`, with the server's own words). An object that is not there
is None, never an error. A server that asks for patience (429 with Retry-After) is asked again.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import urllib3

from corebound.api.errors import (
    ClusterConflictError,
    ClusterError,
    ClusterRefusedError,
    ClusterUnreachableError,
    Problem,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping

    from corebound.cluster.resources import Resource

Manifest = dict[str, Any]

AT_ONCE: Final = 16
"""Requests at the same time; more would be queued by the server's own fairness."""
SECONDS: Final = 15.0
PATIENCE: Final = 3
LONGEST_WAIT_SECONDS: Final = 5.0
PAGE: Final = 500
MERGE_PATCH: Final = "application/merge-patch+json"
MISSHAPEN: Final = (ValueError, TypeError, KeyError, AttributeError)
"""What the ``kubernetes`` package raises for a kubeconfig that is YAML but no kubeconfig."""
OWN_NAMESPACE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
APPLY: Final = "application/apply-patch+yaml"


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


class Cluster:
    """Made by :func:`connect`."""

    def __init__(self, configuration: Any) -> None:
        self._configuration = configuration
        self.observe: Callable[[str, int, float], None] = _unobserved
        """Hears of each request: its method, the answer's status, how long it took in seconds."""
        self._server = configuration.host.rstrip("/")
        self._allowed = threading.BoundedSemaphore(AT_ONCE)
        trust: dict[str, Any] = {"ca_certs": configuration.ssl_ca_cert, "cert_reqs": "CERT_REQUIRED"}
        if not configuration.verify_ssl:
            trust = {"cert_reqs": "CERT_NONE"}
        self._pool = urllib3.PoolManager(
            maxsize=AT_ONCE,
            retries=False,
            cert_file=configuration.cert_file,
            key_file=configuration.key_file,
            server_hostname=configuration.tls_server_name,
            **trust,
        )

    @property
    def server(self) -> str:
        """The API server's address."""
        return str(self._server)

    def access(self) -> Access:
        """Address and credentials as they are now; tokens that rotate are read anew."""
        scheme, _, token = self._authorization().partition(" ")
        return Access(
            server=self.server,
            authority=self._configuration.ssl_ca_cert,
            verified=self._configuration.verify_ssl,
            scheme=scheme or None,
            token=token or None,
            certificate=self._configuration.cert_file,
            key=self._configuration.key_file,
        )

    def get(self, resource: Resource, name: str, *, namespace: str | None = None) -> Manifest | None:
        """The object, None when there is none."""
        try:
            return self._request("GET", resource.path(namespace=namespace, name=name))
        except ClusterRefusedError as error:
            if error.status == 404:
                return None
            raise

    def list(
        self, resource: Resource, *, namespace: str | None = None, labels: str = "", fields: str = ""
    ) -> list[Manifest]:
        """All objects that the selectors match, in pages."""
        found: list[Manifest] = []
        query: dict[str, str] = {"limit": str(PAGE), "labelSelector": labels, "fieldSelector": fields}
        while True:
            page = self._request("GET", resource.path(namespace=namespace), query=query)
            found += page["items"]
            query["continue"] = page["metadata"].get("continue", "")
            if not query["continue"]:
                return found

    def create(self, resource: Resource, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        """The object as it was stored. Raises :class:`ClusterConflictError` when the name is taken."""
        path = resource.path(namespace=manifest["metadata"].get("namespace"))
        return self._request("POST", path, query=_dry(dry_run), body=manifest)

    def apply(
        self, resource: Resource, manifest: Manifest, *, manager: str, force: bool = False, dry_run: bool = False
    ) -> Manifest:
        """Server-side apply: the object gets the manifest's fields, which ``manager`` owns from now on.

        Raises :class:`ClusterConflictError` where others own some of them, unless ``force``.
        """
        metadata = manifest["metadata"]
        path = resource.path(namespace=metadata.get("namespace"), name=metadata["name"])
        query = {"fieldManager": manager, "force": "true" if force else "false", **_dry(dry_run)}
        return self._request("PATCH", path, query=query, body=manifest, content=APPLY)

    def serves(self, resource: Resource) -> bool:
        """Whether the server knows that kind of object; true, too, where it does not say."""
        try:
            found = self._request("GET", f"/apis/{resource.group}/{resource.version}")
        except ClusterRefusedError as error:
            return error.status != 404
        return any(each["name"] == resource.plural for each in found["resources"])

    def patch(
        self,
        resource: Resource,
        name: str,
        change: Manifest,
        *,
        namespace: str | None = None,
        subresource: str | None = None,
        manager: str = "",
    ) -> Manifest | None:
        """A merge patch, in the name of ``manager``; None when the object is gone.

        With a ``resourceVersion`` in the change it raises :class:`ClusterConflictError` when somebody was faster.
        """
        path = resource.path(namespace=namespace, name=name, subresource=subresource)
        try:
            return self._request("PATCH", path, query={"fieldManager": manager}, body=change, content=MERGE_PATCH)
        except ClusterRefusedError as error:
            if error.status == 404:
                return None
            raise

    def delete(self, resource: Resource, name: str, *, namespace: str | None = None, uid: str | None = None) -> None:
        """Delete the object and, in the background, what it owns; nothing when it (or that ``uid``) is gone already."""
        options: Manifest = {"propagationPolicy": "Background"}
        if uid is not None:
            options["preconditions"] = {"uid": uid}
        try:
            self._request("DELETE", resource.path(namespace=namespace, name=name), body=options)
        except ClusterConflictError:
            return
        except ClusterRefusedError as error:
            if error.status != 404:
                raise

    def served_schema(self, resource: Resource, kind: str) -> Manifest | None:
        """The schema by which the server keeps objects of that kind; None when it knows no such kind."""
        try:
            found = self._request("GET", f"/openapi/v3/apis/{resource.group}/{resource.version}")
        except ClusterRefusedError as error:
            if error.status == 404:
                return None
            raise
        for schema in found["components"]["schemas"].values():
            kinds = schema.get("x-kubernetes-group-version-kind", [])
            if any(each["kind"] == kind and each["group"] == resource.group for each in kinds):
                matching: Manifest = schema
                return matching
        return None

    def watch(
        self,
        resource: Resource,
        *,
        namespace: str | None = None,
        labels: str = "",
        fields: str = "",
        seconds: float = 300.0,
    ) -> Iterator[tuple[str, Manifest]]:
        """``(ADDED | MODIFIED | DELETED, object)``, beginning with those that are there; ends after ``seconds``."""
        query = {
            "watch": "true",
            "labelSelector": labels,
            "fieldSelector": fields,
            "timeoutSeconds": str(max(1, round(seconds))),
        }
        response = self._open("GET", resource.path(namespace=namespace), query=query, seconds=seconds + SECONDS)
        try:
            rest = b""
            for part in response.stream(65536):
                *lines, rest = (rest + part).split(b"\n")
                for line in lines:
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        return
                    yield event["type"], event["object"]
        except urllib3.exceptions.HTTPError as error:
            raise ClusterUnreachableError(f"the watch of {resource.plural} was cut: {error}") from error
        finally:
            response.close()

    def log(self, pod: str, *, namespace: str, follow: bool = False) -> Generator[bytes]:
        """The log of a pod's only container, in parts."""
        from corebound.cluster.resources import PODS

        query = {"follow": "true"} if follow else {}
        path = PODS.path(namespace=namespace, name=pod, subresource="log")
        response = self._open("GET", path, query=query, seconds=None if follow else SECONDS)
        try:
            yield from response.stream(65536)
        except urllib3.exceptions.HTTPError as error:
            raise ClusterUnreachableError(f"the log of pod {pod} was cut: {error}") from error
        finally:
            response.close()

    def port_forward(self, pod: str, *, namespace: str, port: int) -> Any:
        """A socket whose other end is that port of the pod. Raises :class:`ClusterError` when the server refuses."""
        from kubernetes import client, stream

        api = client.CoreV1Api(client.ApiClient(self._configuration))
        try:
            forward = stream.portforward(
                api.connect_get_namespaced_pod_portforward, pod, namespace, ports=str(port), _request_timeout=SECONDS
            )
            return forward.socket(port)
        except client.ApiException as error:
            # Headers and the server's answer are run together in the text; its own words are the message in the answer.
            reason = str(error.reason)
            words = re.search(r'"message":"((?:[^"\\]|\\.)*)"', reason)
            said = words[1].replace('\\"', '"').replace("\\", "") if words else reason.partition(" -+-+- ")[0]
            text = f"the cluster refused to forward port {port} of pod {namespace}/{pod}: {said}"
            if "status 403" in reason:
                raise ClusterRefusedError(text, status=403, reason="Forbidden", said=said) from error
            raise ClusterError(text) from error

    def may(self, verb: str, resource: Resource, *, namespace: str, name: str = "", subresource: str = "") -> bool:
        """Whether the user has that right, as far as the server says."""
        asked = {
            "namespace": namespace,
            "verb": verb,
            "group": resource.group,
            "resource": resource.plural,
            "subresource": subresource,
            "name": name,
        }
        from corebound.cluster.resources import OWN_RIGHTS

        review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview"}
        try:
            found = self.create(OWN_RIGHTS, {**review, "metadata": {}, "spec": {"resourceAttributes": asked}})
        except ClusterRefusedError:
            return False
        return bool(found["status"]["allowed"])

    def _request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Manifest | None = None,
        content: str = "application/json",
    ) -> Manifest:
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

    def _open(
        self, method: str, path: str, *, query: Mapping[str, str], seconds: float | None
    ) -> urllib3.BaseHTTPResponse:
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
            raise ClusterUnreachableError(
                f"{self._server} does not answer: {_why(error)}; is the cluster there, and the kubeconfig right?"
            ) from error

    def _authorization(self) -> str:
        settings = self._configuration.auth_settings().values()
        return next((str(each["value"]) for each in settings if each["in"] == "header" and each["value"]), "")


def connect(*, context: str | None = None, kubeconfig: Path | None = None) -> Cluster:
    """The cluster of this pod's service account, else of the kubeconfig (``KUBECONFIG``, ``--context``)."""
    import yaml
    from kubernetes import client, config

    configuration = client.Configuration()
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
    return Cluster(configuration)


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


def _unobserved(method: str, status: int, seconds: float) -> None:
    del method, status, seconds


def _why(error: urllib3.exceptions.HTTPError) -> str:
    """The kind of error is enough, except where certificates are refused."""
    kind = type(error).__name__
    return f"{kind}: {' '.join(str(error).split())[:300]}" if isinstance(error, urllib3.exceptions.SSLError) else kind


def _dry(dry_run: bool) -> dict[str, str]:
    return {"dryRun": "All"} if dry_run else {}


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
