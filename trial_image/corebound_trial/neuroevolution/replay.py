"""A stored genome as a network again: its fitness, bit for bit, and what it does step by step.

The batch it runs in is one block of 32 lanes, all of them this network; a network's bits do not depend on the others in
its batch, so the fitness equals the one it had among hundreds. What could go wrong: another CPU type or version of torch,
where the last bits may differ.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy
import torch

from corebound.api.genome import SWEEPS, Genome
from corebound_trial.neuroevolution.genes import FREE, Genes, Slots
from corebound_trial.neuroevolution.graph import Graph
from corebound_trial.neuroevolution.layered import Layered, Shape
from corebound_trial.neuroevolution.networks import LANES, Floats, Networks
from corebound_trial.neuroevolution.tasks.rollouts import ControlTask, follow

if TYPE_CHECKING:
    from corebound_trial.neuroevolution.tasks.protocol import Task


def networks_of(genome: Genome) -> Networks:
    """A batch of 32 times this network."""
    if genome.update == SWEEPS:
        slots = Slots(inputs=genome.inputs, outputs=genome.outputs, hidden=genome.hidden_limit)
        genes = genes_of(genome).take(torch.zeros(LANES, dtype=torch.int64))
        return Graph.from_genes([genes], slots=slots, activation=genome.activation, layered=not genome.recurrent)
    shape = Shape(inputs=genome.inputs, hidden=len(genome.hidden), outputs=genome.outputs, recurrent=genome.recurrent)
    column = torch.tensor(genome.connections.weight, dtype=torch.float32)
    return Layered.from_genomes(column.unsqueeze(1).repeat(1, LANES), shape=shape, activation=genome.activation)


def genes_of(genome: Genome) -> Genes:
    """The table of one row."""
    connections = genome.connections
    free = [FREE] * (genome.hidden_limit - len(genome.hidden))
    return Genes(
        innovation=torch.tensor([connections.innovation], dtype=torch.int32),
        source=torch.tensor([connections.source], dtype=torch.int32),
        target=torch.tensor([connections.target], dtype=torch.int32),
        weight=torch.tensor([connections.weight], dtype=torch.float32),
        enabled=torch.tensor([connections.enabled]),
        count=torch.tensor([len(connections.weight)]),
        nodes=torch.tensor([genome.hidden + free], dtype=torch.int32),
    )


def replay(genome: Genome, task: Task) -> float:
    """Its fitness, computed again; ``task`` is the one that ``genome.task`` and ``genome.arguments`` name."""
    return float(numpy.asarray(task.evaluate(networks_of(genome)))[0])


def trajectory(genome: Genome, task: ControlTask, *, start: int = 0, steps: int | None = None) -> list[list[float]]:
    """The states of a control task from its ``start``-th start on, until it ends or ``steps`` are done."""
    states: list[Floats] = []
    follow(task, networks_of(genome), start=start, steps=steps, watch=states.append)
    return [state.tolist() for state in states]
