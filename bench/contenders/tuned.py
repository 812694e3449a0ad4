"""What an expert writes by hand: one process per core, one thread each, Optuna on PostgreSQL, MaxTrialsCallback."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import optuna

from contenders.request import run_processes

if TYPE_CHECKING:
    from contenders.request import Request


def main(request: Request) -> None:
    from corebound.local.postgres import EmbeddedPostgres

    with EmbeddedPostgres.of_this_user().used() as url:
        optuna.create_study(study_name=request.folder.name, storage=url)
        run_processes("tuned", [[url, request.folder.name, str(request.trials)]] * request.workers)


def optimize(url: str, name: str, trials: int) -> None:
    from contenders.work import objective

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.load_study(study_name=name, storage=url, sampler=optuna.samplers.RandomSampler())
    study.optimize(objective, callbacks=[optuna.study.MaxTrialsCallback(trials, states=None)])


if __name__ == "__main__":
    optimize(sys.argv[1], sys.argv[2], int(sys.argv[3]))
