"""What happened, generation by generation, in a size that does not grow: best and mean fitness, species and their sizes.

At most :data:`MOST` generations are kept of each seed. When there are more, every other one is let go and from then on only
every second, fourth, eighth ... is noted; the newest is always there.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST: Final = 64
LARGEST: Final = 8
"""Species shown by themselves; the others are counted together."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """One generation of one seed."""

    generation: int
    best: float
    """The best fitness of this generation, not of all before."""
    mean: float
    species: int
    """How many there are; 0 in a mode without species."""
    largest: dict[str, int]
    """Members of the largest, by the species' lasting number, largest first."""
    nodes: int
    """Hidden nodes of the best genome so far."""
    connections: int
    """Its enabled connections."""


class History:
    """The points of one seed."""

    def __init__(self) -> None:
        self._points: list[Point] = []
        self._stride = 1
        self._newest: Point | None = None

    @property
    def points(self) -> list[Point]:
        """Oldest first, the newest last."""
        newest = self._newest
        return self._points + ([newest] if newest is not None and newest not in self._points[-1:] else [])

    def note(self, point: Point) -> None:
        """One more generation."""
        self._newest = point
        if (point.generation - 1) % self._stride:
            return
        self._points.append(point)
        if len(self._points) > MOST:
            self._points = self._points[::2]
            self._stride *= 2

    def columns(self) -> dict[str, list[Any]]:
        """The points, one list for each of their fields: a third of the size of a list of points."""
        points = [asdict(point) for point in self.points]
        return {field.name: [_short(point[field.name]) for point in points] for field in fields(Point)}

    def state_dict(self) -> dict[str, Any]:
        """JSON values; :meth:`from_state` reads them."""
        newest = None if self._newest is None else asdict(self._newest)
        return {"points": [asdict(point) for point in self._points], "stride": self._stride, "newest": newest}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> History:
        """Go on where ``state`` was taken."""
        history = cls()
        history._points = [Point(**point) for point in state["points"]]
        history._stride = state["stride"]
        history._newest = None if state["newest"] is None else Point(**state["newest"])
        return history


def _short(value: Any) -> Any:
    """Six digits are enough for a picture."""
    return float(f"{value:.6g}") if isinstance(value, float) else value


def largest(sizes: Mapping[int, int]) -> dict[str, int]:
    """The :data:`LARGEST` of all species, the largest first; of equal ones the older."""
    ranked = sorted(sizes.items(), key=lambda entry: (-entry[1], entry[0]))[:LARGEST]
    return {str(number): size for number, size in ranked}
