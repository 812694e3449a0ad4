"""``corebound suspend``: a campaign of a cluster stops, and keeps everything."""

from __future__ import annotations

import click

from corebound.cli.options import Reply, epilog, reply_options
from corebound.cli.place import CLUSTER_STATUSES, Place, campaigns_at, command_name, place_options

LEAVING_SECONDS = 120.0
"""Workers that are gone without a word leave their slots as running; they are not waited for any longer."""


@click.command(
    epilog=epilog(
        examples=["corebound suspend pole-balancing", "corebound suspend pole-balancing --no-wait"],
        statuses={0: "suspended (with --no-wait: asked to), or over already"},
        shared=CLUSTER_STATUSES,
    )
)
@click.argument("name")
@click.option("--wait/--no-wait", default=True, help="Wait until its workers have gone (the default).")
@place_options(cluster_only=True)
@reply_options
def suspend(*, name: str, wait: bool, place: Place, reply: Reply) -> None:
    """Stop the workers of campaign NAME after a checkpoint; its cores are free then, and nothing is lost.

    Waiting can be left with Ctrl-C: the campaign is suspended all the same.
    """
    import sys
    import time

    from corebound.cli.following import answer, follow, look
    from corebound.reporting.display import Display

    campaigns = campaigns_at(place)
    campaigns.set_suspended(name, True)
    if wait:
        deadline = time.monotonic() + LEAVING_SECONDS
        with Display(quiet=not reply.shows_progress, stream=sys.stderr) as display:
            views = follow(
                campaigns,
                name,
                display=display,
                until=lambda seen: all(
                    view.is_over and (not view.works or time.monotonic() > deadline) for view in seen
                ),
            )
    else:
        views = look(campaigns, name)
    answer(views, reply, none="")
    if views[0].phase is not None and views[0].phase.is_final:
        reply.note("it was over already")
        return
    if wait and views[0].works:
        reply.warn("some workers have not written their checkpoints yet")
    reply.note(f"go on with: {command_name()} resume {name}{place.flags}")
