"""Control tasks step by step, a whole batch at once, leaving early: those that have ended are dropped as time goes on.

Dropping changes no score: what a network does never depends on its neighbours. What could go wrong: networks that have ended
but still fill a block of 32 drive their state to infinity; NumPy's warnings about that are off here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

import numpy
import numpy.typing

from corebound_trial.neuroevolution.networks import Floats, Indices, padded

if TYPE_CHECKING:
    from collections.abc import Callable

    from corebound_trial.neuroevolution.networks import Networks

CHECK_EVERY: Final = 10
"""Steps between looks at who is left."""
WORTH_DROPPING: Final = 0.75
"""Compact the batch when this share of it or less is left."""


@runtime_checkable
class ControlTask(Protocol):
    """A task with a state that actions change; every state is ``[variables, lanes]`` float32."""

    inputs: int
    outputs: int
    steps: int
    """Steps at most."""

    def starts(self) -> Floats:
        """First states, ``[variables, starts]``; every network is run from each."""

    def observe(self, state: Floats) -> Floats:
        """What networks see of it: ``[inputs, lanes]``."""

    def advance(self, state: Floats, outputs: Floats) -> Floats:
        """The next state, under the networks' outputs ``[outputs, lanes]``."""

    def ended(self, state: Floats) -> numpy.typing.NDArray[numpy.bool_]:
        """Whether it is over for each lane, by failure or by success."""


def rollouts(
    task: ControlTask,
    networks: Networks,
    *,
    watch: Callable[[int, Floats, Indices], None] | None = None,
    each_its_own: bool = False,
) -> Indices:
    """Steps before the end, ``[starts, lanes]``: ``task.steps`` for those that did not end.

    Where ``each_its_own``, there are as many starts as lanes, and each network is run from its own: ``[1, lanes]``.
    ``watch(step, state, place)`` sees every state after its step; ``place`` is where in the flattened result each lane is.
    """
    with numpy.errstate(all="ignore"):
        return _rollouts(task, networks, watch, each_its_own)


def _rollouts(task: ControlTask, networks: Networks, watch: Any, each_its_own: bool) -> Indices:
    lanes = networks.lanes
    state = task.starts() if each_its_own else numpy.repeat(task.starts(), lanes, axis=1)
    starts = state.shape[1] // lanes
    place = numpy.arange(starts * lanes)
    batch = networks.select(place % lanes)
    lasted = numpy.zeros(starts * lanes, dtype=numpy.int64)
    running, held = numpy.ones(len(place), dtype=bool), numpy.zeros(len(place), dtype=numpy.int64)
    for step in range(task.steps):
        state = task.advance(state, batch.react(task.observe(state)))
        running &= ~task.ended(state)
        held += running
        if watch is not None:
            watch(step, state, place)
        if step % CHECK_EVERY == CHECK_EVERY - 1:
            left = int(running.sum())
            if not left:
                break
            if padded(left) <= WORTH_DROPPING * len(running):
                # Those that run first, then as many others as fill the last block of 32.
                kept = numpy.argsort(~running, kind="stable")[: padded(left)]
                lasted[place] = held
                state, running, place, held = state[:, kept], running[kept], place[kept], held[kept]
                batch = batch.select(kept)
    lasted[place] = held
    return lasted.reshape(starts, lanes)


def follow(
    task: ControlTask, networks: Networks, *, start: int, steps: int | None, watch: Callable[[Floats], None]
) -> None:
    """Show ``watch`` every state ``[variables]`` of the first network from one start on, the first state included."""
    state = numpy.repeat(task.starts()[:, start : start + 1], networks.lanes, axis=1)
    batch = networks.select(numpy.arange(networks.lanes))
    with numpy.errstate(all="ignore"):
        for _ in range(task.steps if steps is None else steps):
            watch(state[:, 0].copy())
            if task.ended(state)[0]:
                return
            state = task.advance(state, batch.react(task.observe(state)))
        watch(state[:, 0].copy())
