"""Writes the tables of docs/campaign.md from the models, between its two markers.

python docs/campaign_fields.py           write them
python docs/campaign_fields.py --check   status 1 when they are stale; the tests ask this
"""

from __future__ import annotations

import json
import sys
import types
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Union, get_args, get_origin

from corebound.api.immutability import CHANGEABLE
from corebound.api.model import Model
from corebound.api.search import PRUNER_OPTIONS, SAMPLER_OPTIONS
from corebound.api.spec import SearchCampaign
from corebound.api.values import Described
from corebound.api.workload import PARAMETERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pydantic.fields import FieldInfo

PAGE: Final = Path(__file__).parent / "campaign.md"
BEGIN: Final = "<!-- written by campaign_fields.py: begin -->\n"
END: Final = "<!-- written by campaign_fields.py: end -->\n"
WORDS: Final = {str: "text", int: "whole number", float: "number", bool: "true or false", Any: "anything"}


def main() -> int:
    """Write or check; the exit status."""
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    wanted = before + BEGIN + "\n" + "\n".join(sections()) + END + after
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(wanted, encoding="utf-8")
        return 0
    if page != wanted:
        sys.stderr.write(f"{PAGE.name} is stale; write it anew with: python docs/campaign_fields.py\n")
        return 1
    return 0


def sections() -> Iterator[str]:
    """Every part of the file with a table of its fields, then the names that sampler, pruner and workload know."""
    for path, model in parts(SearchCampaign, ""):
        about = (model.__doc__ or "").strip().splitlines()[0]
        yield f"### {f'`{path}`' if path else 'The object'}\n\n{about}\n"
        rows = [row(path, field) for field in model.model_fields.values()]
        yield table(("field", "value", "default", "meaning"), rows)
    yield options("samplers", "spec.search.sampler.options", SAMPLER_OPTIONS)
    yield options("pruners", "spec.search.pruner.options", PRUNER_OPTIONS)
    for mode, parameters in PARAMETERS.items():
        about = "For `spec.search.parameters` and `spec.trial.workload.settings`."
        yield f"### Parameters of the workload, mode `{mode}`\n\n{about}\n"
        yield table(
            ("name", "value", "default", "meaning"),
            [
                (
                    f"`{name}`",
                    " or ".join(each.choices) or f"{each.kind}, {each.low:g} to {each.high:g}",
                    each.default,
                    each.text,
                )
                for name, each in parameters.items()
            ],
        )


def parts(model: type[Model], path: str) -> Iterator[tuple[str, type[Model]]]:
    """Each model with its place in the file; a parameter's three kinds stand after one another."""
    yield path, model
    for field in model.model_fields.values():
        place = f"{path}.{field.alias}".lstrip(".")
        inner = list(models_in(field.annotation))
        listed = "[]" if "list" in str(field.annotation) else ""
        for each in inner:
            kind = f" of type {each.model_fields['type'].annotation.__args__[0]}" if len(inner) > 1 else ""
            yield from ((p.replace(place, place + listed, 1) + kind, m) for p, m in parts(each, place))


def row(path: str, field: FieldInfo) -> tuple[str, str, str, str]:
    """A field's name, the values it takes, its default and what it means."""
    changeable = path == "spec" and field.alias in CHANGEABLE
    meaning = f"{field.description}{' *May change later.*' if changeable else ''}"
    return f"`{field.alias}`", value_text(field), default_text(field), meaning


def value_text(field: FieldInfo) -> str:
    """The kind of value, in words."""
    for extra in field.metadata:
        if isinstance(extra, Described):
            return extra.words
    return annotation_text(field.annotation)


def annotation_text(annotation: Any) -> str:
    """The kind of value that an annotation allows, in words."""
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return "mapping, see below"
    origin, arguments = get_origin(annotation), get_args(annotation)
    for extra in getattr(annotation, "__metadata__", ()):
        if isinstance(extra, Described):
            return extra.words
    if hasattr(annotation, "__metadata__"):
        return annotation_text(arguments[0])
    if origin is Literal:
        return ", ".join(f"`{each}`" for each in arguments)
    if origin in (Union, types.UnionType):
        kinds = [annotation_text(each) for each in arguments if each is not type(None)]
        return "mapping, see below" if kinds[0].startswith("mapping, see") else " or ".join(kinds)
    if origin is list:
        return f"list: {annotation_text(arguments[0])}"
    if origin is dict:
        return f"mapping of names to: {annotation_text(arguments[1])}"
    return WORDS[annotation]


def default_text(field: FieldInfo) -> str:
    """The default as it would stand in the file."""
    default = field.default
    if field.is_required():
        return "**required**"
    if isinstance(default, Model) or default in (None, [], {}, ""):
        return ""
    if isinstance(default, float):
        return f"`{default:g}s`"
    if default == 2**30:
        return "`1Gi`"
    return f"`{default if isinstance(default, str | Decimal) else json.dumps(default)}`"


def options(kind: str, field: str, allowed: Mapping[str, Sequence[str]]) -> str:
    """What ``options`` may hold for each of ``kind``."""
    rows = [(f"`{name}`", ", ".join(f"`{each}`" for each in names) or "none") for name, names in allowed.items()]
    return f"### Options of the {kind}\n\nFor `{field}`; they are the keywords of Optuna's constructors.\n\n" + table(
        (kind.removesuffix("s"), "options"), rows
    )


def models_in(annotation: Any) -> Iterator[type[Model]]:
    """The models that an annotation names."""
    if isinstance(annotation, type) and issubclass(annotation, Model):
        yield annotation
    for part in getattr(annotation, "__args__", ()):
        yield from models_in(part)


def table(head: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> str:
    """A table in Markdown."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(str(cell).replace('|', '&#124;') for cell in line)} |" for line in lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
