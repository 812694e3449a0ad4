"""Waiting for a database that is away: how long, and how often it is asked.

The grace is the longest outage that a worker sits out. While it waits nothing is lost: what it runs goes on, and its lease
counts for one more lease after the database is back. What could go wrong: the database stays away longer; the worker then
ends with status 75 and whoever started it starts another one.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from corebound.api.errors import StorageUnreachableError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

GRACE_SECONDS: Final = 600.0
GRACE_VARIABLE: Final = "COREBOUND_GRACE_SECONDS"
FIRST_PAUSE: Final = 0.05
LONGEST_PAUSE: Final = 2.0

Answer = TypeVar("Answer")


class Patiently(Protocol):
    """Something that calls again and again while the database is away, and knows itself for how long."""

    def __call__(self, call: Callable[[], Answer], /) -> Answer:
        """What ``call`` answers in the end. Raises :class:`StorageUnreachableError`."""


def grace_seconds() -> float:
    """The grace: ten minutes, or what ``COREBOUND_GRACE_SECONDS`` says. Raises :class:`UsageError`."""
    text = os.environ.get(GRACE_VARIABLE)
    if text is None:
        return GRACE_SECONDS
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise UsageError(f"{GRACE_VARIABLE} is {text!r}, expected a number of seconds from 0 up; or unset it")
    return seconds


def patiently(call: Callable[[], Answer], *, grace: float, give_up: Callable[[], bool] = lambda: False) -> Answer:
    """``call`` again and again while the database is away.

    Raises :class:`StorageUnreachableError` after the grace, or as soon as ``give_up`` says so.
    """
    deadline = time.monotonic() + grace
    pause = FIRST_PAUSE
    while True:
        try:
            return call()
        except StorageUnreachableError as error:
            if time.monotonic() > deadline or give_up():
                raise StorageUnreachableError(f"{error} (tried for {grace:g} s)") from None
        time.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)
