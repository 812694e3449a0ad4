"""charts/corebound/README.md documents every value of the chart, as values.yaml has it."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from .conftest import CHART

if TYPE_CHECKING:
    from types import ModuleType

SCRIPT = CHART.parent / "write_readme.py"


@pytest.fixture(scope="module")
def writer() -> ModuleType:
    """The script: charts/ is no package."""
    spec = importlib.util.spec_from_file_location("write_readme", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["write_readme"] = module
    spec.loader.exec_module(module)
    return module


def test_the_page_is_that_of_the_values() -> None:
    done = subprocess.run([sys.executable, str(SCRIPT), "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_value_of_the_file_is_found(writer: ModuleType) -> None:
    text = (CHART / "values.yaml").read_text(encoding="utf-8")
    found = {value.path: yaml.safe_load(value.default) for value in writer.values(text)}
    rebuilt: dict[str, Any] = {}
    for path, default in found.items():
        *parents, name = path.split(".")
        place = rebuilt
        for parent in parents:
            place = place.setdefault(parent, {})
        place[name] = default
    assert rebuilt == yaml.safe_load(text)


def test_a_value_without_a_comment_is_named(writer: ModuleType) -> None:
    found = writer.values("# One.\nfirst: 1\n\nsecond:\n  # Inner.\n  a: x\n  b: {c: 1}\n# Three.\nthird:\n  d: []\n")
    assert [(value.path, value.meaning) for value in found] == [
        ("first", "One."),
        ("second.a", "Inner."),
        ("second.b", ""),
        ("third.d", "Three."),
    ]


def test_a_changed_default_makes_the_page_stale(writer: ModuleType) -> None:
    page = (CHART / "README.md").read_text(encoding="utf-8")
    text = (CHART / "values.yaml").read_text(encoding="utf-8")
    assert writer.with_table(page, writer.values(text)) == page
    assert writer.with_table(page, writer.values(text.replace("maxConnections: 300", "maxConnections: 400"))) != page


def test_the_schema_knows_every_value_and_no_other_part(writer: ModuleType) -> None:
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    for value in writer.values((CHART / "values.yaml").read_text(encoding="utf-8")):
        place = schema
        for part in value.path.split("."):
            place = place.get("properties", {}).get(part) or schema["definitions"][place["$ref"].rsplit("/")[-1]][
                "properties"
            ].get(part)
            assert place is not None, value.path
