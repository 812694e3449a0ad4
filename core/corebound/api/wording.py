"""What pydantic finds wrong with a campaign, in the project's words: what was found, what is expected. Pure.

What could go wrong: a kind of error that no field had before; it has no words here, which the tests of bad files notice.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from corebound.api.model import either, nearest, shown, unquoted

if TYPE_CHECKING:
    from corebound.api.model import Path

_TYPES_ELSEWHERE: Final = {
    "uniform": "type: float",
    "double": "type: float",
    "loguniform": "type: float, log: true",
    "bool": "type: categorical, choices: [true, false]",
    "boolean": "type: categorical, choices: [true, false]",
    "choice": "type: categorical",
}
"""What other programs call kinds of parameters."""
_BOUNDS: Final = {
    "greater_than_equal": "at least {ge}",
    "less_than_equal": "at most {le}",
    "less_than": "less than {lt}",
    "too_long": "at most {max_length} entries",
    "string_too_long": "at most {max_length} characters",
}
_EXPECTED: Final = {
    "int_type": "a whole number",
    "string_type": "a text (put it in quotes)",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "too_short": "at least one entry",
    "string_too_short": "a text that is not empty",
}


def message_of(detail: Any, place: Path, allowed: list[str]) -> str:
    """What pydantic found at ``place``, in our words; ``allowed`` are the names there."""
    kind, found, context = detail["type"], detail["input"], detail.get("ctx", {})
    if kind == "missing":
        return "is missing; add it"
    if kind == "extra_forbidden":
        return f"is no field{nearest(place[-1], allowed)} (allowed: {', '.join(allowed)})"
    if kind == "value_error":
        return str(context["error"])
    if kind == "union_tag_not_found":
        return "found no type, expected type: float, int or categorical"
    if kind in ("literal_error", "union_tag_invalid"):
        names = re.findall(r"'([^']*)'", str(context.get("expected") or context.get("expected_tags")))
        is_type = kind == "union_tag_invalid"
        value, subject = (found.get("type"), "type ") if is_type else (found, "")
        hint = nearest(value, names) if len(names) > 1 else ""
        if is_type and isinstance(value, str) and value in _TYPES_ELSEWHERE:
            hint = f"; write {_TYPES_ELSEWHERE[value]}"
        return f"found {subject}{shown(value)}, expected {either(names)}{hint}"
    if kind in _BOUNDS:
        return f"found {shown(found)}, expected {_BOUNDS[kind].format(**context)}"
    hint = unquoted(found) if kind == "int_type" else ""
    if kind == "int_type" and str(place[-1]).endswith("Seconds"):
        hint = " of seconds"
    return f"found {shown(found)}, expected {_EXPECTED[kind]}{hint}"
