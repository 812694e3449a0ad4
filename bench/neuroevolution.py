"""Networks evaluated and bred: ours beside neat-python, the same genomes on the same physics, both in one process.

    python bench/neuroevolution.py [--rounds 5] [--sample 12]

Evaluations per CPU second, medians of interleaved rounds, each ratio from one round; neat-python runs a sample of the
genomes. Both give each genome the same fitness (checked). neat-python's dynamics are plain Python, which it leaves to its
users and which is several times faster than Gymnasium. What could go wrong: a machine that does other work; CPU seconds are
counted, but caches and clocks are shared, so the load is printed.
"""

from __future__ import annotations

import argparse
import functools
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import neat
import numpy
import torch

from corebound.api.genome import Genome
from corebound_trial.neuroevolution.evolution import Evolution, Order, seed_of
from corebound_trial.neuroevolution.graph import Graph
from corebound_trial.neuroevolution.modes import Ports
from corebound_trial.neuroevolution.neat import Neat, NeatSettings
from corebound_trial.neuroevolution.tasks.cartpole import CartPole
from corebound_trial.neuroevolution.tasks.doublepole import DoublePole
from corebound_trial.neuroevolution.tasks.rollouts import rollouts
from corebound_trial.neuroevolution.tasks.xor import Xor
from neat_python import cart_pole_alone, double_pole_alone, feed_forward, recurrent

POPULATION, SEEDS, SLOTS = 500, 3, 16
GROWING = 12
"""Generations of random selection with much structural mutation, before the genomes are evaluated."""


class OneCartPole(CartPole):
    """From one start, as neat-python's is."""

    def starts(self) -> Any:
        return super().starts()[:, :1]


class ForcedCartPole(OneCartPole):
    """All 500 steps, whatever happens."""

    def ended(self, state: Any) -> Any:
        return numpy.zeros(state.shape[1], dtype=bool)


class ForcedDoublePole(DoublePole):
    def ended(self, state: Any) -> Any:
        return numpy.zeros(state.shape[1], dtype=bool)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sample", type=int, default=12, help="genomes that neat-python evaluates a round")
    options = parser.parse_args()
    torch.set_num_threads(1)
    load = f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs"
    print(f"{POPULATION} x {SEEDS} networks, {SLOTS} node slots, one thread; {load}")
    print(f"{'evaluations per CPU second':34} {'ours':>9} {'neat-python':>12} {'ratio':>7}  of each round")
    for line in (cartpole_forced, double_pole_forced, cartpole_natural, xor):
        compared(*line(options.sample), rounds=options.rounds)
    compared(*xor_generations(), rounds=options.rounds)
    shares(options.rounds)
    whole_trials()


Measured = Callable[[], tuple[int, float]]
"""Does it once; evaluations, and CPU seconds."""


def compared(name: str, ours: Measured, theirs: Measured, *, rounds: int) -> None:
    figures = [[count / seconds for count, seconds in (ours(), theirs())] for _ in range(rounds)]
    ratios = [own / other for own, other in figures]
    own, other = (statistics.median(column) for column in zip(*figures, strict=True))
    each = " ".join(f"{ratio:.0f}" for ratio in ratios)
    print(f"{name:34} {own:9.0f} {other:12.1f} {statistics.median(ratios):6.1f}x  {each}", flush=True)


def timed(count: int, work: Callable[[], object]) -> tuple[int, float]:
    began = time.process_time()
    work()
    return count, time.process_time() - began


def grown(inputs: int, *, loops: bool) -> Neat:
    """Populations with hidden nodes; the same every time."""
    generators = [torch.Generator().manual_seed(seed) for seed in range(SEEDS)]
    settings = NeatSettings(hidden=SLOTS - inputs - 2, add_node=0.3, add_connection=0.3, mutation_power=1.0)
    ports = Ports(inputs=inputs, outputs=1, recurrent=loops)
    mode = Neat(settings, ports=ports, population=POPULATION, generators=generators)
    random = numpy.random.default_rng(1)
    for _ in range(GROWING):
        mode.breed(range(SEEDS), [random.random(POPULATION) for _ in range(SEEDS)])
    return mode


def cartpole_forced(sample: int) -> tuple[str, Measured, Measured]:
    return control("CartPole, all 500 steps", ForcedCartPole(), cart_pole_alone, sample, forced=True)


def cartpole_natural(sample: int) -> tuple[str, Measured, Measured]:
    return control("CartPole, natural episodes", OneCartPole(), cart_pole_alone, 20 * sample, forced=False)


