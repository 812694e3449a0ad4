"""The base of every model of the campaign file: closed, frozen, camelCase outside and snake_case inside.

A field's own limits are in its type; what several fields together must obey are *rules*, which only the loader asks
for. So one wrong field does not hide the rest: rules are asked of a model whose wrong fields are missing, too, and one
that needs a missing field has nothing to say.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

Path = tuple[str | int, ...]
Finding = tuple[Path, str]
"""Where in a model (names as in the file), and what is wrong there."""
Rule = Callable[[], Iterator[Finding]]

LONGEST_SHOWN: Final = 60


class MissingFieldError(Exception):
    """A rule asked for a field that is wrong by itself, and so is not there."""


class Model(BaseModel):
    """Unknown fields are refused, nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, use_attribute_docstrings=False)

    def rules(self) -> tuple[Rule, ...]:
        """What the fields must obey together; each rule yields what it finds wrong."""
        return ()

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name in type(self).model_fields:
                raise MissingFieldError(name)
            return super().__getattr__(name)


AnyModel = TypeVar("AnyModel", bound=Model)


def models_in(annotation: Any) -> list[type[Model]]:
    """The models that an annotation names."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation] if issubclass(annotation, Model) else []
    return [model for part in getattr(annotation, "__args__", ()) for model in models_in(part)]


class Unreadable(Model):
    """Stands for a part of which nothing can be read; each rule that looks at it is left out."""

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            raise MissingFieldError(name)


def shown(value: object) -> str:
    """A value as a user wrote it in YAML, short."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 3]}..."


def nearest_name(name: object, allowed: Iterable[str]) -> str | None:
    """The one of ``allowed`` that ``name`` may be a slip of."""
    by_lower = {each.lower(): each for each in allowed}
    wanted = str(name).lower()
    near = difflib.get_close_matches(wanted, by_lower, n=3)
    # Exchanged letters are the commonest slip: lgo is log rather than low.
    near.sort(key=lambda each: sorted(each) != sorted(wanted))
    return by_lower[near[0]] if near else None


def nearest(name: object, allowed: Iterable[str]) -> str:
    """``; did you mean 'trials'?`` where one of ``allowed`` is close to ``name``, else nothing."""
    near = nearest_name(name, allowed)
    return "" if near is None else f"; did you mean {near!r}?"


def unquoted(value: object) -> str:
    """A hint where ``value`` is a number but for its quotes."""
    return " (without quotes)" if isinstance(value, str) and re.fullmatch(r"-?[0-9.]+(e-?[0-9]+)?", value) else ""


def sound(models: Iterable[AnyModel], *names: str) -> Iterator[tuple[int, AnyModel]]:
    """Each of ``models`` that has these fields, with its index; the others are told by themselves."""
    for index, model in enumerate(models):
        if all(name in model.__dict__ for name in names):
            yield index, model


def unknown(found: Iterable[Any], allowed: Iterable[str], *, what: str, at: Path = ()) -> Iterator[Finding]:
    """A finding for each name in ``found`` that is not among ``allowed``, at the name below ``at``."""
    names = list(allowed)
    for name in found:
        if name not in names:
            yield (*at, name), f"is no {what}{nearest(name, names)} (allowed: {', '.join(names) or 'none'})"


def not_among(value: object, allowed: Iterable[str], *, at: Path) -> Iterator[Finding]:
    """A finding at ``at`` unless ``value`` is one of ``allowed``."""
    names = list(allowed)
    if value not in names:
        yield at, f"found {shown(value)}, expected {either(names)}{nearest(value, names) if len(names) > 1 else ''}"


def either(names: list[str]) -> str:
    """``tpe, random or grid``."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
