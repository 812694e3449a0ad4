"""``multiprocessing.Pool`` whose workers are copies of a parent that has imported torch but not used it."""

from __future__ import annotations

import multiprocessing
from typing import TYPE_CHECKING

from contenders.work import evaluated

if TYPE_CHECKING:
    from contenders.request import Request


def main(request: Request) -> None:
    with multiprocessing.get_context("fork").Pool(request.workers) as pool:
        request.deliver(len(pool.map(evaluated, request.points, chunksize=1)))
