"""Whether the CRD that the cluster serves is the one this operator knows. Pure.

An API server drops what its CRD does not know, silently. What could go wrong: an older CRD (Helm never upgrades one by
itself) loses fields that users write; a newer one lets fields through that this operator refuses. Both are said; nothing is
ever deleted for a field that is not there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

Schema = dict[str, Any]

MOST_NAMED = 8


def definition_difference(served: Schema, known: Schema) -> str | None:
    """One sentence with what to do, None when both have the same fields."""
    theirs, ours = set(_fields(served, "")), set(_fields(known, ""))
    lacking, extra = _outermost(ours - theirs), _outermost(theirs - ours)
    if lacking:
        return (
            f"the CRD of this cluster is older than the operator: it drops {_named(lacking)} of every campaign; apply the "
            "operator's own CRD (helm upgrade does not)"
        )
    if extra:
        return (
            f"the CRD of this cluster is newer than the operator, which refuses {_named(extra)}; upgrade the operator, or "
            "leave these fields out"
        )
    return None


def _fields(schema: Schema, place: str) -> Iterator[str]:
    for name, part in schema.get("properties", {}).items():
        yield f"{place}.{name}".lstrip(".")
        yield from _fields(part, f"{place}.{name}")
    if isinstance(schema.get("items"), dict):
        yield from _fields(schema["items"], f"{place}[]")


def _outermost(fields: set[str]) -> list[str]:
    """Without what stands inside another of them."""
    return sorted(each for each in fields if not any(each.startswith((f"{outer}.", f"{outer}[")) for outer in fields))


def _named(fields: list[str]) -> str:
    more = len(fields) - MOST_NAMED
    return ", ".join(fields[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
