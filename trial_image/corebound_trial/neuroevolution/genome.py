"""Networks of a batch as :class:`corebound.api.genome.Genome`: plain values, exact to the last bit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from corebound.api.genome import LAYERED, SWEEPS, Connections, Genome

if TYPE_CHECKING:
    import torch

    from corebound_trial.neuroevolution.genes import Genes, Slots
    from corebound_trial.neuroevolution.layered import Shape


def layered_genome(weights: torch.Tensor, *, shape: Shape, activation: str) -> Genome:
    """``weights``: one column of a :class:`corebound_trial.neuroevolution.layered.Layered` batch."""
    fixed = shape.inputs + 1 + shape.outputs
    hidden = list(range(fixed, fixed + shape.hidden))
    bias = shape.inputs
    seen = [*range(shape.inputs), *(hidden if shape.recurrent else []), bias]
    ends = [(source, target) for target in hidden for source in seen]
    ends += [(source, target) for target in range(bias + 1, fixed) for source in [*hidden, bias]]
    return Genome(
        update=LAYERED,
        inputs=shape.inputs,
        outputs=shape.outputs,
        recurrent=shape.recurrent,
        activation=activation,
        hidden=hidden,
        hidden_limit=shape.hidden,
        connections=Connections(
            source=[source for source, _ in ends],
            target=[target for _, target in ends],
            weight=decimals(weights),
            enabled=[True] * len(ends),
            innovation=list(range(len(ends))),
        ),
    )


def graph_genome(genes: Genes, *, slots: Slots, activation: str, recurrent: bool) -> Genome:
    """``genes``: a single row."""
    count, hidden = int(genes.count[0]), int(genes.hidden[0])
    return Genome(
        update=SWEEPS,
        inputs=slots.inputs,
        outputs=slots.outputs,
        recurrent=recurrent,
        activation=activation,
        hidden=genes.nodes[0, :hidden].tolist(),
        hidden_limit=slots.hidden,
        connections=Connections(
            source=genes.source[0, :count].tolist(),
            target=genes.target[0, :count].tolist(),
            weight=decimals(genes.weight[0, :count]),
            enabled=genes.enabled[0, :count].tolist(),
            innovation=genes.innovation[0, :count].tolist(),
        ),
    )


def decimals(weights: torch.Tensor) -> list[float]:
    """float32 values as the doubles with the shortest decimals that are the same float32 again."""
    return [float(str(value)) for value in weights.numpy()]
