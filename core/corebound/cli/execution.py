"""A campaign carried out on this machine: checked, planned, recorded in the ledger, supervised, answered.

What ``corebound run`` and ``corebound search`` have in common once they have a campaign. What could go wrong is found
before anything starts where that is possible: what the machine lacks, a plan that does not fit, a campaign of that name that
is another one or is being run already.
"""

from __future__ import annotations

import contextlib
import itertools
import shlex
import sys
from typing import TYPE_CHECKING, NoReturn

import click

from corebound.cli.options import SUSPENDED_STATUS, opened_storage
from corebound.cli.recording import recorded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from corebound.api.plan import Experience, Plan
    from corebound.api.records import CampaignRecord, LedgerSummary
    from corebound.api.spec import SearchCampaign
    from corebound.cli.options import Reply
    from corebound.ledger.ledger import Ledger
    from corebound.ledger.supervision import Supervision
    from corebound.local.supervisor import Supervisor

STATUSES = {
    0: "the campaign succeeded",
    1: "the campaign failed, or the database refused",
    SUSPENDED_STATUS: "suspended by spec.suspend or its budget",
    130: "stopped by Ctrl-C, the same command goes on (143: SIGTERM, 129: the terminal was closed)",
}
"""Exit statuses, for ``--help``."""


def carry_out(
    campaign: SearchCampaign,
    *,
    folder: Path,
    again: str,
    fresh: bool,
    cores: int | None,
    reply: Reply,
    storage: str | None,
    share_database: bool = False,
    numbered: bool = False,
) -> NoReturn:
    """Run it to its end and leave with its status; entry points are searched from ``folder``, ``again`` goes on later.

    ``numbered``: where a campaign of that name is finished, being run, or another one, this one is called NAME-2, NAME-3 ...
    """
    _check_here(campaign, folder)
    if campaign.spec.suspend:
        _leave_suspended(campaign, reply)
    plan = _plan(campaign, cores)
    with opened_storage(storage, connections=2 * plan.workers + 20) as (url, start_database):
        from corebound.ledger.ledger import open_ledger
        from corebound.ledger.schema import prepare_database

        prepare_database(url, share=share_database)
        with (
            open_ledger(url, application="corebound-run", connections=3) as ledger,
            _supervising(ledger, campaign, numbered=numbered) as (campaign, supervision),
        ):
            record, news = recorded(ledger, campaign, folder, fresh=fresh)
            plan = _plan(campaign, cores, ledger.summaries.of(record).experience)

            def supervisor(show: Callable[[LedgerSummary], None], say: Callable[[str], None]) -> Supervisor:
                from corebound.local.cores import CorePool
                from corebound.local.supervisor import Supervisor

                return Supervisor(
                    ledger=ledger,
                    supervision=supervision,
                    campaign=record,
                    plan=plan,
                    cores=None if cores else CorePool.of_this_machine(record.name),
                    folder=folder,
                    storage_url=url,
                    start_database=start_database,
                    show=show,
                    say=say,
                )

            summary, interrupted_by = _supervised(ledger, record, plan, news, supervisor, reply)
            _answer(ledger, summary, reply, again if interrupted_by else None)
    raise click.exceptions.Exit(_status(summary, interrupted_by))


@contextlib.contextmanager
def _supervising(
    ledger: Ledger, campaign: SearchCampaign, *, numbered: bool
) -> Iterator[tuple[SearchCampaign, Supervision]]:
    """Be the only one who runs it, under the name it gets."""
    from corebound.api.errors import CampaignConflictError

    for number in itertools.count(1):
        own = campaign if number == 1 else _renamed(campaign, f"{campaign.metadata.name}-{number}")
        with contextlib.ExitStack() as held:
            try:
                supervision = held.enter_context(ledger.campaigns.supervise(own.metadata.name))
            except CampaignConflictError:
                if not numbered:
                    raise
                continue
            if not numbered or _is_open_for(ledger, own):
                yield own, supervision
                return


def _renamed(campaign: SearchCampaign, name: str) -> SearchCampaign:
    from corebound.api.loading import campaign_from_mapping

    return campaign_from_mapping({**campaign.to_mapping(), "metadata": {"name": name}})


def _is_open_for(ledger: Ledger, campaign: SearchCampaign) -> bool:
    """Whether its name is free, or that of the same campaign, begun and not finished."""
    from corebound.api.immutability import immutable_changes
    from corebound.api.loading import campaign_from_mapping

    found = ledger.campaigns.find(campaign.metadata.name)
    if found is None:
        return True
    return not found.phase.is_final and not immutable_changes(campaign_from_mapping(found.specification), campaign)


def again_words() -> str:
    """The command that goes on with what this one began."""
    return shlex.join(["corebound", *(word for word in sys.argv[1:] if word != "--fresh")])


