"""Finished trials of another study, copied once into a campaign's own study: what its sampler and pruner begin with.

They are read and judged before anything is made, and written in the transaction that makes the campaign, so that a crash
leaves all of it or nothing, and nobody copies twice. A copy has no slot: it is no trial of the campaign, never its best, and
carries :data:`WARM_START_ATTRIBUTE`. What could go wrong: no such study, another number of objectives (refused), or trials
that do not fit the declared parameters (left out, counted, named): one stored beside the declared distribution would
make Optuna refuse a later trial, or keep the sampler from searching that parameter.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from optuna.distributions import distribution_to_json
from optuna.samplers import NSGAIISampler
from optuna.trial import TrialState
from sqlalchemy import text

from corebound.api.errors import StorageError, WarmStartError
from corebound.api.model import nearest
from corebound.ledger.campaign_sql import METRIC_NAMES_ATTRIBUTE
from corebound.ledger.distributions import distribution_of, internal_value
from corebound.ledger.rungs import completed_rungs
from corebound.planning.wording import count_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import sqlalchemy
    from optuna.trial import FrozenTrial

    from corebound.api.search import Objective, Search
    from corebound.ledger.storage import CampaignStorage

WARM_START_ATTRIBUTE: Final = "corebound:warm_start"
"""System attribute of a copy: the study and the number it had there."""
MOST_NAMES: Final = 12
USEFUL: Final = (TrialState.COMPLETE, TrialState.PRUNED)
"""Failed trials teach no sampler anything."""


@dataclass(frozen=True, kw_only=True)
class WarmTrial:
    """One trial to copy, with its parameters as they are to be stored: internal value and distribution."""

    source: FrozenTrial
    params: Mapping[str, tuple[float, str]]


@dataclass(frozen=True, kw_only=True)
class WarmStart:
    """What was read from the other study."""

    study: str
    search: Search
    trials: Sequence[WarmTrial]
    left_out: Mapping[str, int] = field(default_factory=dict)
    """Why trials are left out, and how many for each reason."""

    @property
    def line(self) -> str:
        """One line for the user."""
        copied = f"warm start: {count_text(len(self.trials), 'finished trial')} of {self.study!r} to learn from"
        if not self.left_out:
            return copied
        return f"{copied}; {sum(self.left_out.values())} left out: {_reasons(self.left_out)}"


def read_warm_start(
    connection: sqlalchemy.Connection,
    storage: CampaignStorage,
    *,
    study: str,
    called: str,
    objectives: Sequence[Objective],
    search: Search,
) -> WarmStart:
    """The finished trials of ``study``, which will be ``called`` so. Raises :class:`WarmStartError`."""
    names = list(connection.execute(text("SELECT study_name FROM studies ORDER BY study_id")).scalars())
    if study not in names:
        raise WarmStartError(
            f"search.warmStart.study: there is no study {called!r} in this storage{nearest(called, names)}; "
            f"there are: {_listed(names)}"
        )
    study_id = storage.get_study_id_from_name(study)
    _refuse_other_objectives(storage, study_id, called, objectives)
    found = storage.get_all_trials(study_id, deepcopy=False, states=USEFUL)
    trials, left_out = _fitting(found, search)
    if not trials:
        reason = _reasons(left_out) if left_out else "it has none that succeeded or was pruned"
        raise WarmStartError(
            f"search.warmStart.study: no finished trial of {called!r} can be used: {reason}; correct "
            "search.parameters, name another study, or remove warmStart"
        )
    return WarmStart(study=called, search=search, trials=trials, left_out=left_out)


def copy_trials(connection: sqlalchemy.Connection, warm: WarmStart, *, study_id: int, study_name: str) -> None:
    """Write the copies into the study, in the caller's transaction."""
    # As Optuna itself does before it numbers a new trial.
    connection.execute(text("SELECT 1 FROM studies WHERE study_id = :study FOR UPDATE"), {"study": study_id})
    count = text("SELECT count(*) FROM trials WHERE study_id = :study")
    first: int = connection.execute(count, {"study": study_id}).scalar_one()
    sources = [trial.source._trial_id for trial in warm.trials]
    ids = list(
        connection.execute(_COPY_TRIALS, {"study": study_id, "first": first, "sources": sources}).scalars().all()
    )
    if len(ids) != len(sources):
        raise StorageError(f"the study {warm.study!r} was changed while it was read; run the same command again")
    for statement in _COPY_PARTS:
        connection.execute(statement, {"sources": sources, "copies": ids})
    params = [
        (trial_id, name, value, distribution)
        for trial_id, trial in zip(ids, warm.trials, strict=True)
        for name, (value, distribution) in trial.params.items()
    ]
    if params:
        columns = dict(
            zip(("trials", "names", "values", "distributions"), map(list, zip(*params, strict=True)), strict=True)
        )
        connection.execute(_WRITE_PARAMS, columns)
    attributes = [
        (trial_id, key, json.dumps(value))
        for trial_id, system in zip(ids, _attributes(warm, first=first, study_name=study_name), strict=True)
        for key, value in system.items()
    ]
    columns = dict(zip(("trials", "keys", "values"), map(list, zip(*attributes, strict=True)), strict=True))
    connection.execute(_WRITE_ATTRIBUTES, columns)


