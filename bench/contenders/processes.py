"""The same script started once per core, each with its share of the points and its libraries' own threads."""

from __future__ import annotations

from contenders.bare import main

__all__ = ["main"]  # the baseline's program; only the environment tells it nothing of threads
