"""One trial: generations of all its seeds, evaluated in one batch, bred by a mode, until all have solved the task.

Each seed has its own generator and its own draws, so merged seeds equal separate runs bit for bit, and a run that is
saved and carried on equals an undisturbed one. What could go wrong: fitness that is no number (``scores``), a genome at its
size limit (counted), another CPU type on continuation (``exact`` is then False: last bits may differ).
"""

from __future__ import annotations

import functools
import hashlib
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy
import torch

from corebound.api.errors import ObjectiveError
from corebound.api.genome import Genome, from_json, to_json
from corebound_trial.neuroevolution.history import History, Point, largest
from corebound_trial.neuroevolution.layered import Layered, Shape
from corebound_trial.neuroevolution.modes import Fitness, Mode, Ports
from corebound_trial.neuroevolution.neat import Neat, NeatSettings
from corebound_trial.neuroevolution.networks import LANES, padded
from corebound_trial.neuroevolution.pure import Pure, PureSettings
from corebound_trial.neuroevolution.replay import networks_of
from corebound_trial.neuroevolution.scores import finite, lanes_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from corebound_trial.neuroevolution.tasks.protocol import Task

MODES: Final[dict[str, tuple[Any, Any]]] = {"pure": (Pure, PureSettings), "neat": (Neat, NeatSettings)}


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is to be run; the same order with the same task gives the same result."""

    mode: str
    task: str
    """Its name, for the record."""
    arguments: dict[str, Any]
    """The task's, for the record."""
    settings: dict[str, Any]
    """Those of the mode, by name; what is left out has its default."""
    population: int
    generations: int
    seeds: list[int]


