"""What a task is: how many inputs and outputs, and a fitness for each network of a batch.

A class of this form is all that a user's own task needs (docs/neuroevolution.md has a complete one). What could go wrong:
fitness of a wrong shape (refused), NaN or infinite (the worst of its generation, counted), an exception (fails the trial).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing

    from corebound_trial.neuroevolution.networks import Networks


class Task(Protocol):
    """Made once per worker, with ``trial.arguments`` as keywords.

    It may also have ``recurrent = True`` (networks may remember; default False), ``solved`` (the fitness at which a seed has
    solved it and stops; default none), and the methods of :class:`Confirming` and :class:`Figuring`.
    """

    inputs: int
    """Numbers a network sees at a time."""
    outputs: int
    """Numbers it answers, each in 0 ... 1."""

    def evaluate(self, networks: Networks) -> numpy.typing.ArrayLike:
        """Fitness ``[networks.lanes]``, higher is better; a network's must not depend on the others in the batch."""


class Confirming(Protocol):
    """A task that is solved only by a network that passes one more, longer test."""

    def confirm(self, networks: Networks) -> bool:
        """Whether the network passes; every lane holds the same one. Asked once a generation, for its best new network."""


class Figuring(Protocol):
    """A task that has more to say about the best network than its fitness."""

    def figures(self, networks: Networks) -> Mapping[str, Any]:
        """Named arrays ``[networks.lanes]``, kept with the trial; for example the accuracy on data never shown."""
