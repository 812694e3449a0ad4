"""``search.warmStart`` as a user has it: from a plain Optuna study, and from the campaign that ``--fresh`` keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import optuna

from .campaigns import Corebound, X, opened_study, rows, said, written

if TYPE_CHECKING:
    from pathlib import Path

    from corebound.ledger.ledger import Ledger


def searching(study: str | None = None, **more: Any) -> dict[str, Any]:
    search: dict[str, Any] = {"sampler": {"name": "random", "seed": 2}, "parameters": [X], **more}
    if study:
        search["warmStart"] = {"study": study}
    return {"search": search, "trial": {"command": ["sh", "-c", "echo loss={x}"]}}


def test_a_campaign_begins_with_what_earlier_studies_know(corebound: Corebound, ledger: Ledger, tmp_path: Path) -> None:
    said(corebound, written(tmp_path, "first", **searching()))
    with opened_study(ledger, "first") as study:
        by_hand = optuna.create_study(storage=study._storage, study_name="by-hand", direction="minimize")
        for x in (-0.5, -0.25, 0.0001, 0.5, 0.75):
            by_hand.enqueue_trial({"x": x})
        by_hand.optimize(lambda trial: trial.suggest_float("x", -1, 1), n_trials=5)
    path = written(tmp_path, "second", **searching("by-hand"))
    assert (
        "warm start: 3 finished trials of 'by-hand' to learn from; 2 left out: 2 with a value that 'x' does not allow here, "
        "such as -0.5\n"
    ) in said(corebound, path)
    second = rows(ledger, "second")
    assert [row["params"] for row in second] == [row["params"] for row in rows(ledger, "first")], "points of slots stay"
    assert [(row["slot"], row["number"]) for row in second] == [(0, 3), (1, 4), (2, 5)]
    summary = ledger.summaries.of(ledger.campaigns.get("second"))
    assert summary.best is not None
    assert summary.best.value == min(row["values"]["loss"] for row in second) > 0.0001, "a copy is never the best"
    assert "warm start" not in said(corebound, path), "read once"
    path = written(tmp_path, "second", **searching("second@1", sampler={"name": "tpe", "seed": 1}))
    assert "warm start: 6 finished trials of 'second@1' to learn from\n" in said(corebound, path, "--fresh")
    assert [row["number"] for row in rows(ledger, "second")] == [6, 7, 8]

    # What is refused makes nothing and renames nothing.
    refusal = said(corebound, written(tmp_path, "next", **searching("frist")), status=2)
    assert "search.warmStart.study: there is no study 'frist' in this storage; did you mean 'first'?" in refusal
    assert ledger.campaigns.find("next") is None
    refusal = said(corebound, written(tmp_path, "first", **searching("first")), "--fresh", status=2)
    assert "'first' is this campaign itself; write first@1" in refusal
    assert ledger.campaigns.find("first@1") is None
