"""Optuna's own parallelism: ``n_jobs`` threads in one process, the study in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import optuna

from contenders.work import objective

if TYPE_CHECKING:
    from contenders.request import Request


def main(request: Request) -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    study.optimize(objective, n_trials=request.trials, n_jobs=request.workers)
    request.deliver(len(study.get_trials(states=(optuna.trial.TrialState.COMPLETE,))))
