"""Tasks against their oracles: Gymnasium's own environments, and the double pole in plain double precision."""

from __future__ import annotations

import gymnasium
import numpy
import pytest

from corebound.api.errors import ObjectiveError
from corebound.api.workload import TASKS
from corebound_trial.neuroevolution.tasks.builtin import BUILT_IN, task_class
from corebound_trial.neuroevolution.tasks.cartpole import CartPole
from corebound_trial.neuroevolution.tasks.doublepole import DoublePole, DoublePoleNoVelocities, spread_starts
from corebound_trial.neuroevolution.tasks.mountaincar import MountainCar
from corebound_trial.neuroevolution.tasks.rollouts import rollouts


class Answers:
    """Networks that all give what ``reply(inputs)`` gives; the least that rollouts need."""

    def __init__(self, reply, lanes=32):
        self.reply, self.lanes = reply, lanes

    def react(self, inputs):
        return numpy.asarray(self.reply(inputs), dtype=numpy.float32)

    def select(self, lanes):
        return Answers(self.reply, len(lanes))


@pytest.mark.parametrize("seed", range(5))
def test_cartpole_agrees_with_gymnasium_step_by_step(seed: int) -> None:
    environment = gymnasium.make("CartPole-v1").unwrapped
    observed, _ = environment.reset(seed=seed)
    state = numpy.array(environment.state, dtype=numpy.float64)[:, None]
    random, task = numpy.random.default_rng(seed), CartPole()
    for _ in range(500):
        action = int(random.integers(2))
        observed, _, terminated, _, _ = environment.step(action)
        state = task.advance(state, numpy.array([[float(action)]]))
        assert numpy.allclose(observed, state[:, 0], rtol=1e-6, atol=1e-7)  # what it shows is float32
        assert numpy.allclose(environment.state, state[:, 0], rtol=1e-12, atol=1e-12)
        assert terminated == bool(task.ended(state)[0])
        if terminated:
            return
    raise AssertionError("a random policy never fell")


@pytest.mark.parametrize("policy", ["random", "with the motion"])
def test_mountain_car_agrees_with_gymnasium_step_by_step(policy: str) -> None:
    environment = gymnasium.make("MountainCar-v0").unwrapped
    environment.reset(seed=3)
    state = numpy.array(environment.state, dtype=numpy.float64)[:, None]
    random, task, terminated = numpy.random.default_rng(1), MountainCar(), False
    for _ in range(200):
        action = int(random.integers(3)) if policy == "random" else (2 if state[1, 0] >= 0 else 0)
        _, _, terminated, _, _ = environment.step(action)
        state = task.advance(state, numpy.eye(3)[:, action : action + 1])
        assert numpy.allclose(environment.state, state[:, 0], rtol=1e-12, atol=1e-12)
        assert terminated == bool(task.ended(state)[0])
        if terminated:
            break
    assert terminated == (policy == "with the motion")


def test_double_pole_agrees_with_a_double_precision_oracle() -> None:
    def change(state: numpy.ndarray, force: float) -> numpy.ndarray:
        _, a1, a2, v, w1, w2 = state
        total_force, total_mass, pulls = force, 1.0, []
        for angle, spin, half, mass in ((a1, w1, 0.5, 0.1), (a2, w2, 0.05, 0.01)):
            pull = 2e-6 * spin / (mass * half) - 9.8 * numpy.sin(angle)
            total_force += mass * half * spin**2 * numpy.sin(angle) + 0.75 * mass * numpy.cos(angle) * pull
            total_mass += mass * (1 - 0.75 * numpy.cos(angle) ** 2)
            pulls.append((angle, half, pull))
        slide = total_force / total_mass
        turns = [-0.75 / half * (slide * numpy.cos(angle) + pull) for angle, half, pull in pulls]
        return numpy.array([v, w1, w2, slide, *turns])

    task = DoublePole()
    state = task.starts()
    oracle = state[:, 0].astype(float)
    for step in range(25):
        output = 0.5 + 0.4 * (-1) ** step
        for _ in range(2):
            force = (output - 0.5) * 20
            k1 = change(oracle, force)
            k2 = change(oracle + 0.005 * k1, force)
            k3 = change(oracle + 0.005 * k2, force)
            k4 = change(oracle + 0.01 * k3, force)
            oracle = oracle + 0.01 / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        state = task.advance(state, numpy.array([[output]], dtype=numpy.float32))
        assert numpy.allclose(oracle, state[:, 0], atol=1e-3), step


