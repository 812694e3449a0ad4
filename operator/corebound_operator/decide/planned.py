"""The plan of a campaign as nodes come and go: what it has once been given is not taken away while it runs. Pure.

A node that is cordoned, drained, or ended by its provider is no reason to stop workers on other nodes, nor to call the
campaign impossible: its pods wait until there is room again, and it is them that an autoscaler starts nodes for. What could
go wrong: nodes that never come back; the pods then say that they cannot be placed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from corebound.api.errors import PlanError
from corebound.api.plan import Pool
from corebound.planning.planner import make_plan
from corebound.planning.pools import campaign_currency

if TYPE_CHECKING:
    from collections.abc import Callable

    from corebound.api.plan import DecidedPlan, Experience, Plan
    from corebound.api.spec import SearchCampaign


def lasting_plan(
    campaign: SearchCampaign,
    find_pool: Callable[[], Pool],
    *,
    before: DecidedPlan | None,
    at_work: bool,
    experience: Experience,
    connections: int | None,
    taken: int = 0,
) -> Plan:
    """The plan on the pool there is now, but no smaller one than ``before`` where only the pool has become smaller.

    ``at_work`` is whether it has pods now; of the database's ``connections`` other campaigns have ``taken`` some. Raises
    :class:`PlanError`.
    """
    try:
        plan = make_plan(campaign, find_pool(), experience=experience, connections=connections, taken=taken)
    except PlanError:
        # What it has at work has its connections; what is to come, none.
        left = None if connections is None or at_work else connections
        as_before = _plan_as_before(campaign, before, experience=experience, connections=left, taken=taken)
        if as_before is None:
            raise
        return as_before
    automatic = campaign.spec.parallelism == "auto"
    if before is not None and at_work and automatic and plan.workers < before.workers:
        return _plan_as_before(campaign, before, experience=experience) or plan
    return plan


def _plan_as_before(
    campaign: SearchCampaign,
    before: DecidedPlan | None,
    *,
    experience: Experience,
    connections: int | None = None,
    taken: int = 0,
) -> Plan | None:
    """None where there was no plan, or where the campaign asks for more than it had."""
    if before is None:
        return None
    pool = Pool(
        name="what the campaign was given",
        cores=before.threads,
        nodes=before.workers,
        currency=campaign_currency(campaign.spec),
        source="as it was planned before: there are fewer nodes now, its pods wait for them",
    )
    try:
        return make_plan(campaign, pool, experience=experience, connections=connections, taken=taken)
    except PlanError:
        return None
