"""The baseline: as many processes as cores, one thread each, every one with its share of the points and nothing else."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from contenders.request import run_processes

if TYPE_CHECKING:
    from contenders.request import Request


def main(request: Request) -> None:
    shares = [request.points[worker :: request.workers] for worker in range(request.workers)]
    statuses = run_processes("bare", [[json.dumps(share)] for share in shares])
    request.deliver(sum(len(share) for share, status in zip(shares, statuses, strict=True) if status == 0))


if __name__ == "__main__":
    from contenders.work import evaluated

    results = [evaluated(x) for x in json.loads(sys.argv[1])]
