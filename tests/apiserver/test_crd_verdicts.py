"""One set of campaigns, good and bad, for both front doors: the loader and an API server say the same of each.

What CEL cannot say is listed with its reason, and the list is exact: each of these must still be refused by the loader
and let in by the API server. The operator answers them with the condition Accepted=False.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from ..unit.api.campaign_texts import GOOD
from ..unit.api.test_bad_files import BAD, FILES, KIND, LAYERS, PARAMETERS, TAIL, edited
from ..unit.api.test_properties import FULL, places
from ..unit.api.test_template import FULL as TEMPLATE
from ..unit.api.test_template import MISTAKES, campaign
from .campaign_door import Door, kubectl, loader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..cluster.control_plane import ControlPlane

pytestmark = pytest.mark.usefixtures("cluster")

ROOT: Final = Path(__file__).parents[2]
MIXED: Final = "values of several kinds have no type in CEL: they can be compared, not told apart or measured"
SUM: Final = "CEL multiplies numbers, but not those of a list"
READ_BY_KUBECTL: Final = "kubectl reads the file, not the API server: of a key given twice it takes the last"
SEVERAL: Final = "kubectl sends each document of a file by itself; corebound run takes one campaign"

OURS_ALONE: Final = {
    "choices: [1, true]": MIXED,
    "enqueue: [{y: 1, lr: 5, layers: 2.5}]": MIXED,
    "trials: 10\n  trials: 11": READ_BY_KUBECTL,
    "two.yaml": SEVERAL,
    "a grid with too few points": SUM,
    "networks too large for the memory": SUM,
}
"""Refused by the loader alone, by a part of the case's name, and why."""

GRID: Final = GOOD.replace("name: tpe, options: {n_startup_trials: 5}", "name: grid").replace(
    "low: 1e-5, high: 0.1, log: true", "low: 0, high: 1, step: 0.5"
)
WORKLOAD: Final = json.dumps({**FULL, "metadata": {"name": "workload"}})
WRITTEN: Final = {
    "the smallest": GOOD,
    "a grid with its points": GRID.replace("trials: 10", "trials: 12"),
    "a grid with too few points": GRID.replace("trials: 10", "trials: 13"),
    "networks too large for the memory": WORKLOAD.replace('"population": 9', '"population": 99999999'),
    "a workload with everything": WORKLOAD,
    "a template with everything": json.dumps(campaign(TEMPLATE)),
    "ten thousand trials": edited("trials: 10", "trials: 10000"),
    "names of any script": GOOD.replace("layers", "größe 層"),
    "what kubectl prints": GOOD.replace("{name: good}", "{name: good, uid: 1-2, generation: 2}"),
    **{path.name: path.read_text(encoding="utf-8") for path in sorted((ROOT / "examples").glob("*.yaml"))},
    **{f"BAD {instead[:70]}": edited(found, instead) for found, instead, _ in BAD},
    **{f"template {json.dumps(template)}": json.dumps(campaign(template)) for template, _ in MISTAKES},
    **{
        name: content.decode()
        for name, (content, _) in FILES.items()
        if content is not None and name not in ("latin.yaml", "binary.yaml", "huge.yaml", "laughs.yaml", "deep.yaml")
    },
    **{
        f"a name of {length} characters": edited("name: good", "name: " + "a" * length)
        for length in (51, 52, 53, 63, 64, 253, 254)
    },
}


def reason(name: str) -> str | None:
    return next((why for part, why in OURS_ALONE.items() if part in name), None)


@pytest.mark.parametrize("name", WRITTEN)
def test_a_file_meets_the_same_verdict(plane: ControlPlane, name: str) -> None:
    here, there = loader(WRITTEN[name]), kubectl(plane, WRITTEN[name], namespace="default")
    if reason(name) is not None:
        assert (here.accepted, there.accepted) == (False, True), f"{name} is no exception any more: {there.said}"
    else:
        assert here.accepted == there.accepted, f"here: {here.said or 'good'}\nkubectl: {there.said}"


def test_every_exception_is_a_case() -> None:
    for part in OURS_ALONE:
        assert any(part in name for name in WRITTEN), part


def field(*place: str | int) -> Callable[[Any], dict[str, Any]]:
    """A campaign with one value at that place."""

    def made(value: Any) -> dict[str, Any]:
        whole: dict[str, Any] = copy.deepcopy(PLAIN)
        part: Any = whole
        for step, following in zip(place, [*place[1:], None], strict=True):
            if following is None:
                part[step] = value
            elif isinstance(step, str):
                part = part.setdefault(step, [] if isinstance(following, int) else {})
            else:
                if len(part) <= step:
                    part.append({} if isinstance(following, str) else [])
                part = part[step]
        return whole

    return made


