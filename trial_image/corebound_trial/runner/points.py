"""Points that belong to a slot by its number: enqueued ones and those of a grid.

Pure. They are laid down as fixed parameters before anything is sampled, so no two workers race for one. What could go wrong:
steps that add up to a little more than the end of their range, which Optuna would call outside; they are added as decimals.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from corebound.api.parameters import FloatParameter, values_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from corebound.api.parameters import Parameter
    from corebound.api.search import Search


def fixed_params(search: Search, slot: int) -> dict[str, Any]:
    """What the trial of ``slot`` must take: the enqueued point of its number, then the grid's points in order.

    The rest of a partial enqueued point is sampled.
    """
    if slot < len(search.enqueue):
        floats = {parameter.name for parameter in search.parameters if isinstance(parameter, FloatParameter)}
        return {name: float(value) if name in floats else value for name, value in search.enqueue[slot].items()}
    if search.sampler.kind == "grid":
        return grid_point(search.parameters, slot - len(search.enqueue))
    return {}


def grid_point(parameters: Sequence[Parameter], index: int) -> dict[str, Any]:
    """The point ``index`` of the grid; the last parameter turns fastest, as in nested loops.

    Beyond the last point it begins again.
    """
    point: dict[str, Any] = {}
    for parameter in reversed(parameters):
        index, place = divmod(index, len(values_of(parameter)))
        point[parameter.name] = _value(parameter, place)
    return {parameter.name: point[parameter.name] for parameter in parameters}


def _value(parameter: Parameter, place: int) -> Any:
    if not isinstance(parameter, FloatParameter):
        return values_of(parameter)[place]
    return float(Decimal(str(parameter.low)) + place * Decimal(str(parameter.step)))
