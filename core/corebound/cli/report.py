"""``corebound report``: a campaign on one page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from corebound.cli.options import Reply, epilog, opened_ledger, reply_options, storage_option
from corebound.cli.place import Place, campaigns_at, place_options
from corebound.cli.reach import Way, way_options

if TYPE_CHECKING:
    from corebound.api.records import RunsOn
    from corebound.ledger.ledger import Ledger
    from corebound.reporting.report.data import ReportData


@click.command(
    epilog=epilog(
        examples=[
            "corebound report pole-balancing",
            "corebound report pole-balancing --open",
            "corebound report pole-balancing -o out/poles.html",
            "corebound report pole-balancing --format json | jq .outcome.best",
            "corebound report pole-balancing --format md >> $GITHUB_STEP_SUMMARY",
            "corebound report pole-balancing -n team-a    # or kubectl corebound report pole-balancing",
        ],
        statuses={
            0: "made",
            1: "the database or the cluster refused",
            75: "the database or the cluster does not answer",
        },
    )
)
@click.argument("name")
@click.option("-o", "--output", metavar="FILE", help="Where to; - is standard output. Default: ./NAME-report.html.")
@click.option("--open", "opens", is_flag=True, help="Open it in the browser.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["html", "json", "md"]),
    default="html",
    help="One HTML file (the default); json and md go to standard output unless -o names a file.",
)
@place_options()
@reply_options
@way_options
@storage_option
def report(*, name: str, output: str | None, opens: bool, form: str, place: Place, reply: Reply, way: Way) -> None:
    """Make a report of campaign NAME: outcome, cost, figures, failures, plan, workers, in one file that needs no network.

    It may still be running: the report then shows it as it is. An earlier report of the same name is replaced, no other
    file ever is. With --json the place of the file is said as JSON. A cluster's database is reached as results reach it.
    """
    from corebound.api.errors import UsageError
    from corebound.reporting.report.file import default_name, write_report

    if output is None and form == "html":
        output = default_name(name, form)
    is_file = output is not None and output != "-"
    if opens and (form != "html" or not is_file):
        raise UsageError("--open shows an HTML file in the browser; leave out --format and -o -")
    if reply.as_json and not is_file:
        raise UsageError(
            "--json says where the file is, but none is written here; for the report as JSON: --format json"
        )
    text = _made(place, name, form, reply, way)
    if output is None or not is_file:
        click.echo(text, nl=False)
        return
    path = Path(output)
    replaced = write_report(path, text)
    size = len(text.encode("utf-8"))
    said = f"{'replaced' if replaced else 'wrote'} {path} ({size / 1e6:.1f} MB)"
    opened = opens and _opened(path)
    if opens and not opened:
        reply.note(f"no browser could be started here; open {path.absolute().as_uri()} in one")
    outcome = {"written": str(path.absolute()), "bytes": size, "replaced": replaced, "opened": opened}
    reply.outcome(outcome, [said], short=[str(path)])


def _made(place: Place, name: str, form: str, reply: Reply, way: Way) -> str:
    """The report, from wherever the campaign's ledger is reached."""
    from corebound.cli.reach import ask_in_pod, reached_ledger

    if not place.on_cluster:
        with opened_ledger(way.storage, application="corebound-report") as ledger:
            return _gathered(ledger, name, form)
    campaigns = campaigns_at(place)
    with reached_ledger(campaigns, way, application="corebound-report", reply=reply) as reached:
        if reached is not None:
            return _gathered(reached, name, form)
        words = ["report", name, "--format", form, "-o", "-"]
        return ask_in_pod(campaigns, name, way, words, reply).decode()


def _gathered(ledger: Ledger, name: str, form: str) -> str:
    from corebound.local.runs_on import runs_on
    from corebound.reporting.report.data import gather

    here, campaign = runs_on(), ledger.campaigns.get(name)
    data = gather(
        ledger,
        campaign,
        attended=ledger.campaigns.attended(campaign),
        made_with=here.versions,
        made_on=_machine_text(here),
    )
    return _text(data, form)


def _text(data: ReportData, form: str) -> str:
    if form == "html":
        from corebound.reporting.report.page import html_report

        return html_report(data)
    from corebound.reporting.report.document import json_report, markdown_report

    return json_report(data) if form == "json" else markdown_report(data)


def _opened(path: Path) -> bool:
    import webbrowser

    return webbrowser.open(path.absolute().as_uri())


def _machine_text(here: RunsOn) -> str:
    """The machine that the report is made on, which need not be one of the campaign's."""
    import platform

    from corebound.planning.wording import number_text

    return f"{platform.node()}: {here.processor}, {number_text(here.cores)} usable cores, {here.kernel}"
