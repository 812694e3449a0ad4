"""``corebound plan``: what a campaign would use, take and cost, here or on a described pool. Starts nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from corebound.cli.options import Reply, epilog, opened_ledger, reply_options, storage_option

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from corebound.api.plan import Experience, Pool
    from corebound.api.spec import CampaignSpec, SearchCampaign


@click.command(
    epilog=epilog(
        examples=[
            "corebound plan -f campaign.yaml",
            "corebound plan -f campaign.yaml --trial-seconds 684",
            "corebound plan -f campaign.yaml --cores 128 --allocatable 126.62 --memory 480Gi --price 3.50",
        ],
        statuses={0: "it fits", 2: "the file is not valid, or the campaign does not fit"},
    )
)
@click.option(
    "-f",
    "--file",
    required=True,
    type=click.Path(path_type=Path),
    help="The campaign's YAML file; - reads standard input.",
)
@click.option("--cores", type=float, help="Plan for a node with this many cores instead of this machine.")
@click.option("--allocatable", type=float, help="Of these cores, how many a node has to give; default: all.")
@click.option("--memory", help="Memory of one node that workers may use, such as 480Gi.")
@click.option("--pods", type=int, help="Workers that one node accepts at most.")
@click.option("--nodes", type=int, help="How many such nodes; default 1.")
@click.option("--price", help="Price of one node (or of this machine) for one hour, such as 3.50.")
@click.option("--currency", help="Currency of the price; default: that of the campaign's budget, else USD.")
@click.option("--trial-seconds", type=float, help="How long one trial takes; gives the expected time and cost.")
@click.option("--here", is_flag=True, help="Plan for this machine even if the campaign describes a pool.")
@reply_options
@storage_option
def plan(
    *,
    file: Path,
    cores: float | None,
    allocatable: float | None,
    memory: str | None,
    pods: int | None,
    nodes: int | None,
    price: str | None,
    currency: str | None,
    trial_seconds: float | None,
    here: bool,
    reply: Reply,
    storage: str | None,
) -> None:
    """Show threads, workers, waves, time and cost of a campaign, with the reason for each, and start nothing.

    Plans for the pool given by flags, else for the pool in the campaign (spec.pool.cpu), else for this machine as far
    as this process may use it: the smaller of its affinity and its CPU quota. Of a campaign that was run before, what
    is left is planned, and its finished trials tell how long one takes. With --quiet it is one line.
    """
    from corebound.api.loading import load_campaign
    from corebound.planning.planner import make_plan
    from corebound.reporting.plan_text import plan_headline, plan_lines, plan_mapping

    described = {
        "--allocatable": allocatable,
        "--memory": memory,
        "--pods": pods,
        "--nodes": nodes,
    }
    _refuse_contradictions(described, cores=cores, here=here, trial_seconds=trial_seconds)
    campaign = load_campaign(file)
    money = _money(campaign.spec, price=price, currency=currency)
    if cores is not None:
        pool = _flag_pool(cores, allocatable, memory, pods, nodes, money)
    else:
        pool = _own_pool(campaign.spec, money, here=here)
    experience = _experience(campaign, storage, reply)
    planned = make_plan(campaign, pool, trial_seconds=trial_seconds, experience=experience)
    name = campaign.metadata.name
    if not reply.shows_progress:  # else they stand in the plan's text
        for text in planned.warnings:
            reply.warn(text)
    found = {**plan_mapping(planned, name=name), "warnings": reply.warnings}
    reply.outcome(found, plan_lines(planned, name=name), short=[plan_headline(planned)])


def _experience(campaign: SearchCampaign, storage: str | None, reply: Reply) -> Experience:
    """What the ledger knows of earlier runs; nothing where there is none, or where it is another search."""
    from corebound.api.errors import StorageError, UnknownCampaignError
    from corebound.api.immutability import immutable_changes
    from corebound.api.loading import campaign_from_mapping
    from corebound.api.plan import Experience

    name = campaign.metadata.name
    try:
        with opened_ledger(storage, application="corebound-plan") as ledger:
            found = ledger.campaigns.find(name)
            if found is None:
                return Experience()
            if changes := immutable_changes(campaign_from_mapping(found.specification), campaign):
                reply.note(f"{name} was run with other settings ({', '.join(changes)}): its times are not used")
                return Experience()
            return ledger.summaries.of(found).experience
    except UnknownCampaignError:
        return Experience()
    except StorageError as error:
        if storage:
            raise
        reply.warn(f"planned without the times of earlier runs: {error}")
        return Experience()


def _refuse_contradictions(
    described: Mapping[str, object], *, cores: float | None, here: bool, trial_seconds: float | None
) -> None:
    """Flags that only mean something together, or not together."""
    from math import isfinite

    from corebound.api.errors import UsageError

    lonely = [flag for flag, given in described.items() if given is not None]
    if cores is None and lonely:
        message = f"{', '.join(lonely)} describe a node, but --cores is missing. Add --cores, or leave them out."
        raise UsageError(message)
    if cores is not None and here:
        message = "--here means this machine and --cores another one. Leave one of them out."
        raise UsageError(message)
    if trial_seconds is not None and not (trial_seconds > 0 and isfinite(trial_seconds)):
        message = f"--trial-seconds is {trial_seconds:g}, it must be above 0. Give the time of one trial in seconds."
        raise UsageError(message)


def _money(spec: CampaignSpec, *, price: str | None, currency: str | None) -> tuple[Decimal | None, str]:
    """Price per node hour and currency: the flag, else the campaign's pool."""
    from decimal import Decimal, InvalidOperation

    from corebound.api.errors import UsageError
    from corebound.planning.pools import campaign_currency

    unit = currency or campaign_currency(spec)
    if price is None:
        return (spec.pool.price_per_hour if spec.pool is not None else None), unit
    try:
        amount = Decimal(price)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0:
        message = f"--price is {price!r}, expected an amount of {unit} an hour such as 3.50. Correct it."
        raise UsageError(message)
    return amount, unit


def _flag_pool(
    cores: float,
    allocatable: float | None,
    memory: str | None,
    pods: int | None,
    nodes: int | None,
    money: tuple[Decimal | None, str],
) -> Pool:
    from corebound.planning.pools import described_pool

    return described_pool(
        cores=cores,
        allocatable=allocatable,
        nodes=1 if nodes is None else nodes,
        memory_bytes=None if memory is None else _bytes(memory),
        pods=pods,
        price_per_hour=money[0],
        currency=money[1],
    )


def _own_pool(spec: CampaignSpec, money: tuple[Decimal | None, str], *, here: bool) -> Pool:
    """The campaign's own pool, else this machine."""
    from dataclasses import replace

    from corebound.local.machine import this_machine
    from corebound.planning.pools import campaign_pool

    described = None if here else campaign_pool(spec)
    if described is not None:
        return replace(described, price_per_hour=money[0], currency=money[1])
    return this_machine().as_pool(price_per_hour=money[0], currency=money[1])


def _bytes(memory: str) -> int:
    """A quantity of memory, read exactly as ``spec.pool.memory`` is."""
    from pydantic import ValidationError

    from corebound.api.errors import UsageError
    from corebound.api.spec import PoolSpec

    try:
        count = PoolSpec.model_validate({"memory": memory}).memory
    except ValidationError as refused:
        message = f"--memory is {memory!r}, expected a quantity such as 480Gi or 512Mi. Correct it."
        raise UsageError(message) from refused
    if count is None:
        message = f"--memory is {memory!r}, expected a quantity such as 480Gi or 512Mi. Correct it."
        raise UsageError(message)
    return int(count)
