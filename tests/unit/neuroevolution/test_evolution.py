"""Bits that depend on nothing but the seed: merged or alone, carried on or undisturbed; and what bad input is told."""

from __future__ import annotations

import numpy
import pytest

from corebound.api.errors import ObjectiveError
from corebound.api.workload import PARAMETERS
from corebound_trial.neuroevolution.evolution import MODES, Evolution, seed_of
from corebound_trial.neuroevolution.history import LARGEST, MOST
from corebound_trial.objectives.state_codec import decode_state, encode_state

from .runs import evolution, finished

TASKS = {
    "xor": {},
    "cartpole": {},
    "double-pole": {"steps": 200},
    "double-pole-no-velocities": {"steps": 200},
    "mountain-car": {},
    "digits": {},
}
BOTH = pytest.mark.parametrize("mode", ["pure", "neat"])


@BOTH
@pytest.mark.parametrize("task", TASKS)
def test_merged_seeds_equal_separate_runs_bit_for_bit(task: str, mode: str) -> None:
    seeds = [seed_of(9, index) for index in range(3)]
    grow = {"add_node": 0.2, "add_connection": 0.3} if mode == "neat" else {}
    options = {"mode": mode, "generations": 3 if task == "digits" else 12, "arguments": TASKS[task], **grow}
    merged = finished(evolution(task, seeds=seeds, **options))
    for index, seed in enumerate(seeds):
        alone = finished(evolution(task, seeds=[seed], **options))
        assert alone.champions[0] == merged.champions[index]
        assert alone.solved_at[0] == merged.solved_at[index]
        assert alone.histories[0].points == merged.histories[index].points


@BOTH
@pytest.mark.parametrize("task", ["xor", "double-pole-no-velocities", "mountain-car"])
@pytest.mark.parametrize("stop_after", [1, 4])
def test_a_run_that_was_carried_on_equals_an_undisturbed_one(task: str, stop_after: int, mode: str) -> None:
    seeds = [seed_of(4, index) for index in range(2)]
    grow = {"add_node": 0.2, "add_connection": 0.3} if mode == "neat" else {}
    options = {"mode": mode, "population": 50, "generations": 9, "arguments": TASKS[task], **grow}
    whole = finished(evolution(task, seeds=seeds, **options))
    first = evolution(task, seeds=seeds, **options)
    for _ in range(stop_after):
        if not first.finished:
            first.step()
    second = finished(Evolution.from_state(decode_state(encode_state(first.state_dict())), first.task))
    assert second.exact
    assert second.result() == whole.result()
    assert second.champions == whole.champions
    assert [history.points for history in second.histories] == [history.points for history in whole.histories]
    assert encode_state(second.state_dict()) == encode_state(whole.state_dict())  # all of it, generators too


def test_xor_is_solved_by_every_one_of_30_seeds() -> None:
    run = evolution("xor", seeds=[seed_of(1, index) for index in range(30)], population=150, generations=200)
    assert None not in finished(run).solved_at
    assert run.result()["fitness"] == 1.0


@pytest.mark.timeout(900)
def test_the_double_pole_is_solved_by_every_one_of_20_seeds() -> None:
    """Of 300 actions, so that it does not take minutes; docs/neuroevolution.md has the figures of longer ones."""
    seeds = [seed_of(1, index) for index in range(20)]
    run = evolution("double-pole", seeds=seeds, population=150, generations=200, arguments={"steps": 300})
    assert None not in finished(run).solved_at
    assert all(champion is not None and champion.solved for champion in run.champions)


def test_pure_solves_xor_too() -> None:
    seeds = [seed_of(1, index) for index in range(10)]
    run = finished(evolution("xor", mode="pure", seeds=seeds, population=150, generations=100))
    assert run.result()["fitness"] == 1.0


def test_structure_grows_and_species_form() -> None:
    run = finished(
        evolution("digits", seeds=[5], population=60, generations=4, add_node=0.5, compatibility_threshold=1.5)
    )
    points = run.histories[0].points
    assert points[-1].species > 1
    assert sum(points[-1].largest.values()) <= 60
    assert any(len(run._mode.genome(0, row).hidden) > 0 for row in range(60))


@BOTH
@pytest.mark.parametrize("population", [1, 2])
def test_tiny_populations_run(population: int, mode: str) -> None:
    run = finished(evolution("xor", mode=mode, seeds=[1, 2], population=population, generations=6))
    assert all(0.0 <= best <= 1.0 for best in run.best)


