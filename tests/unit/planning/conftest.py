"""Campaigns for the planner, made by the same door a user's YAML comes in through."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from corebound.api.loading import campaign_from_mapping
from corebound.api.spec import SearchCampaign

MakeCampaign = Callable[..., SearchCampaign]


@pytest.fixture(scope="session")
def make_campaign() -> MakeCampaign:
    """A valid campaign of sphere-like trials; keyword arguments are fields of ``spec``, ``sampler`` and ``memory``."""

    def make(*, sampler: str | dict[str, Any] = "random", memory: str = "1Gi", **fields: Any) -> SearchCampaign:
        spec: dict[str, Any] = {
            "trials": 100,
            "objectives": [{"metric": "loss", "direction": "minimize"}],
            "search": {
                "sampler": {"name": sampler} if isinstance(sampler, str) else sampler,
                "parameters": [{"name": "x", "type": "float", "low": 0.0, "high": 1.0, "step": 1e-7}],
            },
            "trial": {"command": ["true"], "memory": memory},
        }
        return campaign_from_mapping(
            {
                "apiVersion": "corebound.dev/v1alpha1",
                "kind": "SearchCampaign",
                "metadata": {"name": "planned"},
                "spec": spec | fields,
            }
        )

    return make
