"""A worker's two connections, its own and its child's, before it claims anything: both of them, or none.

A database with fewer connections than its workers need would else be full of halves: workers that each hold one, wait for
another, and keep slots that nobody runs. What could go wrong: it has none to spare beyond the grace, which is as if it were
away for that long (StorageUnreachableError).
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Final

from corebound.api.errors import StorageUnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from corebound.ledger.ledger import Ledger
    from corebound_trial.runner.childprocess import ChildProcess

PAUSES: Final = (0.5, 3.0)
"""Seconds between two tries, drawn so that those who got one connection each do not meet again."""


def connect_both(
    ledger: Ledger, child: ChildProcess, *, grace: float, turn: Callable[[], None], give_up: Callable[[], bool]
) -> None:
    """Return when both are there, or as soon as ``give_up`` says so; ``turn`` is called before each try."""
    deadline = time.monotonic() + grace
    while not give_up():
        turn()
        why_not = _own(ledger) or child.connect()
        if why_not is None:
            return
        if time.monotonic() > deadline:
            raise StorageUnreachableError(f"{why_not} (tried for {grace:g} s)")
        child.let_go()
        ledger.let_go()
        time.sleep(random.uniform(*PAUSES))  # noqa: S311 - no secret


def _own(ledger: Ledger) -> str | None:
    try:
        ledger.connect()
    except StorageUnreachableError as error:
        return str(error)
    return None
