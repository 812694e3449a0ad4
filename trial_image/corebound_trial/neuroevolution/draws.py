"""Random numbers of several seeds for one batch: each seed draws from its own generator, as much as it alone would.

Only uniform numbers are drawn: torch makes them from integers, so that they are the same on every CPU (its normal ones are
not). What could go wrong: a draw whose size depends on another seed; sizes are therefore given for each seed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence


def uniform(generators: Sequence[torch.Generator], *, layers: int, rows: int, columns: Sequence[int]) -> torch.Tensor:
    """float32 in [0, 1), ``[layers, seeds x rows, most columns]``; zero where a seed has fewer columns than the widest."""
    drawn = torch.zeros(layers, len(generators) * rows, max(columns))
    for index, (generator, width) in enumerate(zip(generators, columns, strict=True)):
        drawn[:, index * rows : (index + 1) * rows, :width] = torch.rand(layers, rows, width, generator=generator)
    return drawn
