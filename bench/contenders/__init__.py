"""The ways to run N trials that ``bench/compare.py`` compares: a list, and one small program for each.

A program is started as ``python -m contenders NAME REQUEST``; it runs the trials of ``contenders.work`` in its own way and
tells ``request.deliver`` how many results its user holds at the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True)
class Contender:
    """One way to run the trials."""

    name: str
    """Of its module here."""
    title: str
    one_thread: bool = False
    """Told to use one thread, by environment; all others have their defaults."""
    database: bool = False
    """Its trials are in the PostgreSQL that it starts: what is left there can be looked up."""
    needs: str = ""
    """A package that it cannot do without, beyond those of every environment."""
    workers: bool = True
    """Whether it can be told how many workers to have."""


BASELINE: Final = "bare"
CONTENDERS: Final = (
    Contender(name="bare", title="bare processes, one per core, one thread each", one_thread=True),
    Contender(name="corebound", title="**Corebound**", database=True),
    Contender(name="tuned", title="tuned by hand: Optuna, one process per core", one_thread=True, database=True),
    Contender(name="sequential", title="sequential", workers=False),
    Contender(name="optuna_threads", title="Optuna `n_jobs`"),
    Contender(name="loky", title="joblib (loky)", needs="joblib"),
    Contender(name="pool_fork", title="`multiprocessing.Pool`, fork"),
    Contender(name="pool_spawn", title="`multiprocessing.Pool`, spawn"),
    Contender(name="ask_tell", title="Optuna ask/tell over a `Pool`"),
    Contender(name="ray_tasks", title="Ray tasks", needs="ray"),
    Contender(name="ray_tune", title="Ray Tune", needs="ray"),
    Contender(name="processes", title="as many processes as cores, started at once"),
)
