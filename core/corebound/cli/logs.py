"""``corebound logs``: what a slot's attempts have printed."""

from __future__ import annotations

import click

from corebound.cli.options import Reply, epilog, opened_ledger, reply_options, storage_option
from corebound.cli.place import Place, campaigns_at, place_options


@click.command(
    epilog=epilog(
        examples=[
            "corebound logs pole-balancing 3",
            "corebound logs pole-balancing 3 -f",
            "corebound logs pole-balancing 3 --attempt 1",
            "corebound logs pole-balancing 3 -n team-a    # or kubectl corebound logs pole-balancing 3",
        ],
        statuses={0: "shown; with -f, the attempt has ended"},
    )
)
@click.argument("name")
@click.argument("slot", type=int)
@click.option("-f", "--follow", is_flag=True, help="Wait for the attempt to begin, and go on until it ends.")
@click.option("--attempt", type=int, help="1 is the slot's first, as results count them; default: the newest.")
@place_options()
@reply_options
@storage_option
def logs(
    *, name: str, slot: int, follow: bool, attempt: int | None, place: Place, reply: Reply, storage: str | None
) -> None:
    """Show the output of an attempt at SLOT of campaign NAME.

    Of each attempt the head (4 MB) and the tail (3 to 6 MB) are kept, on the machine on which it ran. In a cluster they
    stand in the log of the pod, as long as that is kept; the right to list pods and to get pods/log is needed.
    The whole error follows: the slot's, as it is in the ledger; in a cluster the attempt's, as its worker wrote it there.
    """
    if place.on_cluster:
        from corebound.api.errors import UsageError
        from corebound.cli.cluster_logs import show_cluster_logs

        if storage is not None:
            raise UsageError(
                "in a cluster output is in the pods' logs, in no database; leave out --storage, or add --local"
            )
        show_cluster_logs(campaigns_at(place), name, slot, follow=follow, attempt=attempt, reply=reply)
        return
    from corebound.cli.local_logs import show_local_logs

    with opened_ledger(storage, application="corebound-logs") as ledger:
        show_local_logs(ledger, name, slot, follow=follow, attempt=attempt, reply=reply)
