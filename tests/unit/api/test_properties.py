"""What holds for every campaign and for every value, good or not."""

from __future__ import annotations

import copy
import json
from typing import Any, Final

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from corebound.api.errors import SpecError
from corebound.api.immutability import CHANGEABLE, immutable_changes
from corebound.api.loading import campaign_from_mapping, load_campaign_text
from corebound.api.spec import CampaignSpec, SearchCampaign
from corebound.api.writing import campaign_yaml

slow = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much], deadline=None)

text = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=12)
awkward = st.sampled_from(
    ["y", "1e5", "1:30", "0x1F", "~", "", "null", " a ", "a: b", "#", "<<", "=", "1_0", "é", "*a", "-"]
)
names = st.text(st.characters(categories=("Ll", "Lu", "Nd")), min_size=1, max_size=8) | st.sampled_from(
    ["y", "on", "a_b", "1"]
)
label_names = st.sampled_from(["a", "Team_1", "b.c-d/e", "y", "1e5"])
whole = st.integers(-(2**53), 2**53)
finite = st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | text | awkward,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text | awkward, inner, max_size=3),
    max_leaves=8,
)
sound_values = st.recursive(
    st.none() | st.booleans() | whole | finite | text | awkward,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text | awkward, inner, max_size=3),
    max_leaves=8,
)


@st.composite
def parameters(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["float", "int", "categorical"]))
    if kind == "categorical":
        choices = st.lists(st.integers(2, 9) | text | awkward | st.booleans(), min_size=1, max_size=4, unique=True)
        return {"type": kind, "choices": draw(choices)}
    numbers = st.integers(-(10**9), 10**9) if kind == "int" else st.floats(-1e9, 1e9)
    low, high = sorted((draw(numbers), draw(numbers)))
    step = draw(st.none() | (st.integers(1, 1000) if kind == "int" else st.floats(0.001, 1000.0)))
    return {"type": kind, "low": low, "high": high} | ({} if step is None else {"step": step})


@st.composite
def campaigns(draw: st.DrawFn) -> dict[str, Any]:
    """A campaign in its JSON form, with most of the fields there are."""
    space = {name: draw(parameters()) for name in draw(st.lists(names, unique=True, max_size=3))}
    trial = {
        "command": ["run", *draw(st.lists(text | awkward, max_size=3))],
        "memory": draw(st.sampled_from(["512Mi", "1G", "1.5Gi", 2**30])),
        "timeout": draw(st.sampled_from(["90s", "1h30m", 5, "0.25s", None])),
        "env": [{"name": "A", "value": draw(text | awkward)}],
        "template": {
            "labels": draw(st.dictionaries(label_names, st.sampled_from(["", "x-1", "1e5", "y"]), max_size=2)),
            "annotations": draw(st.dictionaries(label_names, text | awkward, max_size=2)),
        },
    }
    if draw(st.booleans()):
        trial |= {"entrypoint": "a.b:c", "arguments": draw(st.dictionaries(text | awkward, sound_values, max_size=3))}
        del trial["command"]
    campaign = {
        "apiVersion": "corebound.dev/v1alpha1",
        "kind": "SearchCampaign",
        "metadata": {"name": draw(st.sampled_from(["a", "a-1", "1e5", "y", "1"])), "annotations": {"note": draw(text)}},
        "spec": {
            "trials": draw(st.integers(1, 10**6)),
            "threads": draw(st.just("auto") | st.integers(1, 4096)),
            "parallelism": draw(st.just("auto") | st.integers(1, 10**6)),
            "objectives": [
                {"metric": draw(names), "direction": "minimize", "target": draw(st.none() | finite | whole)}
            ],
            "search": {
                "sampler": {"name": "random", "seed": draw(st.none() | st.integers(0, 2**32 - 1))},
                "parameters": [{"name": name, **each} for name, each in space.items()],
                "enqueue": [{name: each["low"]} for name, each in space.items() if "low" in each],
            },
            "trial": trial,
            "pool": {
                "cpu": draw(st.sampled_from(["126620m", 4, "1.5", None])),
                "pricePerHour": draw(st.none() | st.just("3.50")),
            },
            "failurePolicy": {
                "retries": draw(st.integers(0, 9)),
                "maxFailedTrials": draw(st.none() | st.integers(0, 9)),
            },
            "budget": draw(st.none() | st.just({"amount": "20", "currency": "EUR"})),
            "suspend": draw(st.booleans()),
        },
    }
    # What is null here is left out; only arguments may hold a null.
    campaign["spec"] = {name: without_nulls(part) for name, part in campaign["spec"].items() if part is not None}
    return campaign


