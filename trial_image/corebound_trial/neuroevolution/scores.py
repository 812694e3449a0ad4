"""What a task's ``evaluate`` returned, judged: one finite number for each network, or why it is none.

A network whose fitness is NaN or infinite is the worst of its generation and counted; only a generation without any finite
fitness ends the trial.
"""

from __future__ import annotations

from typing import Any

import numpy

from corebound.api.errors import ObjectiveError


def lanes_of(returned: object, *, lanes: int, what: str) -> Any:
    """``returned`` as an array [lanes], copied. Raises :class:`ObjectiveError` that names ``what`` returned it."""
    try:
        values = numpy.array(returned, dtype=numpy.float64)
    except (TypeError, ValueError) as error:
        raise ObjectiveError(
            f"{what} returned a {type(returned).__name__} which is no array of numbers ({error}); expected [{lanes}]"
        ) from error
    if values.shape != (lanes,):
        raise ObjectiveError(
            f"{what} returned an array of shape {list(values.shape)}, expected [{lanes}]: one number for each of "
            "networks.lanes, fillers included"
        )
    return values


def finite(fitness: Any, *, what: str) -> tuple[Any, int]:
    """``fitness`` [population] with less than the worst in place of what is not finite, and how many those were.

    Less, for where all others are equal one that is not finite must not be taken for the best.
    """
    good = numpy.isfinite(fitness)
    wrong = int((~good).sum())
    if not good.any():
        raise ObjectiveError(
            f"{what} returned {fitness[0]} and the like for all {len(fitness)} networks of a generation; expected a "
            "finite number for at least one"
        )
    return (numpy.where(good, fitness, numpy.nextafter(fitness[good].min(), -numpy.inf)) if wrong else fitness), wrong