def double_pole_forced(sample: int) -> tuple[str, Measured, Measured]:
    task = ForcedDoublePole(steps=1000)
    return control("double pole, all 1,000 steps", task, double_pole_alone, max(2, sample // 3), forced=True)


def control(
    name: str, task: Any, alone: Callable[..., int], sample: int, *, forced: bool
) -> tuple[str, Measured, Measured]:
    mode = grown(task.inputs, loops=True)
    chosen = [mode.genome(index % SEEDS, index * 7 % POPULATION) for index in range(sample)]
    nodes = statistics.mean(len(genome.hidden) for genome in chosen)
    networks = mode.networks(range(SEEDS))
    check(name, task, mode, chosen, alone, forced=forced)

    def ours() -> tuple[int, float]:
        return timed(POPULATION * SEEDS, lambda: rollouts(task, networks))

    def theirs() -> tuple[int, float]:
        return timed(sample, lambda: [alone(recurrent(genome), task.steps, forced=forced) for genome in chosen])

    return f"{name} ({nodes:.1f} hidden)", ours, theirs


def check(name: str, task: Any, mode: Neat, chosen: list[Genome], alone: Callable[..., int], *, forced: bool) -> None:
    """Without the forcing, both must survive as many steps; float32 beside float64 may change a step here and there."""
    if forced:
        return
    lasted = rollouts(task, mode.networks(range(SEEDS)))[0]
    width = len(lasted) // SEEDS
    found = [int(lasted[index % SEEDS * width + index * 7 % POPULATION]) for index in range(len(chosen))]
    expected = [alone(recurrent(genome), task.steps, forced=False) for genome in chosen]
    agreeing = sum(abs(one - other) <= 1 for one, other in zip(found, expected, strict=True))
    assert agreeing >= 0.95 * len(chosen), f"{name}: {agreeing} of {len(chosen)} agree"


def xor(sample: int) -> tuple[str, Measured, Measured]:
    task, mode = Xor(), grown(2, loops=False)
    chosen = [mode.genome(index % SEEDS, index * 7 % POPULATION) for index in range(20 * sample)]
    rows = task.rows.tolist()

    def alone() -> list[float]:
        errors = ([abs(network.activate(row)[0] - (row[0] != row[1])) for row in rows] for network in made())
        return [(4 - sum(each)) ** 2 / 16 for each in errors]

    def made() -> list[Any]:
        return [feed_forward(genome) for genome in chosen]

    def ours() -> tuple[int, float]:
        return timed(POPULATION * SEEDS, lambda: task.evaluate(mode.networks(range(SEEDS))))

    def theirs() -> tuple[int, float]:
        networks = made()  # neat-python builds them from its own genomes, with less to do than from ours
        return timed(len(chosen), lambda: [[network.activate(row) for row in rows] for network in networks])

    width = Graph.from_genes(mode._genes[:1], slots=mode._slots, activation="steepened", layered=True).lanes
    fitness = task.evaluate(mode.networks(range(SEEDS)))
    found = [fitness[index % SEEDS * width + index * 7 % POPULATION] for index in range(len(chosen))]
    for own, other in zip(found, alone(), strict=True):
        assert own == 1 or abs(own - min(other, 0.999)) < 1e-3
    return "XOR (building ours counted)", ours, theirs


CONFIG = """
[NEAT]
fitness_criterion = max
fitness_threshold = 1e9
no_fitness_termination = False
pop_size = {population}
reset_on_extinction = True
[DefaultGenome]
num_inputs = 2
num_hidden = 0
num_outputs = 1
initial_connection = full
feed_forward = True
compatibility_disjoint_coefficient = 1.0
compatibility_weight_coefficient = 0.4
conn_add_prob = 0.05
conn_delete_prob = 0.0
node_add_prob = 0.03
node_delete_prob = 0.0
activation_default = sigmoid
activation_options = sigmoid
activation_mutate_rate = 0.0
aggregation_default = sum
aggregation_options = sum
aggregation_mutate_rate = 0.0
bias_init_type = gaussian
bias_init_mean = 0.0
bias_init_stdev = 1.0
bias_replace_rate = 0.1
bias_mutate_rate = 0.8
bias_mutate_power = 0.5
bias_max_value = 30.0
bias_min_value = -30.0
response_init_type = gaussian
response_init_mean = 1.0
response_init_stdev = 0.0
response_replace_rate = 0.0
response_mutate_rate = 0.0
response_mutate_power = 0.0
response_max_value = 30.0
response_min_value = -30.0
weight_init_type = gaussian
weight_init_mean = 0.0
weight_init_stdev = 1.0
weight_max_value = 30
weight_min_value = -30
weight_mutate_power = 0.5
weight_mutate_rate = 0.8
weight_replace_rate = 0.1
enabled_default = True
enabled_mutate_rate = 0.0
enabled_rate_to_true_add = 0.0
enabled_rate_to_false_add = 0.0
single_structural_mutation = False
structural_mutation_surer = default
[DefaultSpeciesSet]
compatibility_threshold = 3.0
[DefaultStagnation]
species_fitness_func = max
max_stagnation = 15
species_elitism = 2
[DefaultReproduction]
elitism = 1
survival_threshold = 0.2
min_species_size = 2
"""


def xor_generations() -> tuple[str, Measured, Measured]:
    """Evaluation, reproduction and speciation; generations 1 to 20 each time."""

    class Unsolved(Xor):
        solved = 2.0

    def ours() -> tuple[int, float]:
        run = evolution("neat", "xor", Unsolved(), generations=20)
        return timed(20 * SEEDS * POPULATION, lambda: finished(run))

    def theirs() -> tuple[int, float]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "config"
            path.write_text(CONFIG.format(population=POPULATION), encoding="utf-8")
            config = neat.Config(
                neat.DefaultGenome, neat.DefaultReproduction, neat.DefaultSpeciesSet, neat.DefaultStagnation, str(path)
            )
            population = neat.Population(config)
        rows = Xor.rows.tolist()

        def judge(genomes: Any, config: Any) -> None:
            for _, genome in genomes:
                network = neat.nn.FeedForwardNetwork.create(genome, config)
                genome.fitness = 4 - sum(abs(network.activate(row)[0] - (row[0] != row[1])) for row in rows)

        return timed(20 * POPULATION, lambda: population.run(judge, 20))

    return "XOR, whole generations", ours, theirs


def evolution(mode: str, name: str, task: Any, *, generations: int) -> Evolution:
    order = Order(
        mode=mode,
        task=name,
        arguments={},
        settings={},
        population=POPULATION,
        generations=generations,
        seeds=[seed_of(1, index) for index in range(SEEDS)],
    )
    return Evolution(order, task)


def finished(run: Evolution) -> Evolution:
    while not run.finished:
        run.step()
    return run


def shares(rounds: int) -> None:
    """How much of a generation's time breeding takes, over generations 1 to 20."""

    class Endless(CartPole):
        solved = 2.0

    class EndlessPoles(DoublePole):
        solved = 2.0

    class EndlessXor(Xor):
        solved = 2.0

    print("reproduction and speciation, share of a generation's CPU time (20 generations)")
    for mode in ("pure", "neat"):
        for name, make in (
            ("cartpole", Endless),
            ("double-pole", lambda: EndlessPoles(steps=1000)),
            ("xor", EndlessXor),
        ):
            found = []
            for _ in range(rounds if name == "xor" else 1):
                run, spent = evolution(mode, name, make(), generations=20), [0.0]
                breed = run._mode.breed

                def breeding(*arguments: Any, breed: Any = breed, spent: list[float] = spent) -> None:
                    spent[0] += timed(1, lambda: breed(*arguments))[1]

                setattr(run._mode, "breed", breeding)  # noqa: B010 - no assignment that mypy lets through
                found.append((spent, timed(1, functools.partial(finished, run))[1]))
            share = statistics.median(spent[0] / whole for spent, whole in found)
            whole = statistics.median(whole for _, whole in found)
            print(f"  {mode:4} {name:12} {share:4.0%} of {1000 * whole / 20:.0f} ms", flush=True)


def whole_trials() -> None:
    """The seeds' trial: 500 x 150 x 3; it took 11.4 minutes on four cores."""

    class Endless(CartPole):
        solved = 2.0

    print("one trial of pure, 500 x 150 x 3, cartpole (four starts of 500 steps a network)")
    for name, task in (("as it is", CartPole()), ("all 150 generations, solved or not", Endless())):
        run = evolution("pure", "cartpole", task, generations=150)
        _, seconds = timed(1, functools.partial(finished, run))
        print(f"  {name}: {run.generation} generations, {seconds:.1f} CPU s", flush=True)


if __name__ == "__main__":
    main()
