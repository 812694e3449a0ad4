"""Corebound against bare processes and against the tuned rival, interleaved in one run, on fixed work.

    python bench/local.py [--rounds 3] [--trials 24] [--seconds 5]

Baseline: as many bare one-thread processes as cores, each doing its share of the same fixed work. The tuned rival: one
process per core, one thread each, Optuna on the same PostgreSQL with MaxTrialsCallback. Both are shown from the first trial's
start to the last one's end, and again with start-up and end. Then each runs once more and one of its processes is killed with
SIGKILL: how many trials came of those asked for, and how many are left RUNNING.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import optuna

from corebound.ledger.ledger import open_ledger
from corebound.ledger.schema import prepare_database
from corebound.local.postgres import EmbeddedPostgres

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
from optuna.study import MaxTrialsCallback
optuna.logging.set_verbosity(optuna.logging.WARNING)
study = optuna.load_study(study_name=sys.argv[2], storage=sys.argv[1])
study.optimize(objective, callbacks=[MaxTrialsCallback(int(sys.argv[4]), states=None)])
"""
KILL_TRIALS = 6


@dataclass(frozen=True)
class Figure:
    """One way to do the trials: wall seconds, CPU seconds a trial, trials made."""

    seconds: float
    cpu_seconds: float
    made: int


@dataclass(frozen=True)
class Place:
    """Where everything of this run is."""

    folder: Path
    environment: dict[str, str]
    url: str
    cores: int
    units: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    cores = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="corebound-bench-") as name:
        folder = Path(name)
        units = calibrated_units(options.seconds)
        (folder / "fixedwork.py").write_text(WORK.replace("{units}", str(units)))
        home = folder / "home"
        with EmbeddedPostgres(home / "postgres-18").used() as url:
            prepare_database(url)
            place = Place(folder, {**os.environ, "COREBOUND_HOME": str(home)}, url, cores, units)
            print(f"{options.trials} trials of about {options.seconds:g} s on {cores} cores")
            figures = [one_round(place, index, options.trials) for index in range(options.rounds)]
            show(figures)
            print(f"\nafter one kill -9, {KILL_TRIALS} trials asked for:")
            print("  corebound:                    ", killed_worker(place))
            print("  Optuna, one process per core: ", killed_rival(place))


def one_round(place: Place, index: int, trials: int) -> dict[str, Figure]:
    return {
        "bare processes": bare_processes(place, trials),
        **corebound_run(place, f"bench-{index}", trials),
        **rival_run(place, f"rival-{index}", trials),
    }


