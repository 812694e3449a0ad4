"""From a file to a SearchCampaign, or to all of its problems at once, each with its line.

YAML is read as kubectl reads it: ``1e-5`` is a number, ``1:30`` and dates are strings. What could go wrong: no such file,
no YAML, a second document, a key twice, a misspelt field; every problem names file, line, field, what was found and
what is allowed.
"""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import BaseModel, ValidationError

from corebound.api.errors import Problem, SpecError
from corebound.api.spec import SearchCampaign

_FLOAT: Final = re.compile(
    r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
_INT: Final = re.compile(r"[-+]?(?:0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|[0-9][0-9_]*)")
_BOOL: Final = re.compile(r"yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF")
Lines = dict[tuple[str | int, ...], int]


class _Loader(yaml.SafeLoader):
    """PyYAML with the scalars of kubectl's reader."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own attribute


for _tag, _pattern in (("bool", _BOOL), ("int", _INT), ("float", _FLOAT)):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"(?:{_pattern.pattern})$"), None)
_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"(?:~|null|Null|NULL|)$"), None)
_Loader.add_implicit_resolver("tag:yaml.org,2002:merge", re.compile(r"<<$"), ["<"])


def _construct_int(_: _Loader, node: yaml.ScalarNode) -> int:
    text = node.value.replace("_", "")
    digits = text.lstrip("+-")
    base = 8 if re.fullmatch(r"0[0-7]+", digits) else 0
    return (-1 if text.startswith("-") else 1) * int(digits, base)


_Loader.add_constructor("tag:yaml.org,2002:int", _construct_int)


def load_campaign(path: Path) -> SearchCampaign:
    """The campaign in ``path``. Raises :class:`SpecError` with every problem."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise SpecError([Problem(file=str(path), message=f"cannot be read: {error.strerror}")]) from error
    except UnicodeDecodeError as error:
        raise SpecError([Problem(file=str(path), message="is no UTF-8 text, expected a YAML file")]) from error
    return load_campaign_text(text, file=str(path))


def load_campaign_text(text: str, *, file: str) -> SearchCampaign:
    """The campaign in ``text``; ``file`` is named in problems."""
    value, lines = read_yaml(text, file=file)
    return _validate(value, file=file, lines=lines)


def campaign_from_mapping(value: object) -> SearchCampaign:
    """The campaign in its JSON form, as the ledger and the API server keep it."""
    return _validate(value, file="", lines={})


def read_yaml(text: str, *, file: str) -> tuple[Any, Lines]:
    """The one document of ``text`` as JSON values, and the line of every key. Raises :class:`SpecError`."""
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            raise SpecError([Problem(file=file, message="is empty, expected a SearchCampaign")])
        lines: Lines = {}
        problems: list[Problem] = []
        _collect_lines(node, (), lines, problems, file)
        if problems:
            raise SpecError(problems)
        return loader.construct_document(node), lines
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        several = "expected a single document" in str(error.context)
        message = "found several documents, expected one campaign a file" if several else f"is no YAML: {error.problem}"
        raise SpecError([Problem(file=file, line=line, message=message)]) from error
    except (yaml.YAMLError, ValueError) as error:
        raise SpecError([Problem(file=file, message=f"is no YAML: {error}")]) from error


def _collect_lines(
    node: yaml.Node, path: tuple[str | int, ...], lines: Lines, problems: list[Problem], file: str
) -> None:
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.value in seen and key.value != "<<":
                place = _field((*path, key.value))
                problems.append(Problem(file=file, line=line, field=place, message="found twice, expected once"))
            seen.add(key.value)
            lines[(*path, key.value)] = line
            _collect_lines(value, (*path, key.value), lines, problems, file)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _collect_lines(value, (*path, index), lines, problems, file)


def _validate(value: object, *, file: str, lines: Lines) -> SearchCampaign:
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


def _problem(detail: Any, file: str, lines: Lines) -> Problem:
    path = _yaml_path(detail["loc"])
    known = path
    while known and known not in lines:
        known = known[:-1]
    return Problem(file=file, line=lines.get(known), field=_field(path), message=_message(detail, path))


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


def _field(path: tuple[str | int, ...]) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text
