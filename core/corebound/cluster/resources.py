"""The kinds of object that Corebound reads or writes, and the paths of their API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One kind of object."""

    group: str
    version: str
    plural: str
    namespaced: bool = True

    def path(self, *, namespace: str | None = None, name: str | None = None, subresource: str | None = None) -> str:
        """The path of one object, or of all in ``namespace``, or of all in the cluster."""
        parts = ["apis", self.group, self.version] if self.group else ["api", self.version]
        if self.namespaced and namespace is not None:
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        parts += [part for part in (name, subresource) if part is not None]
        return "/" + "/".join(quote(part, safe="") for part in parts)


CAMPAIGNS: Final = Resource(group="corebound.dev", version="v1alpha1", plural="searchcampaigns")
JOBS: Final = Resource(group="batch", version="v1", plural="jobs")
PODS: Final = Resource(group="", version="v1", plural="pods")
SERVICES: Final = Resource(group="", version="v1", plural="services")
OWN_RIGHTS: Final = Resource(
    group="authorization.k8s.io", version="v1", plural="selfsubjectaccessreviews", namespaced=False
)
SECRETS: Final = Resource(group="", version="v1", plural="secrets")
EVENTS: Final = Resource(group="events.k8s.io", version="v1", plural="events")
NODES: Final = Resource(group="", version="v1", plural="nodes", namespaced=False)
NAMESPACES: Final = Resource(group="", version="v1", plural="namespaces", namespaced=False)
