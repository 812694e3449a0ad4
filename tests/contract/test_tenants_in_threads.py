"""Several namespaces prepared at once by one process, as the operator's threads do it: each gets its own whole ledger."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

from corebound.ledger.ledger import open_ledger
from corebound.ledger.tenancy import operator_url, prepare_tenant


def test_each_namespace_gets_its_own_whole_ledger(url: str) -> None:
    def whole(index: int) -> int:
        tenant = prepare_tenant(url, namespace=f"team-{index}", namespace_uid=str(uuid4()))
        with open_ledger(operator_url(url, tenant), application="test") as ledger:
            record = ledger.campaigns.create(
                name="poles",
                specification={"spec": {"objectives": [{"metric": "loss", "direction": "minimize"}]}},
                trials=index + 1,
                directions=["minimize"],
                metric_names=["loss"],
                retries=0,
                retry_exceptions=False,
            )
            summary = ledger.summaries.of(record)
            return sum(summary.counts.values())

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(whole, range(8))) == list(range(1, 9))
