"""Mode ``pure``: the weights of one topology evolve, all seeds of a trial in one batch.

Each seed has its own generator and its own draws, so merged seeds equal separate runs bit for bit, and a run that is
saved and carried on equals an undisturbed one. What could go wrong: a fitness that is no number (worst), another CPU type
on continuation (``exact`` is then False: last bits may differ).
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import Any, Final

import torch

from corebound.api.errors import ObjectiveError
from corebound_trial.neuroevolution.networks import Networks, genome_length, padded
from corebound_trial.neuroevolution.tasks import TASKS

SOLVED: Final = 1.0


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The genetic algorithm's settings; names and ranges as in ``corebound.api.workload``."""

    mutation_power: float = 0.4
    mutation_probability: float = 0.8
    replace_probability: float = 0.05
    crossover_probability: float = 0.5
    survival: float = 0.2
    elites: float = 0.02
    init_scale: float = 1.0
    activation: str = "tanh"
    hidden: int = 8


class Evolution:
    """One trial; ``step`` runs a generation of every seed that has not solved its task."""

    def __init__(self, *, task: str, settings: Settings, population: int, generations: int, seeds: list[int]) -> None:
        if population < 1 or generations < 1 or not seeds:
            raise ObjectiveError(
                f"found population {population}, generations {generations}, {len(seeds)} seeds; expected at least 1 of each"
            )
        self._name, self._settings, self._population = task, settings, population
        self.generations = generations
        self._task = TASKS[task]()
        self._weights = genome_length(inputs=self._task.inputs, hidden=settings.hidden, outputs=self._task.outputs)
        self.generation = 0
        self.exact = True
        self.best = [0.0] * len(seeds)
        self.solved_at: list[int | None] = [None] * len(seeds)
        self.evaluations = 0
        self.history: list[list[float]] = []
        self._generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        self._genomes = [
            settings.init_scale * torch.randn(self._weights, population, generator=generator)
            for generator in self._generators
        ]
        self.champions = [genome[:, :1].clone() for genome in self._genomes]

    @property
    def finished(self) -> bool:
        """All seeds have solved it, or the generations are used up."""
        return self.generation >= self.generations or all(at is not None for at in self.solved_at)

    def step(self) -> float:
        """One generation; the mean over seeds of the best fitness so far."""
        with torch.inference_mode():
            active = [index for index, at in enumerate(self.solved_at) if at is None]
            fitness = self._evaluate([self._genomes[index] for index in active])
            self.generation += 1
            for index, scores in zip(active, fitness, strict=True):
                self._learn(index, scores)
        mean = sum(self.best) / len(self.best)
        self.history.append(list(self.best))
        return mean

    def result(self) -> dict[str, float]:
        """``fitness``: mean best, 0 ... 1. ``solved_at``: median evaluations to solve, beyond the budget if unsolved."""
        budget = self._population * self.generations
        at = sorted(
            float(solved) if solved is not None else budget * (2.0 - best)
            for solved, best in zip(self.solved_at, self.best, strict=True)
        )
        middle = len(at) // 2
        median = at[middle] if len(at) % 2 else (at[middle - 1] + at[middle]) / 2
        return {"fitness": sum(self.best) / len(self.best), "solved_at": median}

    def _evaluate(self, genomes: list[torch.Tensor]) -> list[torch.Tensor]:
        """Fitness [population] of each seed, all in one batch, each seed's block a multiple of 32."""
        width = padded(self._population)
        batch = torch.zeros(self._weights, width * len(genomes))
        for index, genome in enumerate(genomes):
            batch[:, index * width : index * width + self._population] = genome
        networks = Networks.from_genomes(
            batch,
            inputs=self._task.inputs,
            hidden=self._settings.hidden,
            outputs=self._task.outputs,
            activation=self._settings.activation,
        )
        scores = self._task.evaluate(networks, batch.shape[1])
        scores = torch.nan_to_num(scores, nan=0.0, posinf=0.0, neginf=0.0)
        self.evaluations += self._population * len(genomes)
        return [scores[index * width : index * width + self._population] for index in range(len(genomes))]

    def _learn(self, index: int, scores: torch.Tensor) -> None:
        top = int(torch.argmax(scores))
        if float(scores[top]) > self.best[index] or self.generation == 1:
            self.best[index] = float(scores[top])
            self.champions[index] = self._genomes[index][:, top : top + 1].clone()
        if self.best[index] >= SOLVED:
            self.solved_at[index] = self.generation * self._population
        elif self.generation < self.generations:
            self._genomes[index] = self._reproduce(self._genomes[index], scores, self._generators[index])

    def _reproduce(self, genomes: torch.Tensor, scores: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        chosen, shape = self._settings, genomes.shape
        order = torch.argsort(scores, descending=True, stable=True)
        parents = order[: max(1, math.ceil(chosen.survival * self._population))]
        mothers = parents[torch.randint(len(parents), (self._population,), generator=generator)]
        fathers = parents[torch.randint(len(parents), (self._population,), generator=generator)]
        paired = torch.rand(self._population, generator=generator) < chosen.crossover_probability
        from_father = (torch.rand(shape, generator=generator) < 0.5) & paired
        children = torch.where(from_father, genomes[:, fathers], genomes[:, mothers])
        noise = torch.randn(shape, generator=generator)
        luck = torch.rand(shape, generator=generator)
        children = torch.where(luck < chosen.mutation_probability, children + chosen.mutation_power * noise, children)
        fresh = torch.rand(shape, generator=generator) < chosen.replace_probability
        children = torch.where(fresh, chosen.init_scale * noise, children)
        elites = min(self._population, max(1, round(chosen.elites * self._population)))
        children[:, :elites] = genomes[:, order[:elites]]
        return children

    def state_dict(self) -> dict[str, Any]:
        """The whole state: tensors and JSON values."""
        return {
            "task": self._name,
            "settings": dict(vars(self._settings)),
            "population": self._population,
            "generations": self.generations,
            "generation": self.generation,
            "best": self.best,
            "solved_at": self.solved_at,
            "evaluations": self.evaluations,
            "history": self.history,
            "genomes": self._genomes,
            "champions": self.champions,
            "generators": [generator.get_state() for generator in self._generators],
            "exact": self.exact,
            "fingerprint": fingerprint(),
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Evolution:
        """Go on where ``state_dict`` was taken."""
        evolution = cls(
            task=state["task"],
            settings=Settings(**state["settings"]),
            population=state["population"],
            generations=state["generations"],
            seeds=[0] * len(state["generators"]),
        )
        evolution.generation = state["generation"]
        evolution.best = list(state["best"])
        evolution.solved_at = list(state["solved_at"])
        evolution.evaluations = state["evaluations"]
        evolution.history = [list(row) for row in state["history"]]
        evolution._genomes = list(state["genomes"])
        evolution.champions = list(state["champions"])
        for generator, saved in zip(evolution._generators, state["generators"], strict=True):
            generator.set_state(saved)
        evolution.exact = state["exact"] and state["fingerprint"] == fingerprint()
        return evolution


def seed_of(trial_seed: int, index: int) -> int:
    """A stable seed for the ``index``-th run of a trial."""
    return int.from_bytes(hashlib.sha256(f"{trial_seed}/{index}".encode()).digest()[:8], "big") >> 1


def fingerprint() -> str:
    """Two machines with the same fingerprint give the same bits: versions, CPU kind, and a small network's outputs."""
    genome = torch.linspace(-1, 1, genome_length(inputs=4, hidden=8, outputs=2) * 32).reshape(-1, 32)
    networks = Networks.from_genomes(genome, inputs=4, hidden=8, outputs=2, activation="tanh")
    outputs = networks(torch.linspace(-2, 2, 4 * 32).reshape(4, 32)).sin()
    digest = hashlib.sha256(outputs.numpy().tobytes()).hexdigest()[:16]
    return f"{torch.__version__}/{torch.backends.cpu.get_cpu_capability()}/{digest}"
