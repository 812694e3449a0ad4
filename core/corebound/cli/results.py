"""``corebound results``: a campaign's trials."""

from __future__ import annotations

import click

from corebound.cli.options import Reply, epilog, opened_ledger, reply_options, storage_option


@click.command(
    epilog=epilog(
        examples=[
            "corebound results pole-balancing",
            "corebound results pole-balancing --csv > trials.csv",
            "corebound results pole-balancing@1 --json    # the study before --fresh",
        ],
        statuses={0: "shown"},
    )
)
@click.argument("name")
@click.option("--csv", "as_csv", is_flag=True, help="Comma-separated, one line per slot.")
@reply_options
@storage_option
def results(*, name: str, as_csv: bool, reply: Reply, storage: str | None) -> None:
    """Show the trials of campaign NAME, one line per slot.

    As JSON they are a list with one object per slot. With --quiet there are neither heading nor errors.
    """
    from corebound.api.errors import UsageError
    from corebound.reporting.results import error_lines, results_csv, results_table, row_mapping

    if as_csv and reply.as_json:
        raise UsageError("--csv and --json are two forms of one answer; leave one of them out")
    with opened_ledger(storage, application="corebound-results") as ledger:
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
