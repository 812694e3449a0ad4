"""Presets are campaign files, and the command line's wishes change only what they name."""

from __future__ import annotations

import pytest

from corebound.api.errors import SpecError, UsageError
from corebound.api.loading import load_campaign_text
from corebound.api.presets import DEFAULT, Wishes, preset, presets, run_of, search_of
from corebound.api.workload import MODES, PARAMETERS
from corebound.api.writing import campaign_yaml


def test_the_presets_of_the_documents_are_there_the_default_first() -> None:
    assert next(iter(presets())) == DEFAULT
    assert {"default", "neat", "neat_baseline", "prod", "test"} <= set(presets())


@pytest.mark.parametrize("name", presets())
def test_each_is_a_campaign_file_with_a_summary(name: str) -> None:
    campaign = preset(name).campaign
    assert campaign.metadata.name == name.replace("_", "-")
    assert preset(name).text.startswith("# ")
    assert len(preset(name).summary) > 20
    assert campaign.spec.trial.workload is not None


def test_the_seeds_command() -> None:
    """``search prod -m pure -n 100 -g 150 -s 3 -p 500 -w 5``."""
    wishes = Wishes(mode="pure", trials=100, generations=150, seeds=3, population=500, workers=5)
    spec = search_of("prod", preset_name=None, wishes=wishes).spec
    workload = spec.trial.workload
    assert workload is not None
    assert (workload.mode, workload.population, workload.generations, workload.seeds) == ("pure", 500, 150, 3)
    assert (spec.trials, spec.parallelism) == (100, 5)
    assert spec.search.pruner.name == "median"  # the preset's


def test_a_name_without_a_preset_begins_with_the_default() -> None:
    assert search_of("mine", preset_name=None, wishes=Wishes()).spec == preset(DEFAULT).campaign.spec
    assert search_of("mine", preset_name="test", wishes=Wishes()).spec == preset("test").campaign.spec
    assert search_of("mine", preset_name=None, wishes=Wishes()).metadata.name == "mine"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", presets())
def test_every_preset_can_be_searched_in_every_mode(name: str, mode: str) -> None:
    campaign = search_of(name.replace("_", "-"), preset_name=name, wishes=Wishes(mode=mode, workers=1, threads=1))
    assert campaign.spec.trial.workload is not None
    assert campaign.spec.trial.workload.mode == mode
    assert {each.name for each in campaign.spec.search.parameters} <= set(PARAMETERS[mode])
    assert load_campaign_text(campaign_yaml(campaign), file="again.yaml") == campaign


def test_another_task_does_not_get_the_arguments_of_the_presets_own() -> None:
    digits = search_of("x", preset_name=None, wishes=Wishes(task="digits")).spec
    assert digits.trial.arguments == {}
    assert digits.objectives[0].metric == "solved_at"
    own = search_of("x", preset_name=None, wishes=Wishes(task="walker.py:Walker")).spec
    assert (own.objectives[0].metric, own.objectives[0].direction) == ("fitness", "maximize")
    assert search_of("x", preset_name=None, wishes=Wishes(task="double-pole")).spec.trial.arguments == {"steps": 2000}


@pytest.mark.parametrize("name", presets())
def test_one_configuration_searches_nothing(name: str) -> None:
    campaign = run_of(name, wishes=Wishes(generations=20, seeds=1, population=200))
    workload = campaign.spec.trial.workload
    assert workload is not None
    assert (workload.generations, workload.seeds, workload.population) == (20, 1, 200)
    assert (campaign.spec.trials, campaign.spec.search.parameters) == (1, [])
    assert campaign.spec.trial.arguments == preset(name).campaign.spec.trial.arguments


def test_unknown_names_are_told_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'neat_baseline'"):
        preset("neat-baselin")
    with pytest.raises(SpecError, match="did you mean 'neat'"):
        search_of("x", preset_name=None, wishes=Wishes(mode="neet"))
