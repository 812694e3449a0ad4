"""MountainCar-v0: Gymnasium's physics (Moore 1990), 200 steps to drive out of a valley with too weak an engine.

The return of an episode is minus its steps; Gymnasium calls a mean of -110 solved. Returns alone say nothing until the goal
is first reached, so fitness is half how high up the right-hand slope a network came (our own), half its mean return between
-200 and -110; both over ten starts spread over Gymnasium's range. 1 is solved. Inputs are position and velocity scaled to
about -1 ... 1; the largest of three outputs pushes left, not, or right.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy
import numpy.typing

from corebound_trial.neuroevolution.tasks.rollouts import rollouts

if TYPE_CHECKING:
    from corebound_trial.neuroevolution.networks import Floats, Indices, Networks

LEFT_END: Final = -1.2
GOAL: Final = 0.5
FASTEST: Final = 0.07
SOLVED_RETURN: Final = 110


class MountainCar:
    """See :class:`corebound_trial.neuroevolution.tasks.rollouts.ControlTask`: position, velocity."""

    inputs, outputs = 2, 3
    solved = 1.0
    steps = 200
    seconds_a_step = 0.05
    variables = ("position", "velocity")
    scene: ClassVar[dict[str, Any]] = {"drawing": "valley"}

    def starts(self) -> Floats:
        """[2 variables, 10 starts]."""
        positions = numpy.linspace(-0.6, -0.4, 10, dtype=numpy.float32)
        return numpy.stack((positions, numpy.zeros_like(positions)))

    def evaluate(self, networks: Networks) -> Floats:
        """Fitness [lanes]."""
        highest = numpy.full(self.starts().shape[1] * networks.lanes, LEFT_END, dtype=numpy.float32)

        def watch(_: int, state: Floats, place: Indices) -> None:
            highest[place] = numpy.maximum(highest[place], state[0])

        took = rollouts(self, networks, watch=watch) + 1
        reached = highest.reshape(took.shape) >= GOAL
        steps = numpy.where(reached, took, self.steps).mean(0)
        height = ((numpy.minimum(highest, GOAL) - LEFT_END) / (GOAL - LEFT_END)).reshape(took.shape).mean(0)
        quick = numpy.minimum((self.steps - steps) / (self.steps - SOLVED_RETURN), 1.0)
        fitness: Floats = ((height + quick) / 2).astype(numpy.float32)
        return fitness

    def observe(self, state: Floats) -> Floats:
        """[2, lanes]."""
        return numpy.stack(((state[0] + numpy.float32(0.35)) / numpy.float32(0.85), state[1] / numpy.float32(FASTEST)))

    def advance(self, state: Any, outputs: Any) -> Any:
        """One step of Gymnasium's ``MountainCarEnv.step``, of any floating dtype."""
        position, velocity = state
        push = outputs.argmax(0).astype(state.dtype) - 1
        velocity = numpy.clip(velocity + push * 0.001 - numpy.cos(3 * position) * 0.0025, -FASTEST, FASTEST)
        position = numpy.clip(position + velocity, LEFT_END, 0.6)
        velocity = numpy.where((position <= LEFT_END) & (velocity < 0), state.dtype.type(0), velocity)
        return numpy.stack((position, velocity))

    def ended(self, state: Any) -> numpy.typing.NDArray[numpy.bool_]:
        """Arrived."""
        arrived: numpy.typing.NDArray[numpy.bool_] = state[0] >= GOAL
        return arrived
