"""``corebound logs`` in a cluster: the attempt's output and its error out of its pod's log."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Final

import click

from corebound.api.errors import UnknownCampaignError
from corebound.cli.place import command_name
from corebound.cli.slots import check_slot
from corebound.cluster.slot_logs import SlotLogs

if TYPE_CHECKING:
    from corebound.cli.options import Reply
    from corebound.cluster.campaigns import Campaigns
    from corebound.cluster.slot_logs import AttemptLog, Search

LOOK_SECONDS: Final = 2.0


def show_cluster_logs(
    campaigns: Campaigns, name: str, slot: int, *, follow: bool, attempt: int | None, reply: Reply
) -> None:
    """Show the output of an attempt at ``slot``. Raises :class:`UnknownCampaignError` with the reason why there is none."""
    found = campaigns.get(name)
    check_slot(slot, name=name, trials=found["spec"]["trials"])
    logs = SlotLogs(campaigns.cluster, namespace=campaigns.namespace, uid=found["metadata"]["uid"])
    search = logs.search(slot)
    while not search.attempts and follow and not _is_over(campaigns, name):
        time.sleep(LOOK_SECONDS)
        search = logs.search(slot)
    chosen = _chosen(search, slot, attempt, name=name)
    output, error = bytearray(), bytearray()
    printed = False
    for piece in logs.output(chosen, slot=slot, follow=follow):
        if piece.of_error:
            error += piece.text
        elif reply.as_json:
            output += piece.text
        else:
            printed = True
            sys.stdout.buffer.write(piece.text)
            sys.stdout.buffer.flush()
    running = chosen.running and not follow
    said = error.decode(errors="replace").rstrip() or None
    if reply.as_json:
        number = search.attempts[-1].attempt
        answer = {"campaign": name, "slot": slot, "attempt": chosen.attempt, "attempts": number, "running": running}
        reply.outcome({**answer, "pod": chosen.pod, "output": output.decode(errors="replace"), "error": said}, [])
        return
    which = f"attempt {chosen.attempt} of slot {slot}"
    if not printed:
        reply.note(f"{which} {'has printed nothing yet' if running else 'printed nothing'} (pod {chosen.pod})")
    if said is not None:
        click.echo(f"corebound: {which} has left this error:\n{said}")
    elif not (chosen.ended or chosen.running):
        look = f"{command_name()} results {name} --json has the slot's error"
        reply.note(f"{which} has no end in the log of pod {chosen.pod}: its worker was killed; {look}")


def _is_over(campaigns: Campaigns, name: str) -> bool:
    from corebound.cli.following import look

    return all(view.is_ended for view in look(campaigns, name))


def _chosen(search: Search, slot: int, attempt: int | None, *, name: str) -> AttemptLog:
    if attempt is None and search.attempts:
        return search.attempts[-1]
    for each in search.attempts:
        if each.attempt == attempt:
            return each
    said = f"no log of {search.pods} pods of {name!r} has " + (
        f"attempt {attempt} of slot {slot}" if attempt is not None else f"an attempt at slot {slot}"
    )
    if search.attempts:
        said += f"; there are: {', '.join(str(each.attempt) for each in search.attempts)}"
    if search.unreadable:
        pod, why = next(iter(search.unreadable.items()))
        said += f"; {len(search.unreadable)} logs could not be read, for example that of {pod}: {why}"
    raise UnknownCampaignError(
        f"{said}; it has not begun, or its pod is gone with its log (results show each slot's state and error)"
    )
