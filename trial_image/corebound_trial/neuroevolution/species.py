"""Species of one seed: who belongs together, how many children each may have, and who their parents are.

As published (Stanley and Miikkulainen 2002, parts 3.3 and 4.1): genomes join the first species whose representative, a random
member of its last generation, is near enough; fitness is shared, so that species get children in proportion to their mean;
the best ``survival`` of each are parents; champions of species with more than five members are kept; a species without
progress for ``stagnation`` generations has no children. What the paper leaves open follows the authors' source: who mutates
after mating, and that a child has one kind of mutation at a time.

Our own: the two species with the best champions are never barred. The paper lets only these two reproduce once the whole
population has made no progress for 20 generations; that threw away what other species had found and cost XOR a third more
evaluations (100 seeds: mean 7,942 and 10 unsolved with it, 5,630 and none without).

What could go wrong: fitness below zero (shifted, so that shares stay positive), one species left, as many species as genomes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy
import numpy.typing
import torch

from corebound_trial.neuroevolution.distance import Measure, lay_out, near
from corebound_trial.neuroevolution.genes import Genes

if TYPE_CHECKING:
    from collections.abc import Mapping

Array = numpy.typing.NDArray[Any]
KEPT_ABOVE: Final = 5
"""Species with more members keep their champion unchanged."""
NEVER_BARRED: Final = 2
"""So many species, those with the best champions, have children however long they have made no progress."""
MATES_ONLY: Final = 0.2
"""Share of the children of two different parents that are not mutated as well."""
DRAWS: Final = [
    "mother",
    "father",
    "mates",
    "outside",
    "averaged",
    "mutates",
    "node",
    "link",
    "weights",
    "pick",
    "loop",
    "weight",
    "representative",
]
"""The uniform draws of each child, by name; the last is of each species."""


@dataclass(frozen=True, kw_only=True)
class Rates:
    """Chances of what happens to a child, and the shares of species; as in ``neat.NeatSettings``."""

    crossover: float
    averaged: float
    interspecies: float
    node: float
    link: float
    weights: float
    survival: float
    stagnation: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """The children of one generation; all [population]. Parents are rows of the seed's genomes."""

    mother: Array
    father: Array
    mated: Array
    averaged: Array
    add_node: Array
    add_link: Array
    weights: Array


