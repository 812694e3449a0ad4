"""A batch of small networks of one topology, population last: ``[outputs, inputs + 1, population]``.

Multiply and sum is faster than ``bmm`` at these sizes; its last bits do not depend on the neighbours in the batch as long as
the batch is a multiple of 32, so every batch is padded to one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

LANES: Final = 32
ACTIVATIONS: Final[dict[str, Callable[[torch.Tensor], torch.Tensor]]] = {
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "relu": torch.relu,
}


def padded(size: int) -> int:
    """The next multiple of 32."""
    return -(-size // LANES) * LANES


def genome_length(*, inputs: int, hidden: int, outputs: int) -> int:
    """Weights and biases of one network."""
    return hidden * (inputs + 1) + outputs * (hidden + 1)


@dataclass(frozen=True)
class Networks:
    """``first``: [hidden, inputs + 1, P]; ``second``: [outputs, hidden + 1, P]; P a multiple of 32."""

    first: torch.Tensor
    second: torch.Tensor
    activation: str

    @classmethod
    def from_genomes(
        cls, genomes: torch.Tensor, *, inputs: int, hidden: int, outputs: int, activation: str
    ) -> Networks:
        """``genomes``: [weights, P]."""
        split = hidden * (inputs + 1)
        population = genomes.shape[1]
        return cls(
            genomes[:split].reshape(hidden, inputs + 1, population),
            genomes[split:].reshape(outputs, hidden + 1, population),
            activation,
        )

    def __call__(self, inputs: torch.Tensor) -> torch.Tensor:
        """[inputs, P] to [outputs, P], before any squashing."""
        hidden = (self.first[:, :-1] * inputs).sum(1).add_(self.first[:, -1])
        hidden = ACTIVATIONS[self.activation](hidden)
        return (self.second[:, :-1] * hidden).sum(1).add_(self.second[:, -1])

    def select(self, index: torch.Tensor) -> Networks:
        """The networks at ``index``."""
        return Networks(self.first[:, :, index], self.second[:, :, index], self.activation)
