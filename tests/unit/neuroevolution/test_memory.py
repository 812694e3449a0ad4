"""The arithmetic that refuses too many networks, against the peak memory of real runs."""

from __future__ import annotations

import json
import subprocess
import sys
from types import SimpleNamespace

import pytest

from corebound.api.workload import BASE_BYTES, TASKS, memory_of

PROGRAM = r"""
import json, pathlib, re, sys
import torch
from corebound_trial.neuroevolution.evolution import Evolution, Order
from corebound_trial.neuroevolution.tasks.builtin import task_class


def peak():  # of this program; getrusage's begins with that of the test's own process, from which it was forked
    return 1024 * int(re.search(r"VmHWM:\s*(\d+)", pathlib.Path("/proc/self/status").read_text())[1])

torch.set_num_threads(1)
mode, name, population, hidden = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
task = task_class(name)()
grow = {"add_node": 0.5, "add_connection": 0.4} if mode == "neat" else {}
order = Order(
    mode=mode, task=name, arguments={}, settings={"hidden": hidden, **grow}, population=population, generations=9, seeds=[1]
)
before = peak()
run = Evolution(order, task)
for _ in range(2):
    if not run.finished:
        run.step()
print(json.dumps([before, peak()]))
"""


@pytest.mark.parametrize(
    ("mode", "task", "population", "hidden"),
    [
        ("pure", "cartpole", 4000, 32),
        ("neat", "cartpole", 2000, 8),
        ("neat", "digits", 320, 8),
        ("neat", "double-pole-no-velocities", 2016, 8),
    ],
)
def test_a_run_takes_no_more_than_it_says(mode: str, task: str, population: int, hidden: int) -> None:
    command = [sys.executable, "-c", PROGRAM, mode, task, str(population), str(hidden)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    before, peak = json.loads(done.stdout)
    need = memory_of(SimpleNamespace(mode=mode, population=population, seeds=1), TASKS[task], hidden=hidden)
    networks = need.total - BASE_BYTES - TASKS[task].loaded
    # What loading a task's libraries takes is in `before`; the base itself depends on the build of torch.
    assert peak - before < networks + TASKS[task].loaded
    assert peak < need.total
