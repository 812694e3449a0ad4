"""Every field of the campaign file is described, as ``kubectl explain`` will show it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from corebound.api.loading import load_campaign_text
from corebound.api.spec import SearchCampaign

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and hasattr(annotation, "model_fields"):
        yield annotation
    for part in getattr(annotation, "__args__", ()):
        yield from models_in(part)


def fields(model: type[BaseModel], path: str) -> Iterator[tuple[str, str]]:
    for name, field in model.model_fields.items():
        place = f"{path}{field.alias or name}"
        yield place, field.description or ""
        for inner in models_in(field.annotation):
            yield from fields(inner, f"{place}.{inner.__name__}.")


ALL = list(fields(SearchCampaign, ""))


def test_the_walk_reaches_every_part() -> None:
    places = {place for place, _ in ALL}
    assert "spec.CampaignSpec.search.Search.parameters.CategoricalParameter.choices" in places
    assert "spec.CampaignSpec.pool.PoolSpec.pricePerHour" in places
    assert "spec.CampaignSpec.trial.TrialSpec.template.PodTemplate.envFrom" in places


@pytest.mark.parametrize(("place", "description"), ALL, ids=[place for place, _ in ALL])
def test_each_field_is_described(place: str, description: str) -> None:
    assert len(description.split()) >= 3, place
    assert description.endswith("."), f"{place}: a description is a sentence"
    assert description[0].isupper() or description.startswith(("true", "auto")), place


def test_the_document_says_the_same() -> None:
    program = Path(__file__).parents[3] / "docs" / "campaign_fields.py"
    done = subprocess.run([sys.executable, program, "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_document_shows_a_campaign_that_loads() -> None:
    page = (Path(__file__).parents[3] / "docs" / "campaign.md").read_text(encoding="utf-8")
    example = page.split("```yaml my-search.yaml\n")[1].split("```")[0]
    assert load_campaign_text(example, file="docs").spec.trials == 20
