"""``corebound report`` of a real campaign, from its file to the browser."""

from __future__ import annotations

import json
import platform
from importlib import metadata
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
    (ground,) = report["ran_on"]
    assert (ground["workers"], ground["differs_in"]) == (1, [])
    assert ground["runs_on"]["versions"]["Python"] == platform.python_version()
    assert ground["runs_on"]["versions"]["optuna"] == metadata.version("optuna")
    assert ground["runs_on"]["kernel"] == f"Linux {platform.release()}"
    text = corebound("report", "piped", "--format", "md", "-o", "-").stdout
    assert text.startswith("# piped: succeeded\n")
    assert "| 1 | ValueError: \\<b\\>slot 2 is unhappy\\</b\\> | 2 |" in text
    whole = text.split("The whole error of slot 2:\n\n```\n")[1].split("\n```\n")[0]
    assert whole == report["trials"][2]["error"]
    assert whole.startswith("Traceback (most recent call last):\n")


def test_the_plan_is_the_one_that_each_run_began_with(corebound: Corebound, tmp_path: Path) -> None:
    trial = {"command": ["sh", "-c", "echo loss=1"]}
    ran(corebound, written(tmp_path, "grown", trials=2, trial=trial, pool={"pricePerHour": "3600"}))
    ran(corebound, written(tmp_path, "grown", trials=5, trial=trial, pool={"pricePerHour": "3600"}))
    report = json.loads(corebound("report", "grown", "--format", "json").stdout)
    first, newest = report["plans"]
    assert (first["trials"], first["waves"], first["seconds"], first["cost"]) == (2, 2, None, None)
    assert (newest["trials"], newest["waves"], newest["workers"]) == (3, 3, 1)
    assert newest["seconds"] > 0
    assert float(newest["cost"]) > 0
    assert first["decided_at"] < newest["decided_at"]
    assert report["plan"][0] == {
        "what": "trials", "asked": "5", "planned": "2; 3 by the newest plan", "happened": "5 closed",
    }  # fmt: skip


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
