"""A plan as lines and as JSON."""

from __future__ import annotations

import json
from decimal import Decimal

from corebound.api.plan import Plan, Pool, Reason, RoundsOption
from corebound.reporting.plan_text import plan_headline, plan_lines, plan_mapping

POOL = Pool(name="node", cores=126.62, price_per_hour=Decimal("3.50"), source="flags")


def plan(*, known: bool = True) -> Plan:
    return Plan(
        trials=100,
        threads=1,
        workers=100,
        waves=1,
        rounds=1.0,
        pool=POOL,
        nodes=1,
        reasons=(Reason(choice="threads", text="1: most trials"), Reason(choice="pool", text="flags")),
        warnings=("one wave: TPE will see no result before its last sample",),
        options=(
            RoundsOption(
                rounds=5.0,
                workers=20,
                waves=5,
                seconds=3420.0 if known else None,
                cost=Decimal("3.325") if known else None,
                fits=True,
            ),
        ),
        trial_seconds=684.0 if known else None,
        seconds=684.0 if known else None,
        cost=Decimal("0.665") if known else None,
        currency="USD",
    )


def test_lines_are_aligned_and_complete() -> None:
    assert plan_lines(plan(), name="poles") == [
        "Plan of poles: 1 thread x 100 workers x 1 wave, 11 min 24 s, 0.67 USD",
        "",
        "  threads  1: most trials",
        "  pool     flags",
        "",
        "Warning: one wave: TPE will see no result before its last sample",
        "",
        "Time and cost by adaptive rounds (5 are tolerable, 10 are good):",
        "",
        "  rounds  workers  waves         time      cost",
        "       1      100      1  11 min 24 s  0.67 USD  this plan",
        "       5       20      5       57 min  3.33 USD  parallelism: 20",
    ]


def test_what_is_not_known_is_not_shown_as_zero() -> None:
    assert plan_headline(plan(known=False)) == "1 thread x 100 workers x 1 wave"
    assert plan_lines(plan(known=False), name="poles")[-1] == "       5       20      5     -     -  parallelism: 20"


def test_json_keeps_money_exact_and_unknown_null() -> None:
    shown = json.loads(json.dumps(plan_mapping(plan(), name="poles"), allow_nan=False))
    assert shown["cost"] == "0.665"
    assert shown["pool"]["pricePerHour"] == "3.50"
    assert shown["options"] == [
        {"rounds": 5.0, "workers": 20, "waves": 5, "seconds": 3420.0, "cost": "3.325", "fits": True}
    ]
    assert shown["reasons"] == {"threads": "1: most trials", "pool": "flags"}
    unknown = plan_mapping(plan(known=False), name="poles")
    assert (unknown["cost"], unknown["seconds"], unknown["trialSeconds"]) == (None, None, None)
