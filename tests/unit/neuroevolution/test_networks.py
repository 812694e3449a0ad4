"""What the exactness of everything else rests on: a network's bits do not depend on who else is in its batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy
import pytest
import torch

from corebound_trial.neuroevolution.graph import Graph
from corebound_trial.neuroevolution.layered import Layered, Shape
from corebound_trial.neuroevolution.networks import ACTIVATIONS, LANES, MOST_FLOATS, blocks

from .runs import evolution

if TYPE_CHECKING:
    from corebound_trial.neuroevolution.genes import Genes, Slots


def grown(genomes: int, *, seed: int, recurrent: bool = False) -> tuple[Genes, Slots]:
    """Genomes of very different sizes."""
    task = "double-pole-no-velocities" if recurrent else "cartpole"
    run = evolution(task, seeds=[seed], population=genomes, generations=40, add_node=0.3, add_connection=0.4)
    run.task.solved = None
    mode = run._mode
    for _ in range(25):
        mode.breed([0], [numpy.random.default_rng(seed).random(genomes)])
    return mode._genes[0], mode._slots


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("recurrent", [False, True])
def test_layered_networks_alone_and_among_others(activation: str, recurrent: bool) -> None:
    shape = Shape(inputs=3, hidden=7, outputs=2, recurrent=recurrent)
    genomes = torch.randn(shape.weights, 320, generator=torch.Generator().manual_seed(1))
    inputs = numpy.random.default_rng(1).normal(size=(30, 3, 320)).astype(numpy.float32)
    whole = Layered.from_genomes(genomes, shape=shape, activation=activation)
    lanes = numpy.random.default_rng(2).permutation(320)[:64]
    part = whole.select(lanes)
    for step in inputs:
        assert numpy.array_equal(whole.react(step)[:, lanes], part.react(step[:, lanes].copy()))
    later = whole.select(lanes)  # with their memory
    assert numpy.array_equal(whole.react(inputs[0])[:, lanes], later.react(inputs[0][:, lanes].copy()))
    if not recurrent:
        rows = inputs[:, :, 0]
        assert numpy.array_equal(whole.settle(rows)[:, :, lanes], part.settle(rows))
        assert numpy.allclose(
            whole.settle(rows)[:, 0], whole.react(numpy.repeat(rows[0][:, None], 320, axis=1)), atol=1e-6
        )


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("recurrent", [False, True])
def test_graphs_alone_and_among_larger_ones(activation: str, recurrent: bool) -> None:
    genes, slots = grown(200, seed=3, recurrent=recurrent)
    order = torch.argsort(genes.hidden, stable=True)
    assert genes.hidden[order[0]] < genes.hidden[order[-1]]
    smallest, all_of_them = genes.take(order[:40]), genes.take(order)
    few, many = (
        Graph.from_genes(parts, slots=slots, activation=activation, layered=not recurrent)
        for parts in ([smallest], [genes.take(order[100:]), all_of_them])
    )
    random = numpy.random.default_rng(4)
    for _ in range(25):
        step = random.normal(size=(slots.inputs, 1)).astype(numpy.float32)
        of_few, of_many = (networks.react(numpy.repeat(step, networks.lanes, axis=1)) for networks in (few, many))
        assert numpy.array_equal(of_few[:, :40], of_many[:, 128:168])
    if not recurrent:
        rows = random.normal(size=(60, slots.inputs)).astype(numpy.float32)
        assert numpy.array_equal(few.settle(rows)[:, :, :40], many.settle(rows)[:, :, 128:168])


def test_a_graph_computes_what_its_genes_say() -> None:
    """Against a network of Python numbers, node by node, one synchronous sweep a step and settled."""
    genes, slots = grown(60, seed=5)
    networks = Graph.from_genes([genes], slots=slots, activation="tanh", layered=True)
    inputs = numpy.random.default_rng(1).normal(size=(slots.inputs,)).astype(numpy.float32)
    shown = numpy.repeat(inputs[:, None], networks.lanes, axis=1)
    answers = [networks.react(shown) for _ in range(12)]
    settled = networks.settle(inputs[None])[:, 0]
    for row in range(0, 60, 7):
        signals = [*inputs.tolist(), 1.0, *[0.0] * (slots.all - slots.first_target)]
        for answer in answers:
            sums = [0.0] * slots.all
            for column in range(int(genes.count[row])):
                if genes.enabled[row, column]:
                    sums[int(genes.target[row, column])] += (
                        float(genes.weight[row, column]) * signals[int(genes.source[row, column])]
                    )
            for slot in range(slots.first_target, slots.all):
                steep = 1 / (1 + numpy.exp(-4.924273 * sums[slot])) if slot < slots.fixed else numpy.tanh(sums[slot])
                signals[slot] = float(steep)
            assert answer[:, row] == pytest.approx(signals[slots.first_target : slots.fixed], abs=1e-4)
        assert settled[:, row] == pytest.approx(signals[slots.first_target : slots.fixed], abs=1e-4)


def test_pieces_are_whole_blocks_and_cover_the_batch() -> None:
    for floats in (1, 1000, MOST_FLOATS, 10 * MOST_FLOATS):
        pieces = list(blocks(lanes=320, floats_a_lane=floats))
        assert [lane for piece in pieces for lane in range(320)[piece]] == list(range(320))
        assert all((piece.stop - piece.start) % LANES == 0 for piece in pieces)
