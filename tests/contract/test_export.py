"""A study exported to SQLite is the same study to Optuna."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import optuna
import pytest
from optuna.trial import TrialState

from corebound.api.errors import UsageError
from corebound.ledger.export import Export
from corebound.ledger.storage import CampaignStorage

if TYPE_CHECKING:
    from pathlib import Path

    from corebound.ledger.ledger import Ledger

SPECIFICATION: dict[str, Any] = {"spec": {"objectives": [{"metric": "loss", "direction": "maximize"}]}}


def test_every_trial_is_the_same_and_a_running_one_is_failed(ledger: Ledger, url: str, tmp_path: Path) -> None:
    campaign = ledger.campaigns.create(
        name="exported", specification=SPECIFICATION, trials=2, directions=["maximize"], metric_names=["loss"],
        retries=0, retry_exceptions=False,
    )  # fmt: skip
    worker = ledger.workers.register(campaign.campaign_id, name="w", host="h", pid=1, threads=1, cores="")
    ledger.campaigns.create(
        name="another", specification=SPECIFICATION, trials=1, directions=["minimize"], metric_names=["loss"],
        retries=0, retry_exceptions=False,
    )  # fmt: skip
    storage = CampaignStorage(url)
    study = optuna.load_study(study_name="exported", storage=storage)
    space: dict[str, optuna.distributions.BaseDistribution] = {
        "x": optuna.distributions.FloatDistribution(1e-5, 1, log=True),
        "kind": optuna.distributions.CategoricalDistribution(["a", True, 3]),
    }
    for index, value in enumerate([1.5, float("inf"), float("-inf")]):
        study.add_trial(
            optuna.trial.create_trial(
                params={"x": 0.1 * (index + 1), "kind": True},
                distributions=space,
                value=value,
                intermediate_values={0: 0.5, 7: float("nan")},
                user_attrs={"note": ["ä", index]},
                system_attrs={"constraints": [0.0]},
            )
        )
    claim = ledger.slots.claim(campaign.campaign_id, worker)
    assert claim is not None
    storage.bind(claim)
    storage.create_trial(claim, study_id=campaign.study_id, fixed_params={"x": 0.5})
    study.set_user_attr("of the study", {"a": 1})

    path = tmp_path / "study.db"
    assert ledger.export(campaign, path) == Export(trials=4, unfinished=1)
    copied = optuna.storages.RDBStorage(f"sqlite:///{path}")
    again = optuna.load_study(study_name="exported", storage=copied)
    assert again.directions == study.directions
    assert again.user_attrs == study.user_attrs
    assert again.metric_names == ["loss"]
    assert [trial.state for trial in again.trials] == [TrialState.COMPLETE] * 3 + [TrialState.FAIL]
    for one, other in zip(study.trials[:3], again.trials[:3], strict=True):
        assert repr(replace_id(one)) == repr(replace_id(other))
    assert again.best_value == float("inf")
    assert optuna.study.get_all_study_names(copied) == ["exported"]
    again.optimize(lambda trial: trial.suggest_float("x", 1e-5, 1, log=True), n_trials=1)
    assert again.trials[4].number == 4, "it can be gone on with"
    copied.remove_session()
    copied.engine.dispose()
    storage.close()
    assert [entry.name for entry in tmp_path.iterdir()] == ["study.db"]
    with pytest.raises(UsageError, match="exists already"):
        ledger.export(campaign, path)
    with pytest.raises(UsageError, match="cannot be written"):
        ledger.export(campaign, tmp_path / "none" / "study.db")


def replace_id(trial: optuna.trial.FrozenTrial) -> optuna.trial.FrozenTrial:
    """Reports of the trial in one order, and without the number that the database gave it."""
    trial.intermediate_values = dict(sorted(trial.intermediate_values.items()))
    trial._trial_id = 0
    return trial
