"""``python -m corebound_trial CAMPAIGN``: one worker. The database's address comes from COREBOUND_DATABASE_URL.

With ``--nursery`` it is the process that this machine's workers are forked from, and then each of them.
"""

from __future__ import annotations

import argparse
import gc
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from corebound.api.errors import CoreboundError, StorageError, UnknownCampaignError
from corebound_trial.binding.affinity import bind_to_cores, parse_cores
from corebound_trial.binding.process import adopt_orphans, die_with_parent, prefer_for_oom
from corebound_trial.runner.last_words import say

if TYPE_CHECKING:
    from collections.abc import Callable

    from corebound.api.records import CampaignRecord
    from corebound.ledger.ledger import Ledger
    from corebound_trial.runner.starting import StartedChild


def main() -> int:
    """Returns the worker's exit code; says its last line on stderr."""
    options = _arguments(sys.argv[1:])
    if options.nursery is None:
        code = _worker(options, forked=False)
        gc.freeze()  # nothing here waits for it, yet the interpreter would look through everything once more
        return code
    from corebound_trial.nursery import forked_worker

    arguments = forked_worker(options.nursery, parent=options.parent)
    if arguments is None:
        return 0
    options = _arguments([options.campaign, *arguments])
    code = 1
    try:
        code = _worker(options, forked=True)
    except Exception:  # noqa: BLE001 - said here, as the interpreter would
        say(traceback.format_exc())
    # Nothing is buffered, and taking the interpreter apart would copy every page that is shared with the nursery.
    os._exit(code)


def _worker(options: argparse.Namespace, *, forked: bool) -> int:
    asked_to_stop: list[int] = []
    if not forked:
        # A pod's first process has no default action: what comes while modules are imported would be lost.
        _note_wishes_to_stop(asked_to_stop)
    if options.parent:
        die_with_parent(options.parent, signum=signal.SIGTERM)
    adopt_orphans()
    prefer_for_oom(500)
    core_ids = parse_cores(options.cores) if options.cores else None
    try:
        if core_ids:
            bind_to_cores(core_ids)
        from corebound_trial.runner.starting import forked_child, prepare

        if forked:
            from corebound_trial.nursery import named

            named(options.name)
        else:
            prepare()
        # Now, while this process has one thread and no connection.
        first_child = forked_child()
        if first_child is None:
            return 0
        _note_wishes_to_stop(asked_to_stop)
        return _work(options, core_ids, first_child, asked_to_stop)
    except CoreboundError as error:
        say(f"{error.last_line}\n")
        return error.exit_code


def _note_wishes_to_stop(noted: list[int]) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: noted.append(number))


def _work(
    options: argparse.Namespace,
    core_ids: tuple[int, ...] | None,
    first_child: StartedChild,
    asked_to_stop: list[int],
) -> int:
    from corebound_trial.runner.options import WorkerOptions
    from corebound_trial.runner.worker import Worker

    url = os.environ.get("COREBOUND_DATABASE_URL")
    if not url:
        raise StorageError("COREBOUND_DATABASE_URL is not set; a worker needs the ledger's address")
    ledger, campaign = _opened(url, options, give_up=lambda: bool(asked_to_stop))
    with ledger:
        worker = Worker(
            ledger,
            campaign,
            WorkerOptions(
                name=options.name,
                threads=options.threads,
                core_ids=core_ids,
                folder=options.folder,
                output_folder=options.output,
                enforce_memory=options.enforce_memory,
                own_quota=options.own_quota,
                scratch=options.scratch,
            ),
            first_child=first_child,
        )
        # The parent finishes what it is at.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, worker.ask_to_stop)
        if asked_to_stop:
            worker.ask_to_stop()
        code = worker.run()
        if worker.message:
            say(worker.message + "\n")
        return code


def _opened(url: str, options: argparse.Namespace, *, give_up: Callable[[], bool]) -> tuple[Ledger, CampaignRecord]:
    """Waits, as later, for a database that is away or has no connection to spare: who ends at once is replaced at once."""
    from corebound.ledger.ledger import open_ledger
    from corebound.ledger.patience import grace_seconds, patiently

    def opened() -> tuple[Ledger, CampaignRecord]:
        ledger = open_ledger(url, application=f"corebound-{options.name}")
        try:
            return ledger, _campaign(ledger, options)
        except BaseException:
            ledger.close()
            raise

    return patiently(opened, grace=grace_seconds(), give_up=give_up)


def _campaign(ledger: Ledger, options: argparse.Namespace) -> CampaignRecord:
    """By its UID where one is given: a pod of a deleted campaign must not take slots of a new one of the same name."""
    if not options.uid:
        return ledger.campaigns.get(options.campaign)
    found = ledger.campaigns.find_uid(UUID(options.uid))
    if found is None:
        raise UnknownCampaignError(f"campaign {options.campaign} with the UID {options.uid} is no longer in the ledger")
    return found


def _arguments(given: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m corebound_trial", description=__doc__)
    parser.add_argument("campaign", help="the campaign's name in the ledger")
    parser.add_argument("--uid", default="", help="that campaign and no other one of its name, by its object's UID")
    parser.add_argument("--name", default="worker", help="how this worker is called in displays")
    parser.add_argument("--threads", type=int, default=int(os.environ.get("COREBOUND_THREADS", "1")))
    parser.add_argument("--cores", default="", help="bind to these cores, for example 0-1")
    parser.add_argument("--folder", type=Path, default=Path.cwd(), help="where entry points are searched")
    parser.add_argument("--output", type=Path, default=None, help="keep the attempts' output below this folder")
    parser.add_argument("--scratch", type=Path, default=None, help="have temporary files below this folder")
    parser.add_argument("--parent", type=int, default=0, help="stop when this process is gone")
    parser.add_argument("--enforce-memory", action="store_true", help="end attempts beyond trial.memory")
    parser.add_argument("--own-quota", action="store_true", help="this control group is the worker's alone (a pod)")
    parser.add_argument("--nursery", type=int, default=None, help="fork workers as this socket asks for them")
    return parser.parse_args(given)


if __name__ == "__main__":
    sys.exit(main())
