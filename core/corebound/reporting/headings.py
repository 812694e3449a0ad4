"""Headings of tables with a column for each parameter and each metric, which users name as they like.

What could go wrong: a parameter that is called like a metric, or like a column that every table has; then both would stand
under one heading.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def headings(fixed: Sequence[str], *, parameters: Sequence[str], metrics: Sequence[str]) -> tuple[list[str], list[str]]:
    """Those of the parameters and of the metrics: their names, but ``params.NAME`` and ``values.NAME`` where a name is taken.

    No two are equal, nor is one equal to a ``fixed`` one.
    """
    counts = Counter([*fixed, *parameters, *metrics])
    taken = {name for name, count in counts.items() if count > 1}
    # All of them where a parameter is called params.NAME itself.
    for renamed in (taken, set(counts)):
        of_parameters = [f"params.{name}" if name in renamed else name for name in parameters]
        of_metrics = [f"values.{name}" if name in renamed else name for name in metrics]
        if max(Counter([*fixed, *of_parameters, *of_metrics]).values(), default=1) == 1:
            break
    return of_parameters, of_metrics
