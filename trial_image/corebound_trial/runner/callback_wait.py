"""In the parent: while the child calls ``trial.callbacks``, nothing is held that others wait for.

The slot is closed and its lease gone. What could go wrong: a callback hangs, ends the process or uses too many threads; each
is an outcome here, and the caller replaces the child.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from corebound.api.records import SlotState
from corebound_trial.runner.running_attempt import STOP_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from corebound_trial.runner.childprocess import ChildProcess

CALLED_BACK: Final = (SlotState.SUCCEEDED, SlotState.PRUNED, SlotState.FAILED)
"""Closings after which callbacks are called: not skipped ones, whose campaign is over."""
CALLBACK_SECONDS: Final = 600.0
"""How long the callbacks of one trial may take when ``trial.timeout`` says nothing."""


@dataclass(frozen=True, kw_only=True)
class CalledBack:
    """How the callbacks ended: well, or with a problem that costs the child, or in a breach of the thread contract."""

    study_stopped: bool = False
    problem: str | None = None
    breach: str | None = None


def wait_for_callbacks(
    child: ChildProcess, *, trial_id: int, limit: float, stopping: Callable[[], bool], turn: Callable[[], None]
) -> CalledBack:
    """Have them called; ``turn`` is called a few times a second meanwhile."""
    child.wire.send({"type": "closed", "trial_id": trial_id})
    started = time.monotonic()
    stopping_since: float | None = None
    while True:
        try:
            message = child.receive(timeout=0.2)
        except EOFError:
            return CalledBack(problem="a callback ended the process")
        if message is not None and message["type"] == "called back":
            return CalledBack(study_stopped=message["study_stopped"])
        if message is not None and message["type"] == "breach":
            return CalledBack(breach=message["message"])
        now = time.monotonic()
        if stopping_since is None and stopping():
            stopping_since = now
        if stopping_since is not None and now - stopping_since > STOP_SECONDS:
            return CalledBack(problem="a callback was still at work when the worker was stopped")
        if now - started > limit:
            return CalledBack(problem=f"callbacks took longer than {limit:g} s")
        turn()
