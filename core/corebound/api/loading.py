"""From a file to a SearchCampaign, or to all of its problems at once, each with its line.

The file becomes JSON values as kubectl makes them (``reading``), these become models (pydantic), and the models are
asked for their rules. What is wrong in one part does not hide another: rules are asked of whatever part is sound, too.
Every problem names file, line and field, what was found and what is allowed, with the nearest name for a misspelt one.
"""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any, Final

from pydantic import TypeAdapter, ValidationError

from corebound.api.document import KEY, MOST_BYTES, Document, document_of, field_text
from corebound.api.errors import Problem, SpecError
from corebound.api.jobs import CAMPAIGN_KIND
from corebound.api.model import (
    Finding,
    MissingFieldError,
    Model,
    Path,
    Unreadable,
    models_in,
    nearest_name,
    shown,
)
from corebound.api.spec import API_VERSION, SearchCampaign
from corebound.api.wording import message_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SERVER_OWNED: Final = {
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "managedFields",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
}
"""What an API server adds to ``metadata``; left out, so that what ``kubectl get -o yaml`` prints loads again."""
_PARAMETERS: Final = ("spec", "search", "parameters")
STANDARD: Final = FilePath("-")
"""In place of a file: standard input, or for what is written standard output."""


def load_campaign(path: FilePath) -> SearchCampaign:
    """The campaign in the file ``path``, :data:`STANDARD` included. Raises :class:`SpecError` with every problem."""
    return load_campaign_text(_bytes_of(path), file=name_of(path))


def load_manifest(path: FilePath) -> tuple[SearchCampaign, dict[str, Any]]:
    """The campaign in the file ``path``, and the object as the file writes it, for an API server: nothing is filled in."""
    file = name_of(path)
    document = _read(_bytes_of(path), file=file)
    return _campaign(document, file), _without_nulls(SearchCampaign, _without_what_servers_add(document.value))


def name_of(path: FilePath) -> str:
    """What messages call the file."""
    return "standard input" if path == STANDARD else str(path)


def _bytes_of(path: FilePath) -> bytes:
    try:
        if path == STANDARD:
            return sys.stdin.buffer.read(MOST_BYTES + 1) if sys.stdin is not None else b""
        with FilePath(path).open("rb") as opened:
            return opened.read(MOST_BYTES + 1)
    except OSError as error:
        message = f"cannot be read: {error.strerror}; expected a campaign's YAML file"
        raise SpecError([Problem(file=name_of(path), message=message)]) from error
    except ValueError as error:
        raise SpecError([Problem(file=repr(str(path)), message="is no name of a file")]) from error


def load_campaign_text(text: str | bytes, *, file: str) -> SearchCampaign:
    """The campaign in ``text``; ``file`` is named in problems. Raises :class:`SpecError`."""
    data = text.encode("utf-8", errors="surrogatepass") if isinstance(text, str) else text
    return _campaign(_read(data, file=file), file)


def _read(data: bytes, *, file: str) -> Document:
    # Workers and the operator get JSON: they pay for no reader of YAML.
    from corebound.api.reading import read_document

    return read_document(data, file=file)


def campaign_from_mapping(value: object) -> SearchCampaign:
    """The campaign in its JSON form, as the ledger and the API server keep it. Raises :class:`SpecError`."""
    return _campaign(document_of(value), "")


def campaign_of(name: str, specification: Mapping[str, Any]) -> SearchCampaign:
    """The campaign of that name with the JSON form of its ``spec``. Raises :class:`SpecError`."""
    return campaign_from_mapping(
        {"apiVersion": API_VERSION, "kind": CAMPAIGN_KIND, "metadata": {"name": name}, "spec": specification}
    )


def _campaign(document: Document, file: str) -> SearchCampaign:
    value = document.value
    if not isinstance(value, dict):
        message = f"found {shown(value)}, expected a SearchCampaign: a mapping that begins with apiVersion and kind"
        raise SpecError([Problem(file=file, line=document.lines.get(()), message=message)])
    campaign, findings = _validated(_without_nulls(SearchCampaign, _without_what_servers_add(value)))
    # What could not be read as a value is told already; that it is missing, too, need not be.
    told = {problem.field for problem in document.problems}
    problems = list(document.problems)
    for place, message in findings:
        if field_text(place) not in told:
            problems.append(_problem(place, message, document, file))
    if problems or campaign is None:
        problems.sort(key=lambda problem: problem.line or 0)
        raise SpecError(problems)
    return campaign


def _without_what_servers_add(value: dict[str, Any]) -> dict[str, Any]:
    kept = {name: part for name, part in value.items() if name != "status"}
    if isinstance(metadata := kept.get("metadata"), dict):
        kept["metadata"] = {name: part for name, part in metadata.items() if name not in _SERVER_OWNED}
    return kept


def _validated(value: dict[str, Any]) -> tuple[SearchCampaign | None, list[Finding]]:
    """The campaign, unless a field is wrong, and everything that is wrong with it."""
    try:
        campaign = SearchCampaign.model_validate(value)
    except ValidationError as error:
        details = error.errors(include_url=False)
        wrong = {_place(detail["loc"]) for detail in details}
        findings = list(_findings(value, details))
        return None, [*findings, *_broken_rules(_sound_part(SearchCampaign, value, wrong, ()), ())]
    return campaign, _broken_rules(campaign, ())


