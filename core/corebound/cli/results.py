"""``corebound results``: a campaign's trials."""

from __future__ import annotations

import click

from corebound.cli.storage_option import opened_ledger, storage_option


@click.command()
@click.argument("name")
@click.option("--csv", "as_csv", is_flag=True, help="Comma-separated, one line per slot.")
@click.option("--json", "as_json", is_flag=True, help="A list with one object per slot.")
@storage_option
def results(name: str, as_csv: bool, as_json: bool, storage: str | None) -> None:
    """Show the trials of campaign NAME.

    \b
    Examples:
      corebound results pole-balancing
      corebound results pole-balancing --csv > trials.csv
    """
    import json

    from corebound.reporting.results import results_csv, results_table, row_mapping

    with opened_ledger(storage, application="corebound-results") as ledger:
        campaign = ledger.campaigns.get(name)
        rows = ledger.slots.rows(campaign.campaign_id)
    metrics = [objective["metric"] for objective in campaign.specification["spec"]["objectives"]]
    if as_json:
        click.echo(json.dumps([row_mapping(row, metrics) for row in rows], allow_nan=False))
    elif as_csv:
        click.echo(results_csv(rows, metrics), nl=False)
    else:
        click.echo(results_table(rows, metrics))
