"""One Indexed Job per round of a campaign: parallelism = completions = workers, so that both can be raised while it runs.

Elastic Indexed Jobs (KEP-3715) may only change both together; an index that fails is tried once more by itself (KEP-3850),
and its failure is none of the campaign's: a new index or a new round takes the slots that are left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from corebound.api.jobs import CAMPAIGN_KIND, QUEUE
from corebound.api.spec import API_VERSION
from corebound_operator.build.names import job_name, labels
from corebound_operator.build.pod import failure_rules, pod_template

if TYPE_CHECKING:
    from corebound.api.spec import SearchCampaign
    from corebound_operator.build.settings import Settings

Manifest = dict[str, Any]

RETRIES_OF_AN_INDEX: Final = 1


def job_manifest(
    campaign: SearchCampaign, *, uid: str, namespace: str, number: int, threads: int, workers: int, settings: Settings
) -> Manifest:
    """The Job of round ``number`` with ``workers`` workers of ``threads`` threads."""
    name, own_labels = campaign.metadata.name, labels(campaign.metadata.name, uid, number)
    queue = campaign.metadata.labels.get(QUEUE)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": job_name(name, number),
            "namespace": namespace,
            "labels": {**own_labels, **({QUEUE: queue} if queue else {})},
            "ownerReferences": [owner(name, uid)],
        },
        "spec": {
            "completionMode": "Indexed",
            "parallelism": workers,
            "completions": workers,
            "backoffLimitPerIndex": RETRIES_OF_AN_INDEX,
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": {"rules": failure_rules()},
            "ttlSecondsAfterFinished": settings.job_ttl_seconds,
            **({"suspend": True} if queue else {}),
            "template": pod_template(
                campaign, uid=uid, threads=threads, defaults=settings.trial_defaults, labels=own_labels
            ),
        },
    }


def owner(campaign: str, uid: str, *, controller: bool = True) -> Manifest:
    """The reference through which the object goes when its campaign goes."""
    return {
        "apiVersion": API_VERSION,
        "kind": CAMPAIGN_KIND,
        "name": campaign,
        "uid": uid,
        "controller": controller,
    }
