"""docs/commands.md names every exit status and every command that there is, and no other."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click
import pytest

from corebound.api.contract import ExitCode
from corebound.api.errors import CoreboundError
from corebound.cli.main import COMMANDS, corebound

from .pages import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[list[str]]:
    """The cells of the table under a heading, without its own heading."""
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in section.splitlines() if line[:1] == "|"][2:]


def numbers(text: str) -> set[int]:
    return set(map(int, re.findall(r"\d+", text)))


def documented(command: str) -> set[int]:
    """What the page says a command may end with."""
    return {
        status
        for cells, of, _ in rows("Exit statuses")
        if of == "all" or f"`{command}`" in of
        for status in numbers(cells)
    }


def errors(base: type[CoreboundError] = CoreboundError) -> Iterator[type[CoreboundError]]:
    yield base
    for derived in base.__subclasses__():
        yield from errors(derived)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_commands_help_and_the_page_name_the_same_statuses(command: str) -> None:
    found = corebound.get_command(click.Context(corebound), command)
    assert found is not None
    assert found.epilog is not None
    listed = found.epilog.split("Exit status:")[1]
    # Each begins a line, or stands with a colon behind Ctrl-C's: 130 ... (143: SIGTERM, 129: the terminal was closed).
    said = {int(number) for number in re.findall(r"(?:^ *|\(|, )(\d+)(?=  |: )", listed, re.MULTILINE)}
    assert said == documented(command)


def test_every_error_ends_with_a_status_of_the_page() -> None:
    assert {error.exit_code for error in errors()} <= documented("plan")


def test_a_workers_statuses_are_those_of_the_page() -> None:
    worker = PAGE.split("A worker (`python -m corebound_trial`")[1].split("\n\n")[0]
    assert numbers(worker) == set(ExitCode)


def test_json_of_every_command_is_described() -> None:
    described = {name for cells in rows("JSON") for name in re.findall("`(\\w+)`", cells[0])}
    assert described == set(COMMANDS)
