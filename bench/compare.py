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
import datetime
import importlib.util
import os
import platform
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import optuna

from comparison.process_tree import adopt_orphans
from comparison.running import Bench, RanNothingError, held, run_contender
from comparison.table import Killed, Round, main_table, placed, scaling_table
from comparison.trial_log import Line, same_results, victim
from contenders import BASELINE, CONTENDERS, Contender

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

STARTED: Final = time.monotonic()
KILL_TRIAL_SECONDS: Final = 0.5
"""Of one thread: long enough to be hit in the middle."""
TITLES: Final = {each.name: each.title for each in CONTENDERS}


def main() -> None:
    options = parsed_options()
    adopt_orphans()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    wanted = {BASELINE, *options.only.split(",")} if options.only else set(TITLES)
    chosen = [each for each in CONTENDERS if each.name in wanted]
    absent = {each.name: f"{each.needs} is not installed" for each in chosen if is_missing(each)}
    present = [each for each in chosen if each.name not in absent]
    with tempfile.TemporaryDirectory(prefix="cb-compare-") as folder, unwinding_when_asked_to_end():
        bench = Bench.prepared(Path(folder), seconds=options.seconds)
        print(
            f"{bench.units} networks a trial, about {options.seconds:g} s of one thread; {bench.cores} cores",
            flush=True,
        )
        kills = killed_ones(bench, present, options) if options.kill else {}
        rounds: list[Round] = []
        while len(rounds) < options.rounds and (not rounds or not is_late(options)):
            rounds.append(one_round(bench, not_stopped(present, rounds), options, len(rounds)))
        quick = not_stopped(present, rounds)
        scaling = scaled(bench, quick, options) if options.scaling and not is_late(options) else {}
        if not same_results(bench.logs):
            raise SystemExit("the contenders did not compute the same numbers: this is no comparison")
    failed = {
        each.name: "it ran no trial, see the output" for each in present if all(each.name not in one for one in rounds)
    }
    block = written(options, rounds, kills, absent | failed, scaling)
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
    parser.add_argument(
        "--minutes", type=float, default=1e9, help="begin no further round and no scaling after so long"
    )
    parser.add_argument("--no-kill", dest="kill", action="store_false")
    parser.add_argument("--no-scaling", dest="scaling", action="store_false")
    parser.add_argument("--write", type=Path, help="a page with markers, to put the tables into")
    options = parser.parse_args()
    if unknown := {name for name in options.only.split(",") if name} - TITLES.keys():
        parser.error(f"found --only {', '.join(sorted(unknown))}; expected some of {', '.join(TITLES)}")
    return options


def is_late(options: argparse.Namespace) -> bool:
    return time.monotonic() - STARTED > 60 * options.minutes


def not_stopped(contenders: list[Contender], rounds: list[Round]) -> list[Contender]:
    """Who was too slow once is not asked again."""
    stopped = {name for each in rounds for name, figure in each.items() if figure.stopped}
    return [each for each in contenders if each.name not in stopped]


def is_missing(contender: Contender) -> bool:
    return bool(contender.needs) and importlib.util.find_spec(contender.needs) is None


@contextlib.contextmanager
def unwinding_when_asked_to_end() -> Iterator[None]:
    """SIGTERM ends this as Ctrl-C does: whatever runs is ended, files go."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def one_round(bench: Bench, contenders: list[Contender], options: argparse.Namespace, index: int) -> Round:
    """All contenders once; the baseline sets the limit for the others, which begin at another one in each round."""
    figures: Round = {}
    limit = None
    shift = 1 + index * (len(contenders) - 1) // max(options.rounds, 1)
    for contender in [contenders[0], *contenders[shift:], *contenders[1:shift]]:
        name = f"{contender.name.replace('_', '-')}-{index + 1}"
        try:
            run = run_contender(bench, contender, name, trials=options.trials, workers=bench.cores, limit=limit)
        except RanNothingError as error:
            if contender.name == BASELINE:
                raise
            print(error, flush=True)
            continue
        figures[contender.name] = figure = run.figure()
        if contender.name == BASELINE:
            limit = options.patience * figure.seconds + 3 * figure.start_and_end
        print(
            f"{name}: {figure.seconds:.1f} s, {figure.cpu_seconds:.2f} CPU s and {figure.switches:,.0f} switches a trial, "
            f"{figure.start_and_end:.1f} s start and end, {figure.made} made, {figure.results} results, "
            f"{figure.load:.2f} cores in use by others{', stopped' if figure.stopped else ''}",
            flush=True,
        )
    return figures


def killed_ones(bench: Bench, contenders: list[Contender], options: argparse.Namespace) -> dict[str, Killed]:
    found = {each.name: killed(bench, each, options) for each in contenders}
    return {name: each for name, each in found.items() if each is not None}


def killed(bench: Bench, contender: Contender, options: argparse.Namespace) -> Killed | None:
    """A few trials, and SIGKILL for the process of one of them; None when none was running at the right time."""
    asked = 3 * bench.cores
    shot: list[int] = []

    def shoot(lines: list[Line]) -> None:
        if not shot and (pid := victim(lines, after=1)) is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                shot.append(pid)

    name = f"{contender.name.replace('_', '-')}-killed"
    units = max(1, min(bench.units, int(bench.units / options.seconds * KILL_TRIAL_SECONDS)))
    try:
        run = run_contender(
            bench, contender, name, trials=asked, workers=bench.cores, units=units, limit=180, watch=shoot
        )
    except RanNothingError as error:
        print(error, flush=True)
        return None
    results, running = held(run)
    print(f"{name}: {results} of {asked} results, {running} left RUNNING{', hung' if run.stopped else ''}", flush=True)
    return Killed(asked=asked, results=results, running=running, hung=run.stopped) if shot else None


def scaled(bench: Bench, contenders: list[Contender], options: argparse.Namespace) -> dict[str, dict[int, float]]:
    """Seconds of the same few trials with 1, 2, 4 ... cores workers; the slow ones are left out where they were stopped."""
    counts = sorted({2**power for power in range(bench.cores.bit_length()) if 2**power < bench.cores} | {bench.cores})
    found: dict[str, dict[int, float]] = {}
    trials = 2 * bench.cores
    limit = 60 + 2 * options.patience * options.seconds * trials
    for contender in (each for each in contenders if each.workers):
        for workers in counts:
            name = f"{contender.name.replace('_', '-')}-by-{workers}"
            try:
                run = run_contender(bench, contender, name, trials=trials, workers=workers, limit=limit)
            except RanNothingError as error:
                print(error, flush=True)
                continue
            if not run.stopped:
                found.setdefault(contender.name, {})[workers] = run.figure().seconds
            print(f"{name}: {'stopped' if run.stopped else f'{run.figure().seconds:.1f} s'}", flush=True)
    return found


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
    options = [word for word in sys.argv[1:] if word != "--write" and not word.endswith(".md")]
    return f'make bench-compare OPTIONS="{" ".join(options)}"' if options else "make bench-compare"


def processor() -> str:
    """Its name, as Linux tells it."""
    told = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    named = [line.split(":", 1)[1].strip() for line in told if line.startswith("model name")]
    return named[0] if named else platform.machine()


if __name__ == "__main__":
    main()
