"""The Secret of the workers' login, which anybody may take away at any moment: it comes back as running workers know it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from corebound.api.errors import ClusterConflictError
from corebound.api.jobs import DATABASE_SECRET
from corebound.cluster.client import Cluster
from corebound.cluster.resources import SECRETS
from corebound_operator.loop.databases import Databases
from corebound_operator.loop.namespaces import Namespaces

if TYPE_CHECKING:
    from collections.abc import Iterator

    from corebound.cluster.resources import Resource

    from .conftest import Campaigns

Manifest = dict[str, Any]


class Robbed(Cluster):
    """Somebody deletes each Secret just before it is written."""

    def patch(self, resource: Resource, name: str, *arguments: Any, **options: Any) -> Manifest | None:
        self.delete(resource, name, namespace=options["namespace"])
        return super().patch(resource, name, *arguments, **options)


@pytest.fixture
def unattended(campaigns: Campaigns) -> Iterator[Campaigns]:
    """The operator is away: what is done to the Secret is the test's doing."""
    campaigns.operator.stop()
    try:
        yield campaigns
    finally:
        campaigns.operator.start()


def secret(campaigns: Campaigns) -> Manifest | None:
    return campaigns.cluster.get(SECRETS, DATABASE_SECRET, namespace=campaigns.namespace)


def test_a_secret_that_goes_while_an_owner_joins_is_made_anew_with_the_same_password(
    unattended: Campaigns, database: str
) -> None:
    cluster = Robbed(unattended.cluster.connection)
    databases = Databases(cluster, database, Namespaces(cluster), isolation="schema")
    uids = {}
    for name in ("first", "second"):
        unattended.apply(name, trials=1)
        uids[name] = unattended.get(name)["metadata"]["uid"]
        databases.ledger(unattended.namespace, campaign_uid=uids[name])

    def turn(name: str) -> None:
        databases.hand_out(unattended.namespace, campaign=name, uid=uids[name], look_after=0.0)

    try:
        turn("first")
        before = secret(unattended)
        assert before is not None
        with pytest.raises(ClusterConflictError, match="was deleted meanwhile"):
            for _ in range(2):  # the look of another may do for its first turn
                turn("second")
        assert secret(unattended) is None
        turn("second")
        after = secret(unattended)
        assert after is not None
        assert after["data"] == before["data"]
        assert {each["uid"] for each in after["metadata"]["ownerReferences"]} == {uids["second"]}
    finally:
        databases.close()
