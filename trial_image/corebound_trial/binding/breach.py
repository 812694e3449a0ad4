"""When does a running worker break the thread contract? Pure: samples and pool reports in, breaches and notes out.

What could go wrong is a verdict that is too quick: a second of start-up, a library that lowers its pool for a moment,
idle pools and sleeping loaders are no fault. A pool set above the contract is one at once, because it was set on
purpose; threads at work only after more than :data:`PATIENCE` samples in a row.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from corebound_trial.binding.pools import TORCH, TORCH_INTEROP, PoolReport

if TYPE_CHECKING:
    from collections.abc import Iterable

    from corebound_trial.binding.telemetry import BusyThread, TreeSample

PATIENCE: Final = 2
"""Samples in a row with too many threads at work that are still only a note."""
MOST_NAMES: Final = 4


@dataclass(frozen=True, kw_only=True)
class Breach:
    """The contract is broken: the worker ends with status 78 and this message."""

    message: str


@dataclass(frozen=True, kw_only=True)
class Note:
    """Worth a line in the worker's output, no more."""

    message: str


class BreachWatch:
    """Judges one worker of ``threads`` threads, sample after sample."""

    def __init__(self, *, threads: int) -> None:
        self._threads = threads
        self._samples_in_a_row = 0
        self._small_pool_in_a_row = 0
        self._small_pool_told = False

    def judge_sample(self, sample: TreeSample) -> Breach | Note | None:
        """A verdict on the threads at work; a note at the start of each series, a breach when it goes on."""
        if sample.busy is None:
            return None
        if len(sample.busy) <= self._threads:
            self._samples_in_a_row = 0
            return None
        self._samples_in_a_row += 1
        message = (
            f"{len(sample.busy)} threads at work in {self._samples_in_a_row} "
            f"sample{'s' if self._samples_in_a_row > 1 else ''} in a row, spec.threads is {self._threads}: "
            f"{name_threads(sample.busy)}"
        )
        if self._samples_in_a_row > PATIENCE:
            return Breach(
                message=f"{message}; let the objective start no more than spec.threads, or raise spec.threads"
            )
        return Note(message=message) if self._samples_in_a_row == 1 else None

    def judge_pools(self, pools: Iterable[PoolReport]) -> Breach | Note | None:
        """A verdict on the libraries' pools in the objective's process."""
        reports = list(pools)
        if breach := pool_breach(reports, threads=self._threads):
            return breach
        torch_threads = next((pool.threads for pool in reports if pool.library == TORCH), self._threads)
        self._small_pool_in_a_row = self._small_pool_in_a_row + 1 if torch_threads < self._threads else 0
        if self._small_pool_in_a_row <= PATIENCE or self._small_pool_told:
            return None
        self._small_pool_told = True
        return Note(
            message=f"torch's pool is {torch_threads}, spec.threads is {self._threads}: "
            f"{self._threads - torch_threads} of this worker's cores stay idle in torch"
        )


def pool_breach(pools: Iterable[PoolReport], *, threads: int) -> Breach | None:
    """The breach of the library whose pool is set highest above ``threads``; torch is named before what it sets."""
    too_large = sorted(
        (pool for pool in pools if pool.threads > threads),
        key=lambda pool: (pool.library not in (TORCH, TORCH_INTEROP), -pool.threads),
    )
    if not too_large:
        return None
    pool = too_large[0]
    return Breach(
        message=f"{_setter(pool)} in the objective or a library it uses: {pool.library}'s pool is {pool.threads}, "
        f"spec.threads is {threads}; remove that call, or set spec.threads: {pool.threads}"
    )


def name_threads(busy: Iterable[BusyThread]) -> str:
    """``python x5 (python train.py), joblib (python -c ...)``; the most frequent first."""
    counted = Counter((thread.name, thread.program, thread.pid) for thread in busy)
    named = [
        f"{name}{f' x{count}' if count > 1 else ''} ({program or 'unknown program'}, pid {pid})"
        for (name, program, pid), count in counted.most_common(MOST_NAMES)
    ]
    more = len(counted) - len(named)
    return ", ".join(named) + (f" and {more} more" if more else "")


def _setter(pool: PoolReport) -> str:
    calls = {
        TORCH: f"torch.set_num_threads({pool.threads}) was called",
        TORCH_INTEROP: f"torch.set_num_interop_threads({pool.threads}) was called",
        "openmp": f"omp_set_num_threads({pool.threads}) or threadpoolctl was called",
        "numexpr": f"numexpr.set_num_threads({pool.threads}) was called",
    }
    return calls.get(pool.library, f"the number of threads of {pool.library} was changed")
