"""What a worker is told at its start, and what of it and of its campaign its child is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from corebound.ledger.patience import grace_seconds

if TYPE_CHECKING:
    from pathlib import Path

    from corebound.api.records import CampaignRecord
    from corebound_trial.runner.wire import Message


@dataclass(frozen=True, kw_only=True)
class WorkerOptions:
    """What a worker is told at its start."""

    name: str
    threads: int
    core_ids: tuple[int, ...] | None
    folder: Path
    output_folder: Path | None
    enforce_memory: bool
    own_quota: bool
    """Whether the control group is this worker's alone, as in a pod."""
    scratch: Path | None = None
    """Where temporary files are; who named it removes them when this worker is killed. None for the system's own place."""
    grace: float = field(default_factory=grace_seconds)
    """The longest outage of the database that is sat out."""


def child_setup(campaign: CampaignRecord, options: WorkerOptions) -> Message:
    """The first message to every child."""
    return {
        "type": "setup",
        "specification": dict(campaign.specification),
        "campaign": campaign.name,
        "study_name": campaign.study_name,
        "study_id": campaign.study_id,
        "threads": options.threads,
        "workers": campaign.workers,
        "artifacts": campaign.artifacts,
        "folder": str(options.folder),
        "grace": options.grace,
    }
