"""From a file to a SearchCampaign, or to all of its problems at once, each with its line.

YAML is read as kubectl reads it: ``1e-5`` is a number, ``1:30`` and dates are strings. What could go wrong: no such file,
no YAML, a second document, a key twice, a misspelt field; every problem names file, line, field, what was found and
what is allowed.
"""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from corebound.api.errors import Problem, SpecError
from corebound.api.reading import MOST_BYTES, field_text, read_document
from corebound.api.spec import SearchCampaign


def load_campaign(path: Path) -> SearchCampaign:
    """The campaign in ``path``. Raises :class:`SpecError` with every problem."""
    try:
        with Path(path).open("rb") as opened:
            data = opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise SpecError([Problem(file=str(path), message=f"cannot be read: {error.strerror}")]) from error
    return load_campaign_text(data, file=str(path))


def load_campaign_text(text: str | bytes, *, file: str) -> SearchCampaign:
    """The campaign in ``text``; ``file`` is named in problems."""
    data = text.encode("utf-8", errors="surrogatepass") if isinstance(text, str) else text
    document = read_document(data, file=file)
    if document.problems:
        raise SpecError(list(document.problems))
    return _validate(document.value, file=file, lines=document.lines)


def campaign_from_mapping(value: object) -> SearchCampaign:
    """The campaign in its JSON form, as the ledger and the API server keep it."""
    return _validate(value, file="", lines={})


def _validate(value: object, *, file: str, lines: dict[tuple[str | int, ...], int]) -> SearchCampaign:
    if not isinstance(value, dict):
        found = type(value).__name__
        raise SpecError([Problem(file=file, line=1, message=f"found a {found}, expected a SearchCampaign mapping")])
    try:
        return SearchCampaign.model_validate({key: part for key, part in value.items() if key != "status"})
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=True)
        raise SpecError([_problem(detail, file, lines) for detail in _without_echoes(details)]) from None


def _without_echoes(details: list[Any]) -> list[Any]:
    """Of a union's several refusals of one value, the first."""
    kept: dict[tuple[Any, ...], Any] = {}
    for detail in details:
        kept.setdefault(_yaml_path(detail["loc"]), detail)
    return list(kept.values())


def _yaml_path(location: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """pydantic adds the member of a union to the path; the file knows none."""
    unions = {"float", "int", "categorical", "literal['auto']", "constrained-int", "str", "bool"}
    return tuple(
        part
        for index, part in enumerate(location)
        if not (index >= 2 and part in unions) and not str(part).startswith(("function-", "constrained-"))
    )


def _problem(detail: Any, file: str, lines: dict[tuple[str | int, ...], int]) -> Problem:
    path = _yaml_path(detail["loc"])
    known = path
    while known and known not in lines:
        known = known[:-1]
    return Problem(file=file, line=lines.get(known), field=field_text(path), message=_message(detail, path))


def _message(detail: Any, path: tuple[str | int, ...]) -> str:
    kind, found, context = detail["type"], detail["input"], detail.get("ctx", {})
    if kind == "missing":
        return "is missing; add it"
    if kind == "extra_forbidden":
        allowed = _fields_at(path[:-1])
        near = difflib.get_close_matches(str(path[-1]), allowed, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        return f"is no field{hint} (allowed: {', '.join(allowed)})"
    if kind == "value_error":
        return str(context["error"])
    if kind in ("literal_error", "union_tag_invalid"):
        allowed_text = str(context.get("expected") or context.get("expected_tags"))
        tag = context.get("tag", found)
        names = re.findall(r"'([^']*)'", allowed_text)
        near = difflib.get_close_matches(str(tag), names, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        return f"found {tag!r}, expected {allowed_text.replace(chr(39), '')}{hint}"
    if path and path[-1] in ("threads", "parallelism"):
        return f"found {found!r}, expected auto or a whole number from 1 to 4096"
    bounds = {"greater_than_equal": "at least {ge}", "less_than_equal": "at most {le}", "greater_than": "above {gt}"}
    if kind in bounds:
        return f"found {found!r}, expected {bounds[kind].format(**context)}"
    expected = {
        "int_type": "a whole number",
        "int_from_float": "a whole number",
        "float_type": "a number",
        "string_type": "a text (put it in quotes)",
        "bool_type": "true or false",
        "list_type": "a list",
        "dict_type": "a mapping",
        "model_type": "a mapping",
        "model_attributes_type": "a mapping",
        "too_short": "at least one entry",
        "string_too_short": "a text that is not empty",
        "decimal_parsing": 'an amount such as "3.50"',
        "union_tag_not_found": "a mapping with type: float, int or categorical",
    }.get(kind, "another kind of value")
    shown = "a mapping" if isinstance(found, dict) else repr(found)
    return f"found {shown}, expected {expected}"


def _fields_at(path: tuple[str | int, ...]) -> list[str]:
    """The names allowed in the mapping at ``path``, found by walking the models."""
    models: list[Any] = [SearchCampaign]
    for part in path:
        if isinstance(part, int):
            continue
        models = [
            inner
            for model in models
            for name, field in model.model_fields.items()
            if (field.alias or name) == part
            for inner in _models_in(field.annotation)
        ]
    return sorted({field.alias or name for model in models for name, field in model.model_fields.items()})


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in getattr(annotation, "__args__", ()) for model in _models_in(part)]
