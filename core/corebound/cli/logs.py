"""``corebound logs``: what a slot's attempts have printed."""

from __future__ import annotations

import click

from corebound.cli.storage_option import opened_ledger, storage_option


@click.command()
@click.argument("name")
@click.argument("slot", type=int)
@click.option("-f", "--follow", is_flag=True, help="Go on while the attempt runs.")
@click.option("--attempt", type=int, help="An earlier attempt; default: the newest.")
@storage_option
def logs(name: str, slot: int, follow: bool, attempt: int | None, storage: str | None) -> None:
    """Show the output of SLOT of campaign NAME.

    \b
    Examples:
      corebound logs pole-balancing 3
      corebound logs pole-balancing 3 -f
    """
    import sys

    from corebound.api.errors import UnknownCampaignError
    from corebound.api.records import SlotState
    from corebound.local.home import output_folder
    from corebound.local.output import attempts, follow_output, read_output

    folder = output_folder(name)
    with opened_ledger(storage, application="corebound-logs") as ledger:
        campaign = ledger.campaigns.get(name)
        kept = attempts(folder, slot)
        if not kept or (attempt is not None and attempt not in kept):
            raise UnknownCampaignError(
                f"no output of slot {slot} of {name!r} is kept in {folder}; its attempts there: {kept or 'none'}"
            )

        def still_running() -> bool:
            return any(
                row.slot == slot and row.state is SlotState.RUNNING for row in ledger.slots.rows(campaign.campaign_id)
            )

        chosen = attempt if attempt is not None else kept[-1]
        pieces = (
            follow_output(folder, slot=slot, attempt=chosen, still_running=still_running)
            if follow
            else read_output(folder, slot=slot, attempt=chosen)
        )
        for piece in pieces:
            sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()
