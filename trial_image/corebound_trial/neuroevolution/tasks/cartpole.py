"""CartPole-v1: Gymnasium's physics (Barto, Sutton and Anderson 1983; explicit Euler, 0.02 s, force 10 N), 500 steps.

Gymnasium starts at random within 0.05 of rest; here every network starts from the same four states in that range, so that
fitness has no luck in it: the mean share of the 500 steps, 1 when all are balanced from each start (Gymnasium's threshold is
475 of 500). Inputs are Gymnasium's observation, one output above one half pushes right.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy
import numpy.typing

from corebound_trial.neuroevolution.tasks.rollouts import rollouts

if TYPE_CHECKING:
    from corebound_trial.neuroevolution.networks import Floats, Networks


class CartPole:
    """See :class:`corebound_trial.neuroevolution.tasks.rollouts.ControlTask`: x, velocity, angle, angular velocity."""

    inputs, outputs = 4, 1
    solved = 1.0
    steps = 500
    seconds_a_step = 0.02
    variables = ("cart", "its velocity", "angle", "its velocity")
    scene: ClassVar[dict[str, Any]] = {"drawing": "cart-poles", "track": 2.4, "poles": [[2, 1.0]]}
    first = (
        (0.04, -0.04, 0.0, 0.02),
        (0.0, 0.0, 0.04, -0.04),
        (0.04, -0.04, 0.0, -0.02),
        (0.0, 0.0, -0.04, 0.04),
    )
    """Four starts (columns)."""

    def starts(self) -> Floats:
        """[4 variables, 4 starts]."""
        return numpy.array(self.first, dtype=numpy.float32)

    def evaluate(self, networks: Networks) -> Floats:
        """Fitness [lanes]."""
        fitness: Floats = rollouts(self, networks).mean(0) / self.steps
        return fitness

    def observe(self, state: Floats) -> Floats:
        """The state itself."""
        return state

    def advance(self, state: Any, outputs: Any) -> Any:
        """One step of Gymnasium's ``CartPoleEnv.step``, of any floating dtype."""
        _, velocity, angle, spin = state
        force = numpy.where(outputs[0] > 0.5, state.dtype.type(10), state.dtype.type(-10))
        cosine, sine = numpy.cos(angle), numpy.sin(angle)
        push = (force + 0.05 * spin * spin * sine) / 1.1
        turn = (9.8 * sine - cosine * push) / (0.5 * (4.0 / 3.0 - 0.1 * cosine * cosine / 1.1))
        slide = push - 0.05 * turn * cosine / 1.1
        return state + 0.02 * numpy.stack((velocity, slide, spin, turn))

    def ended(self, state: Any) -> numpy.typing.NDArray[numpy.bool_]:
        """Fallen: outside 2.4 m or 12 degrees."""
        leaning = numpy.abs(state[2]) > 12 * 2 * numpy.pi / 360
        fallen: numpy.typing.NDArray[numpy.bool_] = (numpy.abs(state[0]) > 2.4) | leaning
        return fallen