def bare_processes(place: Place, trials: int) -> Figure:
    share = -(-trials // place.cores)
    imports = f"import sys; sys.path.insert(0, {str(place.folder)!r}); from fixedwork import work"
    code = f"{imports}\nfor _ in range({share}): work({place.units})"
    wall, cpu = measured_together([[sys.executable, "-c", code]] * place.cores, place.environment)
    return Figure(wall, cpu / (share * place.cores), share * place.cores)


def corebound_run(place: Place, name: str, trials: int) -> dict[str, Figure]:
    cpu, began = children_cpu(), time.perf_counter()
    done = subprocess.run(
        [*corebound(), "run", "-f", str(campaign_file(place, name, trials)), "--json"],
        env=place.environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    whole, whole_cpu = time.perf_counter() - began, children_cpu() - cpu
    outcome = json.loads(done.stdout)
    listed = subprocess.run(
        [*corebound(), "results", name, "--json"], env=place.environment, capture_output=True, text=True, check=True
    )
    rows = json.loads(listed.stdout)
    of_trials = sum(row["cpu_seconds"] for row in rows)
    return {
        "corebound": Figure(outcome["seconds"], of_trials / trials, len(rows)),
        "corebound, with start-up and end": Figure(whole, whole_cpu / trials, len(rows)),
    }


def rival_run(place: Place, name: str, trials: int) -> dict[str, Figure]:
    study = optuna.create_study(study_name=name, storage=place.url)
    wall, cpu = measured_together([rival(place, name, trials)] * place.cores, place.environment)
    made = study.get_trials(deepcopy=False)
    started = min(trial.datetime_start for trial in made if trial.datetime_start)
    ended = max(trial.datetime_complete for trial in made if trial.datetime_complete)
    return {
        "Optuna, one process per core": Figure((ended - started).total_seconds(), cpu / len(made), len(made)),
        "Optuna, with start-up and end": Figure(wall, cpu / len(made), len(made)),
    }


def killed_worker(place: Place) -> str:
    path = campaign_file(place, "killed", KILL_TRIALS)
    with (
        open_ledger(place.url, application="bench") as ledger,
        subprocess.Popen(
            [*corebound(), "run", "-f", str(path), "--quiet"], env=place.environment, stdout=subprocess.DEVNULL
        ) as run,
    ):
        while (record := ledger.campaigns.find("killed")) is None or not any(
            row.state == "running" for row in ledger.slots.rows(record.campaign_id)
        ):
            time.sleep(0.1)
        os.kill(ledger.workers.rows(record.campaign_id)[0].pid, signal.SIGKILL)
        run.wait()
        study = optuna.load_study(study_name="killed", storage=place.url)
        return counted(study)


def killed_rival(place: Place) -> str:
    study = optuna.create_study(study_name="killed-rival", storage=place.url)
    command = rival(place, "killed-rival", KILL_TRIALS)
    running = [subprocess.Popen(command, env=place.environment) for _ in range(place.cores)]
    while len(study.get_trials(deepcopy=False)) < place.cores:
        time.sleep(0.1)
    running[0].kill()
    for process in running:
        process.wait()
    return counted(study)


def counted(study: optuna.Study) -> str:
    states = [trial.state.name for trial in study.get_trials(deepcopy=False)]
    return (
        f"{len(states)} trials made, {states.count('COMPLETE')} complete, {KILL_TRIALS - states.count('COMPLETE')} lost, "
        f"{states.count('RUNNING')} left RUNNING"
    )


def show(rounds: list[dict[str, Figure]]) -> None:
    print(f"{len(rounds)} interleaved rounds, ratios to as many bare processes as cores, median (min-max)")
    print(f"{'':34}  {'wall':22}  {'CPU seconds a trial':22}  start-up and end, s  trials made")
    for name in rounds[0]:
        walls = [each[name].seconds / each["bare processes"].seconds for each in rounds]
        cpus = [each[name].cpu_seconds / each["bare processes"].cpu_seconds for each in rounds]
        within = [
            each.get(name.split(",")[0] if "corebound" in name else "Optuna, one process per core") for each in rounds
        ]
        apart = [
            f"{statistics.median(e[name].seconds - w.seconds for e, w in zip(rounds, within, strict=True) if w):.1f}"
            if "start-up" in name
            else ""
        ]
        made = ", ".join(str(each) for each in sorted({each[name].made for each in rounds}))
        print(f"{name:34}  {spread(walls):22}  {spread(cpus):22}  {apart[0]:>19}  {made}")


def spread(found: list[float]) -> str:
    return f"{statistics.median(found):.3f} ({min(found):.3f}-{max(found):.3f})"


def corebound() -> list[str]:
    return [str(Path(sys.executable).parent / "corebound")]


def rival(place: Place, name: str, trials: int) -> list[str]:
    return [sys.executable, "-c", RIVAL, place.url, name, str(place.folder), str(trials)]


def campaign_file(place: Place, name: str, trials: int) -> Path:
    path = place.folder / f"{name}.yaml"
    spec = {
        "trials": trials,
        "objectives": [{"metric": "x", "direction": "minimize"}],
        "search": {"sampler": {"name": "random", "seed": 1}},
        "trial": {"entrypoint": "fixedwork.py:objective"},
    }
    campaign = {
        "apiVersion": "corebound.dev/v1alpha1",
        "kind": "SearchCampaign",
        "metadata": {"name": name},
        "spec": spec,
    }
    path.write_text(json.dumps(campaign))
    return path


def children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measured_together(commands: list[list[str]], environment: dict[str, str]) -> tuple[float, float]:
    """Wall and CPU seconds of all commands started at once, with one thread each."""
    cpu, began = children_cpu(), time.perf_counter()
    running = [subprocess.Popen(command, env={**environment, "OMP_NUM_THREADS": "1"}) for command in commands]
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


if __name__ == "__main__":
    main()
