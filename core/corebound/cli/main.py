"""The command ``corebound``: finds the asked-for command, imports only that, and prints every error in one place.

What could go wrong besides the errors of our own tree: the reader of our output goes away (the end), the output cannot be
written (said), a signal asks us to go (what is open is closed on the way out). Anything else is a defect of ours and is
shown with its stack.
"""

from __future__ import annotations

import contextlib
import errno
import importlib
import json
import os
import re
import signal
import sys
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

from corebound.cli.place import command_name
from corebound.garbage import collect_seldom

if TYPE_CHECKING:
    from collections.abc import Sequence

    from corebound.api.errors import CoreboundError

COMMANDS: Final = {
    "run": "Run a campaign on this machine.",
    "search": "Search the settings of a neuro-evolution, from a preset.",
    "presets": "List or print the presets.",
    "plan": "Show threads, workers, waves and cost, with reasons.",
    "watch": "Show how campaigns are doing.",
    "results": "Show a campaign's trials.",
    "report": "Make a campaign's report: one HTML file.",
    "show": "Draw what a trial's evolution found.",
    "export": "Write a trial's best network as JSON and TorchScript.",
    "replay": "Run an exported network again.",
    "logs": "Show the output of a slot's attempts.",
    "storage": "Give Optuna's own tools the study.",
    "submit": "Create or change a campaign in a cluster.",
    "suspend": "Stop a cluster's campaign, and keep everything.",
    "resume": "Let a suspended one go on.",
    "delete": "Delete a campaign, and its data where asked to.",
}


_PASSWORD: Final = re.compile(r"//[^/@]*:[^/]*@|password=", re.IGNORECASE)

_NO_PLACE: Final = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM}


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

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's, naming the command that was probably meant."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            import difflib

            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            ctx.fail(f"No such command {args[0]!r}.{f' Did you mean {near[0]!r}?' if near else ''}")
        return super().resolve_command(ctx, args)

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

    Installed as kubectl-corebound, too: kubectl corebound watch looks in the cluster, corebound watch on this machine.

    Every command has --quiet, --json and --help with examples and exit statuses. COREBOUND_HOME is where local state is
    kept, COREBOUND_DATABASE_URL a PostgreSQL server to be used instead of the embedded one; NO_COLOR is honoured.
    """


def main() -> None:
    """Entry point; each command's ``--help`` has the exit statuses."""
    _hide_password()
    collect_seldom()
    for number in (signal.SIGTERM, signal.SIGHUP):
        # nohup and shells ignore the hang-up for programs that are to survive it.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _leave)
    try:
        sys.exit(_run())
    finally:
        _let_go_of_output()


def _hide_password() -> None:
    """A password in ``--storage`` would stand in every process list for as long as we run: begin again without it."""
    words, url = _without_password(sys.orig_argv)
    if url is not None:
        environment = {**os.environ, "COREBOUND_DATABASE_URL": url}
        os.execve(sys.executable, [sys.executable, *words[1:]], environment)  # noqa: S606 - no shell is what we want


def _without_password(words: Sequence[str]) -> tuple[list[str], str | None]:
    """The words without ``--storage`` where its URL holds a password, and that URL; else the words and None."""
    kept, url = [], None
    waiting = iter(words)
    for word in waiting:
        option, equals, value = word.partition("=")
        if option != "--storage":
            kept.append(word)
            continue
        given = value if equals else next(waiting, None)
        if given is not None and _PASSWORD.search(given):
            url = given
        else:
            kept += [word] if equals or given is None else [word, given]
    return kept, url


def _run() -> int:
    """The exit status."""
    try:
        # Outside standalone mode click returns the status that a command asked for.
        return int(corebound(prog_name=command_name(), standalone_mode=False) or 0)
    except click.exceptions.NoArgsIsHelpError as asked:
        click.echo(asked.format_message(), err=True)
        return asked.exit_code
    except click.exceptions.Abort:
        return 128 + signal.SIGINT
    except click.ClickException as error:
        return _failed(_message(error), kind="UsageError", status=error.exit_code, hint=_hint(error))
    except BrokenPipeError:
        return 0
    except OSError as error:
        if error.filename is not None and error.errno in _NO_PLACE:
            remedy = "make room or choose another place; local state is kept in the folder named by COREBOUND_HOME"
            message = f"{error.filename} cannot be written: {error.strerror}; {remedy}"
            return _failed(message, kind="OSError", status=1)
        if error.filename is not None:
            raise
        return _failed(f"the output cannot be written: {error.strerror}", kind="OSError", status=1)
    except Exception as error:
        from corebound.api.errors import CoreboundError

        if not isinstance(error, CoreboundError):
            raise
        return _failed(str(error), kind=type(error).__name__, status=error.exit_code, problems=_problems(error))


def _let_go_of_output() -> None:
    """What cannot be written (a closed pipe or terminal, a full disk) Python would try again at its end, and complain."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _leave(number: int, _: object) -> NoReturn:
    """Unwinds, so that a database that was started for us is stopped."""
    raise SystemExit(128 + number)


def _failed(text: str, *, kind: str, status: int, hint: str = "", problems: list[Any] | None = None) -> int:
    """The one place where errors are printed; returns the exit status."""
    # Errors may come before options are read, so the word itself is looked for; no option takes it as its value.
    if "--json" in sys.argv[1:]:
        found = {"error": text, "kind": kind, "exit_code": status} | ({"problems": problems} if problems else {})
        with contextlib.suppress(OSError):
            click.echo(json.dumps(found))
    with contextlib.suppress(OSError):
        click.echo(f"error: {text}{hint}", err=True)
    return status


def _message(error: click.ClickException) -> str:
    """Click's own, but where an option of the commands stands before the command."""
    if isinstance(error, click.NoSuchOption) and error.ctx is not None and error.ctx.command is corebound:
        option = error.option_name
        if option in ("--json", "--quiet", "--storage"):
            return f"{option} goes behind the command, as in: corebound watch {option}"
    return error.format_message()


def _hint(error: click.ClickException) -> str:
    context = error.ctx if isinstance(error, click.UsageError) else None
    return f"\ntry: {context.command_path} --help" if context is not None else ""


def _problems(error: CoreboundError) -> list[Any]:
    """All that is wrong with a campaign file, each with its place."""
    from dataclasses import asdict

    from corebound.api.errors import SpecError

    return [asdict(problem) for problem in error.problems] if isinstance(error, SpecError) else []
