"""The rules of the models once more in CEL, so that an API server refuses what a file's loader refuses.

Each stands for one rule in ``search``, ``trial``, ``template`` or ``spec``, with its words where an API server has the
values for them. ``dyn(...)`` reaches fields that hold values of several kinds, which CEL declares no type for; they can
be counted and compared, not more. What could go wrong: a rule that is here but not there, or the other way round; the
tests feed both one set of files, and name the rules that CEL cannot say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from corebound.api.contract import BINDING_VARIABLES, MOST_COMPILE_THREADS, THREAD_COUNT_VARIABLES
from corebound.api.names import CAMPAIGN_NAME_EXPECTED, LONGEST_NAME
from corebound.api.parameters import MOST_EXACT, CategoricalParameter, FloatParameter
from corebound.api.search import PRUNER_OPTIONS, SAMPLER_OPTIONS, Pruner, Sampler, Search
from corebound.api.spec import CampaignSpec, SearchCampaign
from corebound.api.structural import quoted, rule, said
from corebound.api.template import EnvFrom, PodTemplate
from corebound.api.trial import KINDS, EnvVar, TrialSpec
from corebound.api.workload import ALL_PARAMETERS, PARAMETERS, WORKLOAD_METRICS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from corebound.api.model import Model
    from corebound.api.workload import WorkloadParameter

    Rules = Sequence[dict[str, str]]


def texts(names: Iterable[str]) -> str:
    """A list of texts as CEL writes it."""
    return f"[{', '.join(quoted(name) for name in names)}]"


_RANGE: Final = "has(self.low) && has(self.high)"
_IS_INT: Final = "self.type == 'int'"
_SAMPLER: Final = "(has(self.sampler) && has(self.sampler.name) ? self.sampler.name : 'tpe')"
_PARAMETERS: Final = "(has(self.parameters) ? self.parameters : [])"


def _whole(name: str) -> dict[str, str]:
    exact = (
        f"self.{name} >= -{MOST_EXACT}.0 && self.{name} <= {MOST_EXACT}.0 && double(int(self.{name})) == self.{name}"
    )
    expected = f"expected a whole number of at most {MOST_EXACT} in size: larger ones are not kept exactly"
    return rule(
        f"!({_IS_INT}) || !has(self.{name}) || ({exact})",
        expected,
        told=said(f"found {{}}, {expected}", f"self.{name}"),
        field=f".{name}",
    )


_CATEGORICAL: Final = (
    rule(
        "!has(dyn(self).choices) || dyn(self).choices == dyn(self).choices",
        "expected texts, numbers, true or false, never null",
        field=".choices",
    ),
)
_PARAMETER: Final = (
    rule(
        f"!({_RANGE}) || self.low <= self.high",
        "found low above high; exchange them",
        told=said("found {}, above high {}; exchange them", "self.low", "self.high"),
        field=".low",
    ),
    rule(
        "!has(self.log) || !self.log || !has(self.low) || self.low > 0.0",
        "expected above 0 on a logarithmic scale",
        told=said("found {} with log: true, expected above 0 on a logarithmic scale", "self.low"),
        field=".low",
    ),
    rule(
        "!has(self.step) || self.step > 0.0",
        "expected a number above 0",
        told=said("found {}, expected a number above 0", "self.step"),
        field=".step",
    ),
    rule(
        f"!has(self.log) || !self.log || !has(self.step) || ({_IS_INT} && self.step == 1.0)",
        "found beside log: true, expected one of them; remove the other",
        field=".step",
    ),
    rule(
        f"{_IS_INT} || !({_RANGE}) || self.high - self.low <= 1.7976931348623157e308",
        "is farther from low than a float can say; narrow the range",
        field=".high",
    ),
    rule(
        f"{_IS_INT} || !({_RANGE}) || !has(self.step) || self.step <= 0.0 || "
        f"(self.high - self.low) / self.step <= {MOST_EXACT}.0",
        f"makes more than {MOST_EXACT} values; take a larger step",
        field=".step",
    ),
    _whole("low"),
    _whole("high"),
    _whole("step"),
)


def _options_known(table: Mapping[str, Sequence[str]], name: str, unless: str, what: str) -> dict[str, str]:
    """Options are looked up as ``sampler.option`` in one list."""
    known = (
        f"({name} + '.' + option) in {texts(f'{key}.{option}' for key, options in table.items() for option in options)}"
    )
    return rule(
        f"{unless}!has(dyn(self).options) || dyn(self).options.all(option, {known})",
        f"holds an option that this {what} does not know",
        told=said(f"holds an option that the {{}} {what} does not know", name),
        field=".options",
    )


_OWN_NAME: Final = "(has(self.name) ? self.name : '{}')"
_SAMPLERS: Final = (
    rule(
        "!(has(self.name) && has(self.entrypoint))",
        "found beside a name, expected one of them; remove the other",
        told=said("found beside the name {}, expected one of them; remove the other", "self.name"),
        field=".entrypoint",
    ),
    _options_known(SAMPLER_OPTIONS, _OWN_NAME.format("tpe"), "has(self.entrypoint) || ", "sampler"),
)
_PRUNERS: Final = (
    _options_known(PRUNER_OPTIONS, _OWN_NAME.format("none"), "", "pruner"),
    rule(
        "!has(self.name) || self.name != 'percentile' || "
        "(has(dyn(self).options) && dyn(self).options.exists(option, option == 'percentile'))",
        "percentile is missing; the percentile pruner needs it, for example 25.0",
        field=".options",
    ),
)
_SEARCH: Final = (
    rule(
        "!has(dyn(self).enqueue) || dyn(self).enqueue == dyn(self).enqueue",
        "expected texts, numbers, true or false as values, never null",
        field=".enqueue",
    ),
    rule(
        f"!({_SAMPLER} in ['grid', 'qmc']) || (has(self.parameters) && size(self.parameters) > 0)",
        "found none, but this sampler needs declared parameters; add them",
        told=said("found none, but the {} sampler needs declared parameters; add them", _SAMPLER),
        field=".parameters",
    ),
    rule(
        f"{_SAMPLER} != 'cmaes' || !has(self.parameters) || self.parameters.all(p, p.type != 'categorical')",
        "found categorical, which cmaes cannot search; use the tpe sampler, or numbers only",
        field=".parameters",
    ),
    rule(
        f"{_SAMPLER} != 'grid' || !has(self.parameters) || self.parameters.all(p, p.type != 'float' || has(p.step))",
        "grid needs a finite number of values: give each float a step",
        field=".parameters",
    ),
)
_ENVIRONMENT: Final = (
    rule(
        f"!(self.name in {texts(BINDING_VARIABLES)})",
        "binds every worker to the same first cores; remove it, Corebound gives each its own",
        told=said(
            "{} binds every worker to the same first cores; remove it, Corebound gives each its own", "self.name"
        ),
        field=".name",
    ),
    rule(
        "!self.name.startsWith('COREBOUND_') || self.name == 'COREBOUND_THREADS'",
        "Corebound itself sets this variable; remove it",
        told=said("found {}, which Corebound itself sets; remove it", "self.name"),
        field=".name",
    ),
)
_TRIAL: Final = (
    rule(
        f"[{', '.join(f'has(self.{kind})' for kind in KINDS)}].filter(is_there, is_there).size() == 1",
        f"expected exactly one of {', '.join(KINDS)}",
    ),
    rule(
        "!has(self.arguments) || has(self.entrypoint) || has(self.workload) || dyn(self.arguments) == dyn({})",
        "are keyword arguments of an entrypoint or of a workload's task; there is none, remove them",
        field=".arguments",
    ),
)
_ENV_FROM: Final = (
    rule("has(self.configMapRef) != has(self.secretRef)", "expected one of configMapRef and secretRef"),
)
_TEMPLATE: Final = (
    rule(
        "!has(self.volumeMounts) || self.volumeMounts.all(mount, has(self.volumes) && "
        "self.volumes.exists(volume, volume.name == mount.name))",
        "expected the names of volumes of this template",
        field=".volumeMounts",
    ),
)


def _thread_contract() -> dict[str, str]:
    """What a variable must be where threads are known; where they are not, it must not be there."""
    counts = texts([*THREAD_COUNT_VARIABLES, "TORCHINDUCTOR_COMPILE_THREADS", "OMP_DYNAMIC"])
    wanted = (
        "(v.name == 'OMP_DYNAMIC' ? 'false' : v.name == 'TORCHINDUCTOR_COMPILE_THREADS' && "
        f"self.threads > {MOST_COMPILE_THREADS} ? '{MOST_COMPILE_THREADS}' : string(self.threads))"
    )
    agrees = (
        f"(!(v.name in {counts}) || (has(self.threads) && type(self.threads) == int && has(v.value) && "
        f"v.value.trim().lowerAscii() == {wanted}))"
    )
    return rule(
        f"!has(self.trial.env) || self.trial.env.all(v, {agrees})",
        "sets by hand what spec.threads decides; remove it and set spec.threads",
        told=said(
            "{} sets by hand what spec.threads decides; remove it and set spec.threads",
            f"self.trial.env.filter(v, !{agrees})[0].name",
        ),
        field=".trial.env",
    )


_MODE: Final = "(has(self.trial.workload.mode) ? self.trial.workload.mode : 'pure')"


def _workload() -> Iterator[dict[str, str]]:
    """Metrics and parameters that the workload has; none that its settings fix; each within its range."""
    other = "!has(self.trial.workload) || "
    yield rule(
        f"{other}self.objectives.all(objective, objective.metric in {texts(WORKLOAD_METRICS)})",
        f"expected {' or '.join(WORKLOAD_METRICS)}: that is what the workload measures",
        field=".objectives",
    )
    none = "!has(self.search) || !has(self.search.parameters) || "
    names = " : ".join([f"{_MODE} == '{mode}' ? {texts(known)}" for mode, known in PARAMETERS.items()] + ["['']"])
    yield rule(
        f"{other}{none}self.search.parameters.all(p, p.name in ({names}))",
        "expected names of parameters that this mode of the workload has",
        field=".search.parameters",
    )
    settings = "self.trial.workload.settings"
    fixed = ", ".join(f"has({settings}.{name}) ? '{name}' : ''" for name in ALL_PARAMETERS)
    yield rule(
        f"{other}{none}!has({settings}) || self.search.parameters.all(p, !(p.name in [{fixed}]))",
        "found a parameter that workload.settings fixes; remove one of them",
        field=".search.parameters",
    )
    for mode, known in PARAMETERS.items():
        others = [f"has({settings}.{name})" for name in ALL_PARAMETERS if name not in known]
        if others:
            yield rule(
                f"{other}!has({settings}) || {_MODE} != '{mode}' || !({' || '.join(others)})",
                f"found a setting that mode {mode} does not have",
                field=".trial.workload.settings",
            )
    for name, allowed in ALL_PARAMETERS.items():
        within, expected = _within(allowed)
        yield rule(
            f"{other}{none}self.search.parameters.all(p, p.name != '{name}' || ({within}))",
            f"{name}: the workload allows {expected}",
            field=".search.parameters",
        )


def _within(allowed: WorkloadParameter) -> tuple[str, str]:
    if allowed.kind == "choice":
        same = " || ".join(f"choice == '{choice}'" for choice in allowed.choices)
        return (
            f"p.type == 'categorical' && (!has(dyn(p).choices) || dyn(p).choices.all(choice, {same}))",
            f"a categorical parameter of {', '.join(allowed.choices)}",
        )
    kinds = ["int"] if allowed.kind == "int" else ["float", "int"]
    bounds = " && ".join(
        f"(!has(p.{end}) || (p.{end} >= {float(allowed.low)!r} && p.{end} <= {float(allowed.high)!r}))"
        for end in ("low", "high")
    )
    return (
        f"p.type in {texts(kinds)} && {bounds}",
        f"{' or '.join(kinds)} from {allowed.low:g} to {allowed.high:g}",
    )


_SPEC: Final = (
    rule(
        "size(self.objectives) <= 1 || !self.objectives.exists(objective, has(objective.target))",
        "target needs exactly one objective; remove the target or the other objectives",
        field=".objectives",
    ),
    rule(
        "size(self.objectives) <= 1 || !has(self.search) || !has(self.search.pruner) || "
        "!has(self.search.pruner.name) || self.search.pruner.name == 'none'",
        "a pruner needs exactly one objective; set it to none",
        told=said("found {}, which needs exactly one objective; set it to none", "self.search.pruner.name"),
        field=".search.pruner.name",
    ),
    rule(
        "size(self.objectives) <= 1 || !has(self.search) || !has(self.search.sampler) || "
        "!has(self.search.sampler.name) || self.search.sampler.name != 'cmaes'",
        "found cmaes, which needs exactly one objective; use nsga2 or tpe",
        field=".search.sampler.name",
    ),
    _thread_contract(),
    *_workload(),
)
_CAMPAIGN: Final = (
    rule(
        f"self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$') && size(self.metadata.name) <= {LONGEST_NAME}",
        f"metadata.name: expected {CAMPAIGN_NAME_EXPECTED}",
    ),
)
_PLACE_OF_FILES: Final = (
    rule("self.trim() != ''", "found an empty text, expected a path or an fsspec URL such as abfs://models/run1"),
    rule(
        "!self.matches('://[^/]*:[^/@]*@')",
        "found a password in the URL; leave it out and set the file system's own environment variables or fsspec's "
        "configuration",
    ),
)

MODEL_RULES: Final[Mapping[type[Model], Rules]] = {
    SearchCampaign: _CAMPAIGN,
    CampaignSpec: _SPEC,
    Search: _SEARCH,
    Sampler: _SAMPLERS,
    Pruner: _PRUNERS,
    FloatParameter: _PARAMETER,
    CategoricalParameter: _CATEGORICAL,
    TrialSpec: _TRIAL,
    EnvVar: _ENVIRONMENT,
    EnvFrom: _ENV_FROM,
    PodTemplate: _TEMPLATE,
}
"""Rules of a model as a whole; those of numeric parameters stand with the first of their kinds."""

FIELD_RULES: Final[Mapping[tuple[type[Model], str], Rules]] = {(TrialSpec, "artifacts"): _PLACE_OF_FILES}

KEYS: Final[Mapping[tuple[type[Model], str], str]] = {
    (CampaignSpec, "objectives"): "metric",
    (Search, "parameters"): "name",
    (TrialSpec, "env"): "name",
    (PodTemplate, "volumes"): "name",
}
"""Lists that name something once: the API server sees to it itself, for rules that compare each with each cost too much."""
