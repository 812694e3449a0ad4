"""``corebound logs``: what a slot's attempts have printed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from corebound.cli.options import Reply, epilog, opened_ledger, reply_options, storage_option
from corebound.cli.place import Place, campaigns_at, place_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from corebound.api.records import CampaignRecord, SlotRow
    from corebound.ledger.ledger import Ledger

LOOK_SECONDS = 1.0


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
    On this machine the slot's error follows, as it is in the ledger; of a cluster corebound results --json has it.
    """
    if place.on_cluster:
        from corebound.api.errors import UsageError
        from corebound.cli.cluster_logs import show_logs

        if storage is not None:
            raise UsageError(
                "in a cluster output is in the pods' logs, in no database; leave out --storage, or add --local"
            )
        show_logs(campaigns_at(place), name, slot, follow=follow, attempt=attempt, reply=reply)
        return
    import sys

    from corebound.local.home import output_folder
    from corebound.local.output import attempts, follow_output, read_output

    with opened_ledger(storage, application="corebound-logs") as ledger:
        campaign = ledger.campaigns.get(name)
        started = _started_attempts(ledger, campaign, slot, wait=follow)
        chosen = started if attempt is None else attempt
        folder = output_folder(campaign)
        if not 1 <= chosen <= started or chosen not in attempts(folder, slot):
            raise _why_none(ledger, campaign, slot, chosen, started=started, folder=str(folder))
        pieces = (
            follow_output(folder, slot=slot, attempt=chosen, still_running=_looker(ledger, campaign, slot, chosen))
            if follow
            else read_output(folder, slot=slot, attempt=chosen)
        )
        shown = bytearray()
        end = b""
        for piece in pieces:
            end = piece[-1:]
            if reply.as_json:
                shown += piece
            else:
                sys.stdout.buffer.write(piece)
                sys.stdout.buffer.flush()
        running = _looker(ledger, campaign, slot, chosen)()
        row = _row(ledger, campaign, slot)
    # The slot has one error, that of its newest attempt once that has ended.
    error = row.error if chosen == row.attempt and not running else None
    if reply.as_json:
        found = {"campaign": name, "slot": slot, "attempt": chosen, "attempts": started, "running": running}
        reply.outcome({**found, "output": shown.decode(errors="replace"), "error": error}, [])
        return
    if not end:
        reply.note(f"attempt {chosen} of slot {slot} {'has printed nothing yet' if running else 'printed nothing'}")
    if error is not None:
        begin = "\n" if end not in (b"", b"\n") else ""
        click.echo(f"{begin}corebound: slot {slot} is {row.state.value}, its error:\n{error.rstrip()}")


def _started_attempts(ledger: Ledger, campaign: CampaignRecord, slot: int, *, wait: bool) -> int:
    """How many attempts the slot has had; at least one. Raises the reason why there is none."""
    from corebound.api.errors import UnknownCampaignError

    if not 0 <= slot < campaign.trials:
        raise UnknownCampaignError(
            f"{campaign.name!r} has no slot {slot}; its slots are 0 to {campaign.trials - 1} "
            "(results show them, a trial's number may differ)"
        )
    while (row := _row(ledger, campaign, slot)).attempt == 0:
        if row.state.is_closed or not (wait and ledger.campaigns.attended(campaign)):
            reason = f": {row.error}" if row.error else ""
            raise UnknownCampaignError(f"slot {slot} of {campaign.name!r} was never started, it is {row.state}{reason}")
        time.sleep(LOOK_SECONDS)
    return row.attempt


def _row(ledger: Ledger, campaign: CampaignRecord, slot: int) -> SlotRow:
    return ledger.slots.rows(campaign.campaign_id)[slot]


def _looker(ledger: Ledger, campaign: CampaignRecord, slot: int, attempt: int) -> Callable[[], bool]:
    """Whether that attempt still runs; asks the database once a second at most."""
    looked, answer = float("-inf"), True

    def runs() -> bool:
        nonlocal looked, answer
        if time.monotonic() - looked >= LOOK_SECONDS:
            looked = time.monotonic()
            running = ledger.slots.running(campaign.campaign_id)
            answer = any((row.slot, row.attempt) == (slot, attempt) for row in running)
        return answer

    return runs


def _why_none(
    ledger: Ledger, campaign: CampaignRecord, slot: int, attempt: int, *, started: int, folder: str
) -> Exception:
    """The reason why there is no output of that attempt here."""
    import socket

    from corebound.api.errors import UnknownCampaignError
    from corebound.api.records import SlotState

    if not 1 <= attempt <= started:
        had = "1 attempt" if started == 1 else f"attempts 1 to {started}"
        return UnknownCampaignError(f"slot {slot} of {campaign.name!r} had {had}, there is no attempt {attempt}")
    hosts = {worker.host for worker in ledger.workers.rows(campaign.campaign_id)} - {socket.gethostname()}
    elsewhere = (
        f"workers of this campaign ran on {', '.join(sorted(hosts))}: look there"
        if hosts
        else ("it ran with another COREBOUND_HOME, or its disk was full, or the folder was removed")
    )
    said = f"attempt {attempt} of slot {slot} has left no output in {folder}; {elsewhere}"
    row = _row(ledger, campaign, slot)
    has_error = row.error and attempt == row.attempt and row.state is not SlotState.RUNNING
    return UnknownCampaignError(f"{said}\nits error:\n{row.error}" if has_error else said)
