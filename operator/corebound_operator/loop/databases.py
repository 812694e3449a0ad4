"""The ledger of each namespace: made on first use, with the Secret through which its workers reach it.

A namespace has a schema and a role of its own (or, with ``isolation: shared``, all have one schema). The Secret is written
when it is missing, when its login no longer works, and when another campaign joins its owners; so an edited or deleted one
heals by itself. What could go wrong: the database is away (:class:`StorageError`, a condition of the campaign), a login
without the right to make roles (said with the remedy), two namespaces of the same name after each other (their UIDs differ,
so do their schemas).
"""

from __future__ import annotations

import base64
import logging
import secrets
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from corebound.api.errors import ClusterConflictError, ClusterRefusedError, StorageError, UsageError
from corebound.api.jobs import DATABASE_KEY, DATABASE_SECRET, MANAGED_BY, MANAGER
from corebound.cluster.resources import SECRETS
from corebound.ledger.connection import same_place
from corebound.ledger.ledger import open_ledger
from corebound.ledger.schema import prepare_database
from corebound.ledger.tenancy import (
    accepts,
    check_rights,
    operator_url,
    prepare_shared,
    prepare_tenant,
    set_password,
    tenants,
    worker_url,
)
from corebound_operator.build.job import owner
from corebound_operator.loop.namespaces import GOING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from corebound.cluster.client import Cluster
    from corebound.ledger.ledger import Ledger
    from corebound.ledger.tenant import Tenant
    from corebound_operator.loop.namespaces import Namespaces

Manifest = dict[str, Any]
logger = logging.getLogger(__name__)

CONNECTIONS: Final = 4
"""For each namespace; the operator's workers share them."""
SHARED_LOOK_SECONDS: Final = 5.0
"""How long another campaign's look at the Secret will do for a new one."""
KEPT_CONNECTIONS: Final = 20
"""For the operator itself and for people's tools."""


