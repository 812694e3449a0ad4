"""A package that is missing is named with its remedy before anything starts."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

import pytest

from corebound.api.errors import MissingRequirementError
from corebound.api.loading import campaign_from_mapping
from corebound.local.requirements import check_requirements

if TYPE_CHECKING:
    from corebound.api.spec import CampaignSpec


def spec(sampler: str = "random", **trial: Any) -> CampaignSpec:
    parameters = [{"name": "elites", "type": "float", "low": 0, "high": 1, "step": 0.5}]
    return campaign_from_mapping(
        {
            "apiVersion": "corebound.dev/v1alpha1",
            "kind": "SearchCampaign",
            "metadata": {"name": "needs"},
            "spec": {
                "trials": 1,
                "objectives": [{"metric": "fitness", "direction": "minimize"}],
                "search": {"sampler": {"name": sampler}, "parameters": parameters},
                "trial": trial or {"command": ["true"]},
            },
        }
    ).spec


@pytest.mark.parametrize(
    ("needs", "without", "said"),
    [
        (
            spec("gp"),
            ("torch", "scipy"),
            r"the gp sampler needs scipy, .*; the gp sampler needs torch, .*: pip install 'corebound\[neuro,trial\]'",
        ),
        (spec("gp"), ("torch",), r"^the gp sampler needs torch, which is not installed; .* 'corebound\[neuro\]'"),
        (spec("cmaes"), ("cmaes",), r"the cmaes sampler needs cmaes, .* 'corebound\[trial\]'"),
        (spec("qmc"), ("scipy",), r"the qmc sampler needs scipy, .* 'corebound\[trial\]'"),
        (spec(workload={"task": "xor"}), ("torch",), r"trial\.workload needs torch, .* 'corebound\[neuro\]'"),
        (
            spec(command=["true"], artifacts="s3://runs"),
            ("fsspec",),
            r"trial\.artifacts s3://runs needs fsspec, .* 'corebound\[artifacts\]'",
        ),
    ],
)
def test_a_missing_package_is_named_with_its_remedy(
    needs: CampaignSpec, without: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in without else find(name))
    with pytest.raises(MissingRequirementError, match=said):
        check_requirements(needs)


@pytest.mark.parametrize("sampler", ["tpe", "random", "grid", "qmc", "cmaes", "gp", "nsga2"])
def test_nothing_is_missing_here(sampler: str) -> None:
    check_requirements(spec(sampler))
