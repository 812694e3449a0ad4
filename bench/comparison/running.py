"""One contender from its start to its end: in a group of its own, watched, ended, with nothing left behind.

What could go wrong: it takes for ever (the limit), it waits for a process that is dead (no CPU use for a while), it
runs no trial at all (its output is shown, and the others go on).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import optuna

from comparison.process_tree import control_group, end, machine_cpu_seconds, waited_cpu_seconds
from comparison.table import Figure
from comparison.trial_log import Line, parsed, window
from contenders.request import Request, ray_folder
from contenders.usage import group_cpu_seconds
from corebound.api.contract import BINDING_VARIABLES, thread_environment
from corebound.ledger.schema import prepare_database
from corebound.local.postgres import EmbeddedPostgres

if TYPE_CHECKING:
    from collections.abc import Callable

    from contenders import Contender

SILENT_SECONDS: Final = 12.0
"""With next to no CPU use for so long after its first trial, a contender hangs."""
IDLE_CORES: Final = 0.1
START_SECONDS: Final = 300.0
"""For all that comes before the first trial; daemons take their time on a busy machine."""
SOURCES: Final = Path(__file__).parents[1]
ONE_THREAD: Final = thread_environment(1)
THREAD_VARIABLES: Final = {*ONE_THREAD, *BINDING_VARIABLES, "OMP_WAIT_POLICY"}


class RanNothingError(Exception):
    """A contender ended, or was ended, before its first trial."""


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Where everything of one comparison is, and how much work a trial is."""

    folder: Path
    units: int
    cores: int
    logs: list[list[Line]] = field(default_factory=list)
    """Of all runs so far."""

    @classmethod
    def prepared(cls, folder: Path, *, seconds: float) -> Bench:
        """Sized so that a trial takes ``seconds`` of one thread; with an empty database."""
        networks = max(200, min(5000, int(1000 * seconds)))
        code = (
            f"import time; from contenders.work import evaluate_networks as work; work({networks // 10}); "
            f"began = time.process_time(); work({networks}); print({networks} / (time.process_time() - began))"
        )
        environment = {**os.environ, **ONE_THREAD, "PYTHONPATH": str(SOURCES)}
        timed = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
        )
        os.environ["COREBOUND_HOME"] = str(folder / "home")
        with EmbeddedPostgres.of_this_user().used() as url:
            prepare_database(url)
        units = max(1, int(float(timed.stdout) * seconds))
        return cls(folder=folder, units=units, cores=len(os.sched_getaffinity(0)))

    def environment(self, contender: Contender) -> dict[str, str]:
        """Ours without any thread variable, so that each library decides for itself, or is told one thread."""
        kept = {name: value for name, value in os.environ.items() if name not in THREAD_VARIABLES}
        told = ONE_THREAD if contender.one_thread else {}
        return {**kept, **told, "PYTHONPATH": str(SOURCES)}


@dataclass(frozen=True, kw_only=True)
class Run:
    """What happened to one contender."""

    contender: Contender
    request: Request
    lines: list[Line]
    seconds: float
    """From start to end of its first process."""
    ended: float
    """The monotonic clock at that end."""
    cpu_seconds: float
    """Of its whole tree in that time."""
    load: float
    """Cores used by other programs meanwhile."""
    stopped: bool
    """It had not ended by itself: too slow, or hanging."""

    def figure(self) -> Figure:
        """Numbers a trial asked for; of a contender that was stopped they are lower bounds."""
        trials, found = self.request.trials, window(self.lines)
        if found is None or self.stopped:
            first = self.lines[0]
            seconds, cpu = self.ended - first.seconds, self.cpu_seconds - (first.cpu or 0.0)
        else:
            seconds, cpu = found.ended - found.began, found.cpu_seconds
        return Figure(
            seconds=seconds,
            cpu_seconds=cpu / trials,
            switches=(found.switches if found else 0) / trials,
            start_and_end=self.seconds - seconds,
            made=sum(line.event == "began" for line in self.lines),
            results=held(self)[0],
            stopped=self.stopped,
            load=self.load,
        )


def held(run: Run) -> tuple[int, int | None]:
    """How many results the user has, and how many trials a database still calls RUNNING (None without one)."""
    if not run.contender.database:
        return run.request.delivered, None
    with EmbeddedPostgres.of_this_user().used() as url:
        study = optuna.load_study(study_name=run.request.folder.name, storage=url)
        states = [trial.state.name for trial in study.get_trials(deepcopy=False)]
    return states.count("COMPLETE"), states.count("RUNNING")


def run_contender(
    bench: Bench,
    contender: Contender,
    name: str,
    *,
    trials: int,
    workers: int,
    units: int | None = None,
    limit: float | None = None,
    watch: Callable[[list[Line]], None] = lambda _: None,
) -> Run:
    """Run it to its end, or until ``limit`` seconds have passed or it hangs; ``watch`` sees the log as it grows.

    ``units`` is another amount of work than the comparison's; its results are then not compared.
    """
    request = Request(trials=trials, workers=workers, folder=bench.folder / name)
    request.folder.mkdir()
    log, output = request.folder / "trials.jsonl", request.folder / "output"
    log.touch()
    with control_group() as group, output.open("wb") as out:
        told = {"COMPARE_UNITS": str(units or bench.units), "COMPARE_LOG": str(log), "COMPARE_GROUP": str(group or "")}
        environment = {**bench.environment(contender), **told}
        waited, machine, began = waited_cpu_seconds(), machine_cpu_seconds(), time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "contenders", contender.name, request.write()],
            env=environment, cwd=request.folder, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            in_time = attended(process, group, log, limit=limit, watch=watch)
            ended = time.monotonic()
        finally:
            end(process, group)
            shutil.rmtree(ray_folder(process.pid), ignore_errors=True)
        cpu = group_cpu_seconds(group)
        cpu = waited_cpu_seconds() - waited if cpu is None else cpu
        load = (machine_cpu_seconds() - machine - cpu) / (time.monotonic() - began)
    lines = parsed(log.read_text(encoding="utf-8"))
    if units is None:
        bench.logs.append(lines)
    if not lines:
        said = output.read_text(encoding="utf-8", errors="replace")[-4000:]
        raise RanNothingError(f"{contender.name} ran no trial; it said:\n{said}")
    return Run(
        contender=contender, request=request, lines=lines, seconds=ended - began, ended=ended, cpu_seconds=cpu,
        load=max(load, 0.0), stopped=not in_time,
    )  # fmt: skip


def attended(
    process: subprocess.Popen[bytes],
    group: Path | None,
    log: Path,
    *,
    limit: float | None,
    watch: Callable[[list[Line]], None],
) -> bool:
    """Whether it came to its own end, without hanging and before the limit, which counts from the first trial on."""
    began = busy_at = first_trial = time.monotonic()
    used = group_cpu_seconds(group) or 0.0
    while process.poll() is None:
        watch(parsed(log.read_text(encoding="utf-8")))
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.2)
        now, usage = time.monotonic(), group_cpu_seconds(group)
        if not log.stat().st_size or (usage is not None and usage - used > IDLE_CORES * (now - busy_at)):
            busy_at, used = now, usage or 0.0
        if usage is not None and now - busy_at > SILENT_SECONDS:
            return False
        if not log.stat().st_size:
            first_trial = now
            if now - began > START_SECONDS:
                return False
        if limit is not None and now - first_trial > limit:
            return False
    return True
