"""How many pods run: rounds, elastic Indexed Jobs, and Jobs whose size is Kueue's.

Fewer workers: ``parallelism`` alone is lowered (lowering ``completions``, too, deleted running pods of larger indexes).
More, or slots that came back: both are raised together to what has ended plus what is wanted. A pod on a node that is lost
never ends, and the Job waits for it: its index is raised past, like those that have ended. A Job that is over cannot be
changed; when slots are left the next round gets a Job of its own. Jobs in a queue are never changed, only deleted.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from corebound_operator.decide.world import CreateJob, DeleteJob, ResizeJob, SuspendJob

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from corebound.api.jobs import JobView
    from corebound_operator.decide.world import Action


FIRST_PAUSE: Final = timedelta(seconds=4)
LONGEST_PAUSE: Final = timedelta(minutes=2)


def live_job(jobs: Sequence[JobView]) -> JobView | None:
    """The Job of the present round, if it may still run pods."""
    return max((job for job in jobs if job.is_live), key=lambda job: job.round, default=None)


def round_of_jobs(
    jobs: Sequence[JobView], *, wanted: int, now: datetime, last_close: datetime | None
) -> Iterator[Action]:
    """A new round, when there is something to do and the pods of earlier ones have gone.

    After rounds that closed no slot (a node that evicts at once, workers that end at once) it waits twice as long each time.
    """
    if not wanted or any(job.deleted or job.active for job in jobs):
        return
    fruitless = [
        job.created
        for job in jobs
        if job.outcome == "Failed" and job.created is not None and (last_close is None or job.created > last_close)
    ]
    if len(fruitless) > 1 and now - max(fruitless) < min(FIRST_PAUSE * 2 ** (len(fruitless) - 2), LONGEST_PAUSE):
        return
    yield CreateJob(number=max((job.round for job in jobs), default=0) + 1, workers=wanted)


def size_of_jobs(live: JobView, *, wanted: int, most: int, claimable: int, lost: int = 0) -> Iterator[Action]:
    """The live Job made larger or smaller, or going again after a suspension; ``lost`` of its pods never end."""
    if live.queued:
        return
    if live.suspended:
        yield SuspendJob(name=live.name, suspend=False)
    allowed = min(live.parallelism, live.unfinished)
    if allowed > most + lost and live.parallelism > most + lost:
        yield ResizeJob(name=live.name, parallelism=most + lost)
    elif claimable and live.active < wanted:
        size = live.succeeded + live.failed_indexes + lost + wanted
        if size > live.completions:
            yield ResizeJob(name=live.name, parallelism=size, completions=size)
        elif live.parallelism < min(live.completions, wanted + lost):
            # Raised again within the indexes that there are.
            yield ResizeJob(name=live.name, parallelism=wanted + lost)


def places_of(jobs: Sequence[JobView], actions: Sequence[Action], *, wanted: int) -> int:
    """How many workers there are, or may be at any moment without another turn; none where nothing runs nor is to."""
    grows = any(
        isinstance(each, CreateJob | ResizeJob) or (isinstance(each, SuspendJob) and not each.suspend)
        for each in actions
    )
    waits = any(job.is_live and (job.queued or not job.suspended) for job in jobs)
    return max(wanted if grows or waits else 0, sum(job.active for job in jobs))


def stop_jobs(jobs: Sequence[JobView], *, why: str) -> Iterator[Action]:
    """Every live Job lets its pods go."""
    for job in jobs:
        if job.is_live and job.queued:
            yield DeleteJob(name=job.name, uid=job.uid, why=why)
        elif job.is_live and not job.suspended:
            yield SuspendJob(name=job.name, suspend=True)