def without_nulls(part: Any) -> Any:
    if isinstance(part, list):
        return [without_nulls(each) for each in part]
    if not isinstance(part, dict):
        return part
    return {
        name: each if name == "arguments" else without_nulls(each) for name, each in part.items() if each is not None
    }


def exact(campaign: SearchCampaign) -> str:
    """For Python 1, 1.0 and True are equal; as JSON they are not."""
    return json.dumps(campaign.to_mapping())


@slow
@given(campaigns())
def test_a_campaign_survives_its_json_form_and_its_file(mapping: dict[str, Any]) -> None:
    campaign = campaign_from_mapping(mapping)
    stored = json.loads(json.dumps(campaign.to_mapping(), allow_nan=False))
    forms = {
        "mapping": campaign_from_mapping(stored),
        "JSON file": load_campaign_text(json.dumps(stored), file="c.json"),
        "YAML file": load_campaign_text(campaign_yaml(campaign), file="c.yaml"),
    }
    for form, read in forms.items():
        assert read == campaign, form
        assert exact(read) == exact(campaign), form


@slow
@given(campaigns())
def test_nothing_changes_where_nothing_was_changed(mapping: dict[str, Any]) -> None:
    campaign = campaign_from_mapping(mapping)
    assert immutable_changes(campaign, campaign) == []
    assert immutable_changes(campaign, load_campaign_text(campaign_yaml(campaign), file="c")) == []


def refused_or_loaded(value: object) -> None:
    try:
        campaign = campaign_from_mapping(value)
    except SpecError as error:
        assert error.problems
        assert all(problem.message for problem in error.problems)
    else:
        assert exact(campaign_from_mapping(campaign.to_mapping())) == exact(campaign)


@slow
@given(json_values)
def test_any_value_is_a_campaign_or_a_spec_error(value: object) -> None:
    refused_or_loaded(value)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, part in inner for place in places(part, (*path, key)))]


FULL: Final[dict[str, Any]] = {
    "apiVersion": "corebound.dev/v1alpha1",
    "kind": "SearchCampaign",
    "metadata": {"name": "full", "labels": {"a": "b"}},
    "spec": {
        "trials": 9,
        "threads": 2,
        "parallelism": 3,
        "objectives": [{"metric": "fitness", "direction": "maximize", "target": 0.9}],
        "search": {
            "sampler": {"name": "grid", "seed": 1, "options": {}},
            "pruner": {"name": "median", "options": {"n_warmup_steps": 3}},
            "parameters": [
                {"name": "survival", "type": "float", "low": 0.1, "high": 0.5, "step": 0.1},
                {"name": "hidden", "type": "int", "low": 1, "high": 8, "log": True},
                {"name": "activation", "type": "categorical", "choices": ["tanh", "relu"]},
            ],
            "enqueue": [{"survival": 0.2, "activation": "relu"}],
            "warmStart": {"study": "earlier"},
        },
        "trial": {
            "workload": {"mode": "pure", "task": "xor", "population": 9, "seeds": 2, "settings": {"elites": 0.1}},
            "callbacks": ["a:b"],
            "env": [{"name": "A", "value": "b"}],
            "memory": "1Gi",
            "timeout": "2h",
            "stallTimeout": "30m",
            "image": "i",
            "artifacts": "/a",
            "template": {
                "tolerations": [{"key": "a", "operator": "Exists"}],
                "envFrom": [{"secretRef": {"name": "a"}}],
                "volumes": [{"name": "a", "emptyDir": {}}],
                "volumeMounts": [{"name": "a", "mountPath": "/a"}],
                "imagePullSecrets": [{"name": "a"}],
            },
        },
        "pool": {
            "nodeSelector": {"a": "b"},
            "cpu": "4",
            "memory": "8Gi",
            "pods": 9,
            "maxNodes": 2,
            "pricePerHour": "3.50",
        },
        "checkpoint": {"every": "10s"},
        "failurePolicy": {"retries": 1, "retryExceptions": True, "maxFailedTrials": 4},
        "suspend": False,
        "activeDeadlineSeconds": 60,
        "budget": {"amount": "20", "currency": "EUR"},
        "ttlSecondsAfterFinished": 60,
    },
}


