"""``corebound logs`` on this machine: the attempt's kept output, and then its error as the ledger has it."""

from __future__ import annotations

import socket
import sys
import time
from typing import TYPE_CHECKING, Final

import click

from corebound.api.errors import UnknownCampaignError
from corebound.api.records import SlotState
from corebound.cli.slots import check_slot
from corebound.local.home import output_folder
from corebound.local.output import attempts, follow_output, read_output

if TYPE_CHECKING:
    from collections.abc import Callable

    from corebound.api.records import CampaignRecord, SlotRow
    from corebound.cli.options import Reply
    from corebound.ledger.ledger import Ledger

LOOK_SECONDS: Final = 1.0


def show_local_logs(ledger: Ledger, name: str, slot: int, *, follow: bool, attempt: int | None, reply: Reply) -> None:
    """Show the output of an attempt at ``slot``. Raises :class:`UnknownCampaignError` with the reason why there is none."""
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
    check_slot(slot, name=campaign.name, trials=campaign.trials)
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
