"""``corebound report`` of a real campaign, from its file to the browser."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .campaigns import Corebound, X, ran, written

if TYPE_CHECKING:
    from pathlib import Path

    from ..report.browser import Browser

OBJECTIVE = """
import optuna


def objective(trial, context):
    x = trial.suggest_float("x", 0, 1)
    for step in range(5):
        trial.report(x / (1 + step), step)
    if context.slot == 1:
        raise optuna.TrialPruned
    if context.slot == 2:
        raise ValueError("<b>slot 2 is unhappy</b>")
    return x
"""


def campaign(folder: Path, name: str) -> Path:
    (folder / "steps.py").write_text(OBJECTIVE, encoding="utf-8")
    search = {"sampler": {"name": "random", "seed": 1}, "parameters": [X]}
    return written(folder, name, trials=5, search=search, trial={"entrypoint": "steps.py:objective"})


def test_a_report_of_a_real_campaign(corebound: Corebound, tmp_path: Path, browser: Browser) -> None:
    ran(corebound, campaign(tmp_path, "reported"))
    path = tmp_path / "out" / "report.html"
    done = corebound("report", "reported", "-o", str(path))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"wrote {path} (")
    again = corebound("report", "reported", "-o", str(path), "--json")
    assert json.loads(again.stdout) == {
        "written": str(path),
        "bytes": path.stat().st_size,
        "replaced": True,
        "opened": False,
    }

    figures = {figure["key"]: figure for figure in browser.open(path)}
    assert browser.seen.complaints == []
    assert [url for url in browser.seen.requests if not url.startswith("data:")] == [path.as_uri()]
    assert {"plot-history", "plot-curves", "plot-cores"} <= figures.keys()
    assert "<b>slot 2 is unhappy</b>" in browser.value("document.getElementById('failures').textContent")
    assert "entrypoint: steps.py:objective" in browser.value("document.getElementById('specification').textContent")


def test_pipelines_get_json_and_markdown(corebound: Corebound, tmp_path: Path) -> None:
    ran(corebound, campaign(tmp_path, "piped"))
    report = json.loads(corebound("report", "piped", "--format", "json").stdout)
    assert report["outcome"]["counts"] == {"succeeded": 3, "pruned": 1, "failed": 1}
    assert [len(report["curves"][str(slot)]) for slot in range(5)] == [5] * 5
    text = corebound("report", "piped", "--format", "md", "-o", "-").stdout
    assert text.startswith("# piped: succeeded\n")
    assert "| 1 | ValueError: \\<b\\>slot 2 is unhappy\\</b\\> | 2 |" in text


def test_a_file_that_is_no_report_is_kept(corebound: Corebound, tmp_path: Path) -> None:
    ran(corebound, campaign(tmp_path, "kept"))
    thesis = tmp_path / "thesis.html"
    thesis.write_text("my thesis", encoding="utf-8")
    done = corebound("report", "kept", "-o", str(thesis))
    assert done.returncode == 2
    assert "exists already and is no report of Corebound" in done.stderr
    assert thesis.read_text(encoding="utf-8") == "my thesis"
    for options in (["--open", "-o", "-"], ["--open", "--format", "md"], ["--json", "--format", "json"]):
        refused = corebound("report", "kept", *options)
        assert refused.returncode == 2, options
    nobody = corebound("report", "nobody")
    assert nobody.returncode == 2
    assert "no campaign 'nobody'" in nobody.stderr
