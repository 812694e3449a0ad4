"""What the operator asks of the API server, and in how many turns, by its own figures: counted, so that no clock matters.

What could go wrong: kopf's watches are not among them, since they are not the operator's own requests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .operator_process import OperatorProcess

REQUESTS: Final = "corebound_api_seconds_count{"
TURNS: Final = "corebound_reconcile_total{"


class Costs:
    """From the last :meth:`begin` on."""

    def __init__(self, operator: OperatorProcess) -> None:
        self._operator = operator
        self.begin()

    def begin(self) -> None:
        """Count anew."""
        self._requests, self._turns = self._count(REQUESTS), self._count(TURNS)

    @property
    def requests(self) -> int:
        """All requests, whatever came of them."""
        return self._count(REQUESTS) - self._requests

    @property
    def turns(self) -> int:
        """Reconciles, whatever came of them."""
        return self._count(TURNS) - self._turns

    def _count(self, figure: str) -> int:
        lines = self._operator.metrics().splitlines()
        return sum(int(float(line.split()[-1])) for line in lines if line.startswith(figure))
