"""Following campaigns of a cluster by the status of their objects, for every command that waits.

What could go wrong: the API server goes away for a while (said, and tried again), a watch ends or misses something (each one
begins by reading anew), a campaign is deleted while it is followed (an error that says so).
"""

from __future__ import annotations

import contextlib
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from corebound.api.errors import ClusterUnreachableError, UnknownCampaignError
from corebound.api.records import Phase
from corebound.cli.options import SUSPENDED_STATUS
from corebound.reporting.object_status import ObjectView, object_mapping, plan_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from corebound.cli.options import Reply
    from corebound.cluster.campaigns import Campaigns
    from corebound.reporting.display import Display

WATCH_SECONDS: Final = 60.0
AGAIN_SECONDS: Final = 1.0


def follow(
    campaigns: Campaigns,
    name: str | None,
    *,
    display: Display,
    until: Callable[[Sequence[ObjectView]], bool],
) -> list[ObjectView]:
    """Show campaign ``name``, or all of the namespace, until ``until`` holds of them; their views then.

    Of a single one the plan is said first.
    """
    views = look(campaigns, name)
    show = _shower(name, display)
    while not until(views):
        show(views)
        began = time.monotonic()
        try:
            views = _watched(campaigns, name, show=show, until=until)
        except ClusterUnreachableError as error:
            display.say(f"waiting for the cluster: {error}")
        if not until(views):
            time.sleep(max(0.0, AGAIN_SECONDS - (time.monotonic() - began)))
            with contextlib.suppress(ClusterUnreachableError):
                views = look(campaigns, name)
    return views


def look(campaigns: Campaigns, name: str | None) -> list[ObjectView]:
    """The views now. Raises :class:`UnknownCampaignError` where ``name`` is none."""
    found = campaigns.all() if name is None else [campaigns.get(name)]
    return _views(found)


def _shower(name: str | None, display: Display) -> Callable[[Sequence[ObjectView]], None]:
    planned: str | None = None

    def show(views: Sequence[ObjectView]) -> None:
        nonlocal planned
        if name is not None and planned is None and (planned := plan_line(views[0])) is not None:
            display.say(f"{name}: {planned}")
        display.show(views)

    return show


def _watched(
    campaigns: Campaigns,
    name: str | None,
    *,
    show: Callable[[Sequence[ObjectView]], None],
    until: Callable[[Sequence[ObjectView]], bool],
) -> list[ObjectView]:
    """Until ``until`` holds, or the watch ends."""
    known = {found["metadata"]["uid"]: found for found in (campaigns.all() if name is None else [campaigns.get(name)])}
    views = _views(list(known.values()))
    with contextlib.closing(campaigns.watch(name, seconds=WATCH_SECONDS)) as events:
        for kind, found in events:
            if kind == "DELETED":
                known.pop(found["metadata"]["uid"], None)
                if name is not None:
                    raise UnknownCampaignError(f"campaign {name!r} was deleted meanwhile")
            else:
                known[found["metadata"]["uid"]] = found
            views = _views(list(known.values()))
            if until(views):
                break
            show(views)
    return views


def _views(found: Sequence[dict[str, Any]]) -> list[ObjectView]:
    now = datetime.now(UTC)
    return sorted((ObjectView.of(each, now=now) for each in found), key=lambda view: (view.age_rank, view.name))


def answer(views: Sequence[ObjectView], reply: Reply, *, none: str, **more: Any) -> None:
    """What has come of them, one line for each; ``more`` is for the JSON alone."""
    lines = [view.line for view in views]
    reply.outcome({"campaigns": [object_mapping(view) for view in views], **more}, lines or [none], short=lines)


def status_of(view: ObjectView) -> int:
    """The exit status that its phase means."""
    if view.phase is Phase.SUCCEEDED:
        return 0
    return SUSPENDED_STATUS if view.phase is Phase.SUSPENDED else 1
