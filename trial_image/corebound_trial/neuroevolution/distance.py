"""How unlike genomes are: delta = c1 E + c2 D + c3 W (Stanley and Miikkulainen 2002, equation 1, with N = 1).

E excess and D disjoint genes, W the mean difference of matching weights. The equation divides E and D by the genes of the
larger genome, which "can be set to 1 if both genomes consist of fewer than 20 genes"; the authors' source never divides.
Neither does this: with it, all genomes beyond 20 genes fell into one species, and one XOR run in ten never ended.

All genomes of a seed are laid out over the innovations that are alive among them, so that every distance to every
representative is a few matrix products. What could go wrong: rounding of those sums; distances are right to about 1e-5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from corebound_trial.neuroevolution.genes import Genes

@dataclass(frozen=True, kw_only=True)
class Coefficients:
    """c1, c2 and c3."""

    excess: float
    disjoint: float
    weight: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Laid:
    """Genomes over the living innovations; ``has`` (0 or 1) and ``weight`` are float32 [genomes, innovations]."""

    has: torch.Tensor
    weight: torch.Tensor
    last: torch.Tensor
    """int64 [genomes]: where each genome's newest gene is."""
    count: torch.Tensor
    """float32 [genomes]."""

    def take(self, rows: torch.Tensor) -> Laid:
        """The genomes at ``rows``."""
        return Laid(has=self.has[rows], weight=self.weight[rows], last=self.last[rows], count=self.count[rows])


def lay_out(genes: Genes) -> Laid:
    """Only genomes laid out together can be compared."""
    used = genes.used
    newest = genes.innovation.masked_fill(~used, 0).amax()
    alive = torch.zeros(int(newest) + 1, dtype=torch.bool)
    innovation = genes.innovation.long()
    alive[innovation[used]] = True
    width = int(alive.sum())
    # The column of each innovation; unused genes go to one more column, which is dropped.
    column = (alive.cumsum(0) - 1)[innovation.clamp(max=int(newest))].masked_fill_(~used, width)
    has = torch.zeros(len(genes), width + 1).scatter_(1, column, 1.0)
    weight = torch.zeros(len(genes), width + 1).scatter_(1, column, genes.weight)
    last = column.gather(1, genes.count.unsqueeze(1) - 1).squeeze(1)
    return Laid(has=has[:, :width], weight=weight[:, :width], last=last, count=genes.count.float())


def distances(genomes: Laid, representatives: Laid, coefficients: Coefficients) -> torch.Tensor:
    """float32 [genomes, representatives]."""
    a, b = genomes, representatives
    matching = a.has @ b.has.T
    apart = torch.cdist(a.weight, b.weight, p=1.0)
    alone = a.weight.abs() @ (1 - b.has).T + (1 - a.has) @ b.weight.abs().T
    difference = (apart - alone).clamp_(min=0) / matching.clamp(min=1)
    # Genes beyond the other's newest: all of one's own less those up to that place.
    excess = a.count[:, None] - a.has.cumsum(1)[:, b.last]
    excess += (b.count[:, None] - b.has.cumsum(1)[:, a.last]).T
    disjoint = a.count[:, None] + b.count[None, :] - 2 * matching - excess
    return coefficients.excess * excess + coefficients.disjoint * disjoint + coefficients.weight * difference

