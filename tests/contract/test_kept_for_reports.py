"""What only the moment knows and reports show later: the plan as it was decided, and what each worker ran on."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import sqlalchemy

from corebound.api.plan import Plan, Pool
from corebound.local.runs_on import runs_on

if TYPE_CHECKING:
    from corebound.api.records import CampaignRecord
    from corebound.ledger.ledger import Ledger


def made(ledger: Ledger, name: str = "campaign") -> CampaignRecord:
    return ledger.campaigns.create(
        name=name,
        specification={"spec": {"objectives": [{"metric": "loss", "direction": "minimize"}]}},
        trials=4,
        directions=["minimize"],
        metric_names=["loss"],
        retries=1,
        retry_exceptions=False,
    )


def planned(trials: int, *, workers: int = 2, seconds: float | None = None) -> Plan:
    return Plan(
        trials=trials,
        threads=1,
        workers=workers,
        waves=-(-trials // workers),
        rounds=None,
        pool=Pool(name="node", cores=workers, source="for a test"),
        nodes=1,
        reasons=(),
        warnings=(),
        options=(),
        trial_seconds=None,
        seconds=seconds,
        cost=None if seconds is None else Decimal("0.30"),
        currency="EUR",
    )


def test_the_first_plan_and_the_newest_are_kept(ledger: Ledger) -> None:
    record = made(ledger)
    assert record.plans == (), "before its first run"
    for plan in (planned(4), planned(3, workers=1), planned(2, workers=1, seconds=12.5)):
        ledger.campaigns.begin(record.campaign_id, threads=1, workers=plan.workers, plan=plan)
    first, newest = ledger.campaigns.get(record.name).plans
    assert (first.trials, first.workers, first.waves, first.seconds, first.cost) == (4, 2, 2, None, None)
    assert (newest.trials, newest.workers, newest.waves, newest.seconds, newest.cost, newest.currency) == (
        2, 1, 2, 12.5, Decimal("0.30"), "EUR",
    )  # fmt: skip
    assert record.created_at < first.decided_at < newest.decided_at
    ledger.campaigns.begin(record.campaign_id, threads=1, workers=1)
    assert ledger.campaigns.get(record.name).plans == (first, newest)
    ledger.campaigns.keep_plan(record.campaign_id, planned(4, workers=3))
    assert [kept.workers for kept in ledger.campaigns.get(record.name).plans] == [2, 3]


def test_what_a_worker_runs_on_is_said_in_the_statement_that_registers_it(ledger: Ledger) -> None:
    record = made(ledger)
    found = runs_on()
    who: dict[str, Any] = {"host": "here", "pid": 1, "threads": 1, "cores": ""}
    engine, statements = ledger.campaigns._engine, list[str]()
    sqlalchemy.event.listen(engine, "before_cursor_execute", lambda *each: statements.append(each[2]))
    for name, said in (("silent", None), ("telling", found)):
        ledger.workers.register(record.campaign_id, name=name, **who, runs_on=said)
    assert len(statements) == 4, "a lock and the registration, each"
    ledger.workers.register(record.campaign_id, name="telling", **who, runs_on=found, again=True)
    assert [(row.name, row.runs_on) for row in ledger.workers.rows(record.campaign_id)] == [
        ("silent", None),
        ("telling", found),
    ]
