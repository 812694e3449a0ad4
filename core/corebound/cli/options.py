"""What every command takes and how it answers: ``--quiet``, ``--json``, ``--storage``, examples and exit statuses.

What could go wrong: a command that looks for a campaign makes a database for nothing; where there is none it says so instead.
"""

from __future__ import annotations

import contextlib
import functools
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from corebound.ledger.ledger import Ledger

SUSPENDED_STATUS: Final = 3
SHARED_STATUSES: Final = {
    1: "the database refused",
    2: "wrong use, or refused with the reason",
    75: "the database does not answer",
    78: "the database is of another version",
    130: "Ctrl-C (143: SIGTERM, 129: the terminal was closed)",
}


@dataclass(frozen=True, kw_only=True)
class Reply:
    """How a command answers."""

    quiet: bool
    as_json: bool
    warnings: list[str] = field(default_factory=list)
    """All that was warned of, for the outcome's JSON."""

    @property
    def shows_progress(self) -> bool:
        """Whether anything but the outcome is wanted."""
        return not self.quiet and not self.as_json

    def note(self, text: str) -> None:
        """A line beside the outcome, on stderr."""
        if self.shows_progress:
            click.echo(text, err=True)

    def warn(self, text: str) -> None:
        """Of what probably is a mistake, or is not as it was asked for: a line on stderr, whatever else is wanted."""
        self.warnings.append(text)
        with contextlib.suppress(OSError):  # a search is not to end for want of a reader
            click.echo(f"warning: {text}", err=True)

    def outcome(self, value: object, lines: Sequence[str], *, short: Sequence[str] | None = None) -> None:
        """The outcome on stdout: ``value`` as JSON, or ``lines``, or with ``--quiet`` the ``short`` ones if there are."""
        if self.as_json:
            from corebound.reporting.plain import json_text

            click.echo(json_text(value))
            return
        for line in short if self.quiet and short is not None else lines:
            click.echo(line)


def reply_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds ``--quiet`` and ``--json``; the command gets them as its argument ``reply``."""

    @functools.wraps(command)
    def call(*arguments: Any, quiet: bool, as_json: bool, **named: Any) -> Any:
        return command(*arguments, reply=Reply(quiet=quiet, as_json=as_json), **named)

    as_json = click.option("--json", "as_json", is_flag=True, help="Print the outcome, or the error, as JSON.")
    quiet = click.option(
        "--quiet", is_flag=True, help="Only warnings and the outcome, in short; no progress, no notes."
    )
    return quiet(as_json(call))


def storage_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds ``--storage``."""
    option = click.option(
        "--storage",
        metavar="URL",
        help="postgresql://user:password@host/database; default: COREBOUND_DATABASE_URL (there no process list shows "
        "the password), else an embedded server.",
    )
    return option(command)


def epilog(*, examples: Sequence[str], statuses: Mapping[int, str], shared: Mapping[int, str] = SHARED_STATUSES) -> str:
    """The end of a command's ``--help``."""
    lines = [f"{status:>3}  {text}" for status, text in sorted({**shared, **statuses}.items())]
    parts = ("Examples:", examples), ("Exit status:", lines)
    return "\n\n".join("\b\n" + "\n".join([title, *(f"  {line}" for line in listed)]) for title, listed in parts)


def server_url(storage: str | None) -> str | None:
    """The server that ``--storage`` or the environment names; None where the embedded one is meant."""
    return storage or os.environ.get("COREBOUND_DATABASE_URL") or None


def is_embedded(storage: str | None) -> bool:
    """Whether the ledger is that of the embedded server."""
    return server_url(storage) is None


@contextlib.contextmanager
def opened_storage(storage: str | None, *, connections: int = 0) -> Iterator[tuple[str, Callable[[], None]]]:
    """The database's URL, and how to start it again should it die (nothing for an external server)."""
    if (url := server_url(storage)) is not None:
        yield url, lambda: None
        return
    from corebound.local.postgres import EmbeddedPostgres

    server = EmbeddedPostgres.of_this_user()
    with server.used(connections=connections) as url:
        yield url, lambda: server.start(connections=connections)


@contextlib.contextmanager
def opened_ledger(storage: str | None, *, application: str) -> Iterator[Ledger]:
    """The ledger for commands that run no campaign. Raises :class:`UnknownCampaignError` where none was ever made."""
    from corebound.api.errors import UnknownCampaignError
    from corebound.ledger.ledger import open_ledger
    from corebound.local.postgres import EmbeddedPostgres

    if is_embedded(storage) and not EmbeddedPostgres.of_this_user().exists:
        raise UnknownCampaignError(
            f"nothing was run yet with the state folder {EmbeddedPostgres.of_this_user().folder.parent}; begin with "
            "corebound run, or name the folder in COREBOUND_HOME or a server with --storage"
        )
    with opened_storage(storage) as (url, _), open_ledger(url, application=application) as ledger:
        yield ledger
