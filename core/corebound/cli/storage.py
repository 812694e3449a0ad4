"""``corebound storage``: the study for Optuna's own tools."""

from __future__ import annotations

from pathlib import Path

import click

from corebound.cli.storage_option import opened_ledger, storage_option


@click.command()
@click.argument("name", required=False)
@click.option("--export", type=click.Path(path_type=Path), help="Write the study to this new SQLite file.")
@click.option("--stop", is_flag=True, help="Stop the embedded server that an earlier call left running.")
@storage_option
def storage(name: str | None, export: Path | None, stop: bool, storage: str | None) -> None:
    """Start the database if need be and print Optuna's URL and the study's name.

    \b
    Examples:
      corebound storage pole-balancing
      corebound storage pole-balancing --export study.db
      corebound storage --stop
    """
    import os

    from corebound.api.errors import UsageError
    from corebound.local.postgres import EmbeddedPostgres

    if stop:
        EmbeddedPostgres.of_this_user().stop()
        return
    if name is None:
        raise UsageError("expected the NAME of a campaign; see them with: corebound watch --once")
    with opened_ledger(storage, application="corebound-storage") as ledger:
        campaign = ledger.campaigns.get(name)
        if export is not None:
            if export.exists():
                raise UsageError(f"{export} exists already; choose a new file")
            import optuna

            optuna.logging.set_verbosity(optuna.logging.WARNING)
            optuna.copy_study(
                from_study_name=campaign.study_name,
                from_storage=ledger.optuna_url,
                to_storage=f"sqlite:///{export}",
            )
            click.echo(f"wrote {export}")
            return
        if not (storage or os.environ.get("COREBOUND_DATABASE_URL")):
            EmbeddedPostgres.of_this_user().keep()
        click.echo(f"url:   {ledger.optuna_url}\nstudy: {campaign.study_name}")
