"""A study's trials as a worker reads them: each finished one once, the others light, all by one statement.

Optuna re-reads every unfinished trial with all its reports at each sample and each pruning check. Here finished trials are
kept for ever after, and unfinished ones come without their intermediate values, which no sampler and no pruner reads of
other trials. Source of the figures that made this necessary: ``bench/running_trials.py``.

What could go wrong: a trial that finishes between two looks must not be kept half (one statement is one look), and a trial
with a lower number that appears later would be missed (there is none: trials are numbered under the study's lock).
"""

from __future__ import annotations

import datetime
import functools
import json
from typing import TYPE_CHECKING, Any, Final

from optuna.distributions import json_to_distribution
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import text

from corebound.ledger.rows import stored_value

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    import sqlalchemy
    from optuna.distributions import BaseDistribution

_COLUMNS: Final = """
    t.trial_id, t.number, t.state::text, t.datetime_start, t.datetime_complete,
    (SELECT json_agg(json_build_array(param_name, param_value, distribution_json) ORDER BY param_id)
     FROM trial_params x WHERE x.trial_id = t.trial_id AND whole),
    (SELECT json_agg(json_build_array(value, value_type) ORDER BY objective)
     FROM trial_values x WHERE x.trial_id = t.trial_id AND finished),
    (SELECT json_agg(json_build_array(step, intermediate_value, intermediate_value_type) ORDER BY step)
     FROM trial_intermediate_values x WHERE x.trial_id = t.trial_id AND (finished OR :with_reports)),
    (SELECT json_agg(json_build_array(key, value_json))
     FROM trial_user_attributes x WHERE x.trial_id = t.trial_id AND whole),
    (SELECT json_agg(json_build_array(key, value_json))
     FROM trial_system_attributes x WHERE x.trial_id = t.trial_id AND whole)
    FROM trials t
    CROSS JOIN LATERAL (SELECT t.state NOT IN ('RUNNING', 'WAITING') AS finished) f
    CROSS JOIN LATERAL (SELECT finished OR :with_unfinished AS whole) w
"""
_NEW: Final = text(f"""
    SELECT {_COLUMNS} WHERE t.study_id = :study AND (t.trial_id > :newest OR t.trial_id = ANY(:unfinished))
      AND (whole OR t.trial_id > :newest) ORDER BY t.trial_id
""")
_ONE: Final = text(f"SELECT {_COLUMNS} WHERE t.trial_id = :trial")

FINISHED: Final = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
UNFINISHED: Final = (TrialState.RUNNING, TrialState.WAITING)


class TrialCache:
    """The trials of one study. Not safe for several threads; its owner holds a lock."""

    def __init__(self, study_id: int) -> None:
        self._study_id = study_id
        # By number. Trials are first seen in the order of their numbers, and stay where they are.
        self._trials: dict[int, FrozenTrial] = {}
        self._unfinished: set[int] = set()
        self._newest = -1
        self._finished: dict[int, FrozenTrial] = {}

    def read(self, connection: sqlalchemy.Connection, states: Container[TrialState] | None) -> list[FrozenTrial]:
        """All trials in one of ``states`` as they are now, by number."""
        with_unfinished = states is None or any(state in states for state in UNFINISHED)
        rows = connection.execute(
            _NEW,
            {
                "study": self._study_id,
                "newest": self._newest,
                "unfinished": list(self._unfinished),
                "with_unfinished": with_unfinished,
                "with_reports": False,
            },
        )
        for row in rows:
            self._keep(trial_of_row(row))
        if states is None:
            return list(self._trials.values())
        return [trial for trial in self._trials.values() if trial.state in states]

    def finished(self, trial_id: int) -> FrozenTrial | None:
        """A finished trial that was read before."""
        return self._finished.get(trial_id)

    def distribution(self, name: str) -> BaseDistribution | None:
        """How some trial that was read before has that parameter."""
        return next((t.distributions[name] for t in self._trials.values() if name in t.distributions), None)

    def _keep(self, trial: FrozenTrial) -> None:
        self._trials[trial.number] = trial
        self._newest = max(self._newest, trial._trial_id)
        if trial.state in FINISHED:
            self._finished[trial._trial_id] = trial
            self._unfinished.discard(trial._trial_id)
        else:
            self._unfinished.add(trial._trial_id)


def read_trial(connection: sqlalchemy.Connection, trial_id: int) -> FrozenTrial:
    """One whole trial. Raises KeyError, as Optuna's storages do, when there is none."""
    row = connection.execute(_ONE, {"trial": trial_id, "with_unfinished": True, "with_reports": True}).one_or_none()
    if row is None:
        raise KeyError(f"there is no trial with id {trial_id}")
    return trial_of_row(row)


def trial_of_row(row: Iterable[Any]) -> FrozenTrial:
    """Optuna's form of a row of the columns above."""
    trial_id, number, state, started, completed, params, values, reports, user, system = row
    distributions = {name: parsed_distribution(described) for name, _, described in params or ()}
    return FrozenTrial(
        number=number,
        state=TrialState[state],
        value=None,
        values=[stored_value(value, kind) for value, kind in values] if values else None,
        datetime_start=_local(started),
        datetime_complete=_local(completed),
        params={name: distributions[name].to_external_repr(value) for name, value, _ in params or ()},
        distributions=distributions,
        user_attrs={key: json.loads(value) for key, value in user or ()},
        system_attrs={key: json.loads(value) for key, value in system or ()},
        intermediate_values={step: stored_value(value, kind) for step, value, kind in reports or ()},
        trial_id=trial_id,
    )


@functools.lru_cache(maxsize=4096)
def parsed_distribution(described: str) -> BaseDistribution:
    """A distribution from its JSON; a campaign has a few, each stored with every trial."""
    return json_to_distribution(described)


def _local(moment: datetime.datetime | None) -> datetime.datetime | None:
    """Optuna stores UTC and shows naive local time."""
    if moment is None:
        return None
    return moment.replace(tzinfo=datetime.UTC).astimezone().replace(tzinfo=None)
