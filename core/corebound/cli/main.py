"""The command ``corebound``: finds the asked-for command, imports only that, and prints every error of ours in one place."""

from __future__ import annotations

import importlib
import json
import sys
from typing import Final

import click

COMMANDS: Final = {
    "run": "Run a campaign on this machine.",
    "plan": "Show threads, workers, waves and cost, with reasons.",
    "watch": "Show how campaigns are doing.",
    "results": "Show a campaign's trials.",
    "logs": "Show the output of a slot's attempts.",
    "storage": "Give Optuna's own tools the study.",
}


class _Lazy(click.Group):
    """Imports a command's module when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(f"corebound.cli.{cmd_name}"), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="corebound", prog_name="corebound")
def corebound() -> None:
    """Searches on CPU cores, with exactly as many threads as cores.

    \b
    Examples:
      corebound run -f campaign.yaml
      corebound plan -f campaign.yaml --cores 128 --price 3.50
      corebound results pole-balancing --csv
    """


def main() -> None:
    """Entry point; exit codes: 0 done, 1 failed, 2 wrong use, 130 interrupted."""
    try:
        # Outside standalone mode click returns the status that a command asked for.
        sys.exit(corebound(standalone_mode=False) or 0)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.exit(0)
    except Exception as error:
        from corebound.api.errors import CoreboundError

        if not isinstance(error, CoreboundError):
            raise
        if "--json" in sys.argv:
            click.echo(json.dumps({"error": str(error), "exit_code": error.exit_code}))
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
