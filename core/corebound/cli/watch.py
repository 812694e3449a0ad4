"""``corebound watch``: how campaigns are doing, from any terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from corebound.cli.options import Reply, epilog, opened_ledger, reply_options, storage_option
from corebound.cli.place import Place, campaigns_at, place_options

if TYPE_CHECKING:
    from corebound.ledger.ledger import Ledger
    from corebound.reporting.status import CampaignView

LOOK_SECONDS = 1.0


@click.command(
    epilog=epilog(
        examples=[
            "corebound watch",
            "corebound watch pole-balancing",
            "corebound watch --once",
            "corebound watch pole-balancing --quiet    # wait for its end",
            "corebound watch --cluster                 # or kubectl corebound watch",
            "corebound watch pole-balancing -n team-a",
        ],
        statuses={
            0: "what was watched is over, or was shown once",
            1: "in a cluster, with NAME: the campaign failed; or the database or the cluster refused",
            3: "in a cluster, with NAME: the campaign is suspended",
            75: "the database or the cluster does not answer",
        },
    )
)
@click.argument("name", required=False)
@click.option("--once", is_flag=True, help="Show them as they are now and end.")
@place_options()
@reply_options
@storage_option
def watch(*, name: str | None, once: bool, place: Place, reply: Reply, storage: str | None) -> None:
    """Show campaign NAME, or all campaigns of the ledger or of a cluster's namespace, until they are over.

    On a terminal the display is redrawn in place, elsewhere a line is printed now and then. A campaign is over when it
    has succeeded or failed, when it was suspended, or when nobody runs it any more. In a cluster only the right to get,
    list and watch searchcampaigns is needed.
    """
    if place.on_cluster:
        _watch_cluster(place, name, reply, once=once, storage=storage)
        return
    import sys
    import time

    from corebound.api.errors import StorageUnreachableError
    from corebound.reporting.display import Display
    from corebound.reporting.results import view_mapping
    from corebound.reporting.status import slot_lines, status_line

    with opened_ledger(storage, application="corebound-watch") as ledger:
        views = _views(ledger, name)
        with Display(quiet=once or not reply.shows_progress, stream=sys.stdout) as display:
            while not once and not all(view.is_over for view in views):
                display.show(views)
                time.sleep(LOOK_SECONDS)
                try:
                    views = _views(ledger, name)
                except StorageUnreachableError as error:
                    display.say(f"waiting for the database: {error}")
    lines = []
    for view in views:
        lines += [status_line(view), *slot_lines(view.running, view.summary.now)]
    reply.outcome(
        {"campaigns": [view_mapping(view) for view in views]},
        lines or ["no campaigns in this ledger"],
        short=[status_line(view) for view in views],
    )


def _watch_cluster(place: Place, name: str | None, reply: Reply, *, once: bool, storage: str | None) -> None:
    import sys

    from corebound.api.errors import UsageError
    from corebound.cli.following import answer, follow, look, status_of
    from corebound.reporting.display import Display

    if storage is not None:
        raise UsageError(
            "in a cluster watch reads the objects' status, no database; leave out --storage, or add --local"
        )
    campaigns = campaigns_at(place)
    if once:
        views = look(campaigns, name)
    else:
        with Display(quiet=not reply.shows_progress, stream=sys.stdout) as display:
            views = follow(campaigns, name, display=display, until=lambda seen: all(view.is_ended for view in seen))
    answer(views, reply, none=f"no campaigns in namespace {campaigns.namespace}")
    if name is not None and not once:
        raise click.exceptions.Exit(status_of(views[0]))


def _views(ledger: Ledger, name: str | None) -> list[CampaignView]:
    from corebound.reporting.status import CampaignView

    return [
        CampaignView(
            summary=ledger.summaries.of(record),
            running=ledger.slots.running(record.campaign_id),
            attended=ledger.campaigns.attended(record),
        )
        for record in ([ledger.campaigns.get(name)] if name else ledger.campaigns.all())
    ]
