"""How a trial's time falls with its threads, from a few measurements, and the thread count that follows. Pure.

Universal Scalability Law (Gunther 2007): speed-up S(T) = T / (1 + s (T-1) + k T (T-1)) with contention s (the share
that runs alone) and coherency k (what threads pay for each other). Rearranged, (T / S(T) - 1) / (T - 1) = s + k T is a
straight line, so a few points and least squares are enough. What could go wrong: measurements of a noisy machine give
negative s or k; both are kept at or above zero, refitting the other.

Because S(T) / T never rises, no thread count beats 1 in throughput while trials are enough; more threads pay only where
there are fewer trials than places, or memory or pods leave cores idle.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from corebound.planning.waves import makespan_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


BELIEVED: Final = 0.05
"""More threads must end a campaign by more than this share sooner: less is below what a calibration can tell."""


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One thread count of a calibration."""

    threads: int
    seconds: float
    """Wall time of the same trial at that thread count."""


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """A fitted law for one kind of trial."""

    single_seconds: float
    """Time of a trial with one thread."""
    contention: float
    coherency: float

    def speedup(self, threads: int) -> float:
        """S(T): how many times faster than with one thread."""
        return threads / (1 + self.contention * (threads - 1) + self.coherency * threads * (threads - 1))

    def seconds(self, threads: int) -> float:
        """Time of one trial with ``threads`` threads."""
        return self.single_seconds / self.speedup(threads)

    @property
    def peak_threads(self) -> float | None:
        """The thread count beyond which a trial gets slower; None where no peak was seen."""
        if self.coherency == 0:
            return None
        return max(1.0, math.sqrt(max(0.0, 1 - self.contention) / self.coherency))


def fit_scaling(measurements: Sequence[Measurement]) -> Scaling:
    """Fit the law to measurements; several at one thread count are averaged.

    With one thread count besides 1 only the contention can be told.

    Raises:
        ValueError: no measurement with one thread, which everything is relative to, or times that are not positive.
    """
    times: dict[int, list[float]] = {}
    for measurement in measurements:
        if measurement.threads < 1 or not (measurement.seconds > 0 and math.isfinite(measurement.seconds)):
            message = f"a calibration needs threads >= 1 and times above 0, found {measurement}"
            raise ValueError(message)
        times.setdefault(measurement.threads, []).append(measurement.seconds)
    if 1 not in times:
        message = f"a calibration needs a measurement with 1 thread, found only {sorted(times)}; measure 1 as well"
        raise ValueError(message)
    seconds = {threads: sum(found) / len(found) for threads, found in times.items()}
    single = seconds.pop(1)
    points = [(threads, (threads * taken / single - 1) / (threads - 1)) for threads, taken in sorted(seconds.items())]
    contention, coherency = _line(points)
    return Scaling(single_seconds=single, contention=contention, coherency=coherency)


def _line(points: Sequence[tuple[int, float]]) -> tuple[float, float]:
    """Least squares of y = s + k T with s, k >= 0."""
    if not points:
        return 0.0, 0.0
    mean_threads = sum(threads for threads, _ in points) / len(points)
    mean_loss = sum(loss for _, loss in points) / len(points)
    spread = sum((threads - mean_threads) ** 2 for threads, _ in points)
    slope = sum((threads - mean_threads) * (loss - mean_loss) for threads, loss in points) / spread if spread else 0.0
    intercept = mean_loss - slope * mean_threads
    if slope < 0:
        return max(0.0, mean_loss), 0.0
    if intercept < 0:
        through_zero = sum(threads * loss for threads, loss in points) / sum(threads**2 for threads, _ in points)
        return 0.0, max(0.0, through_zero)
    return intercept, slope


def throughput(scaling: Scaling, *, threads: int, places: int) -> float:
    """Trials per second when ``places`` workers of ``threads`` threads run side by side."""
    return places / scaling.seconds(threads)


def best_threads(
    scaling: Scaling, *, places: Callable[[int], int], most_threads: int, trials: int | None = None
) -> int:
    """The thread count that finishes ``trials`` first, or, with None, runs most trials per second.

    Ties go to fewer threads, and what is within :data:`BELIEVED` of the soonest end is a tie.

    ``places(T)`` is how many workers of T threads the pool holds.
    """
    candidates = [threads for threads in range(1, most_threads + 1) if places(threads) >= 1]
    if not candidates:
        return 1
    if trials is None:
        return max(candidates, key=lambda threads: throughput(scaling, threads=threads, places=places(threads)))
    ends = {
        threads: makespan_seconds(
            trials=trials, workers=min(trials, places(threads)), trial_seconds=scaling.seconds(threads)
        )
        for threads in candidates
    }
    soonest = min(ends.values())
    return next(threads for threads in candidates if ends[threads] <= soonest * (1 + BELIEVED))
