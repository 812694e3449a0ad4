"""Networks of mode ``pure``: one hidden layer, fully connected; for tasks without velocities an Elman network.

A genome is a column of weights: ``hidden x (inputs [+ hidden, recurrent] + bias)``, then ``outputs x (hidden + bias)``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy
import torch

from corebound_trial.neuroevolution.networks import ACTIVATIONS, Floats, Indices, blocks


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Sizes of one network."""

    inputs: int
    hidden: int
    outputs: int
    recurrent: bool = False

    @property
    def seen(self) -> int:
        """What a hidden node sees: inputs, the last hidden layer if recurrent, bias."""
        return self.inputs + (self.hidden if self.recurrent else 0) + 1

    @property
    def weights(self) -> int:
        """Length of a genome."""
        return self.hidden * self.seen + self.outputs * (self.hidden + 1)


class Layered:
    """``first`` [hidden, seen, lanes] and ``second`` [outputs, hidden + 1, lanes]."""

    def __init__(self, first: torch.Tensor, second: torch.Tensor, *, shape: Shape, activation: str) -> None:
        self.lanes = first.shape[2]
        self._first, self._second, self._shape, self._activation = first, second, shape, activation
        self._signals = torch.zeros(shape.seen, self.lanes)
        self._signals[-1] = 1.0
        self._inner = torch.ones(shape.hidden + 1, self.lanes)

    @classmethod
    def from_genomes(cls, genomes: torch.Tensor, *, shape: Shape, activation: str) -> Layered:
        """``genomes``: [weights, lanes]."""
        split, lanes = shape.hidden * shape.seen, genomes.shape[1]
        first = genomes[:split].reshape(shape.hidden, shape.seen, lanes)
        second = genomes[split:].reshape(shape.outputs, shape.hidden + 1, lanes)
        return cls(first, second, shape=shape, activation=activation)

    def react(self, inputs: Floats) -> Floats:
        """See :class:`corebound_trial.neuroevolution.networks.Networks`."""
        shape = self._shape
        self._signals[: shape.inputs] = torch.from_numpy(inputs)
        hidden = ACTIVATIONS[self._activation]((self._first * self._signals).sum(1))
        if shape.recurrent:
            self._signals[shape.inputs : -1] = hidden
        self._inner[:-1] = hidden
        outputs: Floats = (self._second * self._inner).sum(1).sigmoid_().numpy()
        return outputs

    def settle(self, rows: Floats) -> Floats:
        """See :class:`corebound_trial.neuroevolution.networks.Networks`."""
        shape, count = self._shape, len(rows)
        shown = torch.from_numpy(numpy.ascontiguousarray(rows.T))
        outputs = torch.empty(shape.outputs, count, self.lanes)
        for piece in blocks(lanes=self.lanes, floats_a_lane=(shape.hidden + shape.outputs) * count):
            first = self._first[:, :, piece].permute(2, 0, 1).contiguous()
            second = self._second[:, :, piece].permute(2, 0, 1).contiguous()
            each = shown.expand(len(first), -1, -1)
            hidden = torch.baddbmm(first[:, :, -1:], first[:, :, : shape.inputs], each)
            hidden = ACTIVATIONS[self._activation](hidden)
            shown_out = torch.baddbmm(second[:, :, -1:], second[:, :, :-1], hidden).sigmoid_()
            outputs[:, :, piece] = shown_out.permute(1, 2, 0)
        return outputs.numpy()

    def select(self, lanes: Indices) -> Layered:
        """See :class:`corebound_trial.neuroevolution.networks.Networks`."""
        index = torch.from_numpy(lanes)
        chosen = Layered(
            self._first[:, :, index], self._second[:, :, index], shape=self._shape, activation=self._activation
        )
        chosen._signals = self._signals[:, index]
        return chosen