PLAIN: Final[dict[str, Any]] = {
    "apiVersion": "corebound.dev/v1alpha1",
    "kind": "SearchCampaign",
    "metadata": {"name": "plain"},
    "spec": {
        "trials": 9,
        "threads": 2,
        "objectives": [{"metric": "loss", "direction": "minimize"}],
        "search": {
            "parameters": [
                {"name": "lr", "type": "float", "low": 1.0, "high": 2.0},
                {"name": "n", "type": "int", "low": 1, "high": 4},
            ]
        },
        "trial": {"entrypoint": "a.b:c", "env": [{"name": "A", "value": "b"}]},
    },
}
PARAMETER: Final = ("spec", "search", "parameters")
BOUNDS: Final[dict[tuple[str | int, ...], tuple[list[Any], list[Any]]]] = {
    ("spec", "trial", "timeout"): (
        [1, 9223372036, "1ms", "0.001s", "1h1h", "1.5h30m", "9223372036s", "2562047h", "000000000000000001s"],
        [
            0,
            -1,
            1.5,
            9223372037,
            "0s",
            "0.5ms",
            "1us",
            "1 h",
            "-1s",
            "+1s",
            ".5s",
            "1.s",
            "",
            "s",
            "1",
            "1d",
            "1H",
            "9223372037s",
            "2562048h",
            "999999999999999999h",
            "1s" * 40,
            "1s\n",
            True,
            [],
            {},
        ],
    ),
    ("spec", "trial", "memory"): (
        [2**20, 2**63 - 2, "1Mi", "1048576", "7Ei", "1G", "1048.576k", "0.5Gi"],
        [
            0,
            2**20 - 1,
            2**63 - 1,
            2**63,
            1.5,
            "8Ei",
            "9223372036854775807",
            "999999999999999999Ei",
            "1K",
            "1e9",
            "1GB",
            "1m",
            "-1Gi",
            "1 Gi",
            "",
            "Gi",
            "0.5Mi",
            "9223372036854775806",
            "9223372036854775808",
            True,
        ],
    ),
    ("spec", "pool", "cpu"): (
        [1, 1_000_000, "4", "1.5", "126620m", "1m", "0.001", "1000000", "1000000000m"],
        [0, -1, 1.5, 1_000_001, "0", "0m", "1000001", "1k", "1 m", "4 cores", "", True],
    ),
    ("spec", "pool", "pricePerHour"): (
        [0, 3, 10**18 - 1, "0", "0.00", "3.50", "1" * 18],
        [-1, 3.5, 10**18, "-1", "1e3", "1,5", "3.50 USD", "1" * 19, "", True],
    ),
    ("spec", "budget", "amount"): ([1, "0.01", "20"], [0, "0", "0.00", 0.5, -1]),
    ("spec", "threads"): (["auto", 1, 4096], [0, 4097, "4", "Auto", "", 1.5, True]),
    ("spec", "parallelism"): (["auto", 1, 10**9], [0, "4", -1, 2.5]),
    ("spec", "trials"): ([1, 10_000, 1_000_000], [0, 1_000_001, 2**63, "10", 1.5, True]),
    ("spec", "search", "sampler", "seed"): ([0, 2**32 - 1], [-1, 2**32, 2**63, 1.5, "7"]),
    ("spec", "objectives", 0, "metric"): (
        ["a", "x" * 200, "ü" * 200, "a b", "é", "层", "🙂", "e\u0301", "\u0378", "²"],
        ["", "x" * 201, " a", "a ", "a\tb", "a\nb", "a\u00a0b", "a\u3000b", "a\u200db", "a\u2028b", "\ue000", 5, True],
    ),
    ("spec", "trial", "entrypoint"): (
        ["a:b", "a.b.c:d", "file.py:f", "my folder/é x.py:f", "é.ü:f", "a²:b", "x" * 998 + ":f"],
        ["a", "a:", ":b", "a:1b", "a b:c", "a:b:c", "file.py:", "a:b ", "a\n.py:f", "x" * 1000 + ":f", 5],
    ),
    ("spec", "trial", "env", 0, "name"): (
        ["A", "_a1", "OMP_SCHEDULE", "x" * 256],
        ["", "1A", "A-B", "A=B", "é", "x" * 257, "OMP_PROC_BIND", "KMP_AFFINITY", "COREBOUND_SLOT", "OMP_NUM_THREADS"],
    ),
    ("spec", "trial", "env"): (
        [[], [{"name": "OMP_NUM_THREADS", "value": "2"}, {"name": "OMP_DYNAMIC", "value": " False "}]],
        [
            [{"name": "OMP_NUM_THREADS", "value": "3"}],
            [{"name": "OMP_DYNAMIC", "value": "true"}],
            [{"name": "OMP_NUM_THREADS"}],
            [{"name": "A"}, {"name": "A"}],
            [{"value": "a"}],
            {"A": "b"},
        ],
    ),
    ("spec", "trial", "artifacts"): (
        ["/a", "abfs://a@b/c", "s3://a:b"],
        ["", "  ", "ftp://me:secret@host/x", "x" * 2001],
    ),
    ("spec", "trial", "arguments"): ([{}, {"a": None, "b": [None, {"c": 1.5}]}], [[], "a", 5]),
    ("spec", "trial", "template", "labels"): (
        [{}, {"a": ""}, {"example.com/a_b.c": "A-1"}, {"x" * 63: "x" * 63}, {"a." * 126 + "b/c": "d"}],
        [
            {"": "a"},
            {"a b": "c"},
            {"a": "b c"},
            {"é": "a"},
            {"A.b/c": "d"},
            {"x" * 64: "a"},
            {"a": "x" * 64},
            {"a": 5},
            {"/a": "b"},
            {"a/": "b"},
            {"a/b/c": "d"},
            {"a": "-b"},
            {"a." * 127 + "b/c": "d"},
            {f"a{number}": "b" for number in range(101)},
        ],
    ),
    ("spec", "trial", "template", "annotations"): ([{"A.b/c": "é\n{}"}], [{"a b": "c"}, {"a": 5}]),
    ("metadata", "labels"): ([{"a": "b"}], [{"a b": "c"}, {"a": "b c"}, {"x" * 64: "a"}]),
    ("metadata", "annotations"): ([{"a": "b c\n", "A.b/c": "d"}], [{"a b": "c"}, {"é": "a"}]),
    (*PARAMETER, 1, "high"): ([2**53 - 1, 1], [2**53, 2**53 + 1, 2**62, 1.5, 1e300, 0, "4"]),
    (*PARAMETER, 0, "high"): ([1.0, 1.7e308, 10**30], [0.999, "2", True]),
    (*PARAMETER, 0, "low"): ([-1.0, 2, 1e-320, -1.7e308], [2.1, "1"]),
    (*PARAMETER, 0, "step"): ([0.5, 5, 1e-15], [0, -1, 1e-17, 1e-320, "1"]),
    (*PARAMETER, 1, "step"): ([1, 5], [0, -1, 1.5, 2**53]),
    (*PARAMETER, 0): (
        [{"name": "c", "type": "categorical", "choices": ["a", 2, 2.5, True, "1", "true"]}],
        [
            {"name": "c", "type": "categorical", "choices": choices}
            for choices in (
                [],
                [None],
                [["a"]],
                [[]],
                [{}],
                [{"a": 1}],
                ["a", "a"],
                [1, 1],
                list(range(1001)),
                "ab",
                {},
            )
        ]
        + [
            {"name": "c", "type": "categorical"},
            {"name": "c", "type": "categorical", "choices": ["a"], "low": 1},
            {"name": "c", "type": "categorical", "choices": ["a"], "log": False},
            {"name": "c", "type": "float", "low": 1.0, "high": 2.0, "choices": ["a"]},
            {"name": "c", "type": "int", "low": 1},
            {"name": "c", "type": "int", "low": 1, "high": 4, "step": 2, "log": True},
            {"name": "c", "type": "float", "low": 0.0, "high": 4.0, "log": True},
            {"name": "c", "low": 1, "high": 2},
            {"name": "n", "type": "int", "low": 1, "high": 2},
        ],
    ),
    (*PARAMETER,): (
        [[], [{"name": f"p{number}", "type": "int", "low": 1, "high": 2} for number in range(1000)]],
        [[{"name": f"p{number}", "type": "int", "low": 1, "high": 2} for number in range(1001)]],
    ),
    ("spec", "search", "enqueue"): (
        [[], [{}], [{"lr": 1.5, "n": 2}], [{"n": 1}] * 10_000],
        [[{"n": 1}] * 10_001, [{"lr": [1]}], [{"lr": {}}], [{"lr": []}], ["a"], {}],
    ),
    ("spec", "search", "sampler"): (
        [
            {},
            {"name": "qmc"},
            {"entrypoint": "a:b", "options": {"anything": {"goes": None}}},
            {"name": "tpe", "options": {"n_startup_trials": 20, "multivariate": True, "prior_weight": 1.5}},
            {"options": {"n_startup_trials": 1}},
            {"name": "cmaes"},
            {"name": "cmaes", "options": {"x0": {"lr": 1.5}}},
        ],
        [
            {"name": "grid"},
            {"name": "tpe", "entrypoint": "a:b"},
            {"name": "tpe", "options": {"popsize": 5}},
            {"options": {"popsize": 5}},
            {"name": "random", "options": {"seed": 1}},
            {"name": "bayes"},
            {"nam": "tpe"},
        ],
    ),
    ("spec", "search", "pruner"): (
        [{}, {"name": "median"}, {"name": "percentile", "options": {"percentile": 25.0}}, {"name": "hyperband"}],
        [
            {"name": "percentile"},
            {"name": "percentile", "options": {}},
            {"options": {"n_warmup_steps": 1}},
            {"name": "median", "options": {"percentile": 25.0}},
            {"name": "asha"},
        ],
    ),
    ("spec", "objectives"): (
        [
            [{"metric": "a", "direction": "minimize", "target": 5}],
            [{"metric": f"m{number}", "direction": "maximize"} for number in range(20)],
        ],
        [
            [],
            [{"metric": "a"}],
            [{"metric": "a", "direction": "up"}],
            [{"metric": f"m{number}", "direction": "maximize"} for number in range(21)],
            [{"metric": "a", "direction": "minimize"}] * 2,
            [{"metric": "a", "direction": "minimize", "target": 5}, {"metric": "b", "direction": "minimize"}],
        ],
    ),
    ("spec", "trial"): (
        [{"command": ["a"]}, {"command": ["x" * 32768] * 9}, {"entrypoint": "a:b", "arguments": {"a": 1}}],
        [
            {},
            {"command": []},
            {"command": "a"},
            {"command": [5]},
            {"command": ["x" * 32769]},
            {"command": ["a"] * 1001},
            {"command": ["a"], "entrypoint": "a:b"},
            {"command": ["a"], "arguments": {"a": 1}},
        ],
    ),
    ("spec", "failurePolicy"): (
        [{}, {"maxFailedTrials": None, "retries": 0}],
        [{"retries": -1}, {"retry": 1}, {"retryExceptions": "yes"}, []],
    ),
}
CASES: Final = [
    (place, value, expected)
    for place, (good, bad) in BOUNDS.items()
    for expected, values in ((True, good), (False, bad))
    for value in values
]