class Evolution:
    """``step`` runs a generation of every seed that has not solved its task."""

    def __init__(self, order: Order, task: Task) -> None:
        if order.population < 1 or order.generations < 1 or not order.seeds:
            raise ObjectiveError(
                f"found population {order.population}, generations {order.generations}, {len(order.seeds)} seeds; "
                "expected at least 1 of each"
            )
        self.order, self.task = order, task
        self.generation = 0
        self.exact = True
        self.evaluations = 0
        self.invalid = 0
        """Fitness values that were no finite numbers."""
        self.champions: list[Genome | None] = [None for _ in order.seeds]
        """The best genome of each seed so far."""
        self.solved_at: list[int | None] = [None for _ in order.seeds]
        """Evaluations of each seed until it had solved the task."""
        self.histories = [History() for _ in order.seeds]
        self._refused: list[list[str]] = [[] for _ in order.seeds]
        """Of each seed, the marks of the networks that the task did not confirm."""
        self._generators = [torch.Generator().manual_seed(seed) for seed in order.seeds]
        kind, settings = MODES[order.mode]
        ports = Ports(inputs=task.inputs, outputs=task.outputs, recurrent=bool(getattr(task, "recurrent", False)))
        self._mode: Mode = kind(
            settings(**order.settings), ports=ports, population=order.population, generators=self._generators
        )

    @property
    def finished(self) -> bool:
        """All seeds have solved it, or the generations are used up."""
        return self.generation >= self.order.generations or all(at is not None for at in self.solved_at)

    @property
    def best(self) -> list[float]:
        """The best fitness of each seed so far; before the first generation minus infinity."""
        return [self._worth(champion) if champion else -numpy.inf for champion in self.champions]

    @property
    def left_out(self) -> int:
        """Structural mutations that were not made because a genome had used all its hidden nodes."""
        return self._mode.left_out()

    def step(self) -> float:
        """One generation; the mean over seeds of the best fitness so far."""
        active = [index for index, at in enumerate(self.solved_at) if at is None]
        fitness = self._evaluate(active)
        self.generation += 1
        for index, scores in zip(active, fitness, strict=True):
            self._learn(index, scores)
        self._confirm(active, fitness)
        moving = [
            (index, scores) for index, scores in zip(active, fitness, strict=True) if self.solved_at[index] is None
        ]
        for index, scores in zip(active, fitness, strict=True):
            self._note(index, scores)
        if moving and self.generation < self.order.generations:
            self._mode.breed([index for index, _ in moving], [scores for _, scores in moving])
        return sum(self.best) / len(self.best)

    def result(self) -> dict[str, float]:
        """``fitness``: mean best. ``solved_at``: median evaluations until solved, beyond the budget where unsolved.

        An unsolved seed counts the budget times 2 - (best / solved), so that the nearer it came the less it counts.
        """
        budget = self.order.population * self.order.generations
        goal = getattr(self.task, "solved", None)
        values = {"fitness": sum(self.best) / len(self.best)}
        if goal is not None:
            near = [min(1.0, max(0.0, best / goal)) if goal > 0 else 0.0 for best in self.best]
            at = [budget * (2.0 - part) if at is None else at for at, part in zip(self.solved_at, near, strict=True)]
            values["solved_at"] = float(numpy.median(at))
        return values

    def champion(self) -> tuple[int, Genome]:
        """The best genome of all seeds and its seed's place; the first of equal ones. Only after a generation."""
        place = int(numpy.argmax(self.best))
        champion = self.champions[place]
        if champion is None:
            raise ObjectiveError("no generation has been evaluated yet, expected at least one")
        return place, champion

    def figures(self) -> dict[str, float]:
        """What the task has to say about the best genome beyond its fitness."""
        figuring = getattr(self.task, "figures", None)
        if figuring is None:
            return {}
        named = figuring(networks_of(self.champion()[1]))
        what = f"{self.order.task}.figures"
        return {str(name): float(lanes_of(values, lanes=LANES, what=what)[0]) for name, values in named.items()}

    def _evaluate(self, active: Sequence[int]) -> list[Fitness]:
        """Fitness [population] of each active seed, all in one batch, each seed's lanes a multiple of 32."""
        networks = self._mode.networks(active)
        what = f"{self.order.task}.evaluate"
        scores = lanes_of(self.task.evaluate(networks), lanes=networks.lanes, what=what)
        width, size = padded(self.order.population), self.order.population
        fitness = []
        for place in range(len(active)):
            own, wrong = finite(scores[place * width : place * width + size], what=what)
            self.invalid += wrong
            fitness.append(own)
        self.evaluations += size * len(active)
        return fitness

    def _learn(self, index: int, scores: Fitness) -> None:
        """Keep a new best; a seed whose task says what solves it may be done."""
        top = int(scores.argmax())
        champion = self.champions[index]
        if champion is None or scores[top] > champion.fitness:
            self._crown(index, top, float(scores[top]), solved=False)
        goal = getattr(self.task, "solved", None)
        if goal is not None and scores[top] >= goal and not hasattr(self.task, "confirm"):
            self._solve(index)

    def _confirm(self, active: Sequence[int], fitness: Sequence[Fitness]) -> None:
        """Ask the task whether the best network of each seed that it has not refused yet solves it."""
        confirm = getattr(self.task, "confirm", None)
        if confirm is None:
            return
        for index, scores in zip(active, fitness, strict=True):
            for row in map(int, numpy.argsort(-scores, kind="stable")):
                candidate = self._mode.genome(index, row)
                mark = _mark(candidate)
                if mark in self._refused[index]:
                    continue  # another one of the same fitness may do
                if confirm(networks_of(candidate)):
                    self._crown(index, row, float(scores[row]), solved=True)
                    self._solve(index)
                else:
                    self._refused[index].append(mark)
                break

    def _crown(self, index: int, row: int, fitness: float, *, solved: bool) -> None:
        self.champions[index] = replace(
            self._mode.genome(index, row),
            task=self.order.task,
            arguments=self.order.arguments,
            mode=self.order.mode,
            seed=self.order.seeds[index],
            generation=self.generation,
            fitness=fitness,
            solved=solved,
        )

    def _solve(self, index: int) -> None:
        self.solved_at[index] = self.generation * self.order.population
        champion = self.champions[index]
        if champion is not None:
            self.champions[index] = replace(champion, solved=True)

    def _worth(self, champion: Genome) -> float:
        """What a solution counts: what the task calls solved, if a test beyond the fitness said so."""
        goal = getattr(self.task, "solved", None)
        return max(champion.fitness, float(goal)) if champion.solved and goal is not None else champion.fitness

    def _note(self, index: int, scores: Fitness) -> None:
        sizes, champion = self._mode.species(index), self.champions[index]
        if champion is None:
            return
        self.histories[index].note(
            Point(
                generation=self.generation,
                best=float(scores.max()),
                mean=float(scores.mean()),
                species=len(sizes),
                largest=largest(sizes),
                nodes=len(champion.hidden),
                connections=sum(champion.connections.enabled),
            )
        )

    def state_dict(self) -> dict[str, Any]:
        """The whole state: tensors, arrays and JSON values."""
        return {
            "order": dict(vars(self.order)),
            "generation": self.generation,
            "evaluations": self.evaluations,
            "invalid": self.invalid,
            "champions": [None if champion is None else to_json(champion) for champion in self.champions],
            "solved_at": self.solved_at,
            "histories": [history.state_dict() for history in self.histories],
            "refused": self._refused,
            "generators": [generator.get_state() for generator in self._generators],
            "mode": self._mode.state_dict(),
            "exact": self.exact,
            "fingerprint": fingerprint(),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any], task: Task) -> Evolution:
        """Go on where ``state_dict`` was taken; ``task`` as it was then."""
        evolution = cls(Order(**state["order"]), task)
        evolution.generation, evolution.evaluations = state["generation"], state["evaluations"]
        evolution.invalid = state["invalid"]
        evolution.champions = [None if saved is None else from_json(saved) for saved in state["champions"]]
        evolution.solved_at = list(state["solved_at"])
        evolution.histories = [History.from_state(saved) for saved in state["histories"]]
        evolution._refused = [list(values) for values in state["refused"]]
        for generator, saved in zip(evolution._generators, state["generators"], strict=True):
            generator.set_state(saved)
        evolution._mode.load(state["mode"])
        evolution.exact = state["exact"] and state["fingerprint"] == fingerprint()
        return evolution


def seed_of(trial_seed: int, index: int) -> int:
    """A stable seed for the ``index``-th run of a trial."""
    return int.from_bytes(hashlib.sha256(f"{trial_seed}/{index}".encode()).digest()[:8], "big") >> 1


@functools.cache  # a process keeps it, and a state is made for every generation
def fingerprint() -> str:
    """Two machines with the same fingerprint give the same bits: versions, CPU kind, and a small network's outputs."""
    shape = Shape(inputs=4, hidden=8, outputs=2)
    genomes = torch.linspace(-1, 1, shape.weights * LANES).reshape(-1, LANES)
    networks = Layered.from_genomes(genomes, shape=shape, activation="tanh")
    angles = numpy.linspace(-2, 2, 4 * LANES, dtype=numpy.float32).reshape(4, LANES)
    outputs = numpy.sin(networks.react(angles)) + numpy.cos(angles[:2])
    digest = hashlib.sha256(outputs.tobytes()).hexdigest()[:16]
    return f"torch {torch.__version__}/{torch.backends.cpu.get_cpu_capability()}/numpy {numpy.__version__}/{digest}"


def _mark(genome: Genome) -> str:
    """The same for the same network, whenever it is met."""
    return hashlib.sha256(json.dumps(to_json(genome), sort_keys=True).encode()).hexdigest()
