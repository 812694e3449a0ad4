"""``corebound show``: pictures of what a trial's evolution found."""

from __future__ import annotations

from pathlib import Path

import click

from corebound.cli.genomes import check_evolved
from corebound.cli.options import Reply, epilog, opened_ledger, reply_options, storage_option
from corebound.cli.slots import row_of


@click.command(
    epilog=epilog(
        examples=[
            "corebound show pole-balancing          # the best slot",
            "corebound show pole-balancing 3 --open",
            "corebound show pole-balancing 3 -o slot-3.html",
        ],
        statuses={0: "drawn"},
    )
)
@click.argument("name")
@click.argument("slot", type=int, required=False)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File to write (default: NAME-SLOT.html).")
@click.option("--open", "open_it", is_flag=True, help="Open it in the browser.")
@reply_options
@storage_option
def show(*, name: str, slot: int | None, output: Path | None, open_it: bool, reply: Reply, storage: str | None) -> None:
    """Draw what the evolution in SLOT of campaign NAME (default: the best slot) has found.

    One HTML file that opens offline: fitness and species over generations, the best network, and what it does. Earlier
    pictures of the same slot are replaced, no other file ever is.
    """
    from corebound.api.workload import POPULATION
    from corebound.reporting.files import written_over
    from corebound.reporting.pictures.page import is_page_of, trial_page

    with opened_ledger(storage, application="corebound-show") as ledger:
        campaign = ledger.campaigns.get(name)
        row = row_of(ledger, campaign, slot)
    check_evolved(campaign, row)
    path = output if output is not None else Path(f"{name}-{row.slot}.html")
    population = campaign.specification["spec"]["trial"]["workload"].get("population", POPULATION)
    page = trial_page(name, row, metrics=campaign.metrics, population=population)
    replaced = written_over(
        path,
        page,
        is_earlier=lambda there: is_page_of(there, campaign=name, slot=row.slot),
        called=f"page of pictures of {name}, slot {row.slot}",
    )
    if open_it:
        click.launch(path.absolute().as_uri())
    found = {"written": str(path), "replaced": replaced, "campaign": name, "slot": row.slot}
    reply.outcome(found, [f"{'replaced' if replaced else 'wrote'} {path.absolute()}"], short=[str(path)])
