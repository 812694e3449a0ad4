"""From what was measured to ratios, medians and the tables that people read.  Pure."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BEGIN: Final = "<!-- comparison: begin, written by make bench-compare -->"
END: Final = "<!-- comparison: end -->"


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One run of one contender."""

    seconds: float
    """From the first trial's begin to the last one's end."""
    cpu_seconds: float
    """Of the whole process tree in that time, for each trial asked for."""
    switches: float
    """Context switches in that time, for each trial asked for."""
    start_and_end: float
    """Seconds before the first trial and after the last."""
    made: int
    results: int
    """That its user holds at the end."""
    stopped: bool = False
    """It took too long: the figures are lower bounds."""
    load: float = 0.0
    """Cores used by other programs meanwhile."""


@dataclass(frozen=True, kw_only=True)
class Killed:
    """What a contender's user has after one of its processes got SIGKILL in the middle of a trial."""

    asked: int
    results: int
    running: int | None
    """Trials left RUNNING in a database; None where there is none."""
    hung: bool = False

    @property
    def lost(self) -> int:
        return max(self.asked - self.results, 0)


Round = dict[str, Figure]


def ratios(rounds: Sequence[Round], name: str, quantity: str, baseline: str) -> list[float]:
    """``quantity`` of ``name`` divided by the baseline's of the same round."""
    return [
        getattr(each[name], quantity) / (getattr(each[baseline], quantity) or 1.0) for each in rounds if name in each
    ]


def spread(found: Sequence[float]) -> str:
    """Median, and smallest and largest where there are several."""
    middle = f"{statistics.median(found):.{2 if max(found) < 100 else 0}f}"
    if len(found) < 2:
        return middle
    digits = 2 if max(found) < 100 else 0
    return f"{middle} ({min(found):.{digits}f}-{max(found):.{digits}f})"


def counts(found: Sequence[int]) -> str:
    """``24``, or ``24-25`` where rounds differ."""
    return str(min(found)) if min(found) == max(found) else f"{min(found)}-{max(found)}"


def killed_text(killed: Killed | None) -> str:
    """What one ``kill -9`` costs, in words of a table cell."""
    if killed is None:
        return "not tried"
    lost = f"{killed.lost} of {killed.asked} lost" if killed.lost else "nothing lost"
    running = f", {killed.running} left RUNNING" if killed.running else ""
    return f"{'hangs; ' if killed.hung else ''}{lost}{running}"


def cells(rounds: Sequence[Round], name: str, baseline: str, killed: Killed | None) -> list[str]:
    """One contender's row, without its title."""
    found = [each[name] for each in rounds if name in each]
    least = "at least " if any(figure.stopped for figure in found) else ""
    return [
        least + spread(ratios(rounds, name, "seconds", baseline)),
        least + spread(ratios(rounds, name, "cpu_seconds", baseline)),
        f"{statistics.median(figure.switches for figure in found):,.0f}",
        f"{statistics.median(figure.start_and_end for figure in found):.1f}",
        counts([figure.made for figure in found]) + (" (stopped)" if least else ""),
        killed_text(killed),
    ]


def main_table(
    titles: Mapping[str, str],
    rounds: Sequence[Round],
    kills: Mapping[str, Killed],
    absent: Mapping[str, str],
    baseline: str,
    *,
    asked: int,
) -> list[str]:
    """Markdown; the baseline first, then by wall time; last who could not run, with the reason."""
    head = [
        "",
        "wall",
        "CPU a trial",
        "switches a trial",
        "start and end, s",
        f"made of {asked}",
        "after one `kill -9`",
    ]
    present = [name for name in titles if any(name in each for each in rounds)]
    present.sort(key=lambda name: (name != baseline, statistics.median(ratios(rounds, name, "seconds", baseline))))
    lines = [_row(head), _row(["---"] * len(head))]
    lines += [_row([titles[name], *cells(rounds, name, baseline, kills.get(name))]) for name in present]
    return lines + [_row([titles[name], f"not run: {reason}", *[""] * 5]) for name, reason in absent.items()]


def scaling_table(titles: Mapping[str, str], seconds: Mapping[str, Mapping[int, float]], baseline: str) -> list[str]:
    """Markdown: wall time by workers, as ratio to the baseline's with one worker."""
    workers = sorted({count for each in seconds.values() for count in each})
    unit = seconds[baseline][workers[0]]
    lines = [_row(["workers", *map(str, workers)]), _row(["---"] * (len(workers) + 1))]
    for name, found in seconds.items():
        lines.append(_row([titles[name], *[f"{found[n] / unit:.2f}" if n in found else "not run" for n in workers]]))
    return lines


def placed(page: str, block: str) -> str:
    """``page`` with what stands between the markers replaced."""
    if page.count(BEGIN) != 1 or page.count(END) != 1:
        raise ValueError(
            f"found {page.count(BEGIN)} begin and {page.count(END)} end markers, expected one of each: {BEGIN}"
        )
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}\n{block.strip()}\n{END}{rest.split(END)[1]}"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
