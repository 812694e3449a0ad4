"""What may change in a campaign that exists: limits and sizes, nothing that changes results or threads.

Two campaigns flow in, one line for each field that differs and may not flows out, with its old and its new value. A
default that is written out is no change, nor is ``60s`` for ``1m``. What could go wrong: values that are equal for
Python but not in a file, such as 1 and true; they are told apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from corebound.api.document import field_text
from corebound.api.model import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from corebound.api.model import Path
    from corebound.api.spec import SearchCampaign

CHANGEABLE: Final = {
    "trials",
    "parallelism",
    "suspend",
    "activeDeadlineSeconds",
    "budget",
    "ttlSecondsAfterFinished",
}
LONGEST_LIST_SHOWN: Final = 100


def immutable_changes(old: SearchCampaign, new: SearchCampaign) -> list[str]:
    """``spec.threads (from auto to 2)`` for each field that differs and may not; ``trials`` may only grow."""
    before, after = old.spec.model_dump(by_alias=True), new.spec.model_dump(by_alias=True)
    changes = [
        f"{field_text(path)} (from {_shown(was)} to {_shown(now)})"
        for name in before
        if name not in CHANGEABLE
        for path, was, now in _differences(before[name], after[name], ("spec", name))
    ]
    if new.spec.trials < old.spec.trials:
        changes.append(f"spec.trials (from {old.spec.trials} to {new.spec.trials}, it can only grow)")
    return changes


def _differences(before: Any, after: Any, path: Path) -> Iterator[tuple[Path, Any, Any]]:
    """The smallest parts that differ."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in [*before, *(name for name in after if name not in before)]:
            yield from _differences(before.get(name, _ABSENT), after.get(name, _ABSENT), (*path, name))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (was, now) in enumerate(zip(before, after, strict=True)):
            yield from _differences(was, now, (*path, index))
    elif not _same(before, after):
        yield path, before, after


def _same(before: Any, after: Any) -> bool:
    return bool(before == after) and isinstance(before, bool) == isinstance(after, bool)


class _Absent:
    """A name that one of two mappings lacks."""


_ABSENT: Final = _Absent()


def _shown(value: Any) -> str:
    if value is _ABSENT:
        return "nothing"
    if isinstance(value, list):
        text = f"[{', '.join(_shown(item) for item in value)}]"
        return text if len(text) <= LONGEST_LIST_SHOWN else f"a list of {len(value)}"
    return str(value) if not isinstance(value, bool | dict | type(None)) else shown(value)
