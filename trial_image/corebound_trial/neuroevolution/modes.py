"""What ``evolution`` asks of a mode: networks to evaluate, the next generation, its best genome, its state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy
import numpy.typing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from corebound.api.genome import Genome
    from corebound_trial.neuroevolution.networks import Networks

Fitness = numpy.typing.NDArray[numpy.float64]


@dataclass(frozen=True, kw_only=True)
class Ports:
    """What a task sees of a network: its inputs, its outputs, and whether it may remember."""

    inputs: int
    outputs: int
    recurrent: bool


class Mode(Protocol):
    """Populations of several seeds; ``seeds`` are indices of those that still evolve."""

    def networks(self, seeds: Sequence[int]) -> Networks:
        """All their networks, each seed's in lanes of its own, filled up to a multiple of 32."""

    def breed(self, seeds: Sequence[int], fitness: Sequence[Fitness]) -> None:
        """The next generation; ``fitness`` [population] of each of ``seeds``, finite."""

    def genome(self, seed: int, row: int) -> Genome:
        """The genome at ``row`` of the current generation of ``seed``."""

    def species(self, seed: int) -> dict[int, int]:
        """Members of each species by its lasting number; empty where there are none."""

    def left_out(self) -> int:
        """Structural mutations that were not made because a genome was at its size limit."""

    def state_dict(self) -> dict[str, Any]:
        """All that :meth:`load` needs; tensors and JSON values."""

    def load(self, state: Mapping[str, Any]) -> None:
        """Be as when ``state`` was taken."""