@settings(parent=slow, max_examples=300)
@given(st.sampled_from(places(FULL)[1:]), json_values)
@example(place=("spec", "search", "parameters", 0, "step"), value=1e-293)
def test_a_campaign_with_one_strange_value_is_a_campaign_or_a_spec_error(place: tuple[Any, ...], value: object) -> None:
    mapping = copy.deepcopy(FULL)
    put(mapping, place, value)
    refused_or_loaded(mapping)


def test_a_campaign_without_one_of_its_parts_is_a_campaign_or_a_spec_error() -> None:
    for place in places(FULL)[1:]:
        mapping = copy.deepcopy(FULL)
        parent = inside(mapping, place[:-1])
        del parent[place[-1]]
        refused_or_loaded(mapping)


@slow
@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda each: each.encode(errors="replace")))
def test_any_bytes_are_a_campaign_or_a_spec_error(data: bytes) -> None:
    try:
        load_campaign_text(data, file="c.yaml")
    except SpecError as error:
        assert str(error).startswith("c.yaml")


@slow
@given(
    st.lists(
        st.sampled_from([*"{}[]:,-?&*!|>'\"%@`#\n\t ", "a", "1", "<<", "---", "&a ", "*a", "!!int", "\\"]), max_size=30
    )
)
def test_any_yaml_is_a_campaign_or_a_spec_error(pieces: list[str]) -> None:
    try:
        load_campaign_text("".join(pieces), file="c.yaml")
    except SpecError as error:
        assert str(error).startswith("c.yaml")


OTHER: Final[dict[str, Any]] = {
    "threads": 4,
    "objectives": [{"metric": "solved_at", "direction": "maximize", "target": 0.9}],
    "search": {},
    "trial": {"workload": {"task": "cartpole"}},
    "pool": {},
    "checkpoint": {"every": "20s"},
    "failurePolicy": {"retries": 5},
    "trials": 8,
    "parallelism": "auto",
    "suspend": True,
    "activeDeadlineSeconds": 5,
    "budget": {"amount": 30},
    "ttlSecondsAfterFinished": 0,
}


def test_each_immutable_field_is_found_and_each_changeable_one_may_change() -> None:
    assert set(OTHER) == {field.alias for field in CampaignSpec.model_fields.values()}
    old = campaign_from_mapping(FULL)
    for name, value in OTHER.items():
        changes = immutable_changes(old, campaign_from_mapping({**FULL, "spec": {**FULL["spec"], name: value}}))
        if name == "trials":
            assert changes == ["spec.trials (from 9 to 8, it can only grow)"]
        elif name in CHANGEABLE:
            assert changes == [], name
        else:
            assert changes, name
            assert all(change.startswith(f"spec.{name}") for change in changes)


