"""XOR, as published: fitness (4 - sum of errors)^2, solved when all four rows are on the right side of one half.

Scaled to 0 ... 1 (divided by 16); a solution counts 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy

if TYPE_CHECKING:
    from corebound_trial.neuroevolution.networks import Floats, Networks

ALMOST: float = 0.999
"""The most that a network without the solution can have."""


FINENESS: Final = 31
"""Answers along each side of the surface."""


class Xor:
    """See :class:`corebound_trial.neuroevolution.tasks.protocol.Task`."""

    inputs, outputs = 2, 1
    solved = 1.0
    rows = numpy.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=numpy.float32)
    expected = numpy.array([[0], [1], [1], [0]], dtype=numpy.float32)

    def evaluate(self, networks: Networks) -> Floats:
        """Fitness [lanes]."""
        answers = networks.settle(self.rows)[0]
        right = ((answers >= 0.5) == (self.expected > 0.5)).all(0)
        fitness = (4 - numpy.abs(answers - self.expected).sum(0)) ** 2 / 16
        return numpy.where(right, numpy.float32(1), numpy.minimum(fitness, numpy.float32(ALMOST)))

    def behaviour(self, networks: Networks) -> dict[str, Any]:
        """Answers in hundredths over a square around the four points, row by row from the lowest second input on."""
        steps = numpy.linspace(-0.25, 1.25, FINENESS, dtype=numpy.float32)
        first, second = numpy.meshgrid(steps, steps)
        answers = networks.settle(numpy.stack((first.ravel(), second.ravel()), axis=1))[0, :, 0]
        return {
            "kind": "surface",
            "low": -0.25,
            "high": 1.25,
            "hundredths": numpy.rint(answers * 100).astype(int).reshape(FINENESS, FINENESS).tolist(),
            "points": [
                [*row, target] for row, (target,) in zip(self.rows.tolist(), self.expected.tolist(), strict=True)
            ],
        }
