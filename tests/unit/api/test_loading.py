"""Campaign files: what is accepted, and what each mistake is told."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from corebound.api.errors import SpecError
from corebound.api.loading import campaign_from_mapping, load_campaign, load_campaign_text

from .campaign_texts import GOOD


def problems(text: str) -> str:
    with pytest.raises(SpecError) as caught:
        load_campaign_text(text, file="c.yaml")
    return str(caught.value)


def test_a_good_file() -> None:
    campaign = load_campaign_text(GOOD, file="c.yaml")
    assert campaign.spec.trial.memory == 512 * 2**20
    assert campaign.spec.trial.timeout == 5400
    assert campaign_from_mapping(campaign.to_mapping()) == campaign


def test_the_example_is_good() -> None:
    campaign = load_campaign(Path(__file__).parents[3] / "examples" / "pole-balancing.yaml")
    assert campaign.spec.trials >= 20


def test_all_problems_at_once() -> None:
    """Of fields, of rules in one model and across models, and of YAML itself, in the order of their lines."""
    text = (
        GOOD.replace("trials: 10", "trials: 0")
        .replace("n_startup_trials", "n_startup")
        .replace("low: 1e-5", "low: 5")
        .replace("log: true", "lgo: true")
        .replace("name: layers", "name: lr")
        .replace("512Mi", "512m\n    memory: 1GB")
        .replace("minimize", "minimize, target: .nan")
    )
    assert [line.split(": ")[:2] for line in problems(text).splitlines()] == [
        ["c.yaml:5", "spec.trials"],
        ["c.yaml:8", "spec.objectives[0].target"],
        ["c.yaml:10", "spec.search.sampler.options.n_startup"],
        ["c.yaml:12", "spec.search.parameters[0].lgo"],
        ["c.yaml:12", "spec.search.parameters[0].low"],
        ["c.yaml:13", "spec.search.parameters[1].name"],
        ["c.yaml:17", "spec.trial.memory"],
    ]


def test_sampler_and_pruner_options_are_optunas_own() -> None:
    import inspect

    import optuna

    from corebound.api.search import PRUNER_OPTIONS, SAMPLER_OPTIONS

    constructors = {
        "tpe": optuna.samplers.TPESampler,
        "qmc": optuna.samplers.QMCSampler,
        "cmaes": optuna.samplers.CmaEsSampler,
        "gp": optuna.samplers.GPSampler,
        "nsga2": optuna.samplers.NSGAIISampler,
    }
    for name, constructor in constructors.items():
        assert set(SAMPLER_OPTIONS[name]) <= set(inspect.signature(constructor).parameters), name
    pruners = {
        "median": optuna.pruners.MedianPruner,
        "percentile": optuna.pruners.PercentilePruner,
        "successive-halving": optuna.pruners.SuccessiveHalvingPruner,
        "hyperband": optuna.pruners.HyperbandPruner,
    }
    for name, pruner in pruners.items():
        assert set(PRUNER_OPTIONS[name]) == set(inspect.signature(pruner).parameters), name


def test_help_and_api_import_nothing_heavy() -> None:
    code = (
        "import sys, corebound.cli.main, corebound.api.loading\n"
        "print([name for name in ('optuna', 'sqlalchemy', 'torch', 'numpy', 'rich') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_what_is_json_already_is_read_without_a_reader_of_yaml() -> None:
    """Each worker and its child read their campaign from the ledger."""
    code = (
        "import json, sys\nfrom corebound.api.loading import campaign_from_mapping\n"
        "campaign_from_mapping(json.load(sys.stdin))\nimport corebound_trial.runner.worker, corebound_trial.runner.attempt\n"
        "print('yaml' in sys.modules)"
    )
    given = json.dumps(load_campaign_text(GOOD, file="c.yaml").to_mapping())
    done = subprocess.run([sys.executable, "-c", code], input=given, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
