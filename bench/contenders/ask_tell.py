"""Optuna asks and tells in the parent, a ``multiprocessing.Pool`` of the platform's default kind evaluates."""

from __future__ import annotations

import multiprocessing
from typing import TYPE_CHECKING

import optuna

from contenders.work import evaluated

if TYPE_CHECKING:
    from contenders.request import Request


def main(request: Request) -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    trials = [study.ask() for _ in range(request.trials)]
    with multiprocessing.Pool(request.workers) as pool:
        answers = [(trial, pool.apply_async(evaluated, (trial.suggest_float("x", 0.0, 1.0),))) for trial in trials]
        for trial, answer in answers:
            study.tell(trial, answer.get())
    request.deliver(len(study.get_trials(states=(optuna.trial.TrialState.COMPLETE,))))