@pytest.mark.parametrize(("population", "generations"), [(0, 5), (5, 0)])
def test_nothing_to_evolve_is_refused(population: int, generations: int) -> None:
    with pytest.raises(ObjectiveError, match="expected at least 1"):
        evolution("xor", seeds=[1], population=population, generations=generations)


class Odd:
    """Fitness that is not always a number."""

    inputs, outputs = 1, 1

    def __init__(self, wrong):
        self.wrong = wrong

    def evaluate(self, networks):
        answers = networks.react(numpy.ones((1, networks.lanes), dtype=numpy.float32))[0].astype(float)
        answers[answers > 0.5] = self.wrong
        return answers


@BOTH
@pytest.mark.parametrize("wrong", [numpy.nan, numpy.inf, -numpy.inf])
def test_what_is_no_number_is_the_worst_and_counted(wrong: float, mode: str) -> None:
    run = finished(evolution(Odd(wrong), mode=mode, seeds=[1], population=64, generations=4))
    assert run.invalid > 0
    assert 0 < run.best[0] <= 0.5


@BOTH
def test_what_is_no_number_is_not_the_best_where_all_others_are_equal(mode: str) -> None:
    class Flat:
        inputs, outputs = 1, 1

        def evaluate(self, networks):
            return numpy.where(numpy.arange(networks.lanes) == 0, numpy.nan, 0.0)

    run = evolution(Flat(), mode=mode, seeds=[1], population=32, generations=1)
    second = run._mode.genome(0, 1)
    finished(run)
    assert run.champions[0].connections == second.connections


@BOTH
def test_another_network_of_the_same_fitness_is_asked_after_one_that_was_not_confirmed(mode: str) -> None:
    class Saturated:
        inputs, outputs = 1, 1
        asked = 0

        def evaluate(self, networks):
            return numpy.ones(networks.lanes)

        def confirm(self, networks):
            self.asked += 1
            return self.asked == 3

    task = Saturated()
    run = finished(evolution(task, mode=mode, seeds=[1], population=32, generations=20))
    assert (task.asked, run.generation) == (3, 3)
    assert run.champions[0].solved


class Returns:
    """Whatever it was told."""

    inputs, outputs = 1, 1

    def __init__(self, value):
        self.value = value

    def evaluate(self, networks):
        return self.value(networks.lanes)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (lambda lanes: numpy.full(lanes, numpy.nan), "returned nan and the like for all 40 networks"),
        (lambda lanes: numpy.full(lanes, numpy.inf), "finite number for at least one"),
        (lambda lanes: numpy.zeros((lanes, 2)), r"shape \[64, 2\], expected \[64\]"),
        (lambda lanes: 1.0, r"shape \[\], expected \[64\]"),
        (lambda lanes: None, r"expected \[64\]"),
        (lambda lanes: ["much"] * lanes, "no array of numbers"),
    ],
)
def test_a_wrong_fitness_is_named(value: object, said: str) -> None:
    with pytest.raises(ObjectiveError, match=said):
        evolution(Returns(value), seeds=[1]).step()


@BOTH
def test_negative_and_equal_fitness_can_be_bred(mode: str) -> None:
    for value in (lambda lanes: -1.0 - numpy.arange(lanes), lambda lanes: numpy.zeros(lanes)):
        run = finished(evolution(Returns(value), mode=mode, seeds=[1, 2], generations=5))
        assert run.generation == 5


def test_a_genome_at_its_limit_is_counted_not_cut() -> None:
    run = finished(
        evolution("digits", seeds=[3], population=40, generations=5, hidden=1, add_node=1.0, crossover_probability=0.0)
    )
    assert run.left_out > 0
    assert all(len(run._mode.genome(0, row).hidden) <= 1 for row in range(40))


def test_history_has_a_constant_size() -> None:
    run = finished(
        evolution(Returns(lambda lanes: numpy.random.default_rng(1).random(lanes)), seeds=[1], generations=300)
    )
    points = run.histories[0].points
    assert len(points) <= MOST + 1
    assert points[0].generation == 1
    assert points[-1].generation == 300
    assert all(len(point.largest) <= LARGEST for point in points)
    distances = numpy.diff([point.generation for point in points])[:-1]
    assert len(set(distances.tolist())) == 1


@pytest.mark.parametrize("mode", MODES)
def test_the_campaign_file_knows_the_same_settings(mode: str) -> None:
    defaults = vars(MODES[mode][1]())
    assert defaults == {name: parameter.default for name, parameter in PARAMETERS[mode].items()}
