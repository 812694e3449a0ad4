"""The other side of ``neuroevolution.py``: our genomes as neat-python's networks, and the physics in plain Python.

neat-python leaves the dynamics to its users. These are the published ones, for one network at a time, as they would write
them: several times faster than Gymnasium's.
"""

from __future__ import annotations

import math
from typing import Any

import neat
import numpy

from corebound.api.genome import Genome
from corebound_trial.neuroevolution.tasks.cartpole import CartPole


def steep(value: float) -> float:
    return 1.0 / (1.0 + math.exp(-max(-60.0, min(60.0, 4.924273 * value))))


def links(genome: Genome) -> dict[int, list[tuple[int, float]]]:
    """What leads into each node that leads to an output, as neat-python's own networks are pruned."""
    found = genome.connections
    rows = list(zip(found.source, found.target, found.weight, found.enabled, strict=True))
    needed = {genome.inputs + 1}
    while True:
        more = needed | {source for source, target, _, on in rows if on and target in needed and source > genome.inputs}
        if more == needed:
            break
        needed = more
    return {node: [(source, weight) for source, target, weight, on in rows if on and target == node] for node in needed}


def evaluations(genome: Genome) -> list[Any]:
    """neat-python's form; the bias is each node's own."""
    listed = []
    for node, incoming in links(genome).items():
        bias = sum(weight for source, weight in incoming if source == genome.inputs)
        own = [(source, weight) for source, weight in incoming if source != genome.inputs]
        listed.append((node, steep, sum, bias, 1.0, own))
    return listed


def recurrent(genome: Genome) -> Any:
    return neat.nn.RecurrentNetwork(list(range(genome.inputs)), [genome.inputs + 1], evaluations(genome))


def feed_forward(genome: Genome) -> Any:
    waiting, done, ordered = evaluations(genome), set(range(genome.inputs)), []
    while waiting:
        ready = [each for each in waiting if all(source in done for source, _ in each[5])]
        ordered += ready
        done |= {each[0] for each in ready}
        waiting = [each for each in waiting if each[0] not in done]
    return neat.nn.FeedForwardNetwork(list(range(genome.inputs)), [genome.inputs + 1], ordered)


def cart_pole_alone(network: Any, steps: int, *, forced: bool) -> int:
    x, velocity, angle, spin = (float(value) for value in numpy.array(CartPole.first, dtype=numpy.float32)[:, 0])
    for step in range(steps):
        force = 10.0 if network.activate((x, velocity, angle, spin))[0] > 0.5 else -10.0
        cosine, sine = math.cos(angle), math.sin(angle)
        push = (force + 0.05 * spin * spin * sine) / 1.1
        turn = (9.8 * sine - cosine * push) / (0.5 * (4.0 / 3.0 - 0.1 * cosine * cosine / 1.1))
        slide = push - 0.05 * turn * cosine / 1.1
        x, velocity, angle, spin = x + 0.02 * velocity, velocity + 0.02 * slide, angle + 0.02 * spin, spin + 0.02 * turn
        if forced:
            angle = math.remainder(angle, math.tau)
            continue
        if abs(x) > 2.4 or abs(angle) > 12 * 2 * math.pi / 360:
            return step
    return steps


def double_pole_alone(network: Any, steps: int, *, forced: bool) -> int:
    del forced
    state = [0.0, 0.07, 0.0, 0.0, 0.0, 0.0]
    for _ in range(steps):
        x, a1, a2, v, w1, w2 = state
        output = network.activate((x / 4.8, a1 / 0.52, a2 / 0.52, v / 2, w1 / 2, w2 / 2))[0]
        for _ in range(2):
            state = runge_kutta(state, (output - 0.5) * 20.0)
        # It may fall and turn over; what counts is the time.
        state = [max(-1e3, min(1e3, value)) for value in state]
    return steps


def runge_kutta(state: list[float], force: float) -> list[float]:
    k1 = changes(state, force)
    k2 = changes([s + 0.005 * k for s, k in zip(state, k1, strict=True)], force)
    k3 = changes([s + 0.005 * k for s, k in zip(state, k2, strict=True)], force)
    k4 = changes([s + 0.01 * k for s, k in zip(state, k3, strict=True)], force)
    return [s + 0.01 / 6 * (a + 2 * b + 2 * c + d) for s, a, b, c, d in zip(state, k1, k2, k3, k4, strict=True)]


def changes(state: list[float], force: float) -> list[float]:
    _, a1, a2, v, w1, w2 = state
    s1, c1, s2, c2 = math.sin(a1), math.cos(a1), math.sin(a2), math.cos(a2)
    p1, p2 = 2e-6 * w1 / 0.05 - 9.8 * s1, 2e-6 * w2 / 0.0005 - 9.8 * s2
    pull = 0.05 * w1 * w1 * s1 + 0.075 * c1 * p1 + 0.0005 * w2 * w2 * s2 + 0.0075 * c2 * p2
    slide = (force + pull) / (1.0 + 0.1 * (1 - 0.75 * c1 * c1) + 0.01 * (1 - 0.75 * c2 * c2))
    return [v, w1, w2, slide, -1.5 * (slide * c1 + p1), -15.0 * (slide * c2 + p2)]
