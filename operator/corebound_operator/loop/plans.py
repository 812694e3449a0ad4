"""The plan of one campaign on the nodes and the connections that there are now, or what stands in its way.

What could go wrong: no plan is possible. That is the campaign's own fault, unless it would have one without what other
campaigns hold of the database: then it waits for them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from corebound.api.errors import PlanError
from corebound.api.reasons import ReasonWord
from corebound_operator.decide.planned import lasting_plan
from corebound_operator.decide.world import Obstacle, SpecObstacle

if TYPE_CHECKING:
    from corebound.api.jobs import JobView
    from corebound.api.plan import Plan
    from corebound.api.records import LedgerSummary
    from corebound.api.spec import SearchCampaign
    from corebound_operator.loop.databases import Databases
    from corebound_operator.loop.pools import Pools


class Plans:
    """What plans are made from; safe for several threads."""

    def __init__(self, *, databases: Databases, pools: Pools) -> None:
        self._databases, self._pools = databases, pools

    def of(
        self, campaign: SearchCampaign, summary: LedgerSummary, jobs: tuple[JobView, ...], *, namespace: str, taken: int
    ) -> Plan | Obstacle:
        """Beside other campaigns, which hold ``taken`` connections; raises what reading the nodes raises."""
        try:
            return self._made(campaign, summary, jobs, namespace=namespace, taken=taken)
        except PlanError as error:
            refusal = error
        if taken:
            try:
                self._made(campaign, summary, jobs, namespace=namespace, taken=0)
            except PlanError:
                pass
            else:
                waits = f"waits for the connections of other campaigns: {refusal}"
                return Obstacle(reason=ReasonWord.WAITS_FOR_CONNECTIONS, message=waits)
        return SpecObstacle(reason=ReasonWord.PLAN_IMPOSSIBLE, message=str(refusal))

    def _made(
        self, campaign: SearchCampaign, summary: LedgerSummary, jobs: tuple[JobView, ...], *, namespace: str, taken: int
    ) -> Plan:
        """For all trials, not for those that are left: at its end a campaign has fewer of them than workers, which leave by
        themselves and must not be taken away before.
        """
        record = summary.campaign
        return lasting_plan(
            campaign,
            lambda: self._pools.of(campaign.spec),
            before=record.plans[-1] if record.plans and not record.phase.is_final else None,
            at_work=any(job.is_live and not job.suspended for job in jobs),
            experience=replace(summary.experience, closed=0),
            connections=self._databases.connections(namespace),
            taken=taken,
        )