@pytest.mark.parametrize(("shaking", "at_least", "at_most"), [(0.0002, 1000, 1000), (0.003, 101, 999), (0.05, 5, 100)])
def test_the_damped_fitness_is_gruaus(shaking: float, at_least: int, at_most: int) -> None:
    """Against a plain loop, for a linear regulator that is shaken more and more: it holds for all, some, or few steps."""
    task = DoublePoleNoVelocities()
    memory: dict[str, numpy.ndarray] = {}

    def reply(inputs: numpy.ndarray) -> numpy.ndarray:
        place = inputs / task.scale
        speed = (place - memory.get("place", place)) / 0.02
        memory["place"], memory["step"] = place, memory.get("step", numpy.zeros(1)) + 1
        calm = numpy.array([0.21, 4.73, -2.75]) @ place + numpy.array([0.33, 1.23, -0.22]) @ speed
        return numpy.clip(0.5 - calm + shaking * memory["step"] * numpy.sin(memory["step"] / 7), 0, 1)[None]

    found = task.evaluate(Answers(reply))
    memory.clear()
    state, sums = numpy.repeat(task.starts(), 32, axis=1), []
    for _ in range(1000):
        state = task.advance(state, reply(task.observe(state)).astype(numpy.float32))
        if task.ended(state)[0]:
            break
        sums.append(float(numpy.abs(state[[0, 3, 1, 4], 0]).sum()))
    damped = 0.75 / sum(sums[-100:]) if len(sums) > 100 else 0.0
    assert at_least <= len(sums) <= at_most
    assert found[0] == pytest.approx(min(0.999, 0.1 * len(sums) / 1000 + 0.9 * damped), rel=1e-4)


def test_the_test_of_generality_has_625_starts_within_the_published_bounds() -> None:
    starts = spread_starts()
    assert starts.shape == (6, 625)
    assert numpy.unique(starts, axis=1).shape == (6, 625)
    assert numpy.abs(starts).max(1) == pytest.approx(
        [0.45 * 4.32, 0.45 * 0.12566304, 0, 0.45 * 2.7, 0.45 * 0.30019504, 0]
    )


@pytest.mark.parametrize("name", ["cartpole", "double-pole", "mountain-car"])
def test_leaving_early_changes_no_score(name: str) -> None:
    """The same lanes one block at a time, where hardly anything can be dropped, and all together."""
    task = task_class(name)(**({"steps": 300} if name == "double-pole" else {}))
    gains = numpy.random.default_rng(2).normal(size=(task.outputs, task.inputs, 320)).astype(numpy.float32)

    class Linear(Answers):
        def __init__(self, lanes):
            self.index, self.lanes = lanes, len(lanes)

        def react(self, inputs):
            return (gains[:, :, self.index] * inputs).sum(1)

        def select(self, lanes):
            return Linear(self.index[lanes])

    whole = rollouts(task, Linear(numpy.arange(320)))
    parts = [rollouts(task, Linear(numpy.arange(start, start + 32))) for start in range(0, 320, 32)]
    assert numpy.array_equal(whole, numpy.concatenate(parts, axis=1))
    assert len(numpy.unique(whole)) > 5 or name == "mountain-car"


@pytest.mark.parametrize("steps", [0, -1, 1.5, True, "many"])
def test_a_double_pole_of_no_length_is_refused(steps: object) -> None:
    with pytest.raises(ObjectiveError, match="expected a whole number of at least 1"):
        DoublePole(steps=steps)


def test_the_campaign_file_knows_the_same_tasks_and_sizes() -> None:
    assert list(TASKS) == list(BUILT_IN)
    for name, size in TASKS.items():
        task = task_class(name)()
        assert (task.inputs, task.outputs) == (size.inputs, size.outputs)
        assert getattr(task, "recurrent", False) == size.recurrent
        if hasattr(task, "starts"):
            assert task.starts().shape[1] == size.starts
    assert len(task_class("digits")()._shown) == TASKS["digits"].rows
