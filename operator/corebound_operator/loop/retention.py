"""What becomes of campaigns in the database whose objects are gone: closed at once, removed after the retention.

Deleting an object removes Kubernetes' part alone; results stay for a while, so that a mistake can be mended and a report be
made. What could go wrong: a namespace's ledger that cannot be used now (it is left for the next time), a worker that still
writes (it is fenced), a campaign of a namespace that this operator does not serve (in shared mode all are in one ledger; it
is left alone).
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from corebound.api.errors import CoreboundError
from corebound.api.reasons import ReasonWord
from corebound.cluster.resources import CAMPAIGNS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from corebound.api.records import CampaignRecord
    from corebound.cluster.client import Cluster
    from corebound.ledger.ledger import Ledger
    from corebound_operator.loop.databases import Databases

logger = logging.getLogger(__name__)


class Retention:
    """Collects by UID: a campaign of the same name that was made later is another one."""

    def __init__(self, cluster: Cluster, databases: Databases, *, namespaces: Sequence[str], days: float) -> None:
        self._cluster, self._databases = cluster, databases
        self._namespaces, self._age = namespaces, timedelta(days=days)

    def collect(self) -> int:
        """Close and remove; returns how many campaigns were removed. Raises :class:`CoreboundError`."""
        removed = 0
        for namespace, ledger in self._databases.every():
            if self._namespaces and namespace is not None and namespace not in self._namespaces:
                continue
            try:
                removed += self._collect(ledger, namespace)
            except CoreboundError as error:
                logger.warning("retention failed", extra={"namespace": namespace or "", "error": str(error)})
        return removed

    def _collect(self, ledger: Ledger, namespace: str | None) -> int:
        # The ledger first: a campaign that is made meanwhile has an object by then, and is not in the list.
        records = [record for record in ledger.campaigns.all() if self._is_served(record)]
        living = self._living(namespace)
        for record in records:
            if record.uid not in living and not record.phase.is_final and not ledger.campaigns.attended(record):
                message = "the campaign's object was deleted"
                ledger.campaigns.close_out(record.campaign_id, reason=ReasonWord.OBJECT_DELETED, message=message)
        others = {record.uid for record in ledger.campaigns.all()} - {record.uid for record in records}
        return len(ledger.campaigns.retire(self._age, keep=living | others))

    def _is_served(self, record: CampaignRecord) -> bool:
        namespace = record.specification["metadata"].get("namespace")
        return namespace in self._namespaces if self._namespaces else namespace is not None

    def _living(self, namespace: str | None) -> set[UUID]:
        """The UIDs of all objects there are. A namespace of a list whose objects may not be seen now raises."""
        watched: Sequence[str | None] = [namespace] if namespace is not None else self._namespaces or [None]
        return {
            UUID(each["metadata"]["uid"]) for one in watched for each in self._cluster.each(CAMPAIGNS, namespace=one)
        }