def _supervised(
    ledger: Ledger,
    record: CampaignRecord,
    plan: Plan,
    news: list[str],
    make_supervisor: Callable[[Callable[[LedgerSummary], None], Callable[[str], None]], Supervisor],
    reply: Reply,
) -> tuple[LedgerSummary, int | None]:
    """The last summary, and the signal that stopped the campaign, if one did."""
    from corebound.api.errors import StorageUnreachableError
    from corebound.reporting.display import Display
    from corebound.reporting.plan_text import plan_headline
    from corebound.reporting.status import CampaignView

    with Display(quiet=not reply.shows_progress, stream=sys.stderr) as display:
        if record.phase.is_final:
            for line in news:
                display.say(line)
            return ledger.summaries.of(record), None
        display.say(f"{record.name}: {plan_headline(plan)}")
        for line in news:
            display.say(line)
        for text in plan.warnings:
            reply.warn(text)
        ledger.campaigns.begin(
            record.campaign_id,
            threads=plan.threads,
            workers=plan.workers,
            cores=plan.pool.cores * plan.pool.nodes,
            plan=plan,
        )

        def show(summary: LedgerSummary) -> None:
            with contextlib.suppress(StorageUnreachableError):
                if display.is_due:
                    display.show([CampaignView(summary=summary, running=ledger.slots.running(record.campaign_id))])

        supervisor = make_supervisor(show, display.say)
        try:
            return supervisor.run(), supervisor.interrupted_by
        except StorageUnreachableError as error:
            raise StorageUnreachableError(
                f"stopped, but the database could not be told: {error}\nwhat it holds is kept; the same command goes on"
            ) from error


def _answer(ledger: Ledger, summary: LedgerSummary, reply: Reply, again: str | None) -> None:
    """The outcome, and after an interruption what is kept and how to go on."""
    from corebound.api.records import SlotState
    from corebound.reporting.results import error_lines, kept_lines, outcome, outcome_lines, results_table

    rows = ledger.slots.rows(summary.campaign.campaign_id)
    result = {**outcome(summary), "warnings": reply.warnings}
    lines = [*outcome_lines(result), f"  report      corebound report {summary.campaign.name}"]
    if failed := [row.slot for row in rows if row.state is SlotState.FAILED and row.error]:
        lines.append(f"  errors      corebound logs {summary.campaign.name} {failed[0]} shows the whole error")
    if again is not None:
        steps = ledger.checkpoints.newest_steps(summary.campaign.campaign_id)
        result["checkpoints"] = {str(slot): step for slot, step in steps.items()}
        lines += kept_lines(rows, steps, again=again)
    table = [*results_table(rows, summary.campaign.metrics), *error_lines(rows), ""]
    reply.outcome(result, [*table, *lines], short=lines)


def _status(summary: LedgerSummary, interrupted_by: int | None) -> int:
    from corebound.api.records import Phase

    if summary.campaign.phase is Phase.SUCCEEDED:
        return 0
    if summary.campaign.phase is Phase.SUSPENDED:
        return SUSPENDED_STATUS if interrupted_by is None else 128 + interrupted_by
    return 1


def _check_here(campaign: SearchCampaign, folder: Path) -> None:
    """Whether this machine has what the campaign needs, before anything starts."""
    from corebound.local.artifacts import check_writable, resolved
    from corebound.local.entrypoints import check_entrypoints
    from corebound.local.requirements import check_requirements

    check_requirements(campaign.spec)
    check_entrypoints(campaign.spec, folder)
    if campaign.spec.trial.artifacts is not None:
        check_writable(resolved(campaign.spec.trial.artifacts, folder=folder))


def _leave_suspended(campaign: SearchCampaign, reply: Reply) -> None:
    from corebound.api.reasons import ReasonWord

    name = campaign.metadata.name
    message = "spec.suspend is true: nothing was started; set it to false to run"
    found = {"campaign": name, "phase": "Suspended", "reason": ReasonWord.SUSPENDED_BY_SPEC, "message": message}
    reply.outcome(found, [f"{name}: Suspended - {message}"])
    raise click.exceptions.Exit(SUSPENDED_STATUS)


def _plan(campaign: SearchCampaign, cores: int | None, experience: Experience | None = None) -> Plan:
    from corebound.api.plan import Experience
    from corebound.local.machine import this_machine
    from corebound.planning.planner import make_plan
    from corebound.planning.pools import campaign_currency, described_pool

    price = campaign.spec.pool.price_per_hour if campaign.spec.pool else None
    currency = campaign_currency(campaign.spec)
    if cores is None:
        pool = this_machine().as_pool(price_per_hour=price, currency=currency)
    else:
        pool = described_pool(cores=cores, price_per_hour=price, currency=currency)
    return make_plan(campaign, pool, experience=experience or Experience())
