"""What a program of ours says to Python's collector of garbage, which otherwise takes a fifth of a short command's time."""

from __future__ import annotations

import atexit
import gc
from typing import Final

ALLOCATIONS: Final = 10_000
"""Between two collections; Python's own 700 make it look through the same imported modules again and again."""


def collect_seldom() -> None:
    """From now on, and not once more at the end: the system takes everything back anyway."""
    gc.set_threshold(ALLOCATIONS)
    atexit.register(gc.freeze)
