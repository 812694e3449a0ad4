"""The axis of one parameter, whatever it is of: numbers, or choices with a place for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from corebound.reporting.report.figures.figure import finite

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MISSING: Final = object()
"""Of a parameter that a trial has not; None may be one of its choices."""


class Column:
    """One parameter's axis: a number's own, or one with a place for each choice."""

    def __init__(self, name: str, values: Sequence[Any], distributions: Sequence[Mapping[str, Any]]) -> None:
        self._name = name
        attributes = distributions[-1]["attributes"] if distributions else {}
        self._choices: list[Any] | None = list(attributes["choices"]) if "choices" in attributes else None
        self._log = bool(attributes.get("log"))
        found = [value for value in values if value is not MISSING]
        if self._choices is None and not all(isinstance(value, (int, float)) for value in found):
            self._choices = list(dict.fromkeys(found))

    def axis(self, place: int) -> dict[str, Any]:
        """Of parallel coordinates."""
        return {"dim": place, "name": self._name, **self.scale()}

    def scale(self) -> dict[str, Any]:
        """Of any axis."""
        if self._choices is not None:
            return {
                "type": "category",
                "data": [str(choice) for choice in self._choices],
                "axisLabel": {"width": 90, "overflow": "truncate"},
            }
        return {"type": "log" if self._log else "value", "scale": True}

    def place(self, value: Any) -> Any:
        """Where on the axis a value is; None where the trial has none."""
        if value is MISSING:
            return None
        # A choice may equal another one of other kind (1 and True): their texts differ.
        if self._choices is not None:
            return [str(choice) for choice in self._choices].index(str(value))
        return finite(float(value))
