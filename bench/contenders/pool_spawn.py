"""``multiprocessing.Pool`` whose workers are new interpreters."""

from __future__ import annotations

import multiprocessing
from typing import TYPE_CHECKING

from contenders.loky import evaluated

if TYPE_CHECKING:
    from contenders.request import Request


def main(request: Request) -> None:
    with multiprocessing.get_context("spawn").Pool(request.workers) as pool:
        request.deliver(len(pool.map(evaluated, request.points, chunksize=1)))
