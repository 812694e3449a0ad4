"""Optuna's own test suite for storages, run on the storage that workers have.

It differs in one thing, by intention: unfinished trials are listed without their intermediate values.
"""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import optuna
import pytest
from optuna.testing.pytest_storages import StorageTestCase

from corebound.ledger.storage import CampaignStorage

if TYPE_CHECKING:
    from collections.abc import Iterator


class TestCampaignStorage(StorageTestCase):
    @pytest.fixture
    def storage(self, url: str) -> Iterator[CampaignStorage]:
        opened = CampaignStorage(url, grace=5)
        yield opened
        opened.close()

    def test_get_all_trials(self, storage: CampaignStorage) -> None:
        study_id = storage.create_new_study(directions=[optuna.study.StudyDirection.MINIMIZE])
        for state in (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.RUNNING):
            values = [1.0] if state.is_finished() else None
            curve = {1: 0.5, 2: float("nan"), 3: float("inf")}
            made = optuna.trial.create_trial(state=state, values=values, intermediate_values=curve)
            storage.create_new_trial(study_id, made)
        complete, running = storage.get_all_trials(study_id)
        assert complete == storage.get_trial(complete._trial_id)
        assert str(complete.intermediate_values) == "{1: 0.5, 2: nan, 3: inf}"
        assert running.intermediate_values == {}
        assert str(storage.get_trial(running._trial_id).intermediate_values) == "{1: 0.5, 2: nan, 3: inf}"
        with pytest.raises(KeyError):
            storage.get_all_trials(study_id + 1)

    def test_pickle_storage(self, storage: CampaignStorage) -> None:
        study_id = storage.create_new_study(directions=[optuna.study.StudyDirection.MINIMIZE])
        restored = pickle.loads(pickle.dumps(storage))  # noqa: S301 - made one line before
        assert restored.get_study_directions(study_id) == [optuna.study.StudyDirection.MINIMIZE]
        restored.close()
