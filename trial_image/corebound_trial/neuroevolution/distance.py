"""How unlike genomes are: delta = c1 E + c2 D + c3 W (Stanley and Miikkulainen 2002, equation 1, with N = 1).

E excess and D disjoint genes, W the mean difference of matching weights. The equation divides E and D by the genes of the
larger genome, which "can be set to 1 if both genomes consist of fewer than 20 genes"; the authors' source never divides.
Neither does this: with it, all genomes beyond 20 genes fell into one species, and one XOR run in ten never ended.

All genomes of a seed are laid out over the innovations that are alive among them; E and D of all pairs are then a matrix
product, and W is asked only of the pairs that E and D do not keep apart already. NumPy, since the arrays are small.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy
import numpy.typing

if TYPE_CHECKING:
    from corebound_trial.neuroevolution.genes import Genes
    from corebound_trial.neuroevolution.networks import Floats, Indices

MOST_GENES: Final = 2**20
"""Genes of pairs compared at once."""
Near = numpy.typing.NDArray[numpy.bool_]


@dataclass(frozen=True, kw_only=True)
class Measure:
    """c1, c2, c3, and the distance from which on two genomes are of different species."""

    excess: float
    disjoint: float
    weight: float
    threshold: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Laid:
    """Genomes over the living innovations, and one more place that no genome has."""

    has: Floats
    """0 or 1, [genomes, innovations + 1]."""
    weight: Floats
    """[genomes, innovations + 1], 0 where there is no gene."""
    place: Indices
    """[genomes, columns], where in ``has`` each gene is; the last place for no gene."""
    last: Indices
    """[genomes], where the newest gene is."""
    count: Floats
    """[genomes], genes."""

    def take(self, rows: Indices) -> Laid:
        """The genomes at ``rows``."""
        return Laid(**{name: values[rows] for name, values in vars(self).items()})


def lay_out(genes: Genes) -> Laid:
    """Only genomes laid out together can be compared."""
    used, innovation = genes.used.numpy(), genes.innovation.numpy()
    alive = numpy.zeros(int(innovation[used].max()) + 1, dtype=bool)
    alive[innovation[used]] = True
    width = int(alive.sum())
    place = numpy.where(used, (numpy.cumsum(alive) - 1)[numpy.where(used, innovation, 0)], width)
    rows, count = numpy.arange(len(genes)), genes.count.numpy()
    has = numpy.zeros((len(genes), width + 1), dtype=numpy.float32)
    has[rows[:, None], place] = 1
    has[:, width] = 0
    weight = numpy.zeros_like(has)
    weight[rows[:, None], place] = genes.weight.numpy()
    weight[:, width] = 0
    return Laid(has=has, weight=weight, place=place, last=place[rows, count - 1], count=count.astype(numpy.float32))


def near(genomes: Laid, representatives: Laid, measure: Measure) -> Near:
    """Which genomes are of one species with which representatives; [genomes, representatives]."""
    apart = structural(genomes, representatives, measure)
    one, other = (apart < measure.threshold).nonzero()
    together = numpy.zeros(apart.shape, dtype=bool)
    step = max(1, MOST_GENES // representatives.place.shape[1])
    for start in range(0, len(one), step):
        a, b = one[start : start + step], other[start : start + step]
        differ = weight_difference(genomes, a, representatives, b)
        together[a, b] = apart[a, b] + measure.weight * differ < measure.threshold
    return together


def structural(genomes: Laid, representatives: Laid, measure: Measure) -> Floats:
    """c1 E + c2 D, [genomes, representatives]."""
    a, b = genomes, representatives
    matching = a.has @ b.has.T
    # Genes beyond the other's newest: all of one's own less those up to that place.
    excess = a.count[:, None] - numpy.cumsum(a.has, axis=1)[:, b.last]
    excess += (b.count[:, None] - numpy.cumsum(b.has, axis=1)[:, a.last]).T
    disjoint = a.count[:, None] + b.count[None, :] - 2 * matching - excess
    apart: Floats = numpy.float32(measure.excess) * excess + numpy.float32(measure.disjoint) * disjoint
    return apart


def weight_difference(genomes: Laid, rows: Indices, representatives: Laid, others: Indices) -> Floats:
    """W of each pair (row of ``genomes``, row of ``representatives``); 0 where no gene matches."""
    place = representatives.place[others]
    has = genomes.has[rows[:, None], place]
    apart = numpy.abs(genomes.weight[rows[:, None], place] - representatives.weight[others[:, None], place]) * has
    difference: Floats = apart.sum(1) / numpy.maximum(has.sum(1), 1)
    return difference