@pytest.fixture(scope="module")
def door(plane: ControlPlane) -> Iterator[Door]:
    opened = Door(plane, "default")
    yield opened
    opened.close()


@pytest.mark.parametrize("place", BOUNDS, ids=[".".join(map(str, place)) for place in BOUNDS])
def test_a_value_meets_the_same_verdict(door: Door, place: tuple[str | int, ...]) -> None:
    good, bad = BOUNDS[place]
    for expected, values in ((True, good), (False, bad)):
        for value in values:
            made = field(*place)(value)
            here, there = loader(made), door.verdict(made)
            assert (here.accepted, there.accepted) == (expected, expected), (
                f"{json.dumps(value)[:100]}\nhere: {here.said or 'good'}\nthere: {there.said or 'good'}"
            )


def test_the_largest_campaign_costs_no_more_than_rules_may(door: Door) -> None:
    """An API server stops rules that take too long; the largest lists there can be must not come near that."""
    names = [f"{number}{'p' * 190}" for number in range(1000)]
    largest = field("spec", "search", "parameters")(
        [{"name": name, "type": "int", "low": 1, "high": 9, "step": 2} for name in names]
    )
    largest["spec"]["search"]["enqueue"] = [dict.fromkeys(names[:10], 1)] * 500
    largest["spec"]["search"]["sampler"] = {"name": "cmaes", "options": {"x0": dict.fromkeys(names, 1.5)}}
    largest["spec"]["objectives"] = [{"metric": names[0], "direction": "minimize"}]
    volumes = [f"volume-{number}" for number in range(100)]
    largest["spec"]["trial"] = {
        "command": ["x" * 500] * 1000,
        "env": [{"name": f"A{number}{'a' * 240}", "value": "v" * 1000} for number in range(200)],
        "callbacks": ["a.b:c"] * 100,
        "template": {
            "labels": {f"example.com/{number}{'a' * 50}": "x" * 63 for number in range(100)},
            "nodeSelector": {f"example.com/{number}{'a' * 50}": "x" * 63 for number in range(100)},
            "annotations": {f"example.com/{number}": "x" * 500 for number in range(100)},
            "volumes": [{"name": name, "emptyDir": {}} for name in volumes],
            "volumeMounts": [{"name": name, "mountPath": f"/{name}"} for name in volumes],
        },
    }
    here, there = loader(largest), door.verdict(largest)
    assert here.accepted, here.said
    assert there.accepted, there.said[:2000]
    largest["spec"]["trial"]["env"][-1] = {"name": "OMP_NUM_THREADS", "value": "64"}
    refused = door.verdict(largest)
    assert "OMP_NUM_THREADS sets by hand what spec.threads decides" in refused.said


