"""``corebound resume``: a suspended campaign of a cluster goes on."""

from __future__ import annotations

import click

from corebound.cli.options import Reply, epilog, reply_options
from corebound.cli.place import CLUSTER_STATUSES, Place, campaigns_at, command_name, place_options


@click.command(
    epilog=epilog(
        examples=["corebound resume pole-balancing", "corebound resume pole-balancing --no-wait"],
        statuses={
            0: "it goes on (with --no-wait: asked to), or has succeeded already",
            1: "it has failed already; or the cluster refused, or a right is missing",
            3: "suspended all the same, for example by its budget",
        },
        shared=CLUSTER_STATUSES,
    )
)
@click.argument("name")
@click.option(
    "--wait/--no-wait", default=True, help="Wait until a trial runs, or is waited for with a reason (the default)."
)
@place_options(cluster_only=True)
@reply_options
def resume(*, name: str, wait: bool, place: Place, reply: Reply) -> None:
    """Let campaign NAME go on where it was.

    Waiting ends when workers run, or when the cluster says why they do not.
    """
    import sys

    from corebound.cli.following import answer, follow, look, status_of
    from corebound.reporting.display import Display

    campaigns = campaigns_at(place)
    campaigns.set_suspended(name, False)
    if not wait:
        answer(look(campaigns, name), reply, none="")
        return
    with Display(quiet=not reply.shows_progress, stream=sys.stderr) as display:
        views = follow(campaigns, name, display=display, until=lambda seen: all(view.is_settled for view in seen))
    answer(views, reply, none="")
    if views[0].is_over or views[0].is_refused:
        raise click.exceptions.Exit(status_of(views[0]))
    reply.note(f"see it with: {command_name()} watch {name}{place.flags}")
