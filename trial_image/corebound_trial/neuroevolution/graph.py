"""Networks of mode ``neat``: any graph of nodes, as one dense table of weights a network, population last.

In control tasks a step of time is one synchronous sweep, as in Stanley and Miikkulainen's source: each node reads what the
others gave in the last step, so that a hidden node delays its signal by a step and a loop is a memory. Data sets are shown
until the (loop-free) networks have settled, which takes as many sweeps as the deepest has layers.

What could go wrong: trimming the table to the slots in use must change no bits; it only leaves out the adding of zeros.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy
import torch

from corebound_trial.neuroevolution.networks import ACTIVATIONS, Floats, Indices, blocks, padded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from corebound_trial.neuroevolution.genes import Genes, Slots


class Graph:
    """``weights`` [targets, sources, lanes]: targets are outputs then hidden nodes; sources are all slots in use."""

    def __init__(self, weights: torch.Tensor, *, slots: Slots, activation: str, depth: int) -> None:
        self.lanes = weights.shape[2]
        self._weights, self._slots, self._activation, self._depth = weights, slots, activation, depth
        self._signals = torch.zeros(weights.shape[1], self.lanes)
        self._signals[slots.inputs] = 1.0
        self._products = torch.empty_like(weights)

    @classmethod
    def from_genes(cls, parts: Sequence[Genes], *, slots: Slots, activation: str, layered: bool) -> Graph:
        """The genomes of each part in lanes of their own, each part filled up to a multiple of 32 with empty networks.

        ``layered``: the genomes have no loops, their depth is found for :meth:`settle`.
        """
        hidden = max(int(part.hidden.max()) for part in parts)
        sources, targets = slots.fixed + hidden, slots.outputs + hidden
        lanes = sum(padded(len(part)) for part in parts)
        # One place more than there are weights, for all that is disabled or no gene.
        flat = torch.zeros(targets * sources * lanes + 1)
        start, depth = 0, 0
        for part in parts:
            place = (part.target.long() - slots.first_target).mul_(sources).add_(part.source).mul_(lanes)
            place += torch.arange(start, start + len(part)).unsqueeze(1)
            place.masked_fill_(~part.enabled, len(flat) - 1)
            flat.scatter_(0, place.flatten(), part.weight.flatten())
            start += padded(len(part))
            if layered:
                depth = max(depth, deepest(part, slots=slots))
        weights = flat[:-1].view(targets, sources, lanes)
        return cls(weights, slots=slots, activation=activation, depth=depth)

    def react(self, inputs: Floats) -> Floats:
        """See :class:`corebound_trial.neuroevolution.networks.Networks`."""
        slots, signals = self._slots, self._signals
        signals[: slots.inputs] = torch.from_numpy(inputs)
        sums = torch.mul(self._weights, signals, out=self._products).sum(1)
        signals[slots.first_target :] = self._activated(sums)
        outputs: Floats = sums[: slots.outputs].numpy()
        return outputs

    def settle(self, rows: Floats) -> Floats:
        """See :class:`corebound_trial.neuroevolution.networks.Networks`."""
        slots, count = self._slots, len(rows)
        targets = slots.outputs + slots.hidden
        seen = torch.from_numpy(numpy.concatenate((rows.T, numpy.ones((1, count), rows.dtype))))
        outputs = torch.empty(slots.outputs, count, self.lanes)
        # In full: a matrix product's order of adding may depend on its size, and that on the others in the batch.
        spare = targets - self._weights.shape[0]
        full = torch.nn.functional.pad(self._weights, (0, 0, 0, spare, 0, spare))
        for piece in blocks(lanes=self.lanes, floats_a_lane=3 * targets * count):
            weights = full[:, :, piece].permute(2, 0, 1)
            fixed = weights[:, :, : slots.first_target].contiguous().bmm(seen.expand(len(weights), -1, -1))
            inner = weights[:, :, slots.first_target :].contiguous()
            signals = self._activated_rows(fixed.clone())
            for _ in range(self._depth - 1):
                signals = self._activated_rows(torch.baddbmm(fixed, inner, signals))
            outputs[:, :, piece] = signals[:, : slots.outputs].permute(1, 2, 0)
        return outputs.numpy()

    def select(self, lanes: Indices) -> Graph:
        """See :class:`corebound_trial.neuroevolution.networks.Networks`."""
        index = torch.from_numpy(lanes)
        chosen = Graph(self._weights[:, :, index], slots=self._slots, activation=self._activation, depth=self._depth)
        chosen._signals = self._signals[:, index]
        return chosen

    def _activated(self, sums: torch.Tensor) -> torch.Tensor:
        """[targets, lanes], in place: outputs by the steepened sigmoid, hidden nodes by the chosen function."""
        if self._activation == "steepened":
            return ACTIVATIONS["steepened"](sums)
        ACTIVATIONS["steepened"](sums[: self._slots.outputs])
        ACTIVATIONS[self._activation](sums[self._slots.outputs :])
        return sums

    def _activated_rows(self, sums: torch.Tensor) -> torch.Tensor:
        """[lanes, targets, rows], in place."""
        self._activated(sums.transpose(0, 1))
        return sums


def deepest(genes: Genes, *, slots: Slots) -> int:
    """The most layers of any genome, its outputs counted; the genomes must have no loops."""
    depth = torch.zeros(len(genes), slots.all, dtype=torch.int64)
    depth[:, slots.first_target :] = 1
    source, target = genes.source.long(), genes.target.long()
    while True:
        arriving = (depth.gather(1, source) + 1).masked_fill_(~genes.enabled, 0)
        deeper = depth.scatter_reduce(1, target, arriving, "amax")
        if torch.equal(deeper, depth):
            return int(depth.max())
        depth = deeper