LEAVES: Final = [
    (("threads",), 4, "spec.threads (from 2 to 4)"),
    (("objectives", 0, "direction"), "minimize", "spec.objectives[0].direction (from maximize to minimize)"),
    (("objectives", 0, "target"), 1, "spec.objectives[0].target (from 0.9 to 1)"),
    (("search", "sampler", "seed"), 2, "spec.search.sampler.seed (from 1 to 2)"),
    (("search", "pruner", "options"), {}, "spec.search.pruner.options.n_warmup_steps (from 3 to nothing)"),
    (("search", "parameters", 0, "high"), 0.4, "spec.search.parameters[0].high (from 0.5 to 0.4)"),
    (("search", "parameters", 1, "log"), False, "spec.search.parameters[1].log (from true to false)"),
    (
        ("search", "parameters", 2, "choices"),
        ["tanh", "relu", "sigmoid"],
        "spec.search.parameters[2].choices (from [tanh, relu] to [tanh, relu, sigmoid])",
    ),
    (("search", "enqueue"), [], "spec.search.enqueue (from [a mapping] to [])"),
    (("search", "warmStart", "study"), "other", "spec.search.warmStart.study (from earlier to other)"),
    (("trial", "workload", "seeds"), 3, "spec.trial.workload.seeds (from 2 to 3)"),
    (("trial", "env", 0, "value"), "1", "spec.trial.env[0].value (from b to 1)"),
    (("trial", "memory"), "2Gi", f"spec.trial.memory (from {2**30} to {2**31})"),
    (("trial", "timeout"), "1ms", "spec.trial.timeout (from 7200.0 to 0.001)"),
    (
        ("trial", "template", "volumeMounts", 0, "mountPath"),
        "/b",
        "spec.trial.template.volumeMounts[0].mountPath (from",
    ),
    (("pool", "pricePerHour"), "3.6", "spec.pool.pricePerHour (from 3.50 to 3.6)"),
    (("checkpoint", "every"), "11s", "spec.checkpoint.every (from 10.0 to 11.0)"),
    (("failurePolicy", "retries"), 2, "spec.failurePolicy.retries (from 1 to 2)"),
]


def test_a_change_is_told_with_its_field_and_both_values() -> None:
    old = campaign_from_mapping(FULL)
    for place, value, said in LEAVES:
        mapping = copy.deepcopy(FULL)
        put(mapping, ("spec", *place), value)
        changes = immutable_changes(old, campaign_from_mapping(mapping))
        assert len(changes) == 1, changes
        assert changes[0].startswith(said)


def test_other_words_for_the_same_are_no_change() -> None:
    mapping = copy.deepcopy(FULL)
    put(mapping, ("spec", "trial", "timeout"), "120m")
    put(mapping, ("spec", "trial", "memory"), "1024Mi")
    put(mapping, ("spec", "pool", "pricePerHour"), "3.5")
    put(mapping, ("spec", "trial", "arguments"), {})
    put(mapping, ("metadata", "labels"), {})
    assert immutable_changes(campaign_from_mapping(FULL), campaign_from_mapping(mapping)) == []


def test_one_and_true_are_told_apart() -> None:
    mapping = copy.deepcopy(FULL)
    mapping["spec"]["trial"] = {"entrypoint": "a:b", "arguments": {"x": 1}}
    mapping["spec"]["search"] = {}
    other = copy.deepcopy(mapping)
    other["spec"]["trial"]["arguments"]["x"] = True
    changes = immutable_changes(campaign_from_mapping(mapping), campaign_from_mapping(other))
    assert changes == ["spec.trial.arguments.x (from 1 to true)"]


def test_a_grid_that_grows_beyond_its_points_is_no_campaign() -> None:
    mapping = copy.deepcopy(FULL)
    put(mapping, ("spec", "search", "pruner"), {})
    put(mapping, ("spec", "search", "parameters"), FULL["spec"]["search"]["parameters"][:1])
    put(mapping, ("spec", "search", "enqueue"), [])
    put(mapping, ("spec", "trials"), 4)
    small = campaign_from_mapping(mapping)
    put(mapping, ("spec", "trials"), 5)
    assert immutable_changes(small, campaign_from_mapping(mapping)) == []
    put(mapping, ("spec", "trials"), 6)
    try:
        campaign_from_mapping(mapping)
    except SpecError as error:
        assert str(error) == "spec.trials: found 6, but the grid has 5 points; set 5 or fewer"
    else:
        raise AssertionError("a grid of 5 points took 6 trials")


def inside(value: Any, place: tuple[Any, ...]) -> Any:
    for step in place:
        value = value[step]
    return value


def put(mapping: dict[str, Any], place: tuple[Any, ...], value: object) -> None:
    inside(mapping, place[:-1])[place[-1]] = value
