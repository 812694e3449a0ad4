"""What may change in a campaign that exists: limits and sizes, nothing that changes results or threads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from corebound.api.spec import SearchCampaign

CHANGEABLE: Final = {
    "trials",
    "parallelism",
    "suspend",
    "activeDeadlineSeconds",
    "budget",
    "ttlSecondsAfterFinished",
}


def immutable_changes(old: SearchCampaign, new: SearchCampaign) -> list[str]:
    """The field paths that differ and may not; ``trials`` may only grow."""
    before = old.spec.model_dump(mode="json", by_alias=True)
    after = new.spec.model_dump(mode="json", by_alias=True)
    changes = [
        path
        for name in before
        if name not in CHANGEABLE
        for path in _differences(before[name], after[name], f"spec.{name}")
    ]
    if new.spec.trials < old.spec.trials:
        changes.append(f"spec.trials (from {old.spec.trials} to {new.spec.trials}, it can only grow)")
    return changes


def _differences(before: Any, after: Any, path: str) -> list[str]:
    if before == after:
        return []
    if isinstance(before, dict) and isinstance(after, dict) and before.keys() == after.keys():
        return [found for name in before for found in _differences(before[name], after[name], f"{path}.{name}")]
    return [path]
