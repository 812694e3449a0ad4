"""Campaign files: what is accepted, and what each mistake is told."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corebound.api.errors import SpecError
from corebound.api.immutability import immutable_changes
from corebound.api.loading import campaign_from_mapping, load_campaign, load_campaign_text

GOOD = """\
apiVersion: corebound.dev/v1alpha1
kind: SearchCampaign
metadata: {name: good}
spec:
  trials: 10
  threads: auto
  objectives:
    - {metric: loss, direction: minimize}
  search:
    sampler: {name: tpe, options: {n_startup_trials: 5}}
    parameters:
      - {name: lr, type: float, low: 1e-5, high: 0.1, log: true}
      - {name: layers, type: int, low: 1, high: 4}
  trial:
    command: [python, train.py, --lr, "{lr}"]
    memory: 512Mi
    timeout: 1h30m
"""


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


@pytest.mark.parametrize(
    ("found", "instead", "said"),
    [
        ("trials: 10", "trails: 10", "c.yaml:5: spec.trails: is no field; did you mean 'trials'?"),
        ("trials: 10", "trials: 0", "c.yaml:5: spec.trials: found 0, expected at least 1"),
        ("trials: 10", 'trials: "10"', "c.yaml:5: spec.trials: found '10', expected a whole number"),
        ("threads: auto", "threads: 0", "c.yaml:6: spec.threads: found 0, expected auto or a whole number"),
        ("threads: auto", "threads: -1", "spec.threads: found -1"),
        ("threads: auto", "threads: 1.5", "spec.threads: found 1.5"),
        ("threads: auto", "threads: 1000000", "spec.threads: found 1000000"),
        ("low: 1e-5", "low: 0.5", "spec.search.parameters[0].low: found 0.5, above high 0.1"),
        ("low: 1e-5", "low: 0", "parameters[0].low: found 0 with log: true"),
        ("name: layers", "name: lr", "found parameter 'lr' more than once"),
        ("name: tpe", "name: tpee", "did you mean 'tpe'?"),
        ("n_startup_trials", "n_startup_trial", "did you mean 'n_startup_trials'?"),
        ("name: tpe, options: {n_startup_trials: 5}", "name: grid", "give 'lr' a step"),
        ("minimize", "minimise", "did you mean 'minimize'?"),
        ("memory: 512Mi", "memory: lots", "spec.trial.memory: found 'lots', expected an amount of memory"),
        ("timeout: 1h30m", "timeout: 90", "ok"),
        ("timeout: 1h30m", "timeout: 5 minutes", "expected a duration"),
        ("command: [", "entrypoint: nothing\n    command: [", "package.module:function"),
        ("name: good", "name: Good_1", "lower case letters"),
        ("timeout: 1h30m", "env: [{name: OMP_NUM_THREADS, value: '64'}]", "OMP_NUM_THREADS=64 sets by hand"),
        ("timeout: 1h30m", "env: [{name: OMP_PROC_BIND, value: 'true'}]", "OMP_PROC_BIND binds"),
        ("kind: SearchCampaign", "kind: Job", "expected SearchCampaign"),
        ("trials: 10", "trials: 10\n  trials: 11", "c.yaml:6: spec.trials: found twice"),
        ("spec:", "spec: [", "is no YAML"),
        ("kind:", "---\nkind:", "several documents"),
    ],
)
def test_each_mistake_is_named(found: str, instead: str, said: str) -> None:
    text = GOOD.replace(found, instead, 1)
    assert text != GOOD
    if said == "ok":
        load_campaign_text(text, file="c.yaml")
    else:
        assert said in problems(text)


def test_all_problems_at_once() -> None:
    said = problems(GOOD.replace("trials: 10", "trials: 0").replace("low: 1e-5", "low: 5").replace("auto", "1.5"))
    assert len(said.splitlines()) == 3


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"- 1\n- 2\n", b"just text"])
def test_what_is_no_campaign(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_bytes(content)
    with pytest.raises(SpecError, match=str(path)):
        load_campaign(path)
    with pytest.raises(SpecError, match="cannot be read"):
        load_campaign(tmp_path)


def test_what_may_change() -> None:
    old = load_campaign_text(GOOD, file="c")
    grown = load_campaign_text(GOOD.replace("trials: 10", "trials: 20"), file="c")
    assert immutable_changes(old, grown) == []
    assert "can only grow" in immutable_changes(grown, old)[0]
    other = load_campaign_text(GOOD.replace("high: 4", "high: 5").replace("threads: auto", "threads: 2"), file="c")
    assert immutable_changes(old, other) == ["spec.threads", "spec.search.parameters"]


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


@given(
    trials=st.integers(1, 10**6),
    threads=st.one_of(st.just("auto"), st.integers(1, 4096)),
    seed=st.integers(0, 2**32 - 1),
)
def test_a_campaign_survives_its_json_form(trials: int, threads: int | str, seed: int) -> None:
    mapping = load_campaign_text(GOOD, file="c").to_mapping()
    mapping["spec"] |= {"trials": trials, "threads": threads}
    mapping["spec"]["search"]["sampler"] = {"name": "random", "seed": seed}
    campaign = campaign_from_mapping(mapping)
    assert campaign_from_mapping(campaign.to_mapping()) == campaign


def test_help_and_api_import_nothing_heavy() -> None:
    code = (
        "import sys, corebound.cli.main, corebound.api.loading\n"
        "print([name for name in ('optuna', 'sqlalchemy', 'torch', 'numpy', 'rich') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
