"""What is asked of an API server: objects as plain JSON, one of them, all, or as they change; logs, ports and rights.

The way there is :mod:`.connection`'s, with its errors. An object that is not there is None, never an error.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

import urllib3

from corebound.api.errors import ClusterConflictError, ClusterError, ClusterRefusedError, ClusterUnreachableError
from corebound.cluster.configuration import load_configuration
from corebound.cluster.connection import SECONDS, Connection, Manifest
from corebound.cluster.resources import OWN_RIGHTS, PODS

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from corebound.cluster.resources import Resource

PAGE: Final = 500
MERGE_PATCH: Final = "application/merge-patch+json"
APPLY: Final = "application/apply-patch+yaml"


class Cluster:
    """Made by :func:`connect`."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    @property
    def server(self) -> str:
        """The API server's address."""
        return self.connection.server

    def get(self, resource: Resource, name: str, *, namespace: str | None = None) -> Manifest | None:
        """The object, None when there is none."""
        try:
            return self.connection.request("GET", resource.path(namespace=namespace, name=name))
        except ClusterRefusedError as error:
            if error.status == 404:
                return None
            raise

    def list(
        self, resource: Resource, *, namespace: str | None = None, labels: str = "", fields: str = ""
    ) -> list[Manifest]:
        """All objects that the selectors match."""
        return [*self.each(resource, namespace=namespace, labels=labels, fields=fields)]

    def each(
        self, resource: Resource, *, namespace: str | None = None, labels: str = "", fields: str = ""
    ) -> Iterator[Manifest]:
        """As :meth:`list`, page by page, for more objects than one wants to hold."""
        query: dict[str, str] = {"limit": str(PAGE), "labelSelector": labels, "fieldSelector": fields}
        while True:
            page = self.connection.request("GET", resource.path(namespace=namespace), query=query)
            yield from page["items"]
            query["continue"] = page["metadata"].get("continue", "")
            if not query["continue"]:
                return

    def create(self, resource: Resource, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        """The object as it was stored. Raises :class:`ClusterConflictError` when the name is taken."""
        path = resource.path(namespace=manifest["metadata"].get("namespace"))
        return self.connection.request("POST", path, query=_dry(dry_run), body=manifest)

    def apply(
        self, resource: Resource, manifest: Manifest, *, manager: str, force: bool = False, dry_run: bool = False
    ) -> Manifest:
        """Server-side apply: the object gets the manifest's fields, which ``manager`` owns from now on.

        Raises :class:`ClusterConflictError` where others own some of them, unless ``force``.
        """
        metadata = manifest["metadata"]
        path = resource.path(namespace=metadata.get("namespace"), name=metadata["name"])
        query = {"fieldManager": manager, "force": "true" if force else "false", **_dry(dry_run)}
        return self.connection.request("PATCH", path, query=query, body=manifest, content=APPLY)

    def serves(self, resource: Resource) -> bool:
        """Whether the server knows that kind of object; true, too, where it does not say."""
        try:
            found = self.connection.request("GET", f"/apis/{resource.group}/{resource.version}")
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
            return self.connection.request(
                "PATCH", path, query={"fieldManager": manager}, body=change, content=MERGE_PATCH
            )
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
            self.connection.request("DELETE", resource.path(namespace=namespace, name=name), body=options)
        except ClusterConflictError:
            return
        except ClusterRefusedError as error:
            if error.status != 404:
                raise

    def served_schema(self, resource: Resource, kind: str) -> Manifest | None:
        """The schema by which the server keeps objects of that kind; None when it knows no such kind."""
        try:
            found = self.connection.request("GET", f"/openapi/v3/apis/{resource.group}/{resource.version}")
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
        response = self.connection.open(
            "GET", resource.path(namespace=namespace), query=query, seconds=seconds + SECONDS
        )
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
        query = {"follow": "true"} if follow else {}
        path = PODS.path(namespace=namespace, name=pod, subresource="log")
        response = self.connection.open("GET", path, query=query, seconds=None if follow else SECONDS)
        try:
            yield from response.stream(65536)
        except urllib3.exceptions.HTTPError as error:
            raise ClusterUnreachableError(f"the log of pod {pod} was cut: {error}") from error
        finally:
            response.close()

    def port_forward(self, pod: str, *, namespace: str, port: int) -> Any:
        """A socket whose other end is that port of the pod. Raises :class:`ClusterError` when the server refuses."""
        from kubernetes import client, stream

        api = client.CoreV1Api(client.ApiClient(self.connection.configuration))
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

    def may(self, verb: str, resource: Resource, *, namespace: str, name: str = "") -> bool:
        """Whether the user has that right, as far as the server says."""
        asked = {
            "namespace": namespace,
            "verb": verb,
            "group": resource.group,
            "resource": resource.plural,
            "name": name,
        }
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview"}
        try:
            found = self.create(OWN_RIGHTS, {**review, "metadata": {}, "spec": {"resourceAttributes": asked}})
        except ClusterRefusedError:
            return False
        return bool(found["status"]["allowed"])


def connect(*, context: str | None = None, kubeconfig: Path | None = None) -> Cluster:
    """The cluster of this pod's service account, else of the kubeconfig (``KUBECONFIG``, ``--context``)."""
    return Cluster(Connection(load_configuration(context=context, kubeconfig=kubeconfig)))


def _dry(dry_run: bool) -> dict[str, str]:
    return {"dryRun": "All"} if dry_run else {}
