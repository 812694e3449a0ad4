"""Objectives of a user: a good one, and two that break the contract."""

import os
import time

import optuna


def objective(trial: optuna.Trial) -> float:
    """Multiplies matrices, on as many threads as it was given."""
    import torch

    x = trial.suggest_float("x", -1.0, 1.0)
    matrix = torch.ones(200, 200)
    until = time.process_time() + 1.0
    while time.process_time() < until:
        matrix = (matrix @ matrix).clamp(-1.0, 1.0)
    told = (torch.get_num_threads(), os.environ["OMP_NUM_THREADS"], os.environ["MKL_NUM_THREADS"])
    if told != (1, "1", "1"):
        raise RuntimeError(f"torch's threads and the variables are {told}")
    return x * x


def greedy(trial: optuna.Trial) -> float:
    """What breaks the contract inside the trial."""
    import torch

    torch.set_num_threads(64)
    matrix = torch.ones(500, 500)
    until = time.monotonic() + 120.0
    while time.monotonic() < until:
        matrix = (matrix @ matrix).clamp(-1.0, 1.0)
    return 0.0


def long(trial: optuna.Trial) -> float:
    """Until it is stopped; where it was is told at each step."""
    trial.suggest_float("x", -1.0, 1.0)
    for step in range(trial.user_attrs.get("steps", 600)):
        trial.report(float(step), step)
        time.sleep(0.1)
    return 0.0


def hungry(trial: optuna.Trial) -> float:
    """Takes memory until the kernel has had enough."""
    taken = []
    while True:
        taken.append(b"x" * 50_000_000)