ODD: Final[list[Any]] = [
    None,
    True,
    -1,
    1.5,
    2**53,
    "",
    "auto",
    "grid",
    "x" * 201,
    "a\u00a0b",
    [],
    {},
    [None],
    {"a": 1},
]


@pytest.mark.parametrize("base", [FULL, PLAIN, campaign(TEMPLATE)], ids=["full", "plain", "template"])
def test_no_odd_value_anywhere_parts_them(door: Door, base: dict[str, Any]) -> None:
    """Each part of a campaign in turn left out or replaced; what only arithmetic sees is left out by its message."""
    whole = copy.deepcopy(base)
    whole["spec"].get("search", {}).pop("enqueue", None)
    for place in places(whole)[1:]:
        if place[0] in ("apiVersion", "kind"):
            continue
        for value in [*ODD, ...]:
            made = copy.deepcopy(whole)
            part: Any = made
            for step in place[:-1]:
                part = part[step]
            if value is ...:
                del part[place[-1]]
            else:
                part[place[-1]] = value
            here, there = loader(made), door.verdict(made)
            if "the grid has" in here.said or "the networks need" in here.said:
                continue
            assert here.accepted == there.accepted, (
                f"{place}: {value!r}\nhere: {here.said or 'good'}\nthere: {there.said or 'good'}"
            )


