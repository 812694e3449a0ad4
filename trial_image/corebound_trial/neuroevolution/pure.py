"""Mode ``pure``: a genetic algorithm over the weights of one topology, a hidden layer between inputs and outputs.

Truncation selection, uniform crossover, Gaussian changes, elites. Each seed draws from its own generator.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from corebound_trial.neuroevolution.genome import layered_genome
from corebound_trial.neuroevolution.layered import Layered, Shape
from corebound_trial.neuroevolution.networks import padded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from corebound.api.genome import Genome
    from corebound_trial.neuroevolution.modes import Fitness, Ports


@dataclass(frozen=True, kw_only=True)
class PureSettings:
    """Names, ranges and meanings as in ``corebound.api.workload``."""

    mutation_power: float = 0.4
    mutation_probability: float = 0.8
    replace_probability: float = 0.05
    crossover_probability: float = 0.5
    survival: float = 0.2
    elites: float = 0.02
    init_scale: float = 1.0
    activation: str = "tanh"
    hidden: int = 8


class Pure:
    """See :class:`corebound_trial.neuroevolution.modes.Mode`. Genomes are columns: [weights, population] a seed."""

    def __init__(
        self, settings: PureSettings, *, ports: Ports, population: int, generators: Sequence[torch.Generator]
    ) -> None:
        self._settings, self._population, self._generators = settings, population, generators
        self._shape = Shape(
            inputs=ports.inputs, hidden=settings.hidden, outputs=ports.outputs, recurrent=ports.recurrent
        )
        self._genomes = [
            settings.init_scale * torch.randn(self._shape.weights, population, generator=generator)
            for generator in generators
        ]

    def networks(self, seeds: Sequence[int]) -> Layered:
        """See :class:`corebound_trial.neuroevolution.modes.Mode`."""
        width = padded(self._population)
        batch = torch.zeros(self._shape.weights, width * len(seeds))
        for place, seed in enumerate(seeds):
            batch[:, place * width : place * width + self._population] = self._genomes[seed]
        return Layered.from_genomes(batch, shape=self._shape, activation=self._settings.activation)

    def breed(self, seeds: Sequence[int], fitness: Sequence[Fitness]) -> None:
        """See :class:`corebound_trial.neuroevolution.modes.Mode`."""
        for seed, scores in zip(seeds, fitness, strict=True):
            order = torch.argsort(torch.from_numpy(scores), descending=True, stable=True)
            self._genomes[seed] = self._children(self._genomes[seed], order, self._generators[seed])

    def genome(self, seed: int, row: int) -> Genome:
        """See :class:`corebound_trial.neuroevolution.modes.Mode`."""
        return layered_genome(self._genomes[seed][:, row], shape=self._shape, activation=self._settings.activation)

    def species(self, seed: int) -> dict[int, int]:  # noqa: ARG002 - there are none in this mode, whatever the seed
        """See :class:`corebound_trial.neuroevolution.modes.Mode`."""
        return {}

    def left_out(self) -> int:
        """See :class:`corebound_trial.neuroevolution.modes.Mode`."""
        return 0

    def state_dict(self) -> dict[str, Any]:
        """See :class:`corebound_trial.neuroevolution.modes.Mode`."""
        return {"genomes": self._genomes}

    def load(self, state: Mapping[str, Any]) -> None:
        """See :class:`corebound_trial.neuroevolution.modes.Mode`."""
        self._genomes = list(state["genomes"])

    def _children(self, genomes: torch.Tensor, order: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """``order``: rows of ``genomes``' columns, best first."""
        chosen, shape, population = self._settings, genomes.shape, self._population
        parents = order[: max(1, math.ceil(chosen.survival * population))]
        mothers = parents[torch.randint(len(parents), (population,), generator=generator)]
        fathers = parents[torch.randint(len(parents), (population,), generator=generator)]
        paired = torch.rand(population, generator=generator) < chosen.crossover_probability
        from_father = (torch.rand(shape, generator=generator) < 0.5) & paired
        children = torch.where(from_father, genomes[:, fathers], genomes[:, mothers])
        noise = torch.randn(shape, generator=generator)
        luck = torch.rand(shape, generator=generator)
        children = torch.where(luck < chosen.mutation_probability, children + chosen.mutation_power * noise, children)
        fresh = torch.rand(shape, generator=generator) < chosen.replace_probability
        children = torch.where(fresh, chosen.init_scale * noise, children)
        elites = min(population, max(1, round(chosen.elites * population)))
        children[:, :elites] = genomes[:, order[:elites]]
        return children
