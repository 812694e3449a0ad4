"""Two poles on one cart (Wieland 1991), with and without velocities, as in Stanley and Miikkulainen 2002 (part 4.3).

Physics of their source: cart 1 kg, poles 1 m / 0.1 kg and 0.1 m / 0.01 kg, hinge friction 2e-6, no friction of the track,
force (output - 1/2) x 20 N, Runge and Kutta's fourth order, two steps of 0.01 s an action; lost beyond 2.4 m or 36 degrees.
The long pole starts at 0.07 rad (about 4 degrees), everything else at rest. ``steps`` shortens the 100,000 actions that make
a solution: a quicker, easier task, whose numbers cannot be compared with published ones.

What could go wrong: float32 against the published doubles; trajectories agree to about 1e-3 over half a second (tested),
and balancing does not hang on the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy
import numpy.typing

from corebound.api.errors import ObjectiveError
from corebound_trial.neuroevolution.networks import padded
from corebound_trial.neuroevolution.tasks.rollouts import rollouts
from corebound_trial.neuroevolution.tasks.xor import ALMOST

if TYPE_CHECKING:
    from corebound_trial.neuroevolution.networks import Floats, Indices, Networks

LONGEST: Final = 100_000
TRACK: Final = 2.4
LEANING: Final = 0.628329
"""36 degrees."""


def column(*values: float) -> Any:
    """float32 [values, 1]: constants of each row."""
    return numpy.array(values, dtype=numpy.float32)[:, None]


HALF_LENGTH: Final = column(0.5, 0.05)
MASS: Final = column(0.1, 0.01)
FRICTION: Final = 2e-6 / (MASS * HALF_LENGTH)
MOMENT: Final = MASS * HALF_LENGTH
THREE_QUARTERS_MASS: Final = column(0.75) * MASS
TURN: Final = -column(0.75) / HALF_LENGTH
GRAVITY: Final = column(-9.8)
LIMITS: Final = column(TRACK, LEANING, LEANING)
HALF, WHOLE, SIXTH, TWO = column(0.005), column(0.01), column(0.01 / 6), column(2.0)
TOTAL_MASS: Final = numpy.float32(1.11)


class DoublePole:
    """With velocities: fitness is the actions balanced, of 100,000. See :class:`...tasks.rollouts.ControlTask`.

    State: x, long angle, short angle, and their velocities; [6, lanes].
    """

    inputs, outputs = 6, 1
    solved = 1.0
    seconds_a_step = 0.02
    variables = ("cart", "long angle", "short angle", "cart's velocity", "long pole's", "short pole's")
    scene: ClassVar[dict[str, Any]] = {"drawing": "cart-poles", "track": 2.4, "poles": [[1, 1.0], [2, 0.1]]}
    scale = 1 / column(4.8, 0.52, 0.52, 2.0, 2.0, 2.0)

    def __init__(self, steps: int = LONGEST) -> None:
        if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
            raise ObjectiveError(f"steps is {steps!r}, expected a whole number of at least 1 (published: {LONGEST})")
        self.steps = steps

    def starts(self) -> Floats:
        """[6 variables, 1 start]."""
        start: Floats = column(0, 0.07, 0, 0, 0, 0).copy()
        return start

    def evaluate(self, networks: Networks) -> Floats:
        """Fitness [lanes]."""
        fitness: Floats = rollouts(self, networks)[0] / self.steps
        return fitness

    def observe(self, state: Floats) -> Floats:
        """All six, scaled as published."""
        seen: Floats = state * self.scale
        return seen

    def advance(self, state: Floats, outputs: Floats) -> Floats:
        """Two steps of Runge and Kutta."""
        force = (outputs[0] - numpy.float32(0.5)) * numpy.float32(20)
        place, speed = state[:3], state[3:]
        for _ in range(2):
            a1 = accelerations(place, speed, force)
            v2 = speed + HALF * a1
            a2 = accelerations(place + HALF * speed, v2, force)
            v3 = speed + HALF * a2
            a3 = accelerations(place + HALF * v2, v3, force)
            v4 = speed + WHOLE * a3
            a4 = accelerations(place + WHOLE * v3, v4, force)
            place = place + SIXTH * (speed + TWO * (v2 + v3) + v4)
            speed = speed + SIXTH * (a1 + TWO * (a2 + a3) + a4)
        return numpy.concatenate((place, speed))

    def ended(self, state: Floats) -> numpy.typing.NDArray[numpy.bool_]:
        """Lost."""
        lost: numpy.typing.NDArray[numpy.bool_] = (numpy.abs(state[:3]) > LIMITS).any(0)
        return lost


def accelerations(place: Any, speed: Any, force: Any) -> Any:
    """Of the cart and both poles [3, lanes], from x and angles [3, lanes], their velocities, and the force [lanes]."""
    angle, spin = place[1:], speed[1:]
    sine, cosine = numpy.sin(angle), numpy.cos(angle)
    pull = GRAVITY * sine + FRICTION * spin
    leaned = THREE_QUARTERS_MASS * cosine
    reaction = MOMENT * (spin * spin * sine) + leaned * pull
    lighter = leaned * cosine
    changes = numpy.empty_like(place)
    slide = numpy.divide(force + reaction[0] + reaction[1], TOTAL_MASS - lighter[0] - lighter[1], out=changes[0])
    numpy.multiply(slide * cosine + pull, TURN, out=changes[1:])
    return changes


class DoublePoleNoVelocities(DoublePole):
    """Networks see positions only and must remember; fitness is Gruau's, damped, as published (Gruau et al. 1996).

    0.1 x (actions balanced, of 1,000) / 1000 + 0.9 x 0.75 / (sum of |x| + |x'| + |long angle| + |its velocity| over the last
    100 actions, if there are more than 100). It can exceed 1; here no network has more than 0.999 before it has solved the
    task: balanced 100,000 actions, and 1,000 from at least 200 of 625 starts. Each generation's best new network is asked.
    """

    inputs = 3
    recurrent = True
    solved = 1.0
    tried = 1000
    """Actions of an evaluation."""
    needed = 200
    scale = 1 / column(4.8, 0.52, 0.52)

    def evaluate(self, networks: Networks) -> Floats:
        """Fitness [lanes]."""
        moved = numpy.zeros((self.tried, networks.lanes), dtype=numpy.float32)

        def watch(step: int, state: Floats, place: Indices) -> None:
            moved[step, place] = numpy.abs(state[[0, 3, 1, 4]]).sum(0)

        balanced = rollouts(_Shorter(self, steps=self.tried), networks, watch=watch)[0]
        total = numpy.concatenate((numpy.zeros((1, networks.lanes)), numpy.cumsum(moved, axis=0, dtype=numpy.float64)))
        lanes = numpy.arange(networks.lanes)
        jiggle = total[balanced, lanes] - total[numpy.maximum(balanced - 100, 0), lanes]
        damped = numpy.where(balanced > 100, 0.75 / numpy.maximum(jiggle, 1e-6), 0.0)
        fitness: Floats = numpy.minimum(0.1 * balanced / 1000 + 0.9 * damped, ALMOST).astype(numpy.float32)
        return fitness

    def observe(self, state: Floats) -> Floats:
        """Positions, scaled as published."""
        seen: Floats = state[:3] * self.scale
        return seen

    def confirm(self, networks: Networks) -> bool:
        """The two tests of a solution, the quick one first, since both are needed."""
        begun = rollouts(_Shorter(self, steps=self.tried), networks)
        if begun[0, 0] < self.tried:
            return False
        spread = spread_starts()
        lanes = padded(spread.shape[1])
        alike = networks.select(numpy.zeros(lanes, dtype=numpy.int64))
        first = spread[:, numpy.arange(lanes) % spread.shape[1]]
        held = rollouts(_Shorter(self, steps=self.tried, first=first), alike, each_its_own=True)[0, : spread.shape[1]]
        if (held >= self.tried).sum() < self.needed:
            return False
        return bool(rollouts(self, networks)[0, 0] >= self.steps)


class _Shorter:
    """The same task for another time and from other first states, one of each lane."""

    def __init__(self, task: DoublePole, *, steps: int, first: Floats | None = None) -> None:
        self.inputs, self.outputs, self.steps = task.inputs, task.outputs, steps
        self.observe, self.advance, self.ended = task.observe, task.advance, task.ended
        self._first = task.starts() if first is None else first

    def starts(self) -> Floats:
        """[6 variables, 1 start] or [6 variables, lanes]."""
        return self._first


def spread_starts() -> Floats:
    """The 625 starts of the published test of generality: x, x', long angle and its velocity at five values each."""
    values = numpy.array([0.05, 0.25, 0.5, 0.75, 0.95]) - 0.5
    x, speed, angle, spin = (part.ravel() for part in numpy.meshgrid(*[values] * 4, indexing="ij"))
    rest = numpy.zeros_like(x)
    states = (x * 4.32, angle * 0.12566304, rest, speed * 2.70, spin * 0.30019504, rest)
    return numpy.array(states, dtype=numpy.float32)
