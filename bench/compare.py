"""Corebound beside what people would otherwise use: one objective, one run, interleaved rounds.

    python bench/compare.py [--rounds 3] [--trials 24] [--seconds 5] [--only corebound,loky] [--write README.md]

Every contender runs as its own users would start it, with its default threads, in a control group of its own. Ratios are to
as many bare one-thread processes as cores in the same round, from the first trial's begin to the last one's end;
start-up and end are shown apart. Then each runs once more with fewer trials, and the process of a trial gets SIGKILL; then
with 1, 2, 4 ... workers. docs/comparison.md says what each contender does and why it comes out as it does.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import datetime
import importlib.util
import os
import platform
import signal
import statistics
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import optuna

from comparison.process_tree import adopt_orphans
from comparison.record import Record
from comparison.running import Bench, RanNothingError, Run, held, run_contender
from comparison.table import Killed, Round, killed_text, main_table, placed, scaling_table
from comparison.trial_log import Line, same_results, victim
from contenders import BASELINE, CONTENDERS, Contender

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

KILL_TRIAL_SECONDS: Final = 0.5
"""Of one thread: long enough to be hit in the middle."""
END_SECONDS: Final = 20.0
"""For daemons to leave, on top of the patience."""
TITLES: Final = {each.name: each.title for each in CONTENDERS}


def main() -> None:
    options = parsed_options()
    adopt_orphans()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    wanted = {BASELINE, *options.only.split(",")} if options.only else set(TITLES)
    chosen = [each for each in CONTENDERS if each.name in wanted]
    absent = {each.name: f"{each.needs} is not installed" for each in chosen if is_missing(each)}
    present = [each for each in chosen if each.name not in absent]
    with tempfile.TemporaryDirectory(prefix="cb-compare-") as folder, ended_by_signal() as ending:
        bench, record = begun(Path(folder), options)
        with contextlib.suppress(KeyboardInterrupt):
            kill_all(bench, present, options, record)
            for index in range(options.rounds):
                run_round(bench, not_stopped(present, record.rounds[:index]), options, record, index)
            scale_all(bench, not_stopped(present, record.rounds), options, record)
        if not same_results(bench.logs):
            raise SystemExit("the contenders did not compute the same numbers: this is no comparison")
    rounds = [each for each in record.rounds if BASELINE in each]
    if not rounds:
        raise SystemExit("ended before anything could be compared" if ending else "the baseline did not run")
    failed = {each.name: "not reached" for each in present if all(each.name not in one for one in rounds)}
    block = written(options, rounds, record.kills, absent | failed, record.scaling)
    print(f"\n{block}")
    if options.write:
        options.write.write_text(placed(options.write.read_text(encoding="utf-8"), block), encoding="utf-8")
        print(f"\nwritten into {options.write}")


def parsed_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--seconds", type=float, default=5.0, help="of one thread's CPU time a trial")
    parser.add_argument("--only", default="", help=f"of {', '.join(TITLES)}; the baseline runs always")
    parser.add_argument("--patience", type=float, default=6.0, help="stop a contender after so many times the baseline")
    parser.add_argument("--record", type=Path, help="keep what was measured here, and go on from there")
    parser.add_argument("--no-kill", dest="kill", action="store_false")
    parser.add_argument("--no-scaling", dest="scaling", action="store_false")
    parser.add_argument("--write", type=Path, help="a page with markers, to put the tables into")
    options = parser.parse_args()
    if unknown := {name for name in options.only.split(",") if name} - TITLES.keys():
        parser.error(f"found --only {', '.join(sorted(unknown))}; expected some of {', '.join(TITLES)}")
    return options


def begun(folder: Path, options: argparse.Namespace) -> tuple[Bench, Record]:
    """Trials of the size that an earlier part of the same comparison had, or sized anew."""
    bench = Bench.prepared(folder, seconds=options.seconds)
    path = options.record or folder / "record.jsonl"
    record = Record(path, trials=options.trials, seconds=options.seconds, units=bench.units)
    bench = dataclasses.replace(bench, units=record.units)
    print(f"{bench.units} networks a trial, about {options.seconds:g} s of one thread; {bench.cores} cores", flush=True)
    return bench, record


def not_stopped(contenders: list[Contender], rounds: list[Round]) -> list[Contender]:
    """Who was too slow once is not asked again."""
    stopped = {name for each in rounds for name, figure in each.items() if figure.stopped}
    return [each for each in contenders if each.name not in stopped]


def is_missing(contender: Contender) -> bool:
    return bool(contender.needs) and importlib.util.find_spec(contender.needs) is None


@contextlib.contextmanager
def ended_by_signal() -> Iterator[list[int]]:
    """SIGTERM and Ctrl-C end what runs; tables are made of what is there. Yields the signals that came."""
    came: list[int] = []

    def stop(number: int, _: object) -> None:
        came.append(number)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield came
    finally:
        signal.signal(signal.SIGTERM, before)


def run_round(
    bench: Bench, contenders: list[Contender], options: argparse.Namespace, record: Record, index: int
) -> None:
    """All contenders once; the baseline sets the limit for the others, which begin at another one in each round."""
    known = record.of_round(index)
    shift = 1 + index * (len(contenders) - 1) // max(options.rounds, 1)
    for contender in [contenders[0], *contenders[shift:], *contenders[1:shift]]:
        if contender.name in known:
            continue
        name = f"{contender.name.replace('_', '-')}-{index + 1}"
        first = known.get(BASELINE)
        limit = None if first is None else options.patience * first.seconds + END_SECONDS
        run = attempted(bench, contender, name, trials=options.trials, workers=bench.cores, limit=limit)
        if run is None:
            continue
        figure = run.figure()
        record.add_figure(index, contender.name, figure)
        print(
            f"{name}: {figure.seconds:.1f} s, {figure.cpu_seconds:.2f} CPU s and {figure.switches:,.0f} switches a trial, "
            f"{figure.start_and_end:.1f} s start and end, {figure.made} made, {figure.results} results, "
            f"{figure.load:.2f} cores in use by others{', stopped' if figure.stopped else ''}",
            flush=True,
        )


def attempted(bench: Bench, contender: Contender, name: str, **told: Any) -> Run | None:
    """None, and what it said, when it ran no trial."""
    try:
        return run_contender(bench, contender, name, **told)
    except RanNothingError as error:
        print(error, flush=True)
        return None


def kill_all(bench: Bench, contenders: list[Contender], options: argparse.Namespace, record: Record) -> None:
    """A few short trials each, and SIGKILL for the process of one of them."""
    for contender in contenders if options.kill else []:
        if contender.name not in record.kills and (found := killed(bench, contender, options)) is not None:
            record.add_killed(contender.name, found)
            print(f"{contender.name} killed: {killed_text(found)}", flush=True)


def killed(bench: Bench, contender: Contender, options: argparse.Namespace) -> Killed | None:
    """None when no trial was running at the right time."""
    asked = 3 * bench.cores
    shot: list[int] = []

    def shoot(lines: list[Line]) -> None:
        if not shot and (pid := victim(lines, after=1)) is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                shot.append(pid)

    name = f"{contender.name.replace('_', '-')}-killed"
    units = max(1, min(bench.units, int(bench.units / options.seconds * KILL_TRIAL_SECONDS)))
    run = attempted(bench, contender, name, trials=asked, workers=bench.cores, units=units, limit=180, watch=shoot)
    if run is None or not shot:
        return None
    results, running = held(run)
    return Killed(asked=asked, results=results, running=running, hung=run.stopped)


def scale_all(bench: Bench, contenders: list[Contender], options: argparse.Namespace, record: Record) -> None:
    """Seconds of the same few trials with 1, 2, 4 ... cores workers."""
    counts = sorted({2**power for power in range(bench.cores.bit_length()) if 2**power < bench.cores} | {bench.cores})
    trials = 2 * bench.cores
    limit = 60 + 2 * options.patience * options.seconds * trials
    for contender in (each for each in contenders if each.workers and options.scaling):
        for workers in counts:
            name = f"{contender.name.replace('_', '-')}-by-{workers}"
            if workers in record.scaling.get(contender.name, {}):
                continue
            run = attempted(bench, contender, name, trials=trials, workers=workers, limit=limit)
            if run is not None and not run.stopped:
                record.add_scaling(contender.name, workers, seconds := run.figure().seconds)
                print(f"{name}: {seconds:.1f} s", flush=True)


def written(
    options: argparse.Namespace,
    rounds: list[Round],
    kills: Mapping[str, Killed],
    absent: Mapping[str, str],
    scaling: Mapping[str, Mapping[int, float]],
) -> str:
    """The tables, and under what circumstances they came about."""
    load = statistics.median(figure.load for each in rounds for figure in each.values())
    threads = f"{len(os.sched_getaffinity(0))} cores, {processor()}"
    lines = [
        f"`{command()}`, {datetime.datetime.now(datetime.UTC):%Y-%m-%d} on {threads}: {options.trials} trials of about "
        f"{options.seconds:g} s, {len(rounds)} interleaved round{'s' if len(rounds) != 1 else ''}, medians (and spread); "
        f"other programs used {load:.1f} of the cores meanwhile (median). Wall and CPU time are ratios to the first row.",
        "",
        *main_table(TITLES, rounds, kills, absent, BASELINE, asked=options.trials),
    ]
    if scaling:
        title = f"Wall time of {2 * len(os.sched_getaffinity(0))} trials by workers, as ratio to one bare process:"
        lines += ["", title, "", *scaling_table(TITLES, scaling, BASELINE)]
    return "\n".join(lines)


def command() -> str:
    """As a reader repeats it."""
    hidden = {"--write", "--record"}
    options = [word for last, word in zip(["", *sys.argv[1:]], sys.argv[1:], strict=False) if not hidden & {last, word}]
    return f'make bench-compare OPTIONS="{" ".join(options)}"' if options else "make bench-compare"


def processor() -> str:
    """Its name, as Linux tells it."""
    told = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    named = [line.split(":", 1)[1].strip() for line in told if line.startswith("model name")]
    return named[0] if named else platform.machine()


if __name__ == "__main__":
    main()
