"""kopf's part: it watches and wakes, nothing more. Each event of a campaign or of one of our Jobs puts a key on the queue.

kopf's handlers of changes, its timers, annotations and finalizers are not used: they depend on having seen an edge, write to
objects and hang a deleted namespace. What could go wrong: one stray 401, after which kopf refuses the same token for good;
each login expires by itself, so that it is made anew.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any, Final

import kopf

from corebound.api.jobs import CAMPAIGN, MANAGED_BY, MANAGER
from corebound.cluster.resources import CAMPAIGNS, JOBS
from corebound_operator.loop.objects import is_over

if TYPE_CHECKING:
    from corebound.cluster.client import Cluster
    from corebound_operator.loop.objects import Objects
    from corebound_operator.loop.queue import Key, WorkQueue

PREFIX: Final = "operator.corebound.dev"
LOGIN_MINUTES: Final = 10


class NothingKept(kopf.DiffBaseStorage):
    """kopf copies each object of each event to find what has changed since the last one; nobody asks for that here."""

    def build(self, **_: Any) -> kopf.BodyEssence:
        """Nothing."""
        return kopf.BodyEssence({})

    def fetch(self, **_: Any) -> None:
        """Nothing was kept."""

    def store(self, **_: Any) -> None:
        """Nothing is kept."""


def registry(*, queue: WorkQueue, objects: Objects, cluster: Cluster) -> kopf.OperatorRegistry:
    """All of kopf's handlers."""
    made = kopf.OperatorRegistry()

    @kopf.on.login(registry=made)
    def login(**_: Any) -> kopf.ConnectionInfo:
        access = cluster.connection.access()
        expires = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=LOGIN_MINUTES)
        return kopf.ConnectionInfo(
            server=access.server,
            ca_path=access.authority,
            insecure=not access.verified,
            scheme=access.scheme,
            token=access.token,
            certificate_path=access.certificate,
            private_key_path=access.key,
            proxy_url=access.proxy,
            expiration=expires,
        )

    @kopf.on.event(CAMPAIGNS.group, CAMPAIGNS.version, CAMPAIGNS.plural, registry=made)
    async def campaign(namespace: str | None, name: str | None, event: kopf.RawEvent, **_: Any) -> None:
        if not namespace or not name:
            return
        key: Key = namespace, name
        found = dict(event["object"])
        if event["type"] == "DELETED":
            objects.forget(key)
        elif not objects.heard(key, found):
            return
        queue.add(key, first=not is_over(found))

    @kopf.on.event(JOBS.group, JOBS.version, JOBS.plural, labels={MANAGED_BY: MANAGER}, registry=made)
    async def job(namespace: str | None, labels: kopf.Labels, **_: Any) -> None:
        owner = labels.get(CAMPAIGN)
        if namespace and owner:
            objects.jobs_changed((namespace, owner))
            # At a start there may be thousands, of campaigns that are gone or over.
            queue.add((namespace, owner), first=False)

    return made


def settings() -> kopf.OperatorSettings:
    """Bounded streams and calls, no peering, no events or annotations of kopf's own."""
    found = kopf.OperatorSettings()
    found.scanning.disabled = True
    found.posting.enabled = False
    found.peering.standalone = True
    found.watching.server_timeout = 300
    found.watching.client_timeout = 330
    found.watching.connect_timeout = 10
    found.watching.chunk_size = 500
    found.watching.label_selectors[JOBS.plural] = f"{MANAGED_BY}={MANAGER}"
    found.networking.request_timeout = 30
    found.networking.enforce_retry_after = True
    found.process.ultimate_exiting_timeout = 25
    found.persistence.finalizer = f"{PREFIX}/finalizer"
    found.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix=PREFIX)
    found.persistence.diffbase_storage = NothingKept()
    return found
