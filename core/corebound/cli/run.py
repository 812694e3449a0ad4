"""``corebound run``: a campaign on this machine, from the file to the result table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from corebound.cli.storage_option import opened_storage, storage_option

if TYPE_CHECKING:
    from corebound.api.plan import Plan
    from corebound.api.records import CampaignRecord
    from corebound.api.spec import SearchCampaign
    from corebound.ledger.ledger import Ledger
    from corebound.ledger.warm_start import WarmStart


@click.command()
@click.argument("entrypoint", required=False)
@click.option("-f", "--file", type=click.Path(path_type=Path), help="The campaign's YAML file.")
@click.option("-n", "--trials", type=int, help="With an ENTRYPOINT: number of trials (default 100).")
@click.option("--direction", type=click.Choice(["minimize", "maximize"]), help="With an ENTRYPOINT (default minimize).")
@click.option("-t", "--threads", type=int, help="With an ENTRYPOINT: threads of each trial.")
@click.option("--write-yaml", type=click.Path(path_type=Path), help="Write the campaign to this file and end.")
@click.option("--fresh", is_flag=True, help="Start a new study; the old one is kept as NAME@1.")
@click.option("--cores", type=int, help="Pretend this many cores, without affinity.")
@click.option("--quiet", is_flag=True, help="No progress, only the outcome.")
@click.option("--json", "as_json", is_flag=True, help="The outcome as one JSON object.")
@storage_option
def run(
    entrypoint: str | None,
    file: Path | None,
    trials: int | None,
    direction: str | None,
    threads: int | None,
    write_yaml: Path | None,
    fresh: bool,
    cores: int | None,
    quiet: bool,
    as_json: bool,
    storage: str | None,
) -> None:
    """Run a campaign on this machine, or carry it on where it was.

    Ctrl-C stops it safely; the same command goes on later.

    \b
    Examples:
      corebound run -f examples/pole-balancing.yaml
      corebound run train.py:objective -n 100 --direction maximize
      corebound run train.py:objective -n 100 --write-yaml campaign.yaml

    Exit status: 0 succeeded, 1 failed, 2 refused, 130 stopped.
    """
    campaign, folder = _campaign(entrypoint, file, trials, direction, threads)
    if write_yaml is not None:
        import yaml

        write_yaml.write_text(yaml.safe_dump(campaign.to_mapping(), sort_keys=False), encoding="utf-8")
        click.echo(f"wrote {write_yaml}; run it with: corebound run -f {write_yaml}", err=True)
        return
    from corebound.api.records import Phase
    from corebound.reporting.results import outcome, outcome_json, outcome_lines, results_table

    _refuse_unavailable(campaign)
    plan = _plan(campaign, cores)
    metrics = [objective.metric for objective in campaign.spec.objectives]
    with opened_storage(storage, connections=2 * plan.workers + 20) as (url, start_database):
        from corebound.ledger.ledger import open_ledger
        from corebound.ledger.schema import prepare_database

        prepare_database(url)
        with (
            open_ledger(url, application="corebound-run", connections=3) as ledger,
            ledger.campaigns.supervise(campaign.metadata.name),
        ):
            summary = _supervised(ledger, campaign, plan, folder, url, start_database, fresh, cores, quiet or as_json)
            rows = ledger.slots.rows(summary.campaign.campaign_id)
    pool = plan.pool
    result = outcome(summary, price_per_hour=pool.price_per_hour, cores=pool.cores, currency=pool.currency)
    if as_json:
        click.echo(outcome_json(result))
    else:
        if not quiet:
            click.echo(results_table(rows, metrics) + "\n")
        click.echo("\n".join(outcome_lines(result)))
    codes = {Phase.SUCCEEDED: 0, Phase.SUSPENDED: 130}
    raise click.exceptions.Exit(codes.get(summary.campaign.phase, 1))


def _supervised(
    ledger: Ledger,
    campaign: SearchCampaign,
    plan: Plan,
    folder: Path,
    url: str,
    start_database: Any,
    fresh: bool,
    cores: int | None,
    quiet: bool,
) -> Any:
    from corebound.local.machine import core_sets, this_machine
    from corebound.local.supervisor import Supervisor
    from corebound.reporting.plan_text import plan_headline
    from corebound.reporting.progress import Progress

    record, news = _record(ledger, campaign, fresh=fresh)
    with Progress(quiet=quiet, rows=lambda: ledger.slots.rows(record.campaign_id)) as progress:
        progress.say(f"{campaign.metadata.name}: {plan_headline(plan)}")
        for line in (*news, *plan.warnings):
            progress.say(line)
        if record.phase.is_final:
            return ledger.summaries.of(record, maximize=[o.direction == "maximize" for o in campaign.spec.objectives])
        ledger.campaigns.begin(record.campaign_id, threads=plan.threads, workers=plan.workers)
        supervisor = Supervisor(
            ledger=ledger,
            campaign=record,
            plan=plan,
            core_sets=[] if cores else core_sets(this_machine(), threads=plan.threads, workers=plan.workers),
            folder=folder,
            storage_url=url,
            start_database=start_database,
            show=progress.show,
            say=progress.say,
        )
        return supervisor.run()


def _campaign(
    entrypoint: str | None, file: Path | None, trials: int | None, direction: str | None, threads: int | None
) -> tuple[SearchCampaign, Path]:
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


def _refuse_unavailable(campaign: SearchCampaign) -> None:
    """Better refused than silently left out."""
    from corebound.api.errors import UsageError

    asked = {"trial.artifacts": campaign.spec.trial.artifacts}
    for field, value in asked.items():
        if value is not None:
            raise UsageError(f"spec.{field} is not available in this version; remove it")


def _plan(campaign: SearchCampaign, cores: int | None) -> Plan:
    from corebound.local.machine import this_machine
    from corebound.planning.planner import make_plan
    from corebound.planning.pools import campaign_currency, described_pool, machine_pool

    price = campaign.spec.pool.price_per_hour if campaign.spec.pool else None
    currency = campaign_currency(campaign.spec)
    if cores is not None:
        return make_plan(campaign, described_pool(cores=cores, price_per_hour=price, currency=currency))
    machine = this_machine()
    pool = machine_pool(
        core_ids=machine.core_ids,
        cores=machine.cores,
        memory_bytes=machine.memory_bytes,
        price_per_hour=price,
        currency=currency,
    )
    return make_plan(campaign, pool)


def _record(ledger: Ledger, campaign: SearchCampaign, *, fresh: bool) -> tuple[CampaignRecord, list[str]]:
    """The campaign in the ledger: new, carried on, grown, or refused because something immutable was edited."""
    from corebound.api.errors import CampaignConflictError
    from corebound.api.immutability import immutable_changes
    from corebound.api.loading import campaign_from_mapping

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
        )
        return created, news
    changes = immutable_changes(campaign_from_mapping(found.specification), campaign)
    if changes:
        raise CampaignConflictError(
            f"{name} exists already and these fields cannot change: {', '.join(changes)}; set them back, or start a new "
            "study with --fresh (the old one is kept)"
        )
    done = sum(1 for row in ledger.slots.rows(found.campaign_id) if row.state.is_closed)
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
    import os

    return float(os.environ.get("COREBOUND_HEARTBEAT_SECONDS", "10"))
