"""joblib's default backend: a pool of processes that are told how many threads to use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from joblib import Parallel, delayed

if TYPE_CHECKING:
    from contenders.request import Request


def evaluated(x: float) -> float:
    """Imported by the worker: the parent needs no torch."""
    from contenders.work import evaluated as trial

    return trial(x)


def main(request: Request) -> None:
    request.deliver(len(Parallel(n_jobs=request.workers)(delayed(evaluated)(x) for x in request.points)))