class Species:
    """The species of one seed, oldest first."""

    def __init__(self, genes: Genes, *, measure: Measure) -> None:
        self._measure = measure
        self._representatives = genes.take(torch.zeros(0, dtype=torch.int64))
        self._numbers: list[int] = []
        self._best: list[float] = []
        self._improved: list[int] = []
        self._next = 0
        self.members: Array = numpy.zeros(0, dtype=numpy.int64)
        """int64 [population]: each genome's species, an index."""
        self.assign(genes, generation=0)

    @property
    def sizes(self) -> dict[int, int]:
        """Members of each species by its number, which never changes."""
        counts = numpy.bincount(self.members, minlength=len(self._numbers))
        return dict(zip(self._numbers, counts.tolist(), strict=True))

    def assign(self, genes: Genes, *, generation: int) -> None:
        """Every genome to the first species that is near enough, or to a new one it then represents."""
        known, count = len(self._numbers), len(genes)
        laid = lay_out(Genes.joined((genes, self._representatives)))
        genomes, members = laid.take(numpy.arange(count)), numpy.full(count, -1)
        if known:
            together = near(genomes, laid.take(numpy.arange(count, count + known)), self._measure)
            members = numpy.where(together.any(1), together.argmax(1), -1)
        founders: list[int] = []
        while (members < 0).any():
            rest = numpy.flatnonzero(members < 0)
            alike = near(genomes.take(rest), genomes.take(rest[:1]), self._measure)[:, 0]
            alike[0] = True  # the founder to itself, whatever the threshold
            members[rest[alike]] = known + len(founders)
            founders.append(int(rest[0]))
        self._found(genes, founders, generation)
        self._forget_empty(members)

    def plan(self, fitness: Array, genes: Genes, *, draws: Array, rates: Rates, generation: int) -> Plan:
        """The next generation. ``fitness`` float64 [population]; ``draws`` [population, len(DRAWS)], uniform."""
        drawn = dict(zip(DRAWS, draws.T.astype(numpy.float64), strict=True))
        order = numpy.lexsort((-fitness, self.members))
        sizes = numpy.bincount(self.members, minlength=len(self._numbers))
        starts = numpy.cumsum(sizes) - sizes
        champions = order[starts]
        self._note_progress(fitness[champions], generation)
        children = self._children(fitness, sizes, champions, rates, generation)
        parents = numpy.minimum(numpy.floor(rates.survival * sizes).astype(numpy.int64) + 1, sizes)

        species = numpy.repeat(numpy.arange(len(sizes)), children)
        mother = order[starts[species] + picked(drawn["mother"], parents[species])]
        father = order[starts[species] + picked(drawn["father"], parents[species])]
        outside = (drawn["outside"] < rates.interspecies) & (len(sizes) > 1)
        # Another species than its own: those from its own number on move up by one.
        other = picked(drawn["father"], numpy.full(len(species), max(1, len(sizes) - 1)))
        other = (other + (other >= species)) % len(sizes)
        father = numpy.where(outside, champions[other], father)

        first = numpy.zeros(len(species), dtype=bool)
        first[(numpy.cumsum(children) - children)[(children > 0) & (sizes > KEPT_ABOVE)]] = True
        mother = numpy.where(first, champions[species], mother)
        mated = (drawn["mates"] < rates.crossover) & ~first
        mutated = ~first & (~mated | (drawn["mutates"] >= MATES_ONLY) | (mother == father))
        add_node = mutated & (drawn["node"] < rates.node)
        add_link = mutated & ~add_node & (drawn["link"] < rates.link)
        weights = mutated & ~add_node & ~add_link & (drawn["weights"] < rates.weights)
        self._represent(genes, order[starts + picked(drawn["representative"][: len(sizes)], sizes)])
        fitter, second = self._ordered(mother, father, fitness, genes.count.numpy())
        return Plan(
            mother=numpy.where(mated, fitter, mother),
            father=numpy.where(mated, second, mother),
            mated=mated,
            averaged=mated & (drawn["averaged"] < rates.averaged),
            add_node=add_node,
            add_link=add_link,
            weights=weights,
        )

    def state_dict(self) -> dict[str, Any]:
        """All that :meth:`load` needs."""
        return {
            "representatives": self._representatives.tables(),
            "numbers": self._numbers,
            "best": self._best,
            "improved": self._improved,
            "next": self._next,
            "members": self.members,
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Be as when ``state`` was taken."""
        self._representatives = Genes.from_tables(state["representatives"])
        self._numbers, self._next = list(state["numbers"]), state["next"]
        self._best, self._improved = list(state["best"]), list(state["improved"])
        self.members = state["members"]

    def _found(self, genes: Genes, founders: list[int], generation: int) -> None:
        self._represent_all(
            Genes.joined((self._representatives, genes.take(torch.tensor(founders, dtype=torch.int64))))
        )
        for _ in founders:
            self._numbers.append(self._next)
            self._best.append(-numpy.inf)
            self._improved.append(generation)
            self._next += 1

    def _forget_empty(self, members: Array) -> None:
        alive, self.members = numpy.unique(members, return_inverse=True)
        kept = alive.tolist()
        self._represent_all(self._representatives.take(torch.from_numpy(alive)))
        self._numbers = [self._numbers[index] for index in kept]
        self._best = [self._best[index] for index in kept]
        self._improved = [self._improved[index] for index in kept]

    def _represent(self, genes: Genes, rows: Array) -> None:
        self._represent_all(genes.take(torch.from_numpy(rows)))

    def _represent_all(self, genes: Genes) -> None:
        self._representatives = genes.resized()

    def _note_progress(self, champions: Array, generation: int) -> None:
        for index, fitness in enumerate(champions.tolist()):
            if fitness > self._best[index]:
                self._best[index], self._improved[index] = fitness, generation

    def _children(self, fitness: Array, sizes: Array, champions: Array, rates: Rates, generation: int) -> Array:
        """int64 [species], together the population."""
        shared = numpy.bincount(self.members, weights=fitness - min(0.0, fitness.min())) / sizes
        moving = generation - numpy.array(self._improved) < rates.stagnation
        moving[numpy.argsort(-fitness[champions], kind="stable")[:NEVER_BARRED]] = True
        shares = numpy.where(moving, shared, 0.0)
        if not shares.sum() > 0:
            shares = numpy.ones(len(sizes))
        return largest_remainder(shares, total=len(fitness))

    @staticmethod
    def _ordered(mother: Array, father: Array, fitness: Array, genes: Array) -> tuple[Array, Array]:
        """The fitter of each pair first; of equally fit ones the smaller."""
        equal = fitness[father] == fitness[mother]
        swap = (fitness[father] > fitness[mother]) | (equal & (genes[father] < genes[mother]))
        return numpy.where(swap, father, mother), numpy.where(swap, mother, father)


def picked(draws: Array, counts: Array) -> Array:
    """Uniform draws in [0, 1) as whole numbers from 0 to ``counts`` - 1."""
    chosen: Array = numpy.minimum((draws * counts).astype(numpy.int64), counts - 1)
    return chosen


def largest_remainder(shares: Array, *, total: int) -> Array:
    """Whole numbers in proportion to ``shares`` that add up to ``total``; of equal remainders the first wins."""
    exact = shares / shares.sum() * total
    whole: Array = numpy.floor(exact).astype(numpy.int64)
    rest = numpy.argsort(-(exact - whole), kind="stable")[: total - int(whole.sum())]
    whole[rest] += 1
    return whole
