"""What is kept of a network's behaviour, so that it can be drawn without torch."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy
import pytest

from corebound_trial.neuroevolution.behaviour import FRAMES, MOST_BYTES, behaviour_of

from .runs import evolution, finished

if TYPE_CHECKING:
    from corebound_trial.neuroevolution.evolution import Evolution


def run_of(task: Any, *, generations: int = 4, **arguments: Any) -> Evolution:
    return finished(evolution(task, seeds=[2], population=64, generations=generations, arguments=arguments))


def kept(run: Evolution) -> Any:
    found = behaviour_of(run.champion()[1], run.task)
    assert len(json.dumps(found, allow_nan=False)) <= MOST_BYTES
    return json.loads(json.dumps(found))


@pytest.mark.parametrize(
    ("task", "drawing", "arguments"),
    [
        ("cartpole", "cart-poles", {}),
        ("double-pole", "cart-poles", {"steps": 300}),
        ("double-pole-no-velocities", "cart-poles", {"steps": 300}),
        ("mountain-car", "valley", {}),
    ],
)
def test_control_tasks_show_their_states(task: str, drawing: str, arguments: dict[str, Any]) -> None:
    run = run_of(task, **arguments)
    motion = kept(run)
    assert (motion["kind"], motion["scene"]["drawing"]) == ("motion", drawing)
    assert 1 < len(motion["frames"]) <= FRAMES + 1
    assert {len(frame) for frame in motion["frames"]} == {len(motion["variables"])}
    assert motion["frames"][0] == pytest.approx(run.task.starts()[:, 0].tolist(), abs=1e-4)
    assert all(place < len(motion["variables"]) for place, _ in motion["scene"].get("poles", []))


def test_a_motion_ends_where_the_task_does() -> None:
    falling, standing = run_of("double-pole", generations=1, steps=300), run_of("cartpole", generations=20)
    assert kept(falling)["ended"] is True
    assert standing.champion()[1].solved
    assert kept(standing)["ended"] is False


def test_xor_shows_a_surface_that_passes_through_its_points() -> None:
    run = run_of("xor", generations=300)
    assert run.champion()[1].solved
    surface = kept(run)
    grid = numpy.array(surface["hundredths"])
    assert 0 <= grid.min() < grid.max() <= 100
    fineness = len(grid)
    for first, second, target in surface["points"]:
        column, row = (round((value + 0.25) / 1.5 * (fineness - 1)) for value in (first, second))
        assert (grid[row, column] >= 50) == (target > 0.5)


def test_digits_show_what_was_taken_for_what() -> None:
    run = run_of("digits", generations=2)
    counts = numpy.array(kept(run)["counts"])
    assert counts.sum() == 449  # the images held out
    assert counts.trace() / counts.sum() == pytest.approx(run.figures()["test_accuracy"])


class Plain:
    """A task of the user's own with nothing to show."""

    inputs, outputs = 1, 1

    def evaluate(self, networks):
        return networks.react(numpy.ones((1, networks.lanes), dtype=numpy.float32))[0]


class Runaway(Plain):
    """A control task of the user's own whose state leaves all bounds."""

    steps = 200

    def starts(self):
        return numpy.full((2, 1), 1e3, dtype=numpy.float32)

    def observe(self, state):
        return state[:1]

    def advance(self, state, outputs):
        return state * numpy.float32(10)

    def ended(self, state):
        return numpy.zeros(state.shape[1], dtype=bool)


class Endless(Plain):
    def behaviour(self, networks):
        return {"kind": "motion", "frames": [[0.0] * 10] * 10_000}


def test_a_task_of_ones_own() -> None:
    assert kept(run_of(Plain())) is None
    runaway = kept(run_of(Runaway()))
    assert runaway["scene"] == {"drawing": "lines"}
    assert runaway["variables"] == ["state 0", "state 1"]
    assert len(runaway["frames"]) < 40  # as long as they are numbers
    assert kept(run_of(Endless())) is None  # too large to be stored