class Databases:
    """Ledgers by namespace."""

    def __init__(self, cluster: Cluster, admin_url: str, namespaces: Namespaces, *, isolation: str) -> None:
        self._cluster, self._admin_url, self._isolation = cluster, admin_url, isolation
        self._namespaces = namespaces
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._namespace_of: dict[str, tuple[str, str]] = {}
        """Name and UID of the namespace of each campaign (by UID): a campaign never moves."""
        self._ledgers: dict[str, tuple[str, Ledger]] = {}
        self._tenants: dict[str, Tenant] = {}
        self._connections: dict[str, int] = {}
        self._working: dict[str, str] = {}
        """The version of each namespace's Secret that was seen to work."""
        self._logins: dict[str, str] = {}
        """What was in it: a Secret that is gone comes back with the password that running workers have."""
        self._seen: dict[str, tuple[float, frozenset[str]]] = {}
        """When each namespace's Secret was last seen to be right, and its owners."""
        self._waiting: dict[str, dict[str, str]] = {}
        """Campaigns (name by UID) of each namespace that are to become owners of the Secret."""

    def ledger(self, namespace: str, *, campaign_uid: str) -> Ledger:
        """The ledger of the namespace, its tables made when they are not there. Raises :class:`StorageError`."""
        with self._lock:
            of_campaign, opened = self._namespace_of.get(campaign_uid), self._ledgers.get(namespace)
        if of_campaign is not None and opened is not None and of_campaign[1] == opened[0]:
            return opened[1]
        with self._locked(namespace):
            _, uid = self._namespace_of.get(campaign_uid) or (namespace, self._uid(namespace))
            self._namespace_of[campaign_uid] = namespace, uid
            known = self._ledgers.get(namespace)
            if known is not None and known[0] == uid:
                return known[1]
            if known is not None:
                known[1].close()
            ledger = open_ledger(
                self._prepare(namespace, uid), application="corebound-operator", connections=CONNECTIONS
            )
            self._ledgers[namespace] = (uid, ledger)
            self._connections[namespace] = ledger.connections() - KEPT_CONNECTIONS
            return ledger

    def connections(self, namespace: str) -> int:
        """How many connections the server has for the namespace's workers, as of when its ledger was opened."""
        return self._connections[namespace]

    def hand_out(self, namespace: str, *, campaign: str, uid: str, look_after: float) -> None:
        """The Secret of the namespace is there, works, and goes when its last campaign goes.

        It is not looked at again within ``look_after`` seconds of a look for this or another campaign of the namespace. Those
        that ask at the same time share one look and one write; a campaign that finds it looked at just now becomes one of its
        owners with its second turn, so that of a hundred new ones none waits for the others' writes.
        """
        with self._lock:
            at, owners = self._seen.get(namespace, (float("-inf"), frozenset()))
            since = time.monotonic() - at
            if uid in owners and since < look_after:
                return
            waiting = self._waiting.setdefault(namespace, {})
            is_first = uid not in owners and uid not in waiting
            waiting[uid] = campaign
            if is_first and since < SHARED_LOOK_SECONDS:
                return
        with self._locked(namespace):
            with self._lock:
                waiting = self._waiting.pop(namespace, {})
                if uid not in waiting:  # another turn has taken it along
                    self._waiting[namespace] = waiting
                    return
            try:
                self._see_to_secret(namespace, waiting)
            except BaseException:
                # Their own turns look themselves, and hear of it.
                with self._lock:
                    self._waiting[namespace] = {**waiting, **self._waiting.get(namespace, {})}
                raise

    def _see_to_secret(self, namespace: str, campaigns: Mapping[str, str]) -> None:
        at = time.monotonic()
        found = self._cluster.get(SECRETS, DATABASE_SECRET, namespace=namespace)
        if found is not None and (found["metadata"].get("labels") or {}).get(MANAGED_BY) != MANAGER:
            # What is in it may be an administrator's own, and it must not go with a campaign.
            raise StorageError(
                f"the Secret {DATABASE_SECRET} in namespace {namespace} is not the operator's: expected the label "
                f"{MANAGED_BY}={MANAGER}; workers get their login from a Secret of that name, so give yours another one"
            )
        owners = list(found["metadata"].get("ownerReferences", [])) if found is not None else []
        known = {each["uid"] for each in owners}
        joining = [owner(name, uid, controller=False) for uid, name in campaigns.items() if uid not in known]
        change: Manifest = {}
        if joining:
            change["metadata"] = {"ownerReferences": [*owners, *joining]}
        if found is None or not self._works(namespace, found):
            change["data"] = {DATABASE_KEY: base64.b64encode(self._login(namespace).encode()).decode()}
        try:
            if found is None:
                self._cluster.create(SECRETS, _secret(namespace, change))
            elif change:
                change.setdefault("metadata", {})["resourceVersion"] = found["metadata"]["resourceVersion"]
                written = self._cluster.patch(SECRETS, DATABASE_SECRET, change, namespace=namespace)
                if written is None:
                    raise ClusterConflictError(
                        f"the Secret {DATABASE_SECRET} in namespace {namespace} was deleted meanwhile",
                        status=404,
                        reason="NotFound",
                    )
                if "data" not in change:
                    self._working[namespace] = written["metadata"]["resourceVersion"]
        except ClusterRefusedError as error:
            if isinstance(error, ClusterConflictError) or GOING in str(error):
                raise
            said = error.said or str(error)
            raise StorageError(
                f"the cluster refuses the Secret {DATABASE_SECRET} of the workers' login: {said}"
            ) from error
        with self._lock:
            self._seen[namespace] = at, frozenset([*known, *campaigns])

    def ask(self) -> None:
        """Whether the operator's own login would do for a campaign. Raises :class:`StorageError`."""
        if not accepts(self._admin_url):
            raise StorageError(
                "the database refuses the operator's login; is the password in COREBOUND_DATABASE_URL right?"
            )
        if self._isolation == "schema":
            check_rights(self._admin_url)

    def every(self) -> Iterator[tuple[str | None, Ledger]]:
        """Each namespace's ledger that there is, also of namespaces without a campaign now; closed after its turn.

        One that cannot be opened is said and passed by: the others have nothing to do with it.
        """
        if self._isolation == "shared":
            url = operator_url(self._admin_url, prepare_shared(self._admin_url))
            addresses: list[tuple[str | None, str]] = [(None, url)]
        else:
            addresses = [(each.namespace, operator_url(self._admin_url, each)) for each in tenants(self._admin_url)]
        for namespace, url in addresses:
            try:
                prepare_database(url)  # of an earlier version it may be, when no campaign was looked at since
                ledger = open_ledger(url, application="corebound-retention")
            except StorageError as error:
                logger.warning("a ledger cannot be opened", extra={"namespace": namespace or "", "error": str(error)})
                continue
            with ledger:
                yield namespace, ledger

    def forget(self, namespace: str) -> None:
        """The namespace's database could not be used: look anew next time."""
        with self._lock:
            known = self._ledgers.pop(namespace, None)
            self._working.pop(namespace, None)
            self._seen.pop(namespace, None)
        if known is not None:
            known[1].close()

    def leave(self, namespace: str, *, campaign_uid: str) -> None:
        """The campaign is gone; with the last one of its namespace go our connections to the namespace's ledger."""
        with self._lock:
            self._waiting.get(namespace, {}).pop(campaign_uid, None)
        with self._locked(namespace):
            self._namespace_of.pop(campaign_uid, None)
            if any(name == namespace for name, _ in list(self._namespace_of.values())):
                return
            self.forget(namespace)

    def close(self) -> None:
        """Let go of every connection."""
        for _, ledger in self._ledgers.values():
            ledger.close()

    def _prepare(self, namespace: str, uid: str) -> str:
        if self._isolation == "shared":
            tenant = prepare_shared(self._admin_url)
        else:
            tenant = prepare_tenant(self._admin_url, namespace=namespace, namespace_uid=uid)
        self._tenants[namespace] = tenant
        return operator_url(self._admin_url, tenant)

    def _uid(self, namespace: str) -> str:
        found = self._namespaces.uid(namespace)
        if found is None:
            raise StorageError(f"namespace {namespace} is gone")
        return found

    def _works(self, namespace: str, secret: Manifest) -> bool:
        """Whether its login leads here and works; asked once for each version of the Secret.

        Only a server that refuses the login makes it a bad one: with another password running workers could not come back
        after a passing trouble. Raises :class:`StorageError` for that.
        """
        version = secret["metadata"]["resourceVersion"]
        if self._working.get(namespace) == version:
            return True
        try:
            url = base64.b64decode(secret.get("data", {})[DATABASE_KEY]).decode()
            if not same_place(url, self._address(namespace, password="")):
                return False
        except (KeyError, ValueError, UsageError):
            return False
        if not accepts(url):
            return False
        self._working[namespace], self._logins[namespace] = version, url
        return True

    def _login(self, namespace: str) -> str:
        """The address with the password that worked last, else with one that nobody had before."""
        known = self._logins.get(namespace)
        if known is not None and same_place(known, self._address(namespace, password="")) and accepts(known):
            return known
        tenant = self._tenants[namespace]
        password = secrets.token_urlsafe(32)
        if tenant.role is not None:
            set_password(self._admin_url, tenant, password)
        made = self._logins[namespace] = self._address(namespace, password=password)
        return made

    def _address(self, namespace: str, *, password: str) -> str:
        """The workers' address; in shared mode it is the operator's own, with its password."""
        return worker_url(self._admin_url, self._tenants[namespace], password)

    def _locked(self, namespace: str) -> threading.Lock:
        with self._lock:
            return self._locks.setdefault(namespace, threading.Lock())


def _secret(namespace: str, parts: Manifest) -> Manifest:
    labels = {MANAGED_BY: MANAGER}
    metadata = {**parts["metadata"], "name": DATABASE_SECRET, "namespace": namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": metadata, "data": parts["data"]}
