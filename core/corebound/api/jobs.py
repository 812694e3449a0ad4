"""A Kubernetes Job and a pod as Corebound sees them: the few fields that decisions need, from the API's JSON. Pure.

And the names by which the operator and the command line find what the other has made: labels, the login, a pod's volume.
What could go wrong: a Job that somebody has edited or made by hand; what it lacks counts as nothing.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

Manifest = dict[str, Any]

MANAGED_BY: Final = "app.kubernetes.io/managed-by"
MANAGER: Final = "corebound"
CAMPAIGN_KIND: Final = "SearchCampaign"
CAMPAIGN: Final = "corebound.dev/campaign"
CAMPAIGN_UID: Final = "corebound.dev/campaign-uid"
ROUND: Final = "corebound.dev/round"
QUEUE: Final = "kueue.x-k8s.io/queue-name"
"""Kueue admits and suspends Jobs that carry it; then their size and suspension are Kueue's."""

DATABASE_SECRET: Final = "corebound-database"  # noqa: S105  a name, not a secret
"""The login of a namespace's workers to the database: its URL is under :data:`DATABASE_KEY`."""
DATABASE_KEY: Final = "url"
SCRATCH_VOLUME: Final = "corebound-tmp"


@dataclass(frozen=True, kw_only=True)
class JobView:
    """One Indexed Job: a round of a campaign."""

    name: str
    uid: str
    round: int
    parallelism: int
    completions: int
    suspended: bool
    queued: bool
    """Whether Kueue owns its size."""
    active: int
    ready: int
    terminating: int
    """Pods that were told to end and have not yet; they are not active."""
    succeeded: int
    failed_pods: int
    failed_indexes: int
    outcome: str | None
    """``Complete`` or ``Failed`` once the Job is over, else None."""
    reason: str
    message: str
    deleted: bool
    created: datetime | None = None

    @property
    def is_live(self) -> bool:
        """Whether it may still run pods."""
        return self.outcome is None and not self.deleted

    @property
    def unfinished(self) -> int:
        """Indexes that are still to end: they run, wait for a node, or wait in back-off."""
        return self.completions - self.succeeded - self.failed_indexes


@dataclass(frozen=True, kw_only=True)
class PodTrouble:
    """Why pods of a campaign do not run, in the cluster's own words."""

    reason: str
    message: str


def job_view(manifest: Manifest) -> JobView:
    """The view of a Job's JSON."""
    metadata, spec, status = (manifest.get(part, {}) for part in ("metadata", "spec", "status"))
    labels = metadata.get("labels") or {}
    ended = next((each for each in _conditions(status) if each["type"] in ("Complete", "Failed")), None)
    return JobView(
        name=metadata["name"],
        uid=metadata["uid"],
        round=_whole(labels.get(ROUND), 0),
        parallelism=spec.get("parallelism", 0),
        completions=spec.get("completions") or 0,
        suspended=bool(spec.get("suspend")),
        queued=QUEUE in labels,
        active=status.get("active", 0),
        ready=status.get("ready", 0),
        terminating=status.get("terminating") or 0,
        succeeded=status.get("succeeded", 0),
        failed_pods=status.get("failed", 0),
        failed_indexes=count_indexes(status.get("failedIndexes", "")),
        outcome=ended["type"] if ended else None,
        reason=ended.get("reason", "") if ended else "",
        message=ended.get("message", "") if ended else "",
        deleted="deletionTimestamp" in metadata,
        created=moment(metadata.get("creationTimestamp")),
    )


def count_indexes(text: str) -> int:
    """How many indexes ``1,3-5,7`` names (Job API, ``status.failedIndexes``)."""
    total = 0
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        total += int(last or first) - int(first) + 1
    return total


def moment(text: str | None) -> datetime | None:
    """A time of the API, such as ``2026-11-25T14:00:00Z``."""
    with contextlib.suppress(TypeError, ValueError):
        return datetime.fromisoformat(text)  # type: ignore[arg-type]  # None is a TypeError, which is suppressed
    return None


def _conditions(status: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [each for each in status.get("conditions") or [] if each.get("status") == "True"]


def _whole(text: str | None, otherwise: int) -> int:
    try:
        return int(text or "")
    except ValueError:
        return otherwise
