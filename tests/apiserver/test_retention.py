"""Results whose object is gone: kept for a while, removed after it, and never those of an object that is there."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import psycopg
import pytest

from corebound.api.errors import SchemaMismatchError
from corebound.cluster.resources import NAMESPACES
from corebound.ledger.ledger import open_ledger
from corebound.ledger.schema import OLDER_LEDGERS
from corebound.ledger.tenancy import drop_tenant, operator_url, prepare_tenant
from corebound.ledger.tenant import tenant_of
from corebound_operator.loop.databases import Databases
from corebound_operator.loop.namespaces import Namespaces
from corebound_operator.loop.retention import Retention

from ..contract.test_older_ledgers import taken_back

if TYPE_CHECKING:
    from collections.abc import Iterator

    from corebound.ledger.ledger import Ledger

    from .conftest import Campaigns


@pytest.fixture
def ledger(campaigns: Campaigns, database: str) -> Iterator[Ledger]:
    """What the namespace's campaigns have in the database; there once the first of them is."""
    campaigns.apply("kept", trials=1)
    campaigns.phase("kept", "Succeeded")
    tenant = tenant_of(namespace=campaigns.namespace, namespace_uid=uid_of(campaigns))
    with open_ledger(operator_url(database, tenant), application="test") as opened:
        yield opened


def uid_of(campaigns: Campaigns) -> str:
    found = campaigns.cluster.get(NAMESPACES, campaigns.namespace)
    assert found is not None
    return str(found["metadata"]["uid"])


def retention(campaigns: Campaigns, database: str, *, days: float) -> Retention:
    databases = Databases(campaigns.cluster, database, Namespaces(campaigns.cluster), isolation="schema")
    return Retention(campaigns.cluster, databases, namespaces=[campaigns.namespace], days=days)


def test_results_outlive_their_object_until_their_time_has_come(
    campaigns: Campaigns, ledger: Ledger, database: str
) -> None:
    campaigns.apply("gone", trials=1)
    campaigns.phase("gone", "Succeeded")
    campaigns.delete("gone")
    assert retention(campaigns, database, days=1).collect() == 0
    assert ledger.campaigns.find("gone") is not None
    assert retention(campaigns, database, days=1e-9).collect() == 1
    assert [record.name for record in ledger.campaigns.all()] == ["kept"]


def test_a_campaign_that_was_deleted_while_it_ran_is_closed(
    campaigns: Campaigns, ledger: Ledger, database: str
) -> None:
    campaigns.apply("cut", trials=2, suspend=True)
    campaigns.phase("cut", "Suspended")
    campaigns.delete("cut")
    retention(campaigns, database, days=1).collect()
    closed = ledger.campaigns.get("cut")
    assert closed.phase.is_final
    assert closed.reason == "ObjectDeleted"
    assert ledger.campaigns.get("kept").phase.value == "Succeeded"


def test_a_ledger_that_cannot_be_opened_ends_it_for_no_other_and_an_older_one_is_upgraded(
    campaigns: Campaigns, ledger: Ledger, database: str
) -> None:
    """Namespaces without a campaign since the operator's new version: nothing else has looked at their ledgers."""
    others = [prepare_tenant(database, namespace=name, namespace_uid=str(uuid4())) for name in ("a-newer", "a-older")]
    newer, older = (operator_url(database, each) for each in others)
    own = tenant_of(namespace=campaigns.namespace, namespace_uid=uid_of(campaigns))
    assert all(each.schema < own.schema for each in others), "they come first"
    try:
        with psycopg.connect(newer.replace("+psycopg", "")) as connection:
            connection.execute("UPDATE corebound_alembic_version SET version_num = '9999'")
        taken_back(older, OLDER_LEDGERS[-1])
        campaigns.apply("gone", trials=1)
        campaigns.phase("gone", "Succeeded")
        campaigns.delete("gone")
        assert retention(campaigns, database, days=1e-9).collect() == 1
        assert [record.name for record in ledger.campaigns.all()] == ["kept"]
        with pytest.raises(SchemaMismatchError, match="9999"):
            open_ledger(newer, application="test")
        open_ledger(older, application="test").close()
    finally:
        for each in others:
            drop_tenant(database, each, force=True)