@pytest.mark.parametrize(
    ("found", "instead", "said"),
    [
        ("trials: 10", "trails: 10", 'unknown field "spec.trails"'),
        (
            "threads: auto",
            "threads: two",
            'spec.threads: Invalid value: "two": found two, expected auto or a whole number from 1',
        ),
        ("low: 1e-5", "low: 1", "found 1, above high 0.1; exchange them"),
        ("low: 1e-5", "low: 0", "found 0 with log: true, expected above 0 on a logarithmic scale"),
        (
            "512Mi",
            "1GB",
            'spec.trial.memory: Invalid value: "1GB": found 1GB, expected an amount of memory such as 512Mi or 1Gi',
        ),
        (
            "1h30m",
            "1d",
            'spec.trial.timeout: Invalid value: "1d": found 1d, expected a duration above zero in h, m, s',
        ),
        ("name: layers", "name: lr", 'spec.search.parameters[1]: Duplicate value: {"name":"lr"}'),
        (KIND, KIND + "\n    entrypoint: a:b", "expected exactly one of workload, entrypoint, command"),
        (KIND, "entrypoint: train.py", "found 'train.py', expected package.module:function or file.py:function"),
        (TAIL, "env: [{name: OMP_NUM_THREADS, value: '64'}]", "OMP_NUM_THREADS sets by hand what spec.threads decides"),
        (TAIL, "env: [{name: OMP_PROC_BIND}]", "OMP_PROC_BIND binds every worker to the same first cores"),
        ("name: good", "name: " + "a" * 53, "metadata.name: expected at most 52 lower case letters, digits and dashes"),
        ("name: tpe, options: {n_startup_trials: 5}", "name: grid", "grid needs a finite number of values: give each"),
        (LAYERS, "type: categorical, choices: [a, ~]", "expected texts, numbers, true or false, never null"),
        (
            PARAMETERS,
            "    pruner: {name: percentile}\n    parameters:",
            "percentile is missing; the percentile pruner needs it, for example 25.0",
        ),
        (
            "    - {metric: loss, direction: minimize}",
            "    - {metric: a, direction: minimize}\n    - {metric: b, direction: minimize, target: 5}",
            "target needs exactly one objective; remove the target or the other objectives",
        ),
    ],
)
def test_the_api_server_says_it_in_words(plane: ControlPlane, found: str, instead: str, said: str) -> None:
    assert said in kubectl(plane, edited(found, instead), namespace="default").said
