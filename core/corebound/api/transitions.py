"""What may change in a stored campaign, as rules in CEL: the same verdict as ``immutability`` reaches.

A default that is written out is no change, nor is ``60s`` for ``1m``. Inside of lists, such as the parameters, values are
compared as they are written. What could go wrong: a field that is new in the models and forgotten here; so the rules are
made by walking the models.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, get_args

from corebound.api.immutability import CHANGEABLE
from corebound.api.model import models_in
from corebound.api.quantities import bytes_form
from corebound.api.spec import CampaignSpec
from corebound.api.structural import Structural, quoted, rule, said
from corebound.api.values import Cpu, Duration, Memory, Price

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pydantic.fields import FieldInfo

_ORDERED: Final = {
    ("objectives",): "metric",
    ("search", "parameters"): "name",
    ("trial", "env"): "name",
    ("trial", "template", "volumes"): "name",
}
ADVICE: Final = "set it back, or delete the campaign, or give the new one another name"
TRIALS_GROW: Final = rule(
    "self.trials >= oldSelf.trials",
    "cannot shrink, only grow",
    told=said("cannot change from {} to {}: trials can only grow", "oldSelf.trials", "self.trials"),
    field=".trials",
)


def transition_rules() -> list[dict[str, str]]:
    """For ``spec``: one rule for each field that is fixed once the campaign exists, and one for trials."""
    fixed = [
        each
        for name, field in CampaignSpec.model_fields.items()
        if (field.alias or name) not in CHANGEABLE
        for each in _rules(field, (field.alias or name,), ())
    ]
    return [TRIALS_GROW, *fixed]


def _rules(field: FieldInfo, path: tuple[str, ...], outer: tuple[str, ...]) -> Iterator[dict[str, str]]:
    """``outer`` are the places around the field that may be left out, each as a path."""
    models = list(models_in(field.annotation))
    if not models or "list[" in str(field.annotation):
        yield _leaf(field, path, outer)
        if path in _ORDERED:
            yield _order(path, outer, optional=not field.is_required())
        return
    inner_outer = outer if field.is_required() else (*outer, ".".join(path))
    if field.default is None:
        yield _fixed(_equal(*(f"({_there(root, inner_outer)})" for root in ("self", "oldSelf"))), path)
    for name, inner in models[0].model_fields.items():
        yield from _rules(inner, (*path, inner.alias or name), inner_outer)


def _leaf(field: FieldInfo, path: tuple[str, ...], outer: tuple[str, ...]) -> dict[str, str]:
    *around, last = path
    opaque = "list[" in str(field.annotation) or "dict[" in str(field.annotation)
    compared = _compared_as(field)

    def value(root: str) -> str:
        # CEL declares no type for what holds values of several kinds; as dyn it can be compared all the same.
        place = ".".join((root, *around))
        return f"dyn({place}).{last}" if opaque else f"{place}.{last}"

    def there(root: str) -> str:
        own = "" if field.is_required() else f"has({value(root)})"
        return " && ".join(part for part in (_there(root, outer), own) if part)

    def with_default(root: str) -> str:
        return f"({there(root)} ? dyn({value(root)}) : dyn({default}))"

    def same(expression: Callable[[str], str]) -> str:
        return compared(expression("self"), expression("oldSelf"))

    def shown(root: str) -> str:
        return f"({there(root)} ? dyn({value(root)}) : dyn({quoted(default_shown)}))" if there(root) else value(root)

    default, default_shown = _default(field)
    told = None if opaque else said(f"cannot change from {{}} to {{}}; {ADVICE}", shown("oldSelf"), shown("self"))
    if not there("self"):
        return _fixed(same(value), path, told)
    if not default:
        alike = _equal(f"({there('self')})", f"({there('oldSelf')})")
        return _fixed(f"{alike} && (!({there('self')}) || {same(value)})", path, told)
    return _fixed(same(with_default), path, told)


def _order(path: tuple[str, ...], outer: tuple[str, ...], *, optional: bool) -> dict[str, str]:
    """Of lists with keys the API server compares the entries, but not their order, which counts for grids and results."""
    places = (*outer, ".".join(path)) if optional else outer
    there = [_there(root, places) for root in ("self", "oldSelf")]
    names = [f"{root}.{'.'.join(path)}.map(each, each.{_ORDERED[path]})" for root in ("self", "oldSelf")]
    unless = "".join(f"!({each}) || " for each in there if each)
    return _fixed(f"{unless}{_equal(*names)}", path)


def _there(root: str, places: tuple[str, ...]) -> str:
    return " && ".join(f"has({root}.{place})" for place in places)


def _fixed(expression: str, path: tuple[str, ...], told: str | None = None) -> dict[str, str]:
    return rule(
        expression,
        f"cannot change once the campaign exists; {ADVICE}",
        told=told,
        field="".join(f".{name}" for name in path),
    )


def _equal(one: str, other: str) -> str:
    return f"{one} == {other}"


def _equal_durations(one: str, other: str) -> str:
    as_duration = "duration(type({0}) == int ? '%ds'.format([{0}]) : string({0}))"
    return f"{as_duration.format(one)} == {as_duration.format(other)}"


def _equal_quantities(one: str, other: str) -> str:
    return f"quantity(string({one})).compareTo(quantity(string({other}))) == 0"


def _kind(annotation: object) -> Structural:
    return next(part for part in get_args(annotation) if isinstance(part, Structural))


_COMPARED: Final = {
    _kind(Duration): _equal_durations,
    _kind(Memory): _equal_quantities,
    _kind(Cpu): _equal_quantities,
    _kind(Price): _equal_quantities,
}
"""Found by identity: each kind has its own object."""
_WRITTEN: Final[dict[Structural, Callable[[Any], str]]] = {
    _kind(Duration): lambda seconds: f"{seconds:g}s",
    _kind(Memory): lambda size: str(bytes_form(size)),
}
"""Defaults of kinds that are compared by what they mean."""


def _kind_of(field: FieldInfo) -> Structural | None:
    inner = [part for union in get_args(field.annotation) for part in get_args(union)]
    return next((part for part in (*field.metadata, *inner) if isinstance(part, Structural)), None)


def _compared_as(field: FieldInfo) -> Callable[[str, str], str]:
    kind = _kind_of(field)
    return _equal if kind is None else _COMPARED.get(kind, _equal)


def _default(field: FieldInfo) -> tuple[str, str]:
    """As CEL writes it, empty where there is none, and as a message shows it."""
    value = field.default
    if field.is_required() or value is None:
        return "", "nothing"
    if isinstance(value, list | dict):
        return ("dyn([])" if isinstance(value, list) else "dyn({})"), ""
    kind = _kind_of(field)
    if kind is not None and kind in _WRITTEN:
        value = _WRITTEN[kind](value)
    if isinstance(value, bool):
        return str(value).lower(), str(value).lower()
    return (quoted(value) if isinstance(value, str) else str(value)), str(value)
