"""Handwritten digits: the 1,797 images of 8 x 8 pixels that ship with scikit-learn (from UCI's optical recognition set).

Fitness is the accuracy on three of every four images; the fourth is never shown and gives ``test_accuracy``. A network sees
64 pixels in 0 ... 1; the largest of its ten outputs is its answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy

from corebound.api.errors import ObjectiveError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from corebound_trial.neuroevolution.networks import Floats, Networks

HELD_OUT = 4
"""One of so many images is held out."""


class Digits:
    """See :class:`corebound_trial.neuroevolution.tasks.protocol.Task`."""

    inputs, outputs = 64, 10
    solved = 1.0

    def __init__(self) -> None:
        try:
            from sklearn.datasets import load_digits
        except ModuleNotFoundError as error:
            raise ObjectiveError("the task digits needs scikit-learn: pip install 'corebound[neuro]'") from error
        images, labels = load_digits(return_X_y=True)
        images = (images / 16).astype(numpy.float32)
        held_out = numpy.arange(len(labels)) % HELD_OUT == HELD_OUT - 1
        self._shown, self._labels = images[~held_out], labels[~held_out]
        self._unseen, self._unseen_labels = images[held_out], labels[held_out]

    def evaluate(self, networks: Networks) -> Floats:
        """Accuracy [lanes]."""
        return accuracy(networks.settle(self._shown), self._labels)

    def figures(self, networks: Networks) -> Mapping[str, Floats]:
        """Accuracy on images never shown."""
        return {"test_accuracy": accuracy(networks.settle(self._unseen), self._unseen_labels)}

    def behaviour(self, networks: Networks) -> dict[str, Any]:
        """How often each digit of the images never shown was taken for which; [digit, answer]."""
        answers = networks.settle(self._unseen)[:, :, 0].argmax(0)
        counts = numpy.zeros((self.outputs, self.outputs), dtype=int)
        numpy.add.at(counts, (self._unseen_labels, answers), 1)
        return {
            "kind": "confusion",
            "classes": [str(digit) for digit in range(self.outputs)],
            "counts": counts.tolist(),
        }


def accuracy(answers: Floats, labels: numpy.typing.NDArray[numpy.int64]) -> Floats:
    """``answers`` [10, images, lanes], ``labels`` [images]; [lanes]."""
    right: Floats = (answers.argmax(0) == labels[:, None]).mean(0)
    return right
