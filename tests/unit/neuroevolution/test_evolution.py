"""Neuro-evolution: dynamics against their oracles, and bits that depend on nothing but the seed."""

from __future__ import annotations

import gymnasium
import numpy
import pytest
import torch

from corebound.api.errors import ObjectiveError
from corebound_trial.neuroevolution.evolution import Evolution, Settings, seed_of
from corebound_trial.neuroevolution.tasks import CartPole, DoublePole
from corebound_trial.objectives.state_codec import decode_state, encode_state


def evolution(task: str, *, seeds: list[int], generations: int = 12, population: int = 40) -> Evolution:
    return Evolution(task=task, settings=Settings(), population=population, generations=generations, seeds=seeds)


def test_cartpole_agrees_with_gymnasium_step_by_step() -> None:
    environment = gymnasium.make("CartPole-v1").unwrapped
    environment.reset(seed=1)
    task = CartPole()
    random = numpy.random.default_rng(1)
    state = torch.tensor([[0.01], [-0.02], [0.03], [0.04]])
    environment.state = tuple(float(value) for value in state[:, 0])  # type: ignore[attr-defined]  # CartPole's own field
    for _ in range(60):
        action = int(random.integers(2))
        observed, _, terminated, _, _ = environment.step(action)
        state = task.advance(state, torch.tensor([10.0 if action else -10.0]))
        assert numpy.allclose(observed, state[:, 0].numpy(), atol=1e-4)
        assert terminated == bool(task.fallen(state)[0])
        if terminated:
            break


def test_double_pole_agrees_with_a_double_precision_oracle() -> None:
    def change(state: numpy.ndarray, force: float) -> numpy.ndarray:
        _, v, a1, a2, w1, w2 = state
        total_force, total_mass, pulls = force, 1.0, []
        for angle, spin, half, mass in ((a1, w1, 0.5, 0.1), (a2, w2, 0.05, 0.01)):
            pull = 2e-6 * spin / (mass * half) - 9.8 * numpy.sin(angle)
            total_force += mass * half * spin**2 * numpy.sin(angle) + 0.75 * mass * numpy.cos(angle) * pull
            total_mass += mass * (1 - 0.75 * numpy.cos(angle) ** 2)
            pulls.append((angle, half, pull))
        slide = total_force / total_mass
        turns = [-0.75 / half * (slide * numpy.cos(angle) + pull) for angle, half, pull in pulls]
        return numpy.array([v, slide, w1, w2, *turns])

    task = DoublePole()
    state = task.first_states()[:, :1]
    oracle = state[:, 0].double().numpy()
    for step in range(25):
        force = 8.0 * (-1) ** step
        for _ in range(2):
            k1 = change(oracle, force)
            k2 = change(oracle + 0.005 * k1, force)
            k3 = change(oracle + 0.005 * k2, force)
            k4 = change(oracle + 0.01 * k3, force)
            oracle = oracle + 0.01 / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        state = task.advance(state, torch.tensor([force]))
        assert numpy.allclose(oracle, state[:, 0].numpy(), atol=1e-3), step


@pytest.mark.parametrize("task", ["xor", "cartpole", "double-pole"])
def test_merged_seeds_equal_separate_runs_bit_for_bit(task: str) -> None:
    seeds = [seed_of(9, index) for index in range(3)]
    merged = evolution(task, seeds=seeds)
    while not merged.finished:
        merged.step()
    for index, seed in enumerate(seeds):
        alone = evolution(task, seeds=[seed])
        while not alone.finished:
            alone.step()
        assert alone.best[0] == merged.best[index]
        assert alone.solved_at[0] == merged.solved_at[index]
        assert torch.equal(alone.champions[0], merged.champions[index])


@pytest.mark.parametrize("stop_after", [1, 3, 5])
def test_a_run_that_was_carried_on_equals_an_undisturbed_one(stop_after: int) -> None:
    seeds = [seed_of(4, index) for index in range(2)]
    whole, first = evolution("double-pole", seeds=seeds), evolution("double-pole", seeds=seeds)
    while not whole.finished:
        whole.step()
    for _ in range(stop_after):
        first.step()
    second = Evolution.from_state(decode_state(encode_state(first.state_dict())))
    while not second.finished:
        second.step()
    assert second.exact
    assert second.history == whole.history
    assert second.result() == whole.result()
    assert all(torch.equal(a, b) for a, b in zip(second.champions, whole.champions, strict=True))


def test_xor_is_solved_by_every_seed() -> None:
    run = Evolution(
        task="xor", settings=Settings(), population=150, generations=100, seeds=[seed_of(1, i) for i in range(10)]
    )
    while not run.finished:
        run.step()
    assert run.result()["fitness"] == 1.0


@pytest.mark.parametrize(("population", "generations"), [(0, 5), (5, 0)])
def test_nothing_to_evolve_is_refused(population: int, generations: int) -> None:
    with pytest.raises(ObjectiveError, match="expected at least 1"):
        evolution("xor", seeds=[1], population=population, generations=generations)


@pytest.mark.parametrize("population", [1, 2])
def test_tiny_populations_run(population: int) -> None:
    run = evolution("xor", seeds=[1], population=population, generations=3)
    while not run.finished:
        run.step()
    assert 0.0 <= run.result()["fitness"] <= 1.0
