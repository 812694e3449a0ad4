"""Mode ``neat``: weights and structure evolve (Stanley and Miikkulainen 2002), all seeds of a trial in one batch.

Planning who breeds with whom is each seed's own (``species``); crossover, mutation and the building of networks are done for
all seeds at once. Every random number comes from its seed's own generator, in a fixed order, so that merged seeds equal
separate runs bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy
import torch

from corebound_trial.neuroevolution.crossover import cross
from corebound_trial.neuroevolution.distance import Measure
from corebound_trial.neuroevolution.draws import uniform
from corebound_trial.neuroevolution.genes import Genes, Slots
from corebound_trial.neuroevolution.genome import graph_genome
from corebound_trial.neuroevolution.graph import Graph
from corebound_trial.neuroevolution.mutation import Markings, add_links, add_nodes, mutate_weights
from corebound_trial.neuroevolution.species import DRAWS, Plan, Rates, Species

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from corebound.api.genome import Genome
    from corebound_trial.neuroevolution.modes import Fitness, Ports

NEW_COLUMNS = 2
"""Genes that one structural mutation adds at most."""


@dataclass(frozen=True, kw_only=True)
class NeatSettings:
    """Names, ranges and meanings as in ``corebound.api.workload``; the defaults are the paper's for XOR and double pole."""

    mutation_power: float = 2.5
    mutation_probability: float = 0.9
    replace_probability: float = 0.1
    crossover_probability: float = 0.75
    average_probability: float = 0.4
    interspecies_probability: float = 0.001
    add_node: float = 0.03
    add_connection: float = 0.05
    recurrent_probability: float = 0.2
    survival: float = 0.2
    stagnation: int = 15
    compatibility_threshold: float = 3.0
    excess_coefficient: float = 1.0
    disjoint_coefficient: float = 1.0
    weight_coefficient: float = 0.4
    init_scale: float = 1.0
    activation: str = "steepened"
    hidden: int = 8