def _without_nulls(model: type[Model], value: dict[str, Any]) -> dict[str, Any]:
    """Without what is null and may be left out, as ``kubectl apply`` sends it; in required fields null is told."""
    kept: dict[str, Any] = {}
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    for name, part in value.items():
        field = fields.get(name)
        if part is None and (field is None or not field.is_required()):
            continue
        models = models_in(field.annotation) if field is not None else []
        if models and isinstance(part, dict):
            kept[name] = _without_nulls(_model_of(models, part), part)
        elif models and isinstance(part, list):
            kept[name] = [
                _without_nulls(_model_of(models, each), each) if isinstance(each, dict) else each for each in part
            ]
        else:
            kept[name] = _without_free_nulls(part)
    return kept


def _without_free_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_free_nulls(part) for name, part in value.items() if part is not None}
    return [_without_free_nulls(part) for part in value] if isinstance(value, list) else value


def _findings(value: dict[str, Any], details: list[Any]) -> Iterator[Finding]:
    """What pydantic found, in our words; of a misspelt field not also that the right one is missing."""
    names: dict[Path, list[str]] = {}
    meant: set[Path] = set()
    for detail in details:
        if detail["type"] == "extra_forbidden":
            place = _place(detail["loc"])
            names[place] = _names_at(value, place[:-1])
            meant.add((*place[:-1], str(nearest_name(place[-1], names[place]))))
    for detail in details:
        place = _place(detail["loc"])
        if detail["type"] != "missing" or place not in meant:
            yield place, message_of(detail, place, names.get(place, []))


def _sound_part(model: type[Model], value: dict[str, Any], wrong: set[Path], path: Path) -> Model:
    """``model`` without the fields that are wrong; asking for one raises :class:`MissingFieldError`."""
    kept: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        alias = field.alias or name
        here = (*path, alias)
        if alias not in value:
            if not field.is_required():
                kept[name] = field.get_default(call_default_factory=True)
        elif not any(place[: len(here)] == here for place in wrong):
            kept[name] = _field_type(model, name).validate_python(value[alias])
        elif here not in wrong and (inner := _sound_value(field.annotation, value[alias], wrong, here)) is not None:
            kept[name] = inner
    part = model.model_construct(**kept)
    for name in model.model_fields.keys() - kept.keys():
        part.__dict__.pop(name, None)
    return part


def _sound_value(annotation: Any, value: Any, wrong: set[Path], path: Path) -> Any:
    """The models in a field that holds models and something wrong; None where it holds others."""
    models = models_in(annotation)
    if not models or not isinstance(value, dict | list):
        return None
    if isinstance(value, dict):
        return _sound_part(_model_of(models, value), value, wrong, path)
    return [
        _sound_part(_model_of(models, item), item, wrong, (*path, index)) if isinstance(item, dict) else Unreadable()
        for index, item in enumerate(value)
    ]


@cache
def _field_type(model: type[Model], name: str) -> TypeAdapter[Any]:
    return TypeAdapter(model.model_fields[name].rebuild_annotation())


def _model_of(models: list[type[Model]], value: dict[str, Any]) -> type[Model]:
    """Of several models the one whose ``type`` the value names; one without fields where it names none."""
    if len(models) == 1:
        return models[0]
    for model in models:
        if value.get("type") in getattr(model.model_fields["type"].annotation, "__args__", ()):
            return model
    return Unreadable


def _broken_rules(model: Model, path: Path) -> list[Finding]:
    """What the rules of ``model`` and of the models in it find, by their place in the whole."""
    found: list[Finding] = []
    for name, value in model.__dict__.items():
        here = (*path, type(model).model_fields[name].alias or name)
        if isinstance(value, Model):
            found += _broken_rules(value, here)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                if isinstance(item, Model):
                    found += _broken_rules(item, (*here, index))
    for rule in model.rules():
        try:
            # One by one: what a rule has found before it misses a field counts.
            for place, message in rule():
                found.append(((*path, *place), message))
        except MissingFieldError:
            continue
    return found


def _place(location: tuple[str | int, ...]) -> Path:
    """pydantic's place without the member of a union, which it writes after the index of a parameter."""
    if location[:3] == _PARAMETERS and len(location) > 4:
        return (*location[:4], *location[5:])
    return location


def _problem(place: Path, message: str, document: Document, file: str) -> Problem:
    known = place
    while known and known not in document.lines:
        known = known[:-1]
    if place in document.written:
        message = _with_spelling(message, shown(_at(document.value, place)), document.written[place])
    key = document.written.get((*place, KEY))
    if key is not None:
        message += f"; {key} without quotes is {place[-1]} in YAML: put a name such as {key} in quotes"
    return Problem(file=file, line=document.lines.get(known), field=field_text(place), message=message)


def _with_spelling(message: str, value: str, written: str) -> str:
    """``found true (written y), expected ...`` where the file writes a value otherwise than it is shown."""
    if value == written or not message.startswith(f"found {value}"):
        return message
    return message.replace(f"found {value}", f"found {value} (written {written or 'nothing'})", 1)


def _at(value: Any, place: Path) -> Any:
    for step in place:
        value = value[step]
    return value


def _names_at(value: dict[str, Any], path: Path) -> list[str]:
    """The names allowed in the mapping at ``path``, found by walking the models along the value."""
    models: list[type[Model]] = [SearchCampaign]
    part: Any = value
    for step in path:
        part = part[step]
        if isinstance(step, str):
            fields = [field for name, field in models[0].model_fields.items() if (field.alias or name) == step]
            models = models_in(fields[0].annotation)
        if isinstance(part, dict):
            models = [_model_of(models, part)]
    return sorted(field.alias or name for name, field in models[0].model_fields.items())
