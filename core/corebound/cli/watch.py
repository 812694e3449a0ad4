"""``corebound watch``: how campaigns are doing, from any terminal."""

from __future__ import annotations

import click

from corebound.cli.storage_option import opened_ledger, storage_option


@click.command()
@click.argument("name", required=False)
@click.option("--once", is_flag=True, help="Print once and end.")
@click.option("--json", "as_json", is_flag=True, help="Print once, one JSON object per campaign.")
@storage_option
def watch(name: str | None, once: bool, as_json: bool, storage: str | None) -> None:
    """Show campaign NAME, or all campaigns of the ledger, until they are over.

    \b
    Examples:
      corebound watch
      corebound watch pole-balancing
    """
    import time

    from corebound.reporting.progress import slot_lines, status_line
    from corebound.reporting.results import outcome, outcome_json

    with opened_ledger(storage, application="corebound-watch") as ledger:
        while True:
            records = [ledger.campaigns.get(name)] if name else ledger.campaigns.all()
            for record in records:
                objectives = record.specification["spec"]["objectives"]
                summary = ledger.summaries.of(record, maximize=[each["direction"] == "maximize" for each in objectives])
                if as_json:
                    click.echo(outcome_json(outcome(summary, price_per_hour=None, cores=1.0, currency="USD")))
                else:
                    click.echo(f"{status_line(summary)} [{record.phase}]")
                    for line in slot_lines(ledger.slots.rows(record.campaign_id), summary.now):
                        click.echo(line)
            if once or as_json or not any(record.phase == "Running" for record in records):
                return
            time.sleep(2.0)
