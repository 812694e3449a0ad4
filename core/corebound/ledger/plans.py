"""The plans that were acted on, as a campaign's row keeps them: the first one and the newest.

Small and of constant size, however often a campaign is planned anew. Money is a text, since binary fractions are none.
"""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from corebound.api.plan import DecidedPlan, plan_figures

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from corebound.api.plan import Plan


def kept(plan: Plan | None) -> str | None:
    """What is kept of it, in JSON; the time at which it was decided is the database's."""
    if plan is None:
        return None
    return json.dumps(plan_figures(plan))


def decided(plans: Sequence[Mapping[str, Any]]) -> tuple[DecidedPlan, ...]:
    """What the column holds."""
    return tuple(
        DecidedPlan(**{
            **plan,
            "decided_at": datetime.fromisoformat(plan["decided_at"]),
            "cost": None if plan["cost"] is None else Decimal(plan["cost"]),
        })
        for plan in plans
    )  # fmt: skip
