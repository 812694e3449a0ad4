"""``corebound storage``: the study for Optuna's own tools.

What could go wrong: the server would be stopped under a campaign that is being run; that is refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from corebound.cli.options import Reply, epilog, is_embedded, opened_ledger, reply_options, storage_option

if TYPE_CHECKING:
    from corebound.api.records import CampaignRecord
    from corebound.ledger.ledger import Ledger
    from corebound.local.postgres import EmbeddedPostgres


@click.command(
    epilog=epilog(
        examples=[
            "corebound storage pole-balancing",
            "corebound storage pole-balancing --export study.db",
            'optuna-dashboard "$(corebound storage pole-balancing --quiet)"',
            "corebound storage --stop",
        ],
        statuses={
            0: "printed, exported or stopped",
            2: "wrong use, or refused with the reason: --stop while a campaign is being run",
        },
    )
)
@click.argument("name", required=False)
@click.option("--export", type=click.Path(path_type=Path), help="Write the study to this new SQLite file.")
@click.option("--show-password", is_flag=True, help="Print the password of an external server with its URL.")
@click.option("--stop", is_flag=True, help="Stop the embedded server that an earlier call left running.")
@reply_options
@storage_option
def storage(
    *,
    name: str | None,
    export: Path | None,
    show_password: bool,
    stop: bool,
    reply: Reply,
    storage: str | None,
) -> None:
    """Print Optuna's URL and the study's name of campaign NAME.

    The embedded database is started if need be, and left running for other tools until corebound storage --stop. With
    --quiet only the URL is printed. --stop is refused while a campaign is being run.
    """
    from corebound.api.errors import UsageError
    from corebound.local.postgres import EmbeddedPostgres

    if stop:
        if name is not None or export is not None or not is_embedded(storage):
            raise UsageError("--stop stops the embedded server and goes with nothing else")
        _stop(EmbeddedPostgres.of_this_user(), reply)
        return
    if name is None:
        raise UsageError("expected the NAME of a campaign; see them with: corebound watch --once")
    with opened_ledger(storage, application="corebound-storage") as ledger:
        campaign = ledger.campaigns.get(name)
        if export is not None:
            _export(ledger, campaign, export, reply)
            return
        if is_embedded(storage):
            EmbeddedPostgres.of_this_user().keep()
    url = ledger.optuna_url if show_password else ledger.public_url
    hidden = url != ledger.optuna_url
    if hidden:
        reply.warn("the password is not shown; --show-password prints it")
    reply.outcome(
        {"url": url, "study": campaign.study_name, "password_hidden": hidden, "warnings": reply.warnings},
        [f"url:   {url}", f"study: {campaign.study_name}"],
        short=[url],
    )


def _export(ledger: Ledger, campaign: CampaignRecord, file: Path, reply: Reply) -> None:
    from dataclasses import asdict

    written = ledger.export(campaign, file)
    if written.unfinished:
        reply.warn(f"{written.unfinished} running trials are failed in the copy: nobody would ever finish them there")
    reply.outcome(
        {"exported": str(file), "study": campaign.study_name, **asdict(written), "warnings": reply.warnings},
        [f"wrote {written.trials} trials to {file}: sqlite:///{file}, study {campaign.study_name}"],
        short=[str(file)],
    )


def _stop(server: EmbeddedPostgres, reply: Reply) -> None:
    """Stop it, unless a campaign is being run. Raises :class:`CampaignConflictError` that names those."""
    from corebound.api.errors import CampaignConflictError

    if not (server.exists and server.running):
        server.stop()  # nor is the next one to be left running
        reply.outcome({"stopped": False}, ["no embedded server was running"])
        return
    if running := _running_campaigns():
        are, them = ("is", "it") if len(running) == 1 else ("are", "them")
        raise CampaignConflictError(
            f"{', '.join(running)} {are} being run on the embedded server; stop {them} first, then the server"
        )
    server.stop()
    reply.outcome({"stopped": True}, ["the embedded server is stopped"])


def _running_campaigns() -> list[str]:
    """Their names; none where the server holds no ledger, or does not answer: it can be stopped all the same."""
    from corebound.api.errors import StorageError, UnknownCampaignError

    try:
        with opened_ledger(None, application="corebound-storage") as ledger:
            return [each.name for each in ledger.campaigns.all() if ledger.campaigns.attended(each)]
    except (StorageError, UnknownCampaignError):
        return []
