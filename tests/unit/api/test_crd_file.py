"""The CRD's file is that of the models, and closed: nothing is free but what belongs to others."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from corebound.api.crd import definition
from corebound.api.immutability import CHANGEABLE
from corebound.api.spec import CampaignSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = Path(__file__).parents[3] / "crds" / "write.py"


def schema() -> dict[str, Any]:
    found: dict[str, Any] = definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return found


def fields(part: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    part = part.get("items", part)
    for name, inner in part.get("properties", {}).items():
        yield f"{path}.{name}", inner
        yield from fields(inner, f"{path}.{name}")


def test_the_file_is_that_of_the_models() -> None:
    done = subprocess.run([sys.executable, PROGRAM, "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_schema_is_closed() -> None:
    free = {place for place, inner in fields(schema()) if "x-kubernetes-preserve-unknown-fields" in inner}
    template = ".spec.trial.template"
    others = {place for place in free if not place.startswith(f"{template}.volumes.")}
    affinity = {f"{template}.affinity.{kind}" for kind in ("nodeAffinity", "podAffinity", "podAntiAffinity")}
    assert others == {".spec.trial.arguments", f"{template}.securityContext", *affinity}


def test_every_field_is_described() -> None:
    for place, inner in fields(schema()):
        if place != ".metadata":
            assert len(inner["description"].split()) >= 2, place


def test_each_fixed_field_has_a_rule_about_its_change() -> None:
    rules = schema()["properties"]["spec"]["x-kubernetes-validations"]
    fixed = {each["fieldPath"].split(".")[1] for each in rules if "oldSelf" in each["rule"]}
    every = {field.alias or name for name, field in CampaignSpec.model_fields.items()}
    assert fixed == every - CHANGEABLE | {"trials"}


def test_no_default_is_written_into_what_users_wrote() -> None:
    assert not [place for place, inner in fields(schema()) if "default" in inner]