_COPY_TRIALS: Final = text("""
    WITH made AS (
        INSERT INTO trials (number, study_id, state, datetime_start, datetime_complete)
        SELECT :first + place - 1, :study, t.state, t.datetime_start, t.datetime_complete
        FROM unnest(cast(:sources AS integer[])) WITH ORDINALITY AS wanted(source, place)
        JOIN trials t ON t.trial_id = source ORDER BY place
        RETURNING trial_id, number
    )
    SELECT trial_id FROM made ORDER BY number
""")
_PAIRS: Final = "FROM unnest(cast(:sources AS integer[]), cast(:copies AS integer[])) AS pair(source, copy)"
_COPY_PARTS: Final = (
    text(f"""
        INSERT INTO trial_values (trial_id, objective, value, value_type)
        SELECT copy, objective, value, value_type {_PAIRS} JOIN trial_values x ON x.trial_id = source
    """),
    text(f"""
        INSERT INTO trial_intermediate_values (trial_id, step, intermediate_value, intermediate_value_type)
        SELECT copy, step, intermediate_value, intermediate_value_type
        {_PAIRS} JOIN trial_intermediate_values x ON x.trial_id = source
    """),
    text(f"""
        INSERT INTO trial_user_attributes (trial_id, key, value_json)
        SELECT copy, key, value_json {_PAIRS} JOIN trial_user_attributes x ON x.trial_id = source
    """),
    # Of the system attributes constraints alone: the others are the notes of another sampler, some of them pickled.
    text(f"""
        INSERT INTO trial_system_attributes (trial_id, key, value_json)
        SELECT copy, key, value_json {_PAIRS} JOIN trial_system_attributes x ON x.trial_id = source
        WHERE key = 'constraints' OR key LIKE 'constraints:%'
    """),
)
_WRITE_PARAMS: Final = text("""
    INSERT INTO trial_params (trial_id, param_name, param_value, distribution_json)
    SELECT * FROM unnest(cast(:trials AS integer[]), cast(:names AS text[]), cast(:values AS double precision[]),
                         cast(:distributions AS text[]))
""")
_WRITE_ATTRIBUTES: Final = text("""
    INSERT INTO trial_system_attributes (trial_id, key, value_json)
    SELECT * FROM unnest(cast(:trials AS integer[]), cast(:keys AS text[]), cast(:values AS text[]))
""")


def _attributes(warm: WarmStart, *, first: int, study_name: str) -> list[dict[str, Any]]:
    """The system attributes of each copy."""
    sources = [trial.source for trial in warm.trials]
    rungs = completed_rungs(sources, first_number=first, study_name=study_name, pruner=warm.search.pruner)
    # NSGA-II draws parents from generations that its own trials note; the copies are its first one.
    generation = {NSGAIISampler._get_generation_key(): 0} if warm.search.sampler.kind == "nsga2" else {}
    return [
        {
            WARM_START_ATTRIBUTE: {"study": warm.study, "number": source.number},
            **reached,
            **(generation if source.state == TrialState.COMPLETE else {}),
        }
        for source, reached in zip(sources, rungs, strict=True)
    ]


def _fitting(found: Sequence[FrozenTrial], search: Search) -> tuple[list[WarmTrial], dict[str, int]]:
    """The trials that have an allowed value for every declared parameter; why the others have not, and how many."""
    declared = [(parameter, distribution_to_json(distribution_of(parameter))) for parameter in search.parameters]
    trials: list[WarmTrial] = []
    left_out: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for trial in found:
        params = _stored_as_they_are(trial) if not declared else {}
        for parameter, distribution in declared:
            name = parameter.name
            if name not in trial.params:
                left_out[f"without {name!r}"] += 1
                break
            value = internal_value(parameter, trial.params[name])
            if value is None:
                example = examples.setdefault(name, repr(trial.params[name]))
                left_out[f"with a value that {name!r} does not allow here, such as {example}"] += 1
                break
            params[name] = (value, distribution)
        else:
            trials.append(WarmTrial(source=trial, params=params))
    return trials, dict(left_out)


def _stored_as_they_are(trial: FrozenTrial) -> dict[str, tuple[float, str]]:
    """Without declared parameters nothing is known of what the objective will suggest."""
    return {
        name: (float(distribution.to_internal_repr(trial.params[name])), distribution_to_json(distribution))
        for name, distribution in trial.distributions.items()
    }


def _refuse_other_objectives(
    storage: CampaignStorage, study_id: int, called: str, objectives: Sequence[Objective]
) -> None:
    found = [direction.name.lower() for direction in storage.get_study_directions(study_id)]
    expected = [objective.direction for objective in objectives]
    if len(found) != len(expected):
        raise WarmStartError(
            f"search.warmStart.study: {called!r} has {count_text(len(found), 'objective')}, this campaign "
            f"{len(expected)}; its trials cannot be compared, name another study"
        )
    if found != expected:
        raise WarmStartError(
            f"search.warmStart.study: {called!r} wants to {', '.join(found)}, this campaign to {', '.join(expected)}; its "
            "trials would lead the wrong way, name another study"
        )
    metrics = [objective.metric for objective in objectives]
    named = storage.get_study_system_attrs(study_id).get(METRIC_NAMES_ATTRIBUTE) or metrics
    if named != metrics and sorted(named) == sorted(metrics):
        raise WarmStartError(
            f"search.warmStart.study: {called!r} has the objectives in another order, {', '.join(named)}; order "
            "spec.objectives alike"
        )


def _reasons(left_out: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in left_out.items())


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:MOST_NAMES]) or "none"
    return shown if len(names) <= MOST_NAMES else f"{shown} and {len(names) - MOST_NAMES} more"
