"""One Ray task a trial."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contenders.loky import evaluated
from contenders.ray_session import ray_session

if TYPE_CHECKING:
    from contenders.request import Request


def main(request: Request) -> None:
    import ray

    with ray_session(request.workers):
        task = ray.remote(evaluated)
        request.deliver(len(ray.get([task.remote(x) for x in request.points])))
