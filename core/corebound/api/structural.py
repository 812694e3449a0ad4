"""How one kind of value stands in the schema that an API server checks: its type, its bounds, its rules in CEL.

``values`` writes these beside its own checks, so that a file meets the same verdict on this machine and on a cluster.
What could go wrong: a text without a largest length, of which the API server must assume three million characters when
it adds up what rules may cost; it then refuses the whole definition.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from corebound.api.quantities import LONGEST_QUANTITY

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, eq=False)
class Structural:
    """The schema of a kind of value, in OpenAPI as Kubernetes' structural schemas allow it."""

    schema: Mapping[str, Any]


def rule(expression: str, message: str, *, told: str | None = None, field: str | None = None) -> dict[str, str]:
    """A rule in CEL. ``told`` is an expression for a message with values; ``field`` the part that is wrong."""
    parts = {"rule": expression, "message": message, "messageExpression": told, "fieldPath": field}
    return {name: part for name, part in parts.items() if part is not None}


def said(message: str, *values: str) -> str:
    """A message as an expression: each ``{}`` is replaced by a value, given as an expression.

    ``format`` alone: of texts that are put together with ``+`` the API server assumes the largest length there is.
    """
    text = message.replace("%", "%%").replace("{}", "%s")
    return f"{quoted(text)}.format([{', '.join(f'dyn({value})' for value in values)}])"


def quoted(text: str) -> str:
    """``text`` as it is written in CEL."""
    return json.dumps(text, ensure_ascii=False)


def text(most: int, *rules: dict[str, str], **limits: Any) -> dict[str, Any]:
    """A text of at most ``most`` characters."""
    return {"type": "string", "maxLength": most, **limits} | _with(rules)


def checked_text(most: int, pattern: str, expected: str) -> dict[str, Any]:
    """A text that fits ``pattern``, told in words rather than by the pattern."""
    told = said(f"found '{{}}', expected {expected}", "self")
    return text(most, rule(f"self.matches(r'{pattern}')", f"expected {expected}", told=told))


def whole_or_text(whole: str, written: str, expected: str) -> dict[str, Any]:
    """A whole number or a text, each with the expression in CEL that it fits."""
    told = said(f"found {{}}, expected {expected}", "self")
    return {
        "x-kubernetes-int-or-string": True,
        "anyOf": [{"type": "integer"}, {"type": "string"}],
        "maxLength": LONGEST_QUANTITY,
    } | _with((rule(f"type(self) == int ? ({whole}) : ({written})", f"expected {expected}", told=told),))


def mapping_of(schema: Mapping[str, Any], most: int, *rules: dict[str, str]) -> dict[str, Any]:
    """A mapping of names to values of one kind."""
    return {"type": "object", "additionalProperties": dict(schema), "maxProperties": most} | _with(rules)


def _with(rules: tuple[dict[str, str], ...]) -> dict[str, Any]:
    return {"x-kubernetes-validations": list(rules)} if rules else {}


ANYTHING: Final[Mapping[str, Any]] = {"x-kubernetes-preserve-unknown-fields": True}
SCALAR: Final[Mapping[str, Any]] = {
    # A union of text, number, true and false cannot be written otherwise: anything but lists and mappings. Null is let
    # through here, but no rule can read it: comparing what holds such values with itself refuses it.
    "x-kubernetes-preserve-unknown-fields": True,
    "maxItems": 0,
    "maxProperties": 0,
    "not": {"enum": [[], {}]},
}
FREE: Final[Mapping[str, Any]] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
"""A mapping of anything; its content belongs to others."""
