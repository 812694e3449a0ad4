"""A genome as a TorchScript module, for programs that have torch (or libtorch) but not Corebound.

``forward(inputs [batch, inputs], memory [batch, m]) -> (outputs [batch, outputs], memory)`` is one step of time,
``first_memory(batch)`` what to begin with, ``settle(inputs)`` the outputs of a network without loops to a row of data.
Outputs are in 0 ... 1; they equal Corebound's own to rounding, not to the bit (matrix products add up in another order).

What could go wrong: torch has declared TorchScript deprecated in favour of ``torch.export``; its warning is silenced here
alone.
"""

# Annotations stay objects here (no ``from __future__``): the compiler of TorchScript reads those of the buffers.
import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from corebound.api.genome import ORIGIN, SWEEPS, Genome
from corebound_trial.neuroevolution.networks import STEEPNESS


class Sweeping(torch.nn.Module):
    """A network of mode ``neat``."""

    weights: torch.Tensor

    def __init__(self, weights: torch.Tensor, *, outputs: int, activation: str, depth: int) -> None:
        super().__init__()
        self.register_buffer("weights", weights)
        self.outputs, self.activation, self.depth, self.steepness = outputs, activation, depth, STEEPNESS

    def forward(self, inputs: torch.Tensor, memory: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """One step of time; see the module."""
        one = torch.ones(inputs.shape[0], 1)
        sums = torch.cat((inputs, one, memory), dim=1) @ self.weights.t()
        outputs = torch.sigmoid(self.steepness * sums[:, : self.outputs])
        return outputs, torch.cat((outputs, self.squashed(sums[:, self.outputs :])), dim=1)

    @torch.jit.export
    def first_memory(self, batch: int) -> torch.Tensor:
        """All nodes at zero."""
        return torch.zeros(batch, self.weights.shape[0])

    @torch.jit.export
    def settle(self, inputs: torch.Tensor) -> torch.Tensor:
        """As many sweeps as the network has layers."""
        memory = torch.zeros(inputs.shape[0], self.weights.shape[0])
        outputs = memory
        for _ in range(self.depth):
            outputs, memory = self.forward(inputs, memory)
        return outputs

    def squashed(self, sums: torch.Tensor) -> torch.Tensor:
        """Hidden nodes' activation."""
        if self.activation == "tanh":
            return torch.tanh(sums)
        if self.activation == "relu":
            return torch.relu(sums)
        return torch.sigmoid(self.steepness * sums if self.activation == "steepened" else sums)


class Layers(torch.nn.Module):
    """A network of mode ``pure``."""

    first: torch.Tensor
    second: torch.Tensor

    def __init__(self, first: torch.Tensor, second: torch.Tensor, *, activation: str, recurrent: bool) -> None:
        super().__init__()
        self.register_buffer("first", first)
        self.register_buffer("second", second)
        self.activation, self.recurrent, self.steepness = activation, recurrent, STEEPNESS

    def forward(self, inputs: torch.Tensor, memory: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """One step of time; see the module."""
        one = torch.ones(inputs.shape[0], 1)
        hidden = self.squashed(torch.cat((inputs, memory, one), dim=1) @ self.first.t())
        outputs = torch.sigmoid(torch.cat((hidden, one), dim=1) @ self.second.t())
        return outputs, hidden if self.recurrent else memory

    @torch.jit.export
    def first_memory(self, batch: int) -> torch.Tensor:
        """Hidden nodes at zero, or nothing."""
        return torch.zeros(batch, self.first.shape[0] if self.recurrent else 0)

    @torch.jit.export
    def settle(self, inputs: torch.Tensor) -> torch.Tensor:
        """One pass."""
        return self.forward(inputs, self.first_memory(inputs.shape[0]))[0]

    def squashed(self, sums: torch.Tensor) -> torch.Tensor:
        """Hidden nodes' activation."""
        if self.activation == "tanh":
            return torch.tanh(sums)
        if self.activation == "relu":
            return torch.relu(sums)
        return torch.sigmoid(self.steepness * sums if self.activation == "steepened" else sums)


def to_torchscript(genome: Genome, path: Path, *, origin: Mapping[str, Any]) -> None:
    """Write the module to ``path``; ``torch.jit.load`` reads it. ``origin`` (JSON) is put into the file beside it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*torch.jit", category=DeprecationWarning)
        scripted: Any = torch.jit.script(module_of(genome).eval())
        torch.jit.save(scripted, str(path), _extra_files={ORIGIN: json.dumps(origin)})


def module_of(genome: Genome) -> torch.nn.Module:
    """The same network as an ordinary module."""
    connections = genome.connections
    if genome.update == SWEEPS:
        bias = genome.inputs
        weights = torch.zeros(genome.outputs + len(genome.hidden), bias + 1 + genome.outputs + len(genome.hidden))
        for source, target, weight, enabled in zip(
            connections.source, connections.target, connections.weight, connections.enabled, strict=True
        ):
            if enabled:
                weights[target - bias - 1, source] = weight
        depth = 1 if genome.recurrent else len(genome.hidden) + 1
        return Sweeping(weights, outputs=genome.outputs, activation=genome.activation, depth=depth)
    column = torch.tensor(connections.weight, dtype=torch.float32)
    hidden = len(genome.hidden)
    split = len(column) - genome.outputs * (hidden + 1)
    return Layers(
        column[:split].reshape(hidden, -1),
        column[split:].reshape(genome.outputs, hidden + 1),
        activation=genome.activation,
        recurrent=genome.recurrent,
    )
