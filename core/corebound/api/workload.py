"""What the built-in neuro-evolution workload lets a campaign set or search: names, ranges and defaults.

Pure; the worker's ``neuroevolution`` reads its settings by these names, the campaign file is checked against them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

WORKLOAD_METRICS: Final = ("fitness", "solved_at")


@dataclass(frozen=True, kw_only=True)
class WorkloadParameter:
    """One tunable: ``low`` and ``high`` are inclusive; ``choices`` instead for names."""

    kind: str
    default: float | int | str
    low: float = 0.0
    high: float = 1.0
    choices: tuple[str, ...] = ()
    text: str


WORKLOAD_PARAMETERS: Final = {
    "mutation_power": WorkloadParameter(
        kind="float", default=0.4, low=1e-6, high=100.0, text="sd of a weight's change"
    ),
    "mutation_probability": WorkloadParameter(kind="float", default=0.8, text="chance that a weight is changed"),
    "replace_probability": WorkloadParameter(kind="float", default=0.05, text="chance that a weight is drawn anew"),
    "crossover_probability": WorkloadParameter(kind="float", default=0.5, text="chance of two parents"),
    "survival": WorkloadParameter(
        kind="float", default=0.2, low=0.001, text="share of the population that has children"
    ),
    "elites": WorkloadParameter(kind="float", default=0.02, text="share kept unchanged"),
    "init_scale": WorkloadParameter(kind="float", default=1.0, low=1e-6, high=100.0, text="sd of first weights"),
    "activation": WorkloadParameter(kind="choice", default="tanh", choices=("tanh", "sigmoid", "relu"), text="hidden"),
    "hidden": WorkloadParameter(kind="int", default=8, low=1, high=64, text="hidden nodes"),
}
