"""Every bad campaign file that we could think of: status 2, nothing created, all problems with line, field and remedy."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from corebound.api.errors import SpecError
from corebound.api.loading import load_campaign, load_campaign_text

from .campaign_texts import GOOD

TAIL: Final = "timeout: 1h30m"
LAYERS: Final = "type: int, low: 1, high: 4"
KIND: Final = 'command: [python, train.py, --lr, "{lr}"]'
PARAMETERS: Final = "    parameters:"

BAD: Final = [
    # unknown and misspelt fields at every level
    ("kind:", "extra: 1\nkind:", ["2: extra: is no field (allowed: apiVersion, kind, metadata, spec)"]),
    ("{name: good}", "{name: good, lables: {}}", ["metadata.lables: is no field; did you mean 'labels'?"]),
    ("threads: auto", "thread: 1", ["6: spec.thread: is no field; did you mean 'threads'?"]),
    ("threads: auto", "failure_policy: {}", ["spec.failure_policy: is no field; did you mean 'failurePolicy'?"]),
    ("direction: minimize", "direktion: minimize", ["objectives[0].direktion: is no field; did you mean 'direction'?"]),
    ("options:", "option:", ["spec.search.sampler.option: is no field; did you mean 'options'?"]),
    ("log: true", "lgo: true", ["parameters[0].lgo: is no field; did you mean 'log'? (allowed: high, log, low,"]),
    ("memory:", "memroy:", ["16: spec.trial.memroy: is no field; did you mean 'memory'?"]),
    ("threads: auto", "pool: {prcePerHour: 1}", ["spec.pool.prcePerHour: is no field; did you mean 'pricePerHour'?"]),
    ("threads: auto", "failurePolicy: {retry: 1}", ["failurePolicy.retry: is no field; did you mean 'retries'?"]),
    ("threads: auto", "budget: {amunt: 1}", ["spec.budget.amunt: is no field; did you mean 'amount'?"]),
    ("threads: auto", "checkpoint: {evry: 1s}", ["spec.checkpoint.evry: is no field; did you mean 'every'?"]),
    (
        PARAMETERS,
        "    warmStart: {studdy: a}\n    parameters:",
        ["warmStart.studdy: is no field; did you mean 'study'?"],
    ),
    (TAIL, "env: [{nmae: A, value: b}]", ["spec.trial.env[0].nmae: is no field; did you mean 'name'?"]),
    (
        TAIL,
        "template: {tolerations: [{efect: x}]}",
        ["template.tolerations[0].efect: is no field; did you mean 'effect'?"],
    ),
    # wrong kinds of value
    ("trials: 10", "trials: [1]", ["spec.trials: found a list, expected a whole number"]),
    ("trials: 10", 'trials: "10"', ["spec.trials: found '10', expected a whole number (without quotes)"]),
    ("trials: 10", "trials: yes", ["spec.trials: found true (written yes), expected a whole number"]),
    ("trials: 10", "trials: 1e-2", ["spec.trials: found 0.01 (written 1e-2), expected a whole number"]),
    ("spec:", "spec: []\nx:", ["4: spec: found an empty list, expected a mapping", "5: x: is no field"]),
    (KIND, "command: python train.py", ["spec.trial.command: found 'python train.py', expected a list"]),
    (KIND, "command: [sleep, 5]", ["spec.trial.command[1]: found 5, expected a text (put it in quotes)"]),
    (KIND, "command: [train, {lr}]", ["spec.trial.command[1]: found a mapping, expected a text (put it in quotes)"]),
    (KIND, "command: []", ["spec.trial.command: found an empty list, expected at least one entry"]),
    ("kind: SearchCampaign", "kind: Job", ["2: kind: found 'Job', expected SearchCampaign"]),
    ("threads: auto", "suspend: 'no'", ["spec.suspend: found 'no', expected true or false"]),
    ("threads: auto", "activeDeadlineSeconds: 1h", ["found '1h', expected a whole number of seconds"]),
    # numbers
    ("trials: 10", "trials: 0", ["5: spec.trials: found 0, expected at least 1"]),
    ("trials: 10", "trials: -1", ["5: spec.trials: found -1, expected at least 1"]),
    ("trials: 10", "trials: 1000001", ["spec.trials: found 1000001, expected at most 1000000"]),
    *[
        ("threads: auto", f"threads: {written}", [f"6: spec.threads: found {found}, expected auto or a whole number"])
        for written, found in [
            ("0", "0"),
            ("-1", "-1"),
            ("1.5", "1.5"),
            ("1e6", "1000000 (written 1e6)"),
            ("two", "'two'"),
        ]
    ],
    ("threads: auto", "parallelism: 0", ["spec.parallelism: found 0, expected auto or a whole number of at least 1"]),
    ("low: 1e-5", "low: 1", ["12: spec.search.parameters[0].low: found 1, above high 0.1; exchange them"]),
    ("low: 1e-5", "low: 0", ["parameters[0].low: found 0 with log: true, expected above 0 on a logarithmic scale"]),
    ("low: 1, high: 4", "low: 1.5, high: 4", ["parameters[1].low: found 1.5, expected a whole number"]),
    ("high: 4", "high: 99999999999999999", ["parameters[1].high: found 99999999999999999, expected at most 90071992"]),
    (
        "low: 1e-5, high: 0.1, log: true",
        "low: -1e308, high: 1e308",
        ["parameters[0].high: found 1e+308 (written 1e308), which is"],
    ),
    ("log: true", "step: 0", ["parameters[0].step: found 0, expected a number above 0"]),
    ("log: true", "log: true, step: 0.1", ["parameters[0].step: found beside log: true, expected one of them"]),
    ("high: 0.1", "high: .inf", ["parameters[0].high: found .inf, expected a finite number"]),
    # null
    ("trials: 10", "trials:", ["5: spec.trials: found null (written nothing), expected a whole number"]),
    ("{name: good}", "", ["3: metadata: found null (written nothing), expected a mapping"]),
    (
        LAYERS,
        "type: categorical, choices: [a, ~]",
        [
            "choices[1]: found null (written ~), expected a text, a number, true or false; where None is meant write a text"
        ],
    ),
    # the search
    ("name: layers", "name: lr", ["13: spec.search.parameters[1].name: found parameter 'lr' more than once"]),
    ("name: layers", "name: y", ["parameters[1].name: found true (written y), expected a name (put it in quotes)"]),
    (
        "type: int",
        "type: integer",
        ["parameters[1]: found type 'integer', expected float, int or categorical; did you"],
    ),
    (
        "type: int",
        "type: bool",
        ["parameters[1]: found type 'bool', expected float, int or categorical; write type: categorical, choices: ["],
    ),
    ("type: int, ", "", ["parameters[1]: found no type, expected type: float, int or categorical"]),
    (
        LAYERS,
        "type: categorical, choices: [1, true]",
        ["choices[1]: found true beside 1, which Optuna cannot tell apart"],
    ),
    (LAYERS, "type: categorical, choices: [a, a]", ["choices[1]: found 'a' twice, expected each choice once"]),
    (LAYERS, "type: categorical, choices: []", ["choices: found an empty list, expected at least one entry"]),
    (
        PARAMETERS,
        "    enqueue: [{y: 1, lr: 5, layers: 2.5}]\n    parameters:",
        [
            "enqueue[0].true: is no parameter of this campaign (allowed: lr, layers); y without quotes is true in YAML",
            "enqueue[0].lr: found 5, which the parameter 'lr' does not allow",
            "enqueue[0].layers: found 2.5, which the parameter 'layers' does not allow",
        ],
    ),
    (
        "name: tpe, options: {n_startup_trials: 5}",
        "name: nsga2, options: {constraints_func: c, search_space: {x: [1]}, seed: 3, mutation: m, popsize: 9}",
        [
            "options.constraints_func: is not needed: the objective itself says trial.set_constraint(name, value)",
            "options.search_space: is what search.parameters declares",
            "options.seed: stands beside the options: search.sampler.seed",
            "options.mutation: is made in Python; write a function that makes the sampler",
            "options.popsize: is no option of the nsga2 sampler",
        ],
    ),
    ("name: tpe", "name: bayes", ["sampler.name: found 'bayes', expected tpe, random, grid, qmc, cmaes, gp or nsga2"]),
    ("name: tpe,", 'name: tpe, entrypoint: "a:b",', ["sampler.entrypoint: found beside the name tpe"]),
    (
        PARAMETERS,
        "    pruner: {name: percentile, options: {n_warmup: 1}}\n    parameters:",
        [
            "options.n_warmup: is no option of the percentile pruner",
            "options.percentile: is missing; the percentile pruner",
        ],
    ),
    (
        "    - {metric: loss",
        "    - {metric: loss, direction: minimize, target: 5}\n    - {metric: loss",
        ["objectives[1].metric: found 'loss' twice", "objectives[0].target: needs exactly one objective"],
    ),
    # quantities and durations
    ("512Mi", "1GB", ["16: spec.trial.memory: found '1GB', expected an amount of memory such as 512Mi", "mean 1Gi?"]),
    ("512Mi", "512m", ["found '512m', expected an amount of memory such as 512Mi or 1Gi; did you mean 512Mi?"]),
    ("512Mi", "100", ["found 100, expected an amount of memory", "100 are 100 bytes, at least 1Mi is needed"]),
    ("512Mi", "1h", ["spec.trial.memory: found '1h', expected an amount of memory"]),
    ("1h30m", "1d", ["17: spec.trial.timeout: found '1d', expected a duration above zero in h, m, s or ms"]),
    (
        "1h30m",
        "1.5",
        ["spec.trial.timeout: found 1.5, expected a duration", "; put a number with a fraction in quotes"],
    ),
    ("threads: auto", "pool: {cpu: 1.5}", ["spec.pool.cpu: found 1.5, expected CPU cores", "in quotes"]),
    (
        "threads: auto",
        "pool: {pricePerHour: 3.5}",
        ['pricePerHour: found 3.5, expected an amount such as "3.50"', "in quotes"],
    ),
    (
        "threads: auto",
        "pool: {nodeSelector: {a b: c}}",
        ["nodeSelector: found the name 'a b', expected a label's name"],
    ),
    ("threads: auto", "pool: {nodeSelector: {a: b c}}", ["nodeSelector: found 'b c' for a, expected a label's value"]),
    ("1h30m", "1:30", ["spec.trial.timeout: found '1:30', expected a duration"]),
    ("1h30m", "1Gi", ["spec.trial.timeout: found '1Gi', expected a duration"]),
    ("1h30m", "0s", ["spec.trial.timeout: found '0s', expected a duration above zero"]),
    ("1h30m", "99999999999h", ["spec.trial.timeout: found '99999999999h', expected a duration"]),
    (
        "threads: auto",
        "pool: {cpu: 4 cores, memory: 4, pods: 0, maxNodes: two, pricePerHour: cheap}",
        ["pool.cpu: found '4 cores'", "4 are 4 bytes", "pool.pods: found 0", "maxNodes: found 'two'", 'such as "3.50"'],
    ),
    ("threads: auto", "budget: {amount: 0}", ["spec.budget.amount: found 0, expected an amount above zero"]),
    # the trial
    (
        TAIL,
        "env: [{name: OMP_NUM_THREADS, value: '64'}, {name: OMP_PROC_BIND}, {name: A=B}, {name: A}, {name: A}]",
        [
            "17: spec.trial.env[0]: OMP_NUM_THREADS=64 sets by hand what spec.threads decides",
            "17: spec.trial.env[1]: OMP_PROC_BIND binds every worker to the same first cores",
            "spec.trial.env[2].name: found 'A=B', expected a variable's name",
            "spec.trial.env[4].name: found A twice",
        ],
    ),
    (TAIL, "env: [{name: COREBOUND_SLOT, value: '1'}]", ["found COREBOUND_SLOT, which Corebound itself sets"]),
    (TAIL, "artifacts: ''", ["17: spec.trial.artifacts: found an empty text, expected a path or an fsspec URL"]),
    (TAIL, "artifacts: ftp://me:geheim@host/x", ["17: spec.trial.artifacts: found a password in the URL"]),
    (KIND, "entrypoint: a:b\n    " + KIND, ["spec.trial.command: found beside entrypoint, expected exactly one of"]),
    (KIND + "\n    ", "", ["spec.trial: found none of workload, entrypoint, command, expected exactly one; add it"]),
    (KIND, "entrypoint: train.py", ["found 'train.py', expected package.module:function or file.py:function"]),
    (TAIL, "arguments: {a: 1}", ["spec.trial.arguments: are keyword arguments of an entrypoint"]),
    (
        KIND,
        "workload: {task: cartpol, population: 0, settings: {hidden: 500, hiden: 1, activation: tan}}",
        [
            "objectives[0].metric: found 'loss', expected fitness or solved_at",
            "parameters[0].name: found 'lr', expected mutation_power,",
            "workload.task: found 'cartpol', expected xor, cartpole, double-pole, ",
            "workload.population: found 0, expected at least 1",
            "settings.hiden: is no parameter of mode pure; did you mean 'hidden'?",
            "settings.hidden: found 500, expected a whole number from 1 to 64",
            "settings.activation: found 'tan', expected tanh, sigmoid, relu or steepened; did you mean 'tanh'?",
        ],
    ),
    # names
    ("name: good", "name: " + "a" * 53, ["3: metadata.name: found 'aaaa", "of 53 characters, expected at most 52"]),
    ("name: good", "name: " + "a" * 63, ["of 63 characters, expected at most 52"]),
    ("name: good", "name: " + "a" * 64, ["of 64 characters, expected at most 52"]),
    ("name: good", "name: größe", ["metadata.name: found 'größe', expected at most 52 lower case letters"]),
    ("name: good", "name: a-", ["metadata.name: found 'a-'"]),
    ("name: layers", "name: ' '", ["parameters[1].name: found ' ', expected a name of 1 to 200 printable characters"]),
    # YAML
    (TAIL, "arguments: {a: " + "[" * 200 + "]" * 200 + "}", ["17: is nested deeper than 100 levels"]),
    ("trials: 10", "trials: 10\n  trials: 11", ["6: spec.trials: found twice, expected once"]),
    ("kind:", "---\nkind:", ["2: found several documents, expected one campaign a file"]),
    ("spec:", "spec: [", ["is no YAML: ", "is a bracket or a comma missing?"]),
    ("  trials:", "\ttrials:", ["5: is no YAML: ", "the line begins with a tab, indent with spaces"]),
    ("name: good", "name: 'good", ["3: is no YAML: the quote that begins here is never closed"]),
    ("trials: 10", "trials: *ten", ["5: names *ten, but no &ten stands before it"]),
    ("trials: 10", "trials: &ten [*ten]", ["5: names *ten inside of &ten itself"]),
    ("trials: 10", "trials: !!int ten", ["5: spec.trials: found !!int 'ten', which is no int"]),
    ("name: good", 'name: "a\\0"', ["3: metadata.name: holds a NUL character"]),
    ("name: good", "name: a\x01", ["3: holds the character U+0001, which YAML does not allow"]),
]


def edited(found: str, instead: str) -> str:
    text = GOOD.replace(found, instead, 1)
    assert text != GOOD
    return text


@pytest.mark.parametrize(
    ("found", "instead", "said"), BAD, ids=[f"{index}: {each[1][:40]!r}" for index, each in enumerate(BAD)]
)
def test_each_problem_is_told(found: str, instead: str, said: list[str]) -> None:
    text = edited(found, instead)
    with pytest.raises(SpecError) as caught:
        load_campaign_text(text, file="c.yaml")
    told = str(caught.value)
    for part in said:
        assert part in told
    for line, problem in zip(told.splitlines(), caught.value.problems, strict=True):
        assert line.startswith(f"c.yaml:{problem.line}: ")
        assert "pydantic" not in line
        assert "Input should" not in line


@pytest.mark.parametrize("ending", ["\r\n", "\r"])
def test_line_ends_of_other_systems(ending: str) -> None:
    assert load_campaign_text(GOOD.replace("\n", ending), file="c.yaml").spec.trials == 10
    with pytest.raises(SpecError, match=r"^c.yaml:5: spec.trials: found 0"):
        load_campaign_text(GOOD.replace("trials: 10", "trials: 0").replace("\n", ending), file="c.yaml")


def test_a_byte_order_mark_is_no_matter() -> None:
    assert load_campaign_text(b"\xef\xbb\xbf" + GOOD.encode(), file="c.yaml").spec.trials == 10


def test_names_may_be_of_any_script() -> None:
    text = GOOD.replace("layers", "größe").replace("name: good", "name: " + "a" * 52)
    assert load_campaign_text(text, file="c.yaml").spec.search.parameters[1].name == "größe"


def test_trials_may_be_written_with_an_exponent() -> None:
    """kubectl turns 1e2 into 100 as well."""
    assert load_campaign_text(GOOD.replace("trials: 10", "trials: 1e2"), file="c.yaml").spec.trials == 100


def test_a_thread_count_that_agrees_with_threads_is_no_contradiction() -> None:
    text = GOOD.replace("threads: auto", "threads: 4").replace(TAIL, "env: [{name: OMP_NUM_THREADS, value: '4'}]")
    assert load_campaign_text(text, file="c.yaml").spec.threads == 4
    with pytest.raises(SpecError, match=r"OMP_NUM_THREADS=4 contradicts spec.threads: it must be 2"):
        load_campaign_text(text.replace("threads: 4", "threads: 2"), file="c.yaml")


def test_what_kubectl_prints_loads_again() -> None:
    stored = "{name: good, uid: 1-2, resourceVersion: '5', generation: 2, creationTimestamp: 2026-11-24T10:00:00Z}"
    text = GOOD.replace("{name: good}", stored) + "status: {phase: Running}\n"
    assert load_campaign_text(text, file="c.yaml").metadata.name == "good"


def test_null_is_as_if_the_field_were_not_there() -> None:
    """So kubectl apply sends it, whatever holds it; in a list and in a required field it is refused (above)."""
    nulls = GOOD.replace("threads: auto", "threads: ~\n  failurePolicy: {maxFailedTrials: null}\n  pool:").replace(
        KIND, "entrypoint: a:b\n    arguments: {x: ~, w: [{v: ~, u: 1}]}"
    )
    nulls = nulls.replace(PARAMETERS, "    enqueue: [{lr: ~, layers: 2}]\n    parameters:")
    loaded = load_campaign_text(nulls, file="c.yaml").spec
    assert (loaded.threads, loaded.failure_policy.max_failed_trials, loaded.pool) == ("auto", None, None)
    assert loaded.search.enqueue == [{"layers": 2}]
    assert loaded.trial.arguments == {"w": [{"u": 1}]}


def test_a_grid_holds_its_trials_and_the_enqueued_points() -> None:
    grid = GOOD.replace("name: tpe, options: {n_startup_trials: 5}", "name: grid").replace(
        "low: 1e-5, high: 0.1, log: true", "low: 0, high: 1, step: 0.5"
    )
    assert load_campaign_text(grid.replace("trials: 10", "trials: 12"), file="c.yaml").spec.search.grid_points() == 12
    more = grid.replace("trials: 10", "trials: 13")
    with pytest.raises(SpecError, match=r"spec.trials: found 13, but the grid has 12 points; set 12 or fewer"):
        load_campaign_text(more, file="c.yaml")
    first = more.replace(PARAMETERS, "    enqueue: [{lr: 0.5}]\n    parameters:")
    assert load_campaign_text(first, file="c.yaml").spec.trials == 13


FILES: Final = {
    "misspelt.yaml": (
        edited("trials: 10", "trails: 10").encode(),
        "misspelt.yaml:5: spec.trails: is no field; did you",
    ),
    "several.yaml": (
        edited("trials: 10", "trials: 0").replace("low: 1e-5", "low: 0").encode(),
        "several.yaml:12: spec.search.parameters[0].low: found 0",
    ),
    "empty.yaml": (b"", "empty.yaml: is empty, expected a SearchCampaign"),
    "comment.yaml": (b"# nothing\n", "comment.yaml: is empty, expected a SearchCampaign"),
    "two.yaml": (f"{GOOD}---\n{GOOD}".encode(), "found several documents, expected one campaign a file"),
    "latin.yaml": (edited("good", "größe").encode("latin-1"), "latin.yaml:3: is no UTF-8 text; save it as UTF-8"),
    "binary.yaml": (bytes(range(256)), "binary.yaml:2: is no UTF-8 text"),
    "list.yaml": (b"- 1\n", "list.yaml:1: found a list, expected a SearchCampaign"),
    "text.yaml": (b"just text", "text.yaml:1: found 'just text', expected a SearchCampaign"),
    "huge.yaml": (b"a: " + b"x" * (4 << 20), "huge.yaml: has more than 3145728 bytes"),
    "laughs.yaml": (
        b"a: &a [1,1,1,1,1,1,1,1,1,1]\n"
        + b"".join(b"%c: &%c [%s]\n" % (98 + n, 98 + n, b",".join([b"*%c" % (97 + n)] * 10)) for n in range(9)),
        "repeats more than 100000 values by aliases",
    ),
    "deep.yaml": (b"a: " + b"[" * 100_000, "deep.yaml:1: is nested deeper than 100 levels"),
    "folder": (None, "folder: cannot be read: Is a directory"),
    "missing.yaml": (None, "missing.yaml: cannot be read: No such file or directory"),
}


@pytest.mark.parametrize("command", ["run", "plan"])
@pytest.mark.parametrize("name", FILES)
def test_the_commands_refuse_it_and_create_nothing(command: str, name: str, tmp_path: Path) -> None:
    content, said = FILES[name]
    (tmp_path / "folder").mkdir()
    if content is not None:
        (tmp_path / name).write_bytes(content)
    before = sorted(tmp_path.rglob("*"))
    done = subprocess.run(
        [Path(sys.executable).parent / "corebound", command, "-f", name],
        cwd=tmp_path,
        env={**os.environ, "COREBOUND_HOME": str(tmp_path / "home"), "HOME": str(tmp_path / "user")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert sorted(tmp_path.rglob("*")) == before


def test_merges_of_merges_without_end_are_refused() -> None:
    """Ten lines that merge ten times the line before would take a thousand million mappings."""
    lines = [f"{chr(98 + n)}: &{chr(98 + n)} {{<<: [{', '.join(['*' + chr(97 + n)] * 10)}]}}" for n in range(9)]
    with pytest.raises(SpecError, match="repeats more than 100000 values by aliases"):
        load_campaign_text("\n".join(["a: &a {x: 1}", *lines]), file="c.yaml")


def test_an_endless_file_is_read_no_further_than_it_may_be_long() -> None:
    with pytest.raises(SpecError, match="has more than"):
        load_campaign(Path("/dev/zero"))
