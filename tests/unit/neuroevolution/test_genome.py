"""A genome taken out: JSON and back, its fitness again bit for bit, the same network as TorchScript."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy
import pytest
import torch

from corebound.api.errors import ObjectiveError
from corebound.api.genome import MOST_BYTES, PLAIN_BYTES, from_json, packed, to_json, unpacked
from corebound_trial.neuroevolution.networks import LANES
from corebound_trial.neuroevolution.replay import networks_of, replay, trajectory
from corebound_trial.neuroevolution.torchscript import to_torchscript

from .runs import evolution, finished

if TYPE_CHECKING:
    from pathlib import Path

    from corebound_trial.neuroevolution.evolution import Evolution

CASES = [
    (mode, task) for mode in ("pure", "neat") for task in ("xor", "cartpole", "double-pole-no-velocities", "digits")
]
EACH = pytest.mark.parametrize(("mode", "task"), CASES)


def short(mode: str, task: str) -> Evolution:
    grow = {"add_node": 0.3, "add_connection": 0.3} if mode == "neat" else {}
    arguments = {"steps": 500} if task.startswith("double") else {}
    generations = 3 if task == "digits" else 15
    return finished(
        evolution(task, mode=mode, seeds=[3, 4], population=70, generations=generations, arguments=arguments, **grow)
    )


@EACH
def test_json_and_back_is_the_same_and_so_is_its_fitness(mode: str, task: str) -> None:
    run = short(mode, task)
    for champion in run.champions:
        assert champion is not None
        back = from_json(json.loads(json.dumps(to_json(champion))))
        assert back == champion
        assert unpacked(json.loads(json.dumps(packed(champion)))) == champion
        assert replay(back, run.task) == champion.fitness


@EACH
def test_torchscript_answers_alike(mode: str, task: str, tmp_path: Path) -> None:
    run = short(mode, task)
    champion = run.champion()[1]
    to_torchscript(champion, tmp_path / "network.pt", origin={"campaign": "poles", "slot": 3})
    with pytest.warns(DeprecationWarning, match="torch.jit.load"):
        module = torch.jit.load(str(tmp_path / "network.pt"))
    networks = networks_of(champion)
    random = numpy.random.default_rng(1)
    if champion.recurrent:
        memory = module.first_memory(LANES)
        for _ in range(20):
            inputs = random.normal(size=(champion.inputs, LANES)).astype(numpy.float32)
            outputs, memory = module(torch.from_numpy(inputs.T.copy()), memory)
            assert numpy.allclose(outputs.numpy().T, networks.react(inputs), atol=1e-4)
    else:
        rows = random.normal(size=(50, champion.inputs)).astype(numpy.float32)
        assert numpy.allclose(
            module.settle(torch.from_numpy(rows)).numpy().T, networks.settle(rows)[:, :, 0], atol=1e-4
        )


def test_a_trajectory_is_what_the_network_does() -> None:
    run = short("neat", "cartpole")
    champion = run.champion()[1]
    task = run.task
    lengths = [len(trajectory(champion, task, start=start)) - 1 for start in range(4)]
    # A state more than steps; the step into the fall does not count as survived.
    survived = [length if length == 500 else length - 1 for length in lengths]
    assert sum(survived) / 4 / 500 == pytest.approx(champion.fitness)
    assert trajectory(champion, task, steps=3)[0] == pytest.approx([0.04, 0.0, 0.04, 0.0])


def test_what_is_stored_with_a_trial_has_a_limit() -> None:
    small, middle, large = (
        evolution(Wide(inputs), mode="pure", seeds=[1], population=2, generations=1, hidden=hidden)
        for inputs, hidden in ((4, 8), (64, 64), (1000, 64))
    )
    sizes = []
    for run in (small, middle, large):
        kept = packed(finished(run).champion()[1])
        sizes.append(len(json.dumps(kept)))
        if "too_large" in kept:
            with pytest.raises(ObjectiveError, match="was not stored"):
                unpacked(kept)
        else:
            assert unpacked(kept) == run.champion()[1]
    assert sizes[0] <= PLAIN_BYTES < sizes[1] <= MOST_BYTES + 100
    assert sizes[2] < 200


class Wide:
    """Any number of inputs."""

    outputs = 1

    def __init__(self, inputs):
        self.inputs = inputs

    def evaluate(self, networks):
        return networks.react(numpy.ones((self.inputs, networks.lanes), dtype=numpy.float32))[0]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([], "found 'list', expected a genome"),
        ({"format": "corebound-genome/9"}, "corebound-genome/9"),
        ({"format": "corebound-genome/1"}, "incomplete"),
        ({"format": "corebound-genome/1", "zlib": "abc"}, "damaged"),
    ],
)
def test_what_is_no_genome_is_named(value: object, said: str) -> None:
    with pytest.raises(ObjectiveError, match=said):
        unpacked(value)
