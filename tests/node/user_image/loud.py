"""An entry point that says how many threads there should be, when it is imported."""

import os

os.environ["OMP_NUM_THREADS"] = "64"

import optuna
import torch

torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))


def objective(trial: optuna.Trial) -> float:
    """Never gets to its end."""
    return trial.suggest_float("x", -1.0, 1.0)
