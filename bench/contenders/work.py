"""The trial that all contenders run: many small networks, one after the other, as neuro-evolution is usually written.

Each operation takes 15 to 50 microseconds, so that torch's own threads are used in short bursts. The work is fixed: it
does not depend on the trial's parameter, and its result is the same everywhere. Begin and end of each trial are appended
to one file of the run, with the time, the CPU time of the whole control group and this process's context switches.
"""

from __future__ import annotations

import json
import os
import resource
import secrets
import time
from typing import TYPE_CHECKING

import torch

from contenders.usage import group_cpu_seconds

if TYPE_CHECKING:
    import optuna

ROWS, INPUTS, HIDDEN, OUTPUTS, NETWORKS = 1024, 16, 64, 4, 20


def objective(trial: optuna.Trial) -> float:
    """The trial as Optuna calls it."""
    return evaluated(trial.suggest_float("x", 0.0, 1.0))


def evaluated(x: float) -> float:
    """One trial; ``x`` has no influence on how much is computed."""
    name = secrets.token_hex(6)
    note("began", name)
    check = evaluate_networks(int(os.environ["COMPARE_UNITS"]))
    note("ended", name, check)
    return x


def evaluate_networks(units: int) -> float:
    """``units`` networks of two hidden layers on 1,024 rows each; the mean of all answers."""
    numbers = torch.Generator().manual_seed(0)
    seen = torch.randn(ROWS, INPUTS, generator=numbers)
    networks = [
        (
            torch.randn(INPUTS, HIDDEN, generator=numbers) / INPUTS**0.5,
            torch.randn(HIDDEN, HIDDEN, generator=numbers) / HIDDEN**0.5,
            torch.randn(HIDDEN, OUTPUTS, generator=numbers) / HIDDEN**0.5,
        )
        for _ in range(NETWORKS)
    ]
    total = 0.0
    for index in range(units):
        first, second, last = networks[index % NETWORKS]
        total += float((torch.tanh(torch.tanh(seen @ first) @ second) @ last).mean())
    return total / max(units, 1)


def note(event: str, name: str, check: float | None = None) -> None:
    """One line, written at once, so that processes do not mix theirs."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    line = {
        "event": event,
        "trial": name,
        "pid": os.getpid(),
        "seconds": time.monotonic(),
        "cpu": group_cpu_seconds(os.environ["COMPARE_GROUP"]),
        "own_cpu": used.ru_utime + used.ru_stime,
        "switches": used.ru_nvcsw + used.ru_nivcsw,
        "check": check,
    }
    log = os.open(os.environ["COMPARE_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(log, f"{json.dumps(line)}\n".encode())
    finally:
        os.close(log)
