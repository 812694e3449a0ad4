"""What a task sees of a batch of networks, and what both kinds of them share.

A batch holds ``lanes`` networks side by side, population last: inputs ``[inputs, lanes]``, outputs ``[outputs, lanes]`` in
0 ... 1. At these sizes multiply and sum beats ``bmm`` (docs/neuroevolution.md has the figures).

What could go wrong: torch sums the lanes that do not fill its vector block in another order, so that a network's last bits
would depend on who else is in the batch. Every batch is therefore a multiple of :data:`LANES`, filled up with copies or
empty networks; merged seeds, compaction and replay all rest on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import numpy
import numpy.typing
import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Floats = numpy.typing.NDArray[numpy.float32]
Indices = numpy.typing.NDArray[numpy.int64]

LANES: Final = 32
STEEPNESS: Final = 4.924273
"""Slope of the sigmoid in Stanley and Miikkulainen's NEAT (their source; the paper rounds it to 4.9)."""
MOST_FLOATS: Final = 2**22
"""Activations held at once while a data set is shown (16 MiB); larger batches go through in pieces of whole blocks."""


class Networks(Protocol):
    """A batch of networks as tasks use it; fillers included, so ``lanes`` is a multiple of 32."""

    lanes: int

    def react(self, inputs: Floats) -> Floats:
        """One step of time: ``[inputs, lanes]`` to ``[outputs, lanes]`` in 0 ... 1. Networks with a memory keep it."""

    def settle(self, rows: Floats) -> Floats:
        """Each network's outputs to each of ``rows`` [rows, inputs], without memory: ``[outputs, rows, lanes]``."""

    def select(self, lanes: Indices) -> Networks:
        """The networks at ``lanes`` (repeats allowed, a multiple of 32 of them), with their memory."""


def padded(size: int) -> int:
    """The next multiple of 32."""
    return -(-size // LANES) * LANES


def steepened(sums: torch.Tensor) -> torch.Tensor:
    """NEAT's sigmoid, in place."""
    return sums.mul_(STEEPNESS).sigmoid_()


def tanh(sums: torch.Tensor) -> torch.Tensor:
    """By the sigmoid, which torch computes six times faster than its tanh; in place."""
    return sums.mul_(2.0).sigmoid_().mul_(2.0).sub_(1.0)


ACTIVATIONS: Final[dict[str, Callable[[torch.Tensor], torch.Tensor]]] = {
    "tanh": tanh,
    "sigmoid": torch.Tensor.sigmoid_,
    "relu": torch.Tensor.relu_,
    "steepened": steepened,
}
"""Each changes its argument in place and returns it."""


def blocks(*, lanes: int, floats_a_lane: int) -> Iterator[slice]:
    """Pieces of the batch, whole blocks of 32 lanes each, that hold at most :data:`MOST_FLOATS` together."""
    width = max(1, MOST_FLOATS // (floats_a_lane * LANES)) * LANES
    for start in range(0, lanes, width):
        yield slice(start, min(lanes, start + width))
