"""The report as one HTML file that needs nothing else: no network, no server, no other file.

A content security policy forbids every request, and every script but the ones put in here (by their hashes), so that even a
text that would slip through the escaping could do nothing.
"""

from __future__ import annotations

import base64
import hashlib
import json
from importlib import resources
from typing import TYPE_CHECKING, Final

from corebound.api.workload import POPULATION
from corebound.reporting.pictures.page import trial_pictures
from corebound.reporting.report import facts, glance, planned, ran_on
from corebound.reporting.report.figures.cores import cores
from corebound.reporting.report.figures.curves import curves
from corebound.reporting.report.figures.front import front
from corebound.reporting.report.figures.history import history
from corebound.reporting.report.figures.importance import importance
from corebound.reporting.report.figures.parallel import parallel
from corebound.reporting.report.figures.slices import slices
from corebound.reporting.report.markup import Markup, element, joined, table

if TYPE_CHECKING:
    from corebound.reporting.report.data import ReportData
    from corebound.reporting.report.figures.figure import Figure

MARK: Final = "Corebound report"
"""Stands in the head of every report, so that an earlier one can be told from another file."""
MOST_FAILURES: Final = 40


def html_report(data: ReportData) -> str:
    """The whole file."""
    drawn = [history(data), importance(data), slices(data), front(data), parallel(data), curves(data), cores(data)]
    figures = [figure for figure in drawn if figure is not None]
    scripts = [_asset("echarts.min.js"), _asset("page.js")]
    page = element(
        "html",
        _head(data, scripts),
        element(
            "body",
            _header(data, figures),
            _main(data, figures),
            _footer(),
            _figures_data(figures),
            *map(_script, scripts),
        ),
        lang="en",
    )
    return f"<!DOCTYPE html>\n{page}\n"


def _head(data: ReportData, scripts: list[str]) -> Markup:
    hashes = " ".join(f"'sha256-{_digest(script)}'" for script in scripts)
    allowed = f"script-src {hashes}; style-src 'unsafe-inline'; img-src data:"
    policy = f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'"
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="generator", content=MARK),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        # Without one of its own a browser asks a server for an icon.
        element("link", rel="icon", href="data:,"),
        element("title", f"{data.campaign.name} - {MARK}"),
        Markup(f"<style>{_asset('style.css')}</style>"),
    )


def _header(data: ReportData, figures: list[Figure]) -> Markup:
    standing = glance.standing(data)
    sections = [(key, title) for key, title in _SECTIONS if key != "found" or _pictures(data)]
    links = [*((f"figure-{figure.key}", figure.title) for figure in figures), *sections]
    return element(
        "header",
        element("a", "Skip to the results", class_="skip", href="#results"),
        element("h1", data.campaign.name),
        element("span", standing, class_=f"phase {standing.replace(' ', '-')}"),
        element("p", glance.headline(data), class_="lead"),
        element("dl", *map(_tile, glance.tiles(data)), class_="tiles", id="tiles"),
        element(
            "nav", *(element("a", text, href=f"#{place}") for place, text in links), aria_label="Parts of this report"
        ),
    )


def _tile(tile: glance.Tile) -> Markup:
    bar = Markup("")
    if tile.share is not None:
        bar = element("div", element("i", style=f"width: {100 * tile.share:.1f}%"), class_="bar", aria_hidden="true")
    return element(
        "div",
        element("dt", tile.label),
        element(
            "dd",
            element("div", tile.value, element("small", f" {tile.unit}"), class_="value"),
            bar,
            element("div", tile.note, class_="note"),
        ),
        class_="tile",
    )


_SECTIONS: Final = (
    ("found", "What the best trial evolved"),
    ("trials", "Best trials"),
    ("failures", "Attempts and failures"),
    ("plan", "Plan and outcome"),
    ("workers", "Workers"),
    ("specification", "Specification"),
    ("made", "Versions and machines"),
)


def _main(data: ReportData, figures: list[Figure]) -> Markup:
    drawn = {figure.key: _figure(figure) for figure in figures}
    best = facts.best_rows(data)
    beside = joined(
        element("section", element("h2", "Best parameters"), table(["parameter", "value"], best, caption=""))
        if best
        else Markup(""),
        drawn.pop("importance"),
    )
    left = [drawn.pop(key) for key in (("front", "history") if "front" in drawn else ("history", "slices"))]
    first = element("div", element("div", *left), element("div", beside), class_="pair", id="results")
    head, rows = facts.top_table(data)
    trials = table(head, rows, caption=facts.top_caption(data), numbers=True)
    return element(
        "main",
        first,
        *(drawn.pop(key) for key in ("slices", "parallel", "curves", "cores") if key in drawn),
        _found(data),
        _section("trials", trials if rows else _nothing("No trial has brought a result.")),
        _section("failures", _failures(data), is_long=True),
        _section("plan", _plan(data)),
        _section("workers", _workers(data), is_long=True),
        _section("specification", element("pre", facts.specification_text(data), tabindex="0"), is_long=True),
        _section("made", _made(data), is_long=True),
    )


