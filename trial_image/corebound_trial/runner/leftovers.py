"""Processes that an attempt has left behind: daemons are ended, and a child full of others is to be replaced.

A few helpers may stay: pools that an objective keeps for its next trials. What could go wrong: a daemon that comes after the
look (the worker ends all that descends from it when it goes).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

from corebound_trial.binding import proc
from corebound_trial.binding.process import descendants, end_tree

HELPERS_PER_THREAD: Final = 2
HELPERS: Final = 4
"""Beside those of its pools: what multiprocessing starts for its own bookkeeping."""
DAEMON_SECONDS: Final = 0.5


@dataclass(frozen=True, kw_only=True)
class Leftovers:
    """What was found."""

    daemons: int
    """Ended by now."""
    helpers: int
    too_many: bool
    """The child should be ended, and with it all helpers."""

    @property
    def line(self) -> str | None:
        """For the attempt's output; None when there is nothing to say."""
        said = []
        if self.daemons:
            said.append(f"{self.daemons} that had left it by a double fork")
        if self.too_many:
            said.append(f"{self.helpers} that it had started")
        return f"corebound: ended processes of this trial that were still there: {', '.join(said)}\n" if said else None


def tidy(child: int, *, threads: int) -> Leftovers:
    """After an attempt in the process ``child``, whose worker this is and which inherits what leaves it."""
    daemons = [pid for pid in proc.children(os.getpid()) if pid != child and _lives(pid)]
    if daemons:
        end_tree(daemons, grace=DAEMON_SECONDS)
    helpers = len(descendants(child))
    return Leftovers(daemons=len(daemons), helpers=helpers, too_many=helpers > HELPERS_PER_THREAD * threads + HELPERS)


def _lives(pid: int) -> bool:
    stat = proc.process_stat(pid)
    return stat is not None and not stat.has_ended
