"""Deterministic names: the same round of the same campaign is always the same Job, so that making it twice makes it once.

A campaign's name has at most 52 characters; its Job's name, ``-`` and the largest index stay within the 63 of a host name.
"""

from __future__ import annotations

from typing import Final

from corebound.api.jobs import CAMPAIGN, CAMPAIGN_UID, MANAGED_BY, MANAGER, ROUND

CONTAINER: Final = "trial"


def job_name(campaign: str, number: int) -> str:
    """``pole-balancing-r1``: the Job of that round."""
    return f"{campaign}-r{number}"


def labels(campaign: str, uid: str, number: int) -> dict[str, str]:
    """What finds the Jobs and pods of a campaign."""
    return {MANAGED_BY: MANAGER, CAMPAIGN: campaign, CAMPAIGN_UID: uid, ROUND: str(number)}


def selector(uid: str) -> str:
    """The label selector of everything of one campaign."""
    return f"{MANAGED_BY}={MANAGER},{CAMPAIGN_UID}={uid}"
