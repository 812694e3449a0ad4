"""Reports in a real browser: every figure is drawn, nothing is asked of any server, no text of a user does anything."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from corebound.api.records import Phase, SlotState
from corebound.reporting.report.page import html_report

from .picture import take_picture
from .searches import HOSTILE, search

if TYPE_CHECKING:
    from pathlib import Path

    from corebound.reporting.report.data import ReportData

    from .browser import Browser

ALL = ["history", "importance", "parallel", "slices", "curves", "cores"]


def shown(browser: Browser, folder: Path, data: ReportData, *, width: int = 1280) -> dict[str, dict[str, Any]]:
    """The figures by name, after the checks that hold for every report."""
    path = folder / "report.html"
    path.write_text(html_report(data), encoding="utf-8")
    figures = browser.open(path, width=width)
    assert browser.seen.complaints == []
    assert [url for url in browser.seen.requests if not url.startswith("data:")] == [path.as_uri()]
    for figure in figures:
        assert figure["marks"] > 10 or figure["painted"] > 1000, figure
    return {figure["key"].removeprefix("plot-"): figure for figure in figures}


@pytest.mark.parametrize("trials", [16, 300])
def test_every_figure_is_drawn(browser: Browser, tmp_path: Path, trials: int) -> None:
    figures = shown(browser, tmp_path, search(trials))
    assert sorted(figures) == sorted(ALL)
    assert all(figure["painted"] == 0 for key, figure in figures.items() if key in ("history", "importance"))


def test_ten_thousand_trials_are_painted_and_the_captions_say_what_was_left_out(
    browser: Browser, tmp_path: Path
) -> None:
    data = search(10_000)
    figures = shown(browser, tmp_path, data)
    assert figures["history"]["painted"] > 10_000
    assert (tmp_path / "report.html").stat().st_size < 8_000_000
    captions = browser.value("[...document.querySelectorAll('figcaption')].map((each) => each.textContent).join(' ')")
    finished = len(data.ranked)
    assert f"Shown: the best 250 trials and 750 at random, of {finished:,}." in captions
    assert f"Computed from 2000 trials drawn at random from {finished}." in captions
    assert "the best 20, the others spread over the campaign" in captions


def test_several_objectives_have_a_front(browser: Browser, tmp_path: Path) -> None:
    figures = shown(browser, tmp_path, search(60, metrics=("loss", "latency", "size")))
    assert sorted(figures) == sorted([*ALL, "front"])


@pytest.mark.parametrize(
    ("data", "drawn"),
    [
        (search(10, closed=0, phase=Phase.PENDING), []),
        (search(10, closed=0, phase=Phase.RUNNING), []),
        (search(10, closed=3, phase=Phase.RUNNING), ["cores", "curves", "history", "parallel", "slices"]),
        (search(10, states=[SlotState.FAILED], phase=Phase.FAILED), ["cores"]),
        (search(10, states=[SlotState.SKIPPED], phase=Phase.FAILED, steps=False), ["cores"]),
        (search(1), ["cores", "curves", "history"]),
        (search(30, parameters=("activation",), steps=False), ["cores", "history", "parallel", "slices"]),
    ],
    ids=["pending", "nothing closed", "running", "only failed", "only skipped", "one trial", "one parameter"],
)
def test_what_cannot_be_drawn_is_said_instead(
    browser: Browser, tmp_path: Path, data: ReportData, drawn: list[str]
) -> None:
    assert sorted(shown(browser, tmp_path, data)) == drawn
    captions = browser.value("[...document.querySelectorAll('figcaption')].map((each) => each.textContent)")
    assert len(captions) == len(ALL)
    assert all(captions)


def test_hostile_texts_are_only_texts(browser: Browser, tmp_path: Path) -> None:
    data = search(40, name=HOSTILE, metrics=(HOSTILE,), parameters=(HOSTILE + "1", HOSTILE + "2", HOSTILE + "3"))
    shown(browser, tmp_path, data)
    assert browser.value("document.title") == f"{HOSTILE} - Corebound report"
    assert browser.value("document.querySelector('h1').textContent") == HOSTILE
    assert browser.value("document.querySelectorAll('img, iframe, object, embed').length") == 0
    # Tooltips are HTML that the library makes when asked for.
    tooltip = """
        (() => {
            const chart = echarts.getInstanceByDom(document.getElementById('plot-history'));
            chart.dispatchAction({type: 'showTip', seriesIndex: 0, dataIndex: 1});
            return document.getElementById('plot-history').textContent;
        })()
    """
    assert HOSTILE in browser.value(tooltip)
    assert browser.value("document.querySelectorAll('img, iframe, object, embed').length") == 0
    assert browser.value("document.title") == f"{HOSTILE} - Corebound report"


def test_parameters_and_metrics_of_one_name_are_told_apart(browser: Browser, tmp_path: Path) -> None:
    names = ("loss", "slot", "trials closed", "step", "value")
    data = search(40, metrics=("loss", "step"), parameters=names)
    figures = shown(browser, tmp_path, data)
    assert sorted(figures) == sorted([*ALL, "front"])

    def tip(key: str, series: int = 0) -> str:
        chart = f"echarts.getInstanceByDom(document.getElementById('plot-{key}'))"
        browser.value(f"{chart}.dispatchAction({{type: 'showTip', seriesIndex: {series}, dataIndex: 1}})")
        return str(browser.value(f"document.getElementById('plot-{key}').innerText"))

    assert re.search(r"slot\s+\d+\s+values\.loss\s+[\d.]+\s+trials closed\s+\d", tip("history"))
    assert re.search(r"slot\s+\d+\s+values\.loss\s+[\d.]+\s+values\.step\s+[\d.]+", tip("front"))
    for series, name in enumerate(data.parameters[:3]):
        text = tip("slices", series)
        called = "value" if name == "value" else f"params.{name}"
        assert re.search(rf"slot\s+\d+\s+{re.escape(called)}\s+\S+\s+values\.loss\s+[\d.]+", text), (name, text)
    axes = "echarts.getInstanceByDom(document.getElementById('plot-parallel')).getOption().parallelAxis"
    found = browser.value(f"{axes}.map((each) => each.name)")
    parameters = {"params.loss", "params.slot", "params.trials closed", "params.step", "value"}
    assert (set(found[:-2]), found[-2:]) == (parameters, ["values.loss", "values.step"])


def test_it_prints_on_pages_that_hold_its_figures(browser: Browser, tmp_path: Path) -> None:
    shown(browser, tmp_path, search(40))
    pages = len(re.findall(rb"/Type\s*/Page\b", browser.printed()))
    assert 3 <= pages <= 20
    widths = (
        "Math.max(...[...document.querySelectorAll('.plot svg')].map((each) => each.getBoundingClientRect().width))"
    )
    on_screen = browser.value(widths)
    # What printing does first and last; paper of A4 has room for 640 pixels between margins and borders.
    assert browser.value(f"dispatchEvent(new Event('beforeprint')), {widths}") <= 640 < on_screen
    assert browser.value("[...document.querySelectorAll('details')].every((each) => each.open)")
    assert browser.value(f"dispatchEvent(new Event('afterprint')), {widths}") == on_screen
    assert not browser.value("[...document.querySelectorAll('details')].some((each) => each.open)")


@pytest.mark.parametrize("width", [380, 1280])
def test_it_fits_the_window(browser: Browser, tmp_path: Path, width: int) -> None:
    figures = shown(browser, tmp_path, search(40), width=width)
    assert browser.value("document.documentElement.scrollWidth") <= width
    assert all(0 < figure["width"] <= width for figure in figures.values())


def test_the_outcome_is_in_the_first_screen_and_keys_reach_everything(browser: Browser, tmp_path: Path) -> None:
    shown(browser, tmp_path, search(40))
    assert browser.value("document.getElementById('tiles').getBoundingClientRect().bottom < innerHeight")
    assert browser.value("document.getElementById('plot-history').getBoundingClientRect().bottom < innerHeight")
    browser.press("Tab")
    assert browser.value("document.activeElement.textContent") == "Skip to the results"
    targets = browser.value(
        "[...document.querySelectorAll('a')].map((each) => document.querySelector(each.getAttribute('href')) !== null)"
    )
    assert targets
    assert all(targets)


def test_a_picture_for_the_readme_is_small(browser: Browser, tmp_path: Path) -> None:
    shown(browser, tmp_path, search(300))
    taken = take_picture(browser, tmp_path / "report.html", tmp_path / "report.png")
    assert taken.read_bytes().startswith(b"\x89PNG")
    assert 20_000 < taken.stat().st_size < 300_000
