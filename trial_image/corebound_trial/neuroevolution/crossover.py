"""Children of two parents, aligned by innovation (Stanley and Miikkulainen 2002, figure 4).

A child has the structure of the fitter parent; genes that both have come from either at random, or as their mean. So it
also keeps that parent's node slots. Of equally fit parents the smaller counts as fitter, as in the authors' source; the
paper's figure takes from both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import torch

if TYPE_CHECKING:
    from corebound_trial.neuroevolution.genes import Genes

STAYS_DISABLED: Final = 0.75
"""Chance that a gene is disabled in the child when it is disabled in either parent."""


def cross(
    parents: Genes,
    *,
    fitter: torch.Tensor,
    other: torch.Tensor,
    mated: torch.Tensor,
    averaged: torch.Tensor,
    draws: torch.Tensor,
) -> Genes:
    """One child a row. ``fitter``, ``other``: int64 rows of ``parents``; ``mated``, ``averaged``: bool; all [children].

    ``draws``: [2, children, columns]. A child that is not ``mated`` is a copy of its ``fitter`` parent.
    """
    child, second = parents.take(fitter), parents.take(other)
    place = torch.searchsorted(second.innovation, child.innovation).clamp_(max=second.columns - 1)
    matching = (second.innovation.gather(1, place) == child.innovation) & child.used & mated.unsqueeze(1)
    weight, enabled = second.weight.gather(1, place), second.enabled.gather(1, place)
    from_second = torch.where(averaged.unsqueeze(1), (child.weight + weight) / 2, weight)
    chosen = matching & ((draws[0] < 0.5) | averaged.unsqueeze(1))
    child.weight.copy_(torch.where(chosen, from_second, child.weight))
    inherited = (child.enabled & enabled) | (draws[1] >= STAYS_DISABLED)
    child.enabled.copy_(torch.where(matching, inherited, child.enabled))
    return child