class Neat:
    """See :class:`corebound_trial.neuroevolution.modes.Mode`."""

    def __init__(
        self, settings: NeatSettings, *, ports: Ports, population: int, generators: Sequence[torch.Generator]
    ) -> None:
        self._settings, self._ports = settings, ports
        self._population, self._generators = population, generators
        self._slots = Slots(inputs=ports.inputs, outputs=ports.outputs, hidden=settings.hidden)
        self._generation = 0
        self._left_out = 0
        genes = self._slots.first_target * ports.outputs
        first = uniform(generators, layers=1, rows=population, columns=[genes] * len(generators))[0]
        weights = torch.split((first * 2 - 1).mul_(settings.init_scale), population)
        self._genes = [Genes.first(slots=self._slots, weights=own) for own in weights]
        self._markings = [Markings(innovation=genes, node=self._slots.fixed) for _ in generators]
        self._species = [self._new_species(own) for own in self._genes]

    def networks(self, seeds: Sequence[int]) -> Graph:
        """See :class:`corebound_trial.neuroevolution.modes.Mode`."""
        return Graph.from_genes(
            [self._genes[seed] for seed in seeds],
            slots=self._slots,
            activation=self._settings.activation,
            layered=not self._ports.recurrent,
        )

    def breed(self, seeds: Sequence[int], fitness: Sequence[Fitness]) -> None:
        """See :class:`corebound_trial.neuroevolution.modes.Mode`."""
        self._generation += 1
        generators = [self._generators[seed] for seed in seeds]
        draws = uniform(generators, layers=1, rows=self._population, columns=[len(DRAWS)] * len(seeds))[0]
        plans = [
            self._species[seed].plan(
                scores, self._genes[seed], draws=own.numpy(), rates=self._rates, generation=self._generation
            )
            for seed, scores, own in zip(seeds, fitness, torch.split(draws, self._population), strict=True)
        ]
        widths = [int(self._genes[seed].count.max()) for seed in seeds]
        gene_draws = uniform(generators, layers=4, rows=self._population, columns=widths)
        parents = Genes.joined([self._genes[seed] for seed in seeds])
        plan = joined(plans, self._population)
        children = self._children(parents, plan, gene_draws)
        children = children.resized(children.columns + NEW_COLUMNS)
        self._mutate_structure(children, plan, draws, seeds)
        for place, seed in enumerate(seeds):
            rows = torch.arange(place * self._population, (place + 1) * self._population)
            self._genes[seed] = children.take(rows).resized()
            self._species[seed].assign(self._genes[seed], generation=self._generation)

    def genome(self, seed: int, row: int) -> Genome:
        """See :class:`corebound_trial.neuroevolution.modes.Mode`."""
        genes = self._genes[seed].take(torch.tensor([row]))
        return graph_genome(
            genes, slots=self._slots, activation=self._settings.activation, recurrent=self._ports.recurrent
        )

    def species(self, seed: int) -> dict[int, int]:
        """See :class:`corebound_trial.neuroevolution.modes.Mode`."""
        return self._species[seed].sizes

    def left_out(self) -> int:
        """See :class:`corebound_trial.neuroevolution.modes.Mode`."""
        return self._left_out

    def state_dict(self) -> dict[str, Any]:
        """See :class:`corebound_trial.neuroevolution.modes.Mode`."""
        return {
            "generation": self._generation,
            "left_out": self._left_out,
            "genes": [genes.tables() for genes in self._genes],
            "markings": [[marking.innovation, marking.node] for marking in self._markings],
            "species": [species.state_dict() for species in self._species],
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """See :class:`corebound_trial.neuroevolution.modes.Mode`."""
        self._generation, self._left_out = state["generation"], state["left_out"]
        self._genes = [Genes.from_tables(tables) for tables in state["genes"]]
        self._markings = [Markings(innovation=innovation, node=node) for innovation, node in state["markings"]]
        for species, saved in zip(self._species, state["species"], strict=True):
            species.load(saved)

    @property
    def _rates(self) -> Rates:
        chosen = self._settings
        return Rates(
            crossover=chosen.crossover_probability,
            averaged=chosen.average_probability,
            interspecies=chosen.interspecies_probability,
            node=chosen.add_node,
            link=chosen.add_connection,
            weights=chosen.mutation_probability,
            survival=chosen.survival,
            stagnation=chosen.stagnation,
        )

    def _new_species(self, genes: Genes) -> Species:
        chosen = self._settings
        measure = Measure(
            excess=chosen.excess_coefficient,
            disjoint=chosen.disjoint_coefficient,
            weight=chosen.weight_coefficient,
            threshold=chosen.compatibility_threshold,
        )
        return Species(genes, measure=measure)

    def _children(self, parents: Genes, plan: Plan, draws: torch.Tensor) -> Genes:
        """Crossover and changes of weights; ``draws`` [4, children, columns]."""
        chosen = self._settings
        children = cross(
            parents,
            fitter=torch.from_numpy(plan.mother),
            other=torch.from_numpy(plan.father),
            mated=torch.from_numpy(plan.mated),
            averaged=torch.from_numpy(plan.averaged),
            draws=draws[:2],
        )
        mutate_weights(
            children,
            mutated=torch.from_numpy(plan.weights),
            replaced=chosen.replace_probability,
            power=chosen.mutation_power,
            draws=draws[2:],
        )
        return children

    def _mutate_structure(self, children: Genes, plan: Plan, draws: torch.Tensor, seeds: Sequence[int]) -> None:
        """``draws``: [children, len(DRAWS)]."""
        chosen, slots = self._settings, self._slots
        for seed in seeds:
            self._markings[seed].forget()
        column = {name: draws[:, index] for index, name in enumerate(DRAWS)}
        splitting, linking = (torch.from_numpy(numpy.flatnonzero(rows)) for rows in (plan.add_node, plan.add_link))
        full = add_nodes(
            children, rows=splitting, draws=column["pick"][splitting], markings=self._of(splitting, seeds), slots=slots
        )
        self._left_out += int(full.sum())
        add_links(
            children,
            rows=linking,
            draws=column["pick"][linking],
            weights=(column["weight"][linking] * 2 - 1) * chosen.init_scale,
            loops=(column["loop"][linking] < chosen.recurrent_probability) & self._ports.recurrent,
            markings=self._of(linking, seeds),
            slots=slots,
        )

    def _of(self, rows: torch.Tensor, seeds: Sequence[int]) -> list[Markings]:
        """The markings of each row's seed."""
        return [self._markings[seeds[place]] for place in (rows // self._population).tolist()]


def joined(plans: Sequence[Plan], population: int) -> Plan:
    """The plans of several seeds as one, over the rows of all."""
    parts: dict[str, list[Any]] = {name: [] for name in Plan.__dataclass_fields__}
    for index, plan in enumerate(plans):
        for name, part in parts.items():
            offset = index * population if name in ("mother", "father") else 0
            values = getattr(plan, name)
            part.append(values + offset if offset else values)
    return Plan(**{name: numpy.concatenate(part) for name, part in parts.items()})
