"""Every pruner ends the trials that Optuna's own would end, at the same step, through real workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import optuna
import pytest

from corebound.api.search import Search
from corebound_trial.runner.sampling import make_pruner

from .campaigns import Corebound, X, opened_study, ran, rows, written

if TYPE_CHECKING:
    from pathlib import Path

    from corebound.ledger.ledger import Ledger

LEVELS = [4.0, 2.0, 6.0, 1.0, 5.0, 0.5, 3.0, 7.0]
STEPS = [5, 8, 8, 8, 8, 8, 8, 8]
# The curve of each slot: from its level, a little less with each step.
CURVES = f"""
import optuna

def curve(slot):
    return [({LEVELS}[slot] - step / 100, step) for step in range(1, {STEPS}[slot] + 1)]

def objective(trial, context):
    for value, step in curve(context.slot):
        trial.report(value, step)
        if trial.should_prune():
            raise optuna.TrialPruned
    return value
"""
# What each pruner must prune here: slot and the step of its last report. Slot 0 is never pruned: nothing is compared yet.
PRUNED: dict[str, tuple[dict[str, Any], dict[int, int]]] = {
    # The median of finished trials at the step: of 4 and 2, then of 4, 2 and 1, then of those and 0.5.
    "median": ({"n_startup_trials": 2, "n_warmup_steps": 2}, {2: 2, 4: 2, 6: 2, 7: 2}),
    # The best quarter stays.
    "percentile": ({"percentile": 25.0, "n_startup_trials": 3, "n_warmup_steps": 1}, {4: 1, 6: 1, 7: 1}),
    # Of those at a rung (steps 1, 2, 4, 8) the better half goes on.
    "successive-halving": ({"min_resource": 1, "reduction_factor": 2}, {2: 1, 4: 1, 6: 1, 7: 1}),
    # The resource is worked out from the first finished trial, which had 5 steps, and stays that for this worker.
    "hyperband": ({"reduction_factor": 2}, {}),
}


def by_optuna(name: str, search: Search) -> tuple[dict[int, int], list[str]]:
    """What Optuna itself prunes in one process: the trial and its last step, and every trial's state."""
    curves: dict[str, Any] = {}
    exec(CURVES, curves)  # noqa: S102 - our own text above
    study = optuna.create_study(
        study_name=name, sampler=optuna.samplers.RandomSampler(seed=1), pruner=make_pruner(search)
    )

    def objective(trial: optuna.Trial) -> float:
        value = 0.0
        for value, step in curves["curve"](trial.number):
            trial.report(value, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return value

    study.optimize(objective, n_trials=len(LEVELS))
    pruned = {trial.number: trial.last_step or 0 for trial in study.get_trials(states=[optuna.trial.TrialState.PRUNED])}
    return pruned, [trial.state.name for trial in study.trials]


@pytest.mark.parametrize("name", PRUNED)
def test_a_pruner_ends_the_trials_that_it_should(
    corebound: Corebound, ledger: Ledger, tmp_path: Path, name: str
) -> None:
    (tmp_path / "curves.py").write_text(CURVES)
    options, expected = PRUNED[name]
    specification = {"pruner": {"name": name, "options": options}, "sampler": {"name": "random", "seed": 1}}
    campaign = f"pruned-by-{name}"
    spec = {"trials": len(LEVELS), "search": specification, "trial": {"entrypoint": "curves.py:objective"}}
    outcome = ran(corebound, written(tmp_path, campaign, **spec))
    with opened_study(ledger, campaign) as study:
        trials = study.trials
    found = {trial.number: trial.last_step for trial in trials if trial.state is optuna.trial.TrialState.PRUNED}
    of_optuna, states = by_optuna(campaign, Search.model_validate(specification))
    assert found == of_optuna
    assert [trial.state.name for trial in trials] == states
    assert name == "hyperband" or found == expected
    assert found
    assert outcome["counts"]["pruned"] == len(found)
    # A pruned trial keeps the value of its last report, as in Optuna, and is no failure.
    for row in rows(ledger, campaign):
        assert row["state"] == ("pruned" if row["slot"] in found else "succeeded")
        assert row["error"] is None


def test_a_program_is_pruned_by_what_it_prints(corebound: Corebound, ledger: Ledger, tmp_path: Path) -> None:
    """It is asked to end by SIGTERM; what it would have returned is not waited for."""
    script = (
        "trap 'echo asked to end; exit 0' TERM; echo loss=$COREBOUND_SLOT step=1; "
        "[ $COREBOUND_SLOT -lt 2 ] || for i in $(seq 600); do sleep 0.1; done; echo loss=$COREBOUND_SLOT"
    )
    search = {"parameters": [X], "pruner": {"name": "median", "options": {"n_startup_trials": 2}}}
    path = written(tmp_path, "pruned-program", trials=3, search=search, trial={"command": ["sh", "-c", script]})
    ran(corebound, path)
    assert [row["state"] for row in rows(ledger, "pruned-program")] == ["succeeded", "succeeded", "pruned"]
    assert "asked to end" in corebound("logs", "pruned-program", "2").stdout
