"""Every command that README.md and docs/*.md show is run, page by page in the page's order, and prints what is shown.

A page's reader has the files that the page shows, those of docs/objective.md, and examples/, here with fewer trials. What
differs from run to run is compared by its form: numbers, times, money, and ``...`` for what is left out.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from corebound.api.errors import SpecError
from corebound.api.loading import load_campaign
from corebound.cli.main import COMMANDS, corebound
from corebound.reporting.status import slot_lines, status_line

from ..unit.reporting.views import NOW, view
from .pages import ROOT, Command, Page, pages

NOT_RUN = {
    "make demo": "downloads its environment; the command that it runs is the README's first, see below",
    "make test": "runs this test",
    "make bench-local": "20 minutes; its scripts are looked for below",
    "make bench-compare": "an hour and more, and Ray; tests/local/test_comparison.py runs it with next to no work",
}
ON_A_CLUSTER = ("kubectl", "helm", "docker", "az")
"""Programs whose commands are no matter of one machine; the tests of the operator run its Kubernetes objects."""
INSTEAD = {
    "corebound search prod -m pure -n 100 -g 150 -s 3 -p 500": "corebound search prod -m pure -n 100 -g 150 -s 3 -p 500"
    " --write-yaml prod.yaml && corebound plan -f prod.yaml && corebound search prod -m pure -w 1 -n 4 -g 2 -s 1 -p 32",
    "corebound search poles -m neat -w 2 -t 1": "corebound search poles -m neat -w 2 -t 1 -n 2 -g 2 -p 32",
    "corebound run -c neat_baseline -g 20 -s 1 -p 200": "corebound run -c neat_baseline -g 2 -s 1 -p 32",
}
"""Searches of hours, and what is run in their place: the same options, written and planned, or with less to do."""
STATUSES = {
    "corebound plan -f typo.yaml": 2,
    "corebound results nobody": 2,
}
"""Commands that are shown because they fail."""

PAGES = {page.name: page for page in pages()}
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
NUMBER = re.compile(r"-?\d+(\.\d+)?(e-?\d+)?")
TIME = re.compile(r"N d( N h)?|N h( N min)?|N min( N s)?|N s")
SMALLER = {
    r"trials: \d+": "trials: 4\n  parallelism: 1",  # what a second worker imports costs more than all trials
    r"generations: \d+": "generations: 2",
    r"population: \d+": "population: 32",
}


def form(line: str) -> str:
    """A line without what differs from run to run: numbers, times, spaces between columns, which choice was best."""
    line = NUMBER.sub("N", line)
    line = re.sub(r"(?<==)[a-z]+|\b(tanh|sigmoid|relu)\b", "CHOICE", TIME.sub("TIME", line))
    line = re.sub(r"\b(N [a-z]+?)s\b", r"\1", line)  # 1 thread, 2 threads
    return " ".join(line.split())


def live_forms() -> set[str]:
    """The lines of the live display, which a short run may never show: as the display writes them of a made-up campaign."""
    shown = view(name="pole-balancing")
    named = [
        line.replace(", N failed", "") for line in map(form, [status_line(shown), *slot_lines(shown.running, NOW)])
    ]
    return {line.replace("CHOICE", "N") for line in named}


def expected_form(line: str) -> re.Pattern[str]:
    """What a line of the page stands for."""
    return re.compile(re.escape(form(line)).replace(re.escape("..."), ".*"))


@pytest.fixture
def folder(home: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """The folder of a reader of the page."""
    page: Page = request.getfixturevalue("page")
    where = tmp_path / "reader"
    (where / "examples").mkdir(parents=True)
    for example in (ROOT / "examples").iterdir():
        text = example.read_text(encoding="utf-8")
        for pattern, smaller in SMALLER.items():
            text = re.sub(pattern, smaller, text)
        (where / "examples" / example.name).write_text(text, encoding="utf-8")
    for name, text in {**PAGES["docs/objective.md"].files, **page.files}.items():
        (where / name).write_text(text, encoding="utf-8")
    return where


def commands_to_run(page: Page) -> list[Command]:
    here = [command for command in page.commands if command.text.split()[0] not in ON_A_CLUSTER]
    return [command for command in here if command.text not in NOT_RUN]


@pytest.mark.parametrize("page", [page for page in PAGES.values() if commands_to_run(page)], ids=lambda page: page.name)
def test_commands_of_a_page_do_what_it_says(page: Page, folder: Path, home: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COREBOUND_")}
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    for command in commands_to_run(page):
        done = subprocess.run(
            ["sh", "-c", INSTEAD.get(command.text, command.text)],
            cwd=folder,
            env={**kept, "PATH": programs, "COREBOUND_HOME": str(home), "COREBOUND_HEARTBEAT_SECONDS": "0.5"},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        said = done.stderr + done.stdout
        assert done.returncode == STATUSES.get(command.text, 0), f"{command.text}\n{said}"
        forms = [form(line) for line in said.splitlines()]
        for line in command.output:
            wanted = expected_form(line)
            if wanted.pattern in map(re.escape, live_forms()):
                continue
            assert any(wanted.fullmatch(each) for each in forms), f"{command.text} printed no {line!r} but:\n{said}"


def test_commands_and_files_are_found_on_these_pages() -> None:
    """A page that is written in another way must not drop out unseen."""
    assert {"README.md", "docs/campaign.md", "docs/commands.md"} <= {
        page.name for page in PAGES.values() if page.commands
    }
    assert len(PAGES["README.md"].commands) >= 9
    for page in PAGES.values():
        text = (ROOT / page.name).read_text(encoding="utf-8")
        assert len(page.commands) >= len(re.findall(r"^ *\$ ", text, re.MULTILINE)), page.name


@pytest.mark.parametrize(
    ("page", "name"),
    [(page, name) for page in PAGES.values() for name, text in page.files.items() if "kind: SearchCampaign" in text],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_a_campaign_file_of_a_page_is_valid_unless_it_shows_an_error(page: Page, name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(page.files[name], encoding="utf-8")
    shows_an_error = any(status and name in command for command, status in STATUSES.items())
    with pytest.raises(SpecError) if shows_an_error else contextlib.nullcontext():
        load_campaign(tmp_path / name)


def test_what_is_not_run_is_shown_somewhere_and_there() -> None:
    shown = {command.text for page in PAGES.values() for command in page.commands}
    shown |= {named for page in PAGES.values() for named in page.named}
    assert not (NOT_RUN.keys() | INSTEAD.keys() | STATUSES.keys()) - shown, "no page shows these any more"
    for command in NOT_RUN:
        assert re.search(rf"^{command.split()[1]}:", MAKEFILE, re.MULTILINE), command
    bench = re.search(r"^bench-local:.*\n(\t.*\n)+", MAKEFILE, re.MULTILINE)
    assert bench is not None
    scripts = {named for page in PAGES.values() for named in page.named if named.startswith("python bench/")}
    assert scripts == {line.strip().replace("$(BIN)/", "") for line in bench[0].splitlines()[1:]}
    demo = re.search(r"^demo:\n(\t.*\n)+", MAKEFILE, re.MULTILINE)
    first = next(command.text for command in PAGES["README.md"].commands if command.text not in NOT_RUN)
    assert demo is not None
    assert first.replace("corebound run", "corebound run --fresh") in demo[0]


@pytest.mark.parametrize("page", [page for page in PAGES.values() if page.named], ids=lambda page: page.name)
def test_commands_that_are_named_in_passing_are_there(page: Page) -> None:
    for named in page.named:
        program, first, *rest = named.split()
        if program == "make":
            assert re.search(rf"^{first}:", MAKEFILE, re.MULTILINE), named
        elif program == "corebound":
            known = options_of(first) if first in COMMANDS else {}
            assert first in COMMANDS or first in options_of(None), named
            for option in (word.partition("=")[0] for word in rest if word.startswith("-")):
                assert option in known, f"{named}: {first} has no {option}, it has {', '.join(known)}"
        elif first.endswith(".py"):
            assert (ROOT / first).exists() or first in PAGES["docs/objective.md"].files, named


def options_of(command: str | None) -> dict[str, Any]:
    """Every spelling of the options of a command, or of ``corebound`` itself."""
    context = click.Context(corebound)
    found: click.Command | None = corebound if command is None else corebound.get_command(context, command)
    assert found is not None
    parameters = found.get_params(context)
    return {spelling: each for each in parameters for spelling in (*each.opts, *each.secondary_opts)}