def _section(key: str, content: Markup, *, is_long: bool = False) -> Markup:
    return element(
        "section", element("h2", dict(_SECTIONS)[key]), content, id=key, class_="long" if is_long else "short"
    )


def _found(data: ReportData) -> Markup:
    """Fitness, network and behaviour of neuro-evolution's best trial; nothing for other trials."""
    pictures = [
        joined(element("h3", title), element("figure", Markup(picture))) for title, picture in _pictures(data).items()
    ]
    if not pictures:
        return Markup("")
    said = f"Of slot {data.ranked[0].slot}; corebound show {data.campaign.name} SLOT draws any other one."
    return _section("found", joined(*pictures, _nothing(said)), is_long=True)


def _pictures(data: ReportData) -> dict[str, str]:
    if not data.ranked:
        return {}
    workload = data.campaign.specification["spec"].get("trial", {}).get("workload", {})
    return trial_pictures(data.ranked[0].user_attrs, population=workload.get("population", POPULATION))


def _figure(figure: Figure) -> Markup:
    caption = element("figcaption", figure.caption, id=f"caption-{figure.key}")
    plot = Markup("")
    if figure.option is not None:
        unable = element("p", "Drawing this figure needs JavaScript.", class_="nothing")
        plot = element(
            "div",
            unable,
            id=f"plot-{figure.key}",
            class_="plot",
            style=f"height: {figure.height}px",
            aria_describedby=f"caption-{figure.key}",
        )
    return element("section", element("h2", figure.title), element("figure", plot, caption), id=f"figure-{figure.key}")


def _failures(data: ReportData) -> Markup:
    found = facts.failures(data)
    groups = []
    for failure in found[:MOST_FAILURES]:
        count = element("span", f"{len(failure.slots)} x", class_="count")
        goes_on = "" if failure.is_final else " (not closed: the slot goes on or waits)"
        summary = element("summary", count, f" {failure.reason}{goes_on}")
        groups.append(
            element(
                "details", summary, element("p", f"Slots {failure.named}"), element("pre", failure.text, tabindex="0")
            )
        )
    if len(found) > MOST_FAILURES:
        groups.append(
            _nothing(
                f"{len(found) - MOST_FAILURES} rarer reasons are not listed; corebound results shows every slot's."
            )
        )
    skipped = facts.skipped_reasons(data)
    return joined(
        table(["", ""], facts.attempt_rows(data), caption="Attempts that slots needed"),
        element("h3", "Reasons"),
        *(groups or [_nothing("No attempt has failed.")]),
        joined(element("h3", "Skipped"), table(["slots", "reason"], skipped, caption="")) if skipped else Markup(""),
    )


def _plan(data: ReportData) -> Markup:
    return joined(
        table(planned.HEAD, planned.plan_rows(data), caption=planned.caption(data)),
        element("h3", "Where the cores' time went"),
        table(["", "core time", "share"], facts.cost_rows(data), caption=""),
    )


def _workers(data: ReportData) -> Markup:
    head, rows = facts.worker_table(data)
    if not rows:
        return _nothing("No worker has started yet.")
    hidden = len(data.workers) - len(rows)
    return table(head, rows, caption=f"The last {len(rows)} of {len(data.workers)} workers" if hidden else "")


def _made(data: ReportData) -> Markup:
    groups = ran_on.alike(data)
    head, rows = ran_on.ran_on_table(groups)
    marked = [
        [element("mark", cell) if name in group.differs_in else cell for name, cell in zip(head, row, strict=True)]
        for group, row in zip(groups, rows, strict=False)
    ]
    hidden = len(groups) - len(rows)
    return joined(
        element("h3", "What the workers ran on"),
        element("p", ran_on.in_words(groups)),
        table(head, marked, caption=f"The {len(rows)} most frequent of {len(groups)}" if hidden else "")
        if rows
        else Markup(""),
        element("h3", "Campaign and report"),
        table(["", ""], facts.made_rows(data), caption=""),
    )


def _nothing(text: str) -> Markup:
    return element("p", text, class_="nothing")


def _footer() -> Markup:
    return element(
        "footer",
        "Made by Corebound; figures by Apache ECharts 6.1.0 (Apache License 2.0), which is in this file. "
        "It asks no server for anything.",
    )


def _figures_data(figures: list[Figure]) -> Markup:
    drawn = [
        {"key": figure.key, "renderer": figure.renderer, "option": figure.option}
        for figure in figures
        if figure.option is not None
    ]
    text = json.dumps(drawn, allow_nan=False, separators=(",", ":"))
    for letter in "<>&":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return Markup(f'<script type="application/json" id="figures">{text}</script>')


def _script(source: str) -> Markup:
    return Markup(f"<script>{source}</script>")


def _digest(source: str) -> str:
    return base64.b64encode(hashlib.sha256(source.encode("utf-8")).digest()).decode("ascii")


def _asset(name: str) -> str:
    return resources.files(__package__).joinpath("assets", name).read_text(encoding="utf-8")
