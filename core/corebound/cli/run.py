"""``corebound run``: a campaign on this machine, from the file to the result table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from corebound.cli.options import Reply, epilog, opened_storage, reply_options, storage_option

if TYPE_CHECKING:
    from collections.abc import Callable

    from corebound.api.plan import Experience, Plan
    from corebound.api.records import CampaignRecord, LedgerSummary
    from corebound.api.spec import SearchCampaign
    from corebound.ledger.ledger import Ledger
    from corebound.ledger.warm_start import WarmStart
    from corebound.local.supervisor import Supervisor

SUSPENDED_STATUS = 3


@click.command(
    epilog=epilog(
        examples=[
            "corebound run -f examples/pole-balancing.yaml",
            "corebound run train.py:objective -n 100 --direction maximize",
            "corebound run train.py:objective -n 100 --write-yaml campaign.yaml",
            "corebound run -f campaign.yaml --fresh --json",
        ],
        statuses={
            0: "the campaign succeeded",
            1: "the campaign failed, or the database refused",
            SUSPENDED_STATUS: "suspended by spec.suspend or its budget",
            130: "stopped by Ctrl-C, the same command goes on (143: SIGTERM, 129: the terminal was closed)",
        },
    )
)
@click.argument("entrypoint", required=False)
@click.option("-f", "--file", type=click.Path(path_type=Path), help="The campaign's YAML file.")
@click.option("-n", "--trials", type=int, help="With an ENTRYPOINT: number of trials (default 100).")
@click.option("--direction", type=click.Choice(["minimize", "maximize"]), help="With an ENTRYPOINT (default minimize).")
@click.option("-t", "--threads", type=int, help="With an ENTRYPOINT: threads of each trial (default auto).")
@click.option(
    "--write-yaml", type=click.Path(path_type=Path), help="With an ENTRYPOINT: write the campaign to this file and end."
)
@click.option("--fresh", is_flag=True, help="Start a new study; the old one is kept as NAME@1.")
@click.option("--cores", type=int, help="Pretend this many cores, without affinity.")
@reply_options
@storage_option
def run(
    *,
    entrypoint: str | None,
    file: Path | None,
    trials: int | None,
    direction: str | None,
    threads: int | None,
    write_yaml: Path | None,
    fresh: bool,
    cores: int | None,
    reply: Reply,
    storage: str | None,
) -> None:
    """Run a campaign on this machine, or carry it on where it was.

    The campaign is a file, or an Optuna objective given as ENTRYPOINT (file.py:name or package.module:name); its name is
    then made of that. Ctrl-C stops it safely: trials write a checkpoint, and the same command goes on later. A second
    Ctrl-C ends everything at once.
    """
    campaign, folder = _campaign(entrypoint, file, trials, direction, threads)
    if write_yaml is not None:
        _write(campaign, write_yaml, entrypoint, reply)
        return
    _check_here(campaign, folder)
    if campaign.spec.suspend:
        _leave_suspended(campaign, reply)
    again = "corebound run " + (f"-f {file}" if file is not None else str(entrypoint))
    plan = _plan(campaign, cores)
    with opened_storage(storage, connections=2 * plan.workers + 20) as (url, start_database):
        from corebound.ledger.ledger import open_ledger
        from corebound.ledger.schema import prepare_database

        prepare_database(url)
        with (
            open_ledger(url, application="corebound-run", connections=3) as ledger,
            ledger.campaigns.supervise(campaign.metadata.name),
        ):
            record, news = _record(ledger, campaign, folder, fresh=fresh)
            plan = _plan(campaign, cores, ledger.summaries.of(record, maximize=record.maximize).experience)

            def supervisor(show: Callable[[LedgerSummary], None], say: Callable[[str], None]) -> Supervisor:
                from corebound.local.cores import CorePool
                from corebound.local.supervisor import Supervisor

                return Supervisor(
                    ledger=ledger,
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
            _answer(ledger, summary, plan, reply, again if interrupted_by else None)
    raise click.exceptions.Exit(_status(summary, interrupted_by))


def _supervised(
    ledger: Ledger,
    record: CampaignRecord,
    plan: Plan,
    news: list[str],
    make_supervisor: Callable[[Callable[[LedgerSummary], None], Callable[[str], None]], Supervisor],
    reply: Reply,
) -> tuple[LedgerSummary, int | None]:
    """The last summary, and the signal that stopped the campaign, if one did."""
    import contextlib
    import sys

    from corebound.api.errors import StorageUnreachableError
    from corebound.reporting.display import Display
    from corebound.reporting.plan_text import plan_headline
    from corebound.reporting.status import CampaignView

    with Display(quiet=not reply.shows_progress, stream=sys.stderr) as display:
        display.say(f"{record.name}: {plan_headline(plan)}")
        for line in (*news, *(f"warning: {text}" for text in plan.warnings)):
            display.say(line)
        if record.phase.is_final:
            return ledger.summaries.of(record, maximize=record.maximize), None
        ledger.campaigns.begin(
            record.campaign_id, threads=plan.threads, workers=plan.workers, cores=plan.pool.cores * plan.pool.nodes
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


def _answer(ledger: Ledger, summary: LedgerSummary, plan: Plan, reply: Reply, again: str | None) -> None:
    """The outcome, and after an interruption what is kept and how to go on."""
    from corebound.reporting.results import error_lines, kept_lines, outcome, outcome_lines, results_table

    rows = ledger.slots.rows(summary.campaign.campaign_id)
    result = {**outcome(summary), "warnings": list(plan.warnings)}
    lines = outcome_lines(result)
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


def _campaign(
    entrypoint: str | None, file: Path | None, trials: int | None, direction: str | None, threads: int | None
) -> tuple[SearchCampaign, Path]:
    """The campaign, and the folder from which its entry points are searched."""
    from corebound.api.errors import UsageError
    from corebound.api.loading import campaign_from_mapping, load_campaign

    if (file is None) == (entrypoint is None):
        raise UsageError(
            "expected either -f FILE or an ENTRYPOINT such as train.py:objective; see corebound run --help"
        )
    if file is not None:
        if any(option is not None for option in (trials, direction, threads)):
            raise UsageError("-n, --direction and -t go with an ENTRYPOINT; with -f write them in the file")
        return load_campaign(file), file.absolute().parent
    name = "".join(letter if letter.isalnum() else "-" for letter in (entrypoint or "").lower()).strip("-")
    specification: dict[str, Any] = {
        "trials": 100 if trials is None else trials,
        "objectives": [{"metric": "value", "direction": direction or "minimize"}],
        "trial": {"entrypoint": entrypoint},
    }
    if threads is not None:
        specification["threads"] = threads
    mapping = {
        "apiVersion": "corebound.dev/v1alpha1",
        "kind": "SearchCampaign",
        "metadata": {"name": name[:52].strip("-") or "campaign"},
        "spec": specification,
    }
    return campaign_from_mapping(mapping), Path.cwd()


def _write(campaign: SearchCampaign, path: Path, entrypoint: str | None, reply: Reply) -> None:
    """The campaign as a file, never over another one."""
    from corebound.api.errors import UsageError
    from corebound.api.writing import campaign_yaml

    if entrypoint is None:
        raise UsageError("--write-yaml goes with an ENTRYPOINT; with -f there is a file already")
    if path.absolute().parent != Path.cwd():
        raise UsageError(
            f"{path} is in another folder, but entry points are searched from the file's own; write it here"
        )
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(campaign_yaml(campaign))
    except FileExistsError as error:
        raise UsageError(f"{path} exists already; choose a new file") from error
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error
    lines = [f"wrote {path}; run it with: corebound run -f {path}"]
    reply.outcome({"written": str(path), "campaign": campaign.metadata.name}, lines, short=[str(path)])


def _check_here(campaign: SearchCampaign, folder: Path) -> None:
    """Whether this machine has what the campaign needs, before anything starts."""
    from corebound.local.artifacts import check_writable, resolved
    from corebound.local.requirements import check_requirements

    check_requirements(campaign.spec)
    if campaign.spec.trial.artifacts is not None:
        check_writable(resolved(campaign.spec.trial.artifacts, folder=folder))


def _leave_suspended(campaign: SearchCampaign, reply: Reply) -> None:
    name = campaign.metadata.name
    message = "spec.suspend is true: nothing was started; set it to false to run"
    found = {"campaign": name, "phase": "Suspended", "reason": "SuspendedBySpec", "message": message}
    reply.outcome(found, [f"{name}: Suspended - {message}"])
    raise click.exceptions.Exit(SUSPENDED_STATUS)


def _plan(campaign: SearchCampaign, cores: int | None, experience: Experience | None = None) -> Plan:
    from corebound.api.plan import Experience
    from corebound.local.machine import this_machine
    from corebound.planning.planner import make_plan
    from corebound.planning.pools import campaign_currency, described_pool, machine_pool

    price = campaign.spec.pool.price_per_hour if campaign.spec.pool else None
    currency = campaign_currency(campaign.spec)
    known = experience or Experience()
    if cores is not None:
        pool = described_pool(cores=cores, price_per_hour=price, currency=currency)
        return make_plan(campaign, pool, experience=known)
    machine = this_machine()
    pool = machine_pool(
        core_ids=machine.core_ids,
        cores=machine.cores,
        memory_bytes=machine.memory_bytes,
        price_per_hour=price,
        currency=currency,
    )
    return make_plan(campaign, pool, experience=known)


def _record(ledger: Ledger, campaign: SearchCampaign, folder: Path, *, fresh: bool) -> tuple[CampaignRecord, list[str]]:
    """The campaign in the ledger: new, carried on, grown, or refused because something immutable was edited."""
    from corebound.api.errors import CampaignConflictError
    from corebound.api.immutability import immutable_changes
    from corebound.api.loading import campaign_from_mapping
    from corebound.local.artifacts import resolved

    name, spec, news = campaign.metadata.name, campaign.spec, []
    found = ledger.campaigns.find(name)
    if found is None or fresh:
        # Read before anything is renamed or made: what is refused here changes nothing.
        warm_start = _warm_start(ledger, campaign, kept=ledger.campaigns.archive_name(name) if found else None)
        if found is not None:
            news.append(f"the earlier study is kept as {ledger.campaigns.archive(name)}")
        if warm_start is not None:
            news.append(warm_start.line)
        created = ledger.campaigns.create(
            name=name,
            specification=campaign.to_mapping(),
            trials=spec.trials,
            directions=[objective.direction for objective in spec.objectives],
            metric_names=[objective.metric for objective in spec.objectives],
            retries=spec.failure_policy.retries,
            retry_exceptions=spec.failure_policy.retry_exceptions,
            heartbeat_seconds=_heartbeat_seconds(),
            warm_start=warm_start,
            artifacts=None if spec.trial.artifacts is None else resolved(spec.trial.artifacts, folder=folder),
        )
        return created, news
    changes = immutable_changes(campaign_from_mapping(found.specification), campaign)
    if changes:
        raise CampaignConflictError(
            f"{name} exists already and these fields cannot change: {', '.join(changes)}; set them back, or start a new "
            "study with --fresh (the old one is kept)"
        )
    done = ledger.summaries.of(found, maximize=found.maximize).done
    ledger.campaigns.update(found.campaign_id, specification=campaign.to_mapping(), trials=spec.trials)
    if spec.trials > found.trials:
        news.append(f"{name} grows from {found.trials} to {spec.trials} trials")
    elif found.phase.is_final:
        news.append(f"{name} is finished already ({done}/{found.trials}); --fresh starts a new study")
        return found, news
    news.append(f"carrying on {name}: {done}/{spec.trials} slots are closed")
    from dataclasses import replace

    from corebound.api.records import Phase

    return replace(found, phase=Phase.RUNNING, trials=spec.trials, specification=campaign.to_mapping()), news


def _warm_start(ledger: Ledger, campaign: SearchCampaign, *, kept: str | None) -> WarmStart | None:
    """What there is to learn from; ``kept`` is the name that the campaign of this name will get, if there is one."""
    from corebound.api.errors import WarmStartError

    spec, name = campaign.spec, campaign.metadata.name
    if spec.search.warm_start is None:
        return None
    study = spec.search.warm_start.study
    if study == name:
        remedy = f"write {kept}, the name of the study that this one replaces" if kept else "name an earlier study"
        raise WarmStartError(f"search.warmStart.study: {name!r} is this campaign itself; {remedy}")
    source = name if study == kept else study
    return ledger.campaigns.warm_start(source, called=study, objectives=spec.objectives, search=spec.search)


def _heartbeat_seconds() -> float:
    """How often a worker of a new campaign says that it lives."""
    import math
    import os

    from corebound.api.errors import UsageError

    text = os.environ.get("COREBOUND_HEARTBEAT_SECONDS", "10")
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise UsageError(f"COREBOUND_HEARTBEAT_SECONDS is {text!r}, expected a number of seconds above 0; or unset it")
    return seconds
