"""The table of settings on docs/operator.md is the models', word for word."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from pydantic import BaseModel

from corebound_operator.build.settings import Settings

PAGE = Path(__file__).parents[3] / "docs" / "operator.md"


def rows(model: type[BaseModel], place: str = "") -> list[str]:
    found = []
    for field in model.model_fields.values():
        name = f"{place}{field.alias}"
        inner = [each for each in (field.annotation, *get_args(field.annotation)) if isinstance(each, type)]
        nested = next((each for each in inner if issubclass(each, BaseModel)), None)
        found += rows(nested, f"{name}.") if nested else [f"| `{name}` | {field.description} |"]
    return found


def test_every_setting_is_there_and_no_other() -> None:
    table = PAGE.read_text(encoding="utf-8").split("## Settings")[1].split("\n## ")[0]
    written = [line for line in table.splitlines() if line.startswith("| `")]
    assert written == rows(Settings)
