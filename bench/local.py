"""Corebound against bare processes and against Optuna's own workers, interleaved in one run, on fixed work.

    python bench/local.py [--rounds 3] [--trials 12] [--seconds 2]

Baseline: as many bare one-thread processes as cores, each doing its share of the same fixed work. The tuned rival: one
process per core, one thread each, Optuna on the same PostgreSQL with MaxTrialsCallback. Prints ratios to the baseline.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WORK = """
import math
def work(units):
    value = 0.0
    for index in range(units):
        value += math.sin(index) * math.cos(value)
    return value
def objective(trial):
    x = trial.suggest_float("x", 0, 1)
    work({units})
    return x
"""
RIVAL = """
import sys, optuna
sys.path.insert(0, sys.argv[3])
from fixedwork import objective
optuna.logging.set_verbosity(optuna.logging.WARNING)
study = optuna.load_study(study_name=sys.argv[2], storage=sys.argv[1])
from optuna.study import MaxTrialsCallback
study.optimize(objective, callbacks=[MaxTrialsCallback(int(sys.argv[4]), states=None)])
"""


def children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measured_together(commands: list[list[str]], environment: dict[str, str]) -> tuple[float, float]:
    """Wall and CPU seconds of all commands started at once."""
    cpu, began = children_cpu(), time.perf_counter()
    running = [subprocess.Popen(command, env=environment) for command in commands]
    for process in running:
        if process.wait():
            raise SystemExit(f"{process.args} failed")
    return time.perf_counter() - began, children_cpu() - cpu


def calibrated_units(seconds: float) -> int:
    namespace: dict[str, object] = {}
    exec(WORK.replace("{units}", "0"), namespace)  # noqa: S102 - our own constant
    began = time.perf_counter()
    namespace["work"](500_000)  # type: ignore[operator]  # defined by the constant
    return int(500_000 * seconds / (time.perf_counter() - began))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="corebound-bench-") as name:
        folder = Path(name)
        units = calibrated_units(options.seconds)
        (folder / "fixedwork.py").write_text(WORK.replace("{units}", str(units)))
        environment = {**os.environ, "COREBOUND_HOME": str(folder / "home")}
        from corebound.local.postgres import EmbeddedPostgres

        with EmbeddedPostgres(folder / "home" / "postgres-18").used() as url:
            figures = [
                one_round(index, options.trials, units, cores, folder, environment, url)
                for index in range(options.rounds)
            ]
    show(figures, options, cores)


def one_round(
    index: int, trials: int, units: int, cores: int, folder: Path, environment: dict[str, str], url: str
) -> dict[str, tuple[float, float, int]]:
    share = -(-trials // cores)
    imports = f"import sys; sys.path.insert(0, {str(folder)!r}); from fixedwork import work"
    bare = f"{imports}\nfor _ in range({share}): work({units})"
    wall, cpu = measured_together([[sys.executable, "-c", bare]] * cores, environment)
    figures = {"bare processes": (wall, cpu / (share * cores), share * cores)}

    corebound = str(Path(sys.executable).parent / "corebound")
    campaign = {
        "apiVersion": "corebound.dev/v1alpha1",
        "kind": "SearchCampaign",
        "metadata": {"name": f"bench-{index}"},
        "spec": {
            "trials": trials,
            "objectives": [{"metric": "x", "direction": "minimize"}],
            "search": {"sampler": {"name": "random", "seed": 1}},
            "trial": {"entrypoint": "fixedwork.py:objective"},
        },
    }
    path = folder / f"bench-{index}.yaml"
    path.write_text(json.dumps(campaign))
    began = time.perf_counter()
    done = subprocess.run(
        [corebound, "run", "-f", str(path), "--json"], env=environment, capture_output=True, text=True, check=True
    )
    whole = time.perf_counter() - began
    outcome = json.loads(done.stdout)
    figures["corebound"] = (outcome["seconds"], outcome["cpu_seconds"] / trials, sum(outcome["counts"].values()))
    figures["corebound, with start-up and end"] = (whole, outcome["cpu_seconds"] / trials, trials)

    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(study_name=f"rival-{index}", storage=url)
    rival = [sys.executable, "-c", RIVAL, url, study.study_name, str(folder), str(trials)]
    wall, cpu = measured_together([rival] * cores, {**environment, "OMP_NUM_THREADS": "1"})
    made = len(study.get_trials(deepcopy=False))
    figures["Optuna, one process per core"] = (wall, cpu / made, made)
    return figures


def show(rounds: list[dict[str, tuple[float, float, int]]], options: argparse.Namespace, cores: int) -> None:
    print(f"{options.trials} trials of about {options.seconds:g} s on {cores} cores")
    print(f"{len(rounds)} interleaved rounds, ratios to as many bare processes as cores")
    print(f"{'':34}  wall ratio, median (min-max)  CPU s/trial ratio  trials made")
    for name in rounds[0]:
        walls = [each[name][0] / each["bare processes"][0] for each in rounds]
        cpus = [each[name][1] / each["bare processes"][1] for each in rounds]
        made = sorted({each[name][2] for each in rounds})
        spread = f"{statistics.median(walls):.3f} ({min(walls):.3f}-{max(walls):.3f})"
        print(f"{name:34}  {spread:28}  {statistics.median(cpus):17.3f}  {', '.join(map(str, made))}")


if __name__ == "__main__":
    main()
