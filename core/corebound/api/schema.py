"""From the models to the structural schema that an API server checks, and to rules that nothing but limits may change.

Every field comes with its description, so that ``kubectl explain`` reads well. No defaults are written: what is stored is
what the user wrote, and a default lives in one place, here. What could go wrong: a kind of value that no schema is known
for, which is told when the definition is made, not by a cluster.
"""

from __future__ import annotations

import types
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Literal, Union, get_args, get_origin

from pydantic import AwareDatetime
from pydantic.fields import FieldInfo

from corebound.api.cel import FIELD_RULES, KEYS, MODEL_RULES
from corebound.api.model import Model
from corebound.api.structural import Structural, quoted, rule
from corebound.api.values import Described

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_PLAIN: Final[dict[Any, dict[str, Any]]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    AwareDatetime: {"type": "string", "format": "date-time"},
}
_LIMITS: Final = {
    "ge": "minimum",
    "le": "maximum",
    "pattern": "pattern",
}
_SIZES: Final = {"array": "Items", "object": "Properties", "string": "Length"}


def object_schema(model: type[Model]) -> dict[str, Any]:
    """A model: its fields and no others, and its rules."""
    fields = {str(field.alias or name): field for name, field in model.model_fields.items()}
    schema: dict[str, Any] = {
        "type": "object",
        "description": _first_line(model),
        "properties": {name: field_schema(model, name, field) for name, field in fields.items()},
    }
    if required := [name for name, field in fields.items() if field.is_required()]:
        schema["required"] = required
    if rules := MODEL_RULES.get(model):
        schema["x-kubernetes-validations"] = list(rules)
    return schema


def field_schema(model: type[Model], name: str, field: FieldInfo) -> dict[str, Any]:
    """A field with its description, its limits and the rules for it alone."""
    schema = {"description": field.description, **_without_description(_schema(field.annotation, field.metadata))}
    if "x-kubernetes-int-or-string" in schema:
        # kubectl explain calls such a field an Object.
        schema["description"] = f"{field.description} Written as {_words(field)}."
    if key := KEYS.get((model, name)):
        schema |= {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key]}
    if rules := FIELD_RULES.get((model, name)):
        schema["x-kubernetes-validations"] = [*schema.get("x-kubernetes-validations", ()), *rules]
    return schema


def _words(field: FieldInfo) -> str:
    inner = [part for union in get_args(field.annotation) for part in get_args(union)]
    return next(part.words for part in (*field.metadata, *inner) if isinstance(part, Described))


def _schema(annotation: Any, metadata: Sequence[Any]) -> dict[str, Any]:
    """The schema of an annotation and of what stands beside it."""
    # The last one is the narrowest: it was added to a kind that had its own.
    known = next((dict(extra.schema) for extra in reversed(metadata) if isinstance(extra, Structural)), None)
    schema = known if known is not None else _annotation_schema(annotation)
    return schema | _limits(schema, metadata)


def _annotation_schema(annotation: Any) -> dict[str, Any]:
    arguments, origin = get_args(annotation), get_origin(annotation)
    if hasattr(annotation, "__metadata__"):
        return _schema(arguments[0], _flat(annotation.__metadata__))
    if origin in (Union, types.UnionType):
        kinds = [each for each in arguments if each is not type(None)]
        if len(kinds) > 1:
            return _merged([object_schema(kind) for kind in kinds])
        return _annotation_schema(kinds[0])
    if origin is Literal:
        return {"type": "string", "enum": list(arguments)}
    if origin is list:
        return {"type": "array", "items": _annotation_schema(arguments[0])}
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return object_schema(annotation)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return {"type": "string", "enum": [member.value for member in annotation]}
    return dict(_PLAIN[annotation])


def _flat(metadata: Sequence[Any]) -> list[Any]:
    """A ``Field(...)`` inside of an annotation carries its limits as metadata of its own."""
    return [inner for extra in metadata for inner in (extra.metadata if isinstance(extra, FieldInfo) else [extra])]


def _limits(schema: dict[str, Any], metadata: Sequence[Any]) -> dict[str, Any]:
    limits: dict[str, Any] = {}
    for extra in metadata:
        names = [*getattr(extra, "__dict__", ()), *getattr(type(extra), "__slots__", ())]
        for name in names:
            limits |= _limit(schema, name, getattr(extra, name))
    return limits


def _limit(schema: dict[str, Any], name: str, limit: Any) -> dict[str, Any]:
    if name == "lt":
        return {"maximum": limit - 1}
    if name in _LIMITS:
        return {_LIMITS[name]: limit}
    if name in ("min_length", "max_length"):
        return {f"{name[:3]}{_SIZES[schema['type']]}": limit}
    return {}


def _merged(kinds: list[dict[str, Any]]) -> dict[str, Any]:
    """Several kinds of object, told apart by ``type``, as one: all their fields, each only where its kind has it."""
    properties: dict[str, Any] = {}
    for kind in kinds:
        for name, schema in kind["properties"].items():
            if name not in properties:
                properties[name] = schema
            elif "enum" in schema:
                both = [*properties[name]["enum"], *schema["enum"]]
                text = _joined(properties[name]["description"], schema["description"])
                properties[name] = schema | {"enum": both, "description": text}
    required = [name for name in kinds[0]["required"] if all(name in kind["required"] for kind in kinds)]
    rules = [each for kind in kinds for each in kind.get("x-kubernetes-validations", ())]
    for kind in kinds:
        rules += _fields_of(kind, properties)
    return {"type": "object", "properties": properties, "required": required, "x-kubernetes-validations": rules}


def _fields_of(kind: dict[str, Any], properties: dict[str, Any]) -> Iterator[dict[str, str]]:
    """Fields that objects of this kind must and must not have."""
    name = kind["properties"]["type"]["enum"][0]
    for field in properties:
        # CEL knows no type for a list of values of several kinds, but as dyn it is there or not.
        there = f"has(dyn(self).{field})"
        if field not in kind["properties"]:
            message = f"is no field of a {name} parameter; remove it"
            yield rule(f"self.type != {quoted(name)} || !{there}", message, field=f".{field}")
        elif field in kind["required"] and field != "type":
            yield rule(f"self.type != {quoted(name)} || {there}", "is missing; add it", field=f".{field}")


def _joined(one: str, other: str) -> str:
    """Two sentences as one, their common beginning once."""
    beginning, _, rest = other.partition("; ")
    return f"{one.rstrip('.')}; {rest}" if one.startswith(f"{beginning}; ") else f"{one} {other}"


def _without_description(schema: dict[str, Any]) -> dict[str, Any]:
    return {name: part for name, part in schema.items() if name != "description"}


def _first_line(model: type[Model]) -> str:
    return (model.__doc__ or "").strip().splitlines()[0]
