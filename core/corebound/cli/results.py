"""``corebound results``: a campaign's trials."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from corebound.cli.options import Reply, epilog, opened_ledger, reply_options, storage_option
from corebound.cli.place import Place, campaigns_at, place_options
from corebound.cli.reach import Way, way_options

if TYPE_CHECKING:
    from corebound.ledger.ledger import Ledger


@click.command(
    epilog=epilog(
        examples=[
            "corebound results pole-balancing",
            "corebound results pole-balancing --csv > trials.csv",
            "corebound results pole-balancing@1 --json    # the study before --fresh",
            "corebound results pole-balancing -n team-a   # or kubectl corebound results pole-balancing",
        ],
        statuses={
            0: "shown",
            1: "the database or the cluster refused",
            75: "the database or the cluster does not answer",
        },
    )
)
@click.argument("name")
@click.option("--csv", "as_csv", is_flag=True, help="Comma-separated, one line per slot.")
@place_options()
@reply_options
@way_options
@storage_option
def results(*, name: str, as_csv: bool, place: Place, reply: Reply, way: Way) -> None:
    """Show the trials of campaign NAME, one line per slot.

    As JSON they are a list with one object per slot. With --quiet there are neither heading nor errors. In a cluster the
    database is reached by its address, else by port-forward where you may read the namespace's login, else by a one-shot
    pod in the namespace.
    """
    from corebound.api.errors import UsageError
    from corebound.cli.reach import ask_in_pod, reached_ledger

    if as_csv and reply.as_json:
        raise UsageError("--csv and --json are two forms of one answer; leave one of them out")
    if not place.on_cluster:
        with opened_ledger(way.storage, application="corebound-results") as ledger:
            _show(ledger, name, reply, as_csv=as_csv)
        return
    campaigns = campaigns_at(place)
    with reached_ledger(campaigns, way, application="corebound-results", reply=reply) as reached:
        if reached is not None:
            _show(reached, name, reply, as_csv=as_csv)
            return
        flags = [("--csv", as_csv), ("--json", reply.as_json), ("--quiet", reply.quiet)]
        words = ["results", name, *(flag for flag, given in flags if given)]
        click.echo(ask_in_pod(campaigns, name, way, words, reply), nl=False)


def _show(ledger: Ledger, name: str, reply: Reply, *, as_csv: bool) -> None:
    from corebound.reporting.results import error_lines, results_csv, results_table, row_mapping

    campaign = ledger.campaigns.get(name)
    rows = ledger.slots.rows(campaign.campaign_id)
    if as_csv:
        click.echo(results_csv(rows, campaign.metrics), nl=False)
        return
    heading, *lines = results_table(rows, campaign.metrics)
    reply.outcome(
        [row_mapping(row, campaign.metrics) for row in rows],
        [heading, *lines, *error_lines(rows)],
        short=lines,
    )
