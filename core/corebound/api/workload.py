"""What the built-in neuro-evolution lets a campaign set or search: modes, tasks, and parameters with ranges and defaults.

Pure; the worker's ``neuroevolution`` reads its settings by these names, the campaign file is checked against them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Protocol

BASE_BYTES: Final = 540 * 2**20
"""A worker with torch loaded (PyPI's build; the CPU build takes half of that), before its first network."""
WORKLOAD_METRICS: Final = ("fitness", "solved_at")
ACTIVATIONS: Final = ("tanh", "sigmoid", "relu", "steepened")


@dataclass(frozen=True, kw_only=True)
class TaskSize:
    """What a task needs of memory: what networks see and answer, from how many states, or on how many rows of data."""

    inputs: int
    outputs: int
    starts: int = 1
    rows: int = 0
    recurrent: bool = False
    kept: int = 0
    """Bytes that it keeps of each network while it runs."""
    loaded: int = 0
    """Bytes of the libraries and data that it loads, and of the answers that are held at once."""


POPULATION: Final = 500
"""Networks in each generation of one seed, where nobody says."""
TASKS: Final = {
    "xor": TaskSize(inputs=2, outputs=1, rows=4),
    "cartpole": TaskSize(inputs=4, outputs=1, starts=4),
    "double-pole": TaskSize(inputs=6, outputs=1),
    "double-pole-no-velocities": TaskSize(inputs=3, outputs=1, recurrent=True, kept=20_000),
    "mountain-car": TaskSize(inputs=2, outputs=3, starts=10),
    "digits": TaskSize(inputs=64, outputs=10, rows=1348, loaded=128 * 2**20),
}


@dataclass(frozen=True, kw_only=True)
class WorkloadParameter:
    """One tunable: ``low`` and ``high`` are inclusive; ``choices`` instead for names."""

    kind: str
    default: float | int | str
    low: float = 0.0
    high: float = 1.0
    choices: tuple[str, ...] = ()
    text: str

    def schema(self) -> dict[str, Any]:
        """As an API server checks it."""
        described = {"description": f"{self.text[:1].upper()}{self.text[1:]}."}
        if self.kind == "choice":
            return described | {"type": "string", "enum": list(self.choices)}
        kind, limit = ("integer", int) if self.kind == "int" else ("number", float)
        return described | {"type": kind, "minimum": limit(self.low), "maximum": limit(self.high)}


def _chance(default: float, text: str) -> WorkloadParameter:
    return WorkloadParameter(kind="float", default=default, text=f"chance that {text}")


def _positive(default: float, text: str) -> WorkloadParameter:
    return WorkloadParameter(kind="float", default=default, low=1e-6, high=100.0, text=text)


def _share(default: float, text: str) -> WorkloadParameter:
    return WorkloadParameter(kind="float", default=default, low=0.001, text=f"share {text}")


def _activation(default: str) -> WorkloadParameter:
    return WorkloadParameter(kind="choice", default=default, choices=ACTIVATIONS, text="function of hidden nodes")


_PURE: Final = {
    "mutation_power": _positive(0.4, "standard deviation of a weight's change"),
    "mutation_probability": _chance(0.8, "a weight is changed"),
    "replace_probability": _chance(0.05, "a weight is drawn anew"),
    "crossover_probability": _chance(0.5, "a network has two parents"),
    "survival": _share(0.2, "of the population that has children"),
    "elites": WorkloadParameter(kind="float", default=0.02, text="share of the population kept unchanged"),
    "init_scale": _positive(1.0, "standard deviation of first weights"),
    "activation": _activation("tanh"),
    "hidden": WorkloadParameter(kind="int", default=8, low=1, high=64, text="hidden nodes"),
}
_NEAT: Final = {
    "mutation_power": _positive(2.5, "the most by which a weight changes"),
    "mutation_probability": _chance(0.9, "the weights of a network are changed"),
    "replace_probability": _chance(0.1, "one of those weights is drawn anew"),
    "crossover_probability": _chance(0.75, "a network has two parents"),
    "average_probability": _chance(0.4, "such a child has the mean of their weights"),
    "interspecies_probability": _chance(0.001, "one of its parents is of another species"),
    "add_node": _chance(0.03, "a connection is split by a new node"),
    "add_connection": _chance(0.05, "two nodes are connected"),
    "recurrent_probability": _chance(0.2, "such a connection closes a loop, in tasks where networks remember"),
    "survival": _share(0.2, "of a species that has children"),
    "stagnation": WorkloadParameter(
        kind="int", default=15, low=1, high=100_000, text="generations without progress until a species has no children"
    ),
    "compatibility_threshold": _positive(3.0, "distance from which on networks are of different species"),
    "excess_coefficient": WorkloadParameter(
        kind="float", default=1.0, high=100.0, text="what a connection beyond the other's newest adds to the distance"
    ),
    "disjoint_coefficient": WorkloadParameter(
        kind="float", default=1.0, high=100.0, text="what any other unmatched connection adds"
    ),
    "weight_coefficient": WorkloadParameter(
        kind="float", default=0.4, high=100.0, text="what a mean difference of 1 of matching weights adds"
    ),
    "init_scale": _positive(1.0, "the largest first weight"),
    "activation": _activation("steepened"),
    "hidden": WorkloadParameter(kind="int", default=8, low=1, high=64, text="hidden nodes at most"),
}
PARAMETERS: Final = {"pure": _PURE, "neat": _NEAT}
"""Of each mode, by name; a name that several modes have has the same range in each."""
ALL_PARAMETERS: Final = {name: each for known in PARAMETERS.values() for name, each in known.items()}
MODES: Final = tuple(PARAMETERS)


class WorkloadSize(Protocol):
    """What of ``spec.trial.workload`` counts for memory."""

    @property
    def mode(self) -> str:
        """One of :data:`MODES`."""

    @property
    def population(self) -> int:
        """Networks of one seed."""

    @property
    def seeds(self) -> int:
        """Seeds in one batch."""


@dataclass(frozen=True, kw_only=True)
class MemoryNeed:
    """What a trial will take, as an estimate on the safe side; ``text`` is the arithmetic."""

    total: int
    text: str

    def refusal(self, memory: int) -> str:
        """What to say when ``memory`` (bytes) is less than that."""
        return (
            f"the networks need about {_mebibytes(self.total)}: {self.text}; trial.memory is {_mebibytes(memory)}. Raise "
            "trial.memory, or lower workload.population, workload.seeds or hidden"
        )


def memory_of(workload: WorkloadSize, size: TaskSize, *, hidden: int) -> MemoryNeed:
    """Memory of a trial of ``workload`` on a task of ``size``, with ``hidden`` hidden nodes.

    Peaks of real runs were 0.5 to 0.9 of what it says each network takes (docs/neuroevolution.md).
    """
    lanes = workload.seeds * _blocks(workload.population)
    if workload.mode == "neat":
        # All that could be connected: genes, and the dense tables that they are laid out in.
        targets = size.outputs + hidden
        weights, breeding = targets * (size.inputs + 1 + targets), 80
        # Comparing genomes lays each out over all genes that are alive; some quarter of the population in wild growth.
        compared = 4 * workload.population
    else:
        seen = size.inputs + 1 + (hidden if size.recurrent else 0)
        weights, breeding, compared = hidden * seen + size.outputs * (hidden + 1), 40, 0
    # Copies and draws of breeding; weights and their products for the batch, and for each state a network is started from.
    bred = weights * (breeding + 8 + 16 * size.starts)
    answers = size.rows * (5 * size.outputs + 12)
    each = bred + compared + answers + size.kept
    base = BASE_BYTES + size.loaded
    total = base + lanes * each
    text = (
        f"{_mebibytes(base)} for Python and torch + {workload.seeds} seeds x {_blocks(workload.population)} networks "
        f"(population {workload.population} in blocks of 32) x {each / 2**10:.1f} KiB"
    )
    return MemoryNeed(total=total, text=text)


def _blocks(population: int) -> int:
    return -(-population // 32) * 32


def _mebibytes(count: int) -> str:
    return f"{count / 2**20:,.0f} MiB"
