"""The Jobs of a campaign in the cluster: listed, made, changed, and mended where somebody took their labels or their owner.

What could go wrong: a Job of our name that is not ours. It is never touched: that of a deleted campaign goes with it, and the
turn is tried again; somebody's own is said in the status. Whose a Job is, its pods' template says, which nobody can change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from corebound.api.errors import ClusterConflictError, ClusterRefusedError
from corebound.api.jobs import CAMPAIGN_KIND, CAMPAIGN_UID, JobView, job_view
from corebound.cluster.resources import JOBS
from corebound_operator.build.job import job_manifest, owner
from corebound_operator.build.names import selector
from corebound_operator.decide.world import DeleteJob, ResizeJob, SuspendJob

if TYPE_CHECKING:
    from corebound.api.plan import Plan
    from corebound.api.spec import SearchCampaign
    from corebound.cluster.client import Cluster
    from corebound_operator.build.settings import Settings
    from corebound_operator.decide.world import CreateJob

Manifest = dict[str, Any]


class Jobs:
    """The door to Jobs."""

    def __init__(self, cluster: Cluster, settings: Settings) -> None:
        self._cluster, self._settings = cluster, settings

    def of(self, campaign: Manifest) -> tuple[JobView, ...]:
        """The Jobs of that object; one whose owner was removed gets it back, so that it goes when the campaign goes."""
        metadata = campaign["metadata"]
        uid, namespace = metadata["uid"], metadata["namespace"]
        found = self._cluster.list(JOBS, namespace=namespace, labels=selector(uid))
        for job in found:
            if not _is_owned(job, uid) and "deletionTimestamp" not in job["metadata"]:
                change = {"metadata": {"ownerReferences": [owner(metadata["name"], uid)]}}
                self._cluster.patch(JOBS, job["metadata"]["name"], change, namespace=namespace)
        return tuple(job_view(job) for job in found)

    def create(self, action: CreateJob, *, found: Manifest, campaign: SearchCampaign, plan: Plan) -> None:
        """Make the Job of a round; one that is there already counts as made."""
        metadata = found["metadata"]
        manifest = job_manifest(
            campaign,
            uid=metadata["uid"],
            namespace=metadata["namespace"],
            number=action.number,
            threads=plan.threads,
            workers=action.workers,
            settings=self._settings,
        )
        try:
            self._cluster.create(JOBS, manifest)
        except ClusterConflictError as error:
            name = manifest["metadata"]["name"]
            theirs = self._cluster.get(JOBS, name, namespace=metadata["namespace"])
            if (
                theirs is None
                or "deletionTimestamp" in theirs["metadata"]
                or _goes_with_another(theirs, metadata["uid"])
            ):
                raise
            if not _is_of(theirs, metadata["uid"]):
                said = (
                    f"a Job {name} is there that is not this campaign's; delete it, or give the campaign another name"
                )
                raise ClusterRefusedError(said, status=409, reason="AlreadyExists", said=said) from error
            # Ours, but it was not listed: somebody took its labels.
            change = {part: manifest["metadata"][part] for part in ("labels", "ownerReferences")}
            self._cluster.patch(JOBS, name, {"metadata": change}, namespace=metadata["namespace"])

    def change(self, action: ResizeJob | SuspendJob | DeleteJob, *, namespace: str) -> None:
        """Resize, suspend, resume or delete."""
        match action:
            case ResizeJob(name=name, parallelism=parallelism, completions=completions):
                size = {"parallelism": parallelism, **({"completions": completions} if completions else {})}
                self._cluster.patch(JOBS, name, {"spec": size}, namespace=namespace)
            case SuspendJob(name=name, suspend=suspend):
                self._cluster.patch(JOBS, name, {"spec": {"suspend": suspend}}, namespace=namespace)
            case DeleteJob(name=name, uid=uid):
                self._cluster.delete(JOBS, name, namespace=namespace, uid=uid)


def _is_of(job: Manifest, uid: str) -> bool:
    labels = job["spec"]["template"]["metadata"].get("labels") or {}
    return bool(labels.get(CAMPAIGN_UID) == uid)


def _goes_with_another(job: Manifest, uid: str) -> bool:
    owners = job["metadata"].get("ownerReferences") or []
    return any(each["kind"] == CAMPAIGN_KIND and each["uid"] != uid for each in owners)


def _is_owned(job: Manifest, uid: str) -> bool:
    return any(each["uid"] == uid for each in job["metadata"].get("ownerReferences") or [])
