"""Optuna's storage as a worker has it: each write one fenced statement, patient with lost connections, light on reading.

The trial of the bound claim is this worker's alone, so it is kept in memory beside the database; whatever else Optuna may ask
for goes to its own RDBStorage over the same connection. What could go wrong: a connection is cut between a commit and its
answer (every write may be repeated: it sets, it does not add), a superseded attempt writes (FencedError), the database
stays away longer than the grace (StorageUnreachableError).
"""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

from optuna.distributions import check_distribution_compatibility, distribution_to_json
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import BaseStorage
from optuna.study import StudyDirection

from corebound.api.errors import FencedError
from corebound.ledger import trial_sql
from corebound.ledger.patience import GRACE_SECONDS
from corebound.ledger.trial_sql import stored_form
from corebound.ledger.trials import FINISHED, TrialCache, parsed_distribution, read_trial
from corebound.ledger.worker_session import WorkerSession

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

    import sqlalchemy
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial, TrialState

    from corebound.api.records import SlotClaim


def _delegated(name: str) -> Any:
    def method(self: CampaignStorage, *arguments: Any, **named: Any) -> Any:
        return self._delegate(name, *arguments, **named)

    method.__name__ = name
    method.__doc__ = f"``{name}`` of Optuna's own storage, patiently."
    return method


class CampaignStorage(BaseStorage):
    """The storage of one worker; ``bind`` says for which attempt it writes."""

    def __init__(self, url: str, *, application: str = "corebound-trial", grace: float = GRACE_SECONDS) -> None:
        self._session = WorkerSession(url, application=application, grace=grace)
        self._lock = self._session.lock
        self._execute = self._session.execute
        self._delegate = self._session.delegate
        self.connect = self._session.connect
        self.patiently = self._session.patiently
        """A call again and again while the database is away, for the grace."""
        self._caches: dict[int, TrialCache] = {}
        self._directions: dict[int, list[StudyDirection]] = {}
        self._study_ids: dict[str, int] = {}
        self._distributions: dict[str, BaseDistribution] = {}
        self._own: FrozenTrial | None = None
        self._own_study = -1

    @property
    def engine(self) -> sqlalchemy.Engine:
        """The one connection's engine, shared with checkpoints."""
        return self._session.engine

    def __reduce__(self) -> Any:
        """For objectives that hand their study to processes of their own: there it has a connection of its own."""
        return _restored, (self._session.url, self._session.grace, self._session.writer.claim)

    def close(self) -> None:
        """Let go of the connection."""
        self._session.close()

    def remove_session(self) -> None:
        """As Optuna's."""
        self._session.forget_session()

    def bind(self, claim: SlotClaim | None) -> None:
        """What follows is written for ``claim``."""
        with self._lock:
            self._session.writer.claim = claim
            self._own = None

    # --- the worker's own trial -----------------------------------------------------------------------------------

    def create_trial(self, claim: SlotClaim, *, study_id: int, fixed_params: Mapping[str, Any]) -> int:
        """The trial of a freshly claimed slot: an enqueued one that waits, else a new one."""
        self.bind(claim)
        fixed = json.dumps(dict(fixed_params))
        [(trial_id,)] = self._execute(trial_sql.CREATE, study=study_id, fixed=fixed)
        self.carry_on(trial_id, study_id=study_id)
        return int(trial_id)

    def carry_on(self, trial_id: int, *, study_id: int) -> None:
        """Take over the slot's trial as it stands in the database."""
        own = self._fresh(trial_id)
        with self._lock:
            self._own, self._own_study = own, study_id

    def set_trial_param(
        self, trial_id: int, param_name: str, param_value_internal: float, distribution: BaseDistribution
    ) -> None:
        """As Optuna's; a distribution that contradicts other trials' is refused with its ValueError."""
        own = self._writable(trial_id)
        if own is None:
            self._delegate("set_trial_param", trial_id, param_name, param_value_internal, distribution)
            return
        known = self._known_distribution(param_name)
        if known is not None:
            check_distribution_compatibility(known, distribution)
        self._execute(
            trial_sql.SET_PARAM,
            trial=trial_id,
            name=param_name,
            value=param_value_internal,
            distribution=distribution_to_json(distribution),
        )
        self._distributions.setdefault(param_name, distribution)
        own.distributions[param_name] = distribution
        own.params[param_name] = distribution.to_external_repr(param_value_internal)

    def set_trial_intermediate_value(self, trial_id: int, step: int, intermediate_value: float) -> None:
        """As Optuna's."""
        own = self._writable(trial_id)
        if own is None:
            self._delegate("set_trial_intermediate_value", trial_id, step, intermediate_value)
            return
        value, kind = stored_form(intermediate_value)
        self._execute(trial_sql.REPORT, trial=trial_id, step=step, value=value, kind=kind)
        own.intermediate_values[step] = intermediate_value

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        """As Optuna's."""
        own = self._writable(trial_id)
        if own is None:
            self._delegate("set_trial_user_attr", trial_id, key, value)
            return
        self._execute(trial_sql.SET_USER_ATTRIBUTE, trial=trial_id, key=key, value=json.dumps(value))
        own.user_attrs[key] = value

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """As Optuna's."""
        own = self._writable(trial_id)
        if own is None:
            self._delegate("set_trial_system_attr", trial_id, key, value)
            return
        self._execute(trial_sql.SET_SYSTEM_ATTRIBUTE, trial=trial_id, key=key, value=json.dumps(value))
        own.system_attrs[key] = value

    def set_trial_state_values(self, trial_id: int, state: TrialState, values: Sequence[float] | None = None) -> bool:
        """As Optuna's; finishing a trial that this very call has finished before its answer was lost is fine."""
        own = self._writable(trial_id)
        if own is None or state not in FINISHED:
            return bool(self._delegate("set_trial_state_values", trial_id, state, values))
        stored = [stored_form(value) for value in values or ()]
        told = self._execute(
            trial_sql.TELL,
            trial=trial_id,
            state=state.name,
            values=[value for value, _ in stored],
            kinds=[kind for _, kind in stored],
        )
        if not told and self._state_now(own) is not state:
            raise FencedError(f"trial {own.number} was finished by another writer")
        own.state = state
        return True

    def _writable(self, trial_id: int) -> FrozenTrial | None:
        """The worker's own trial, if it is that one; Optuna's error when it has finished."""
        own = self._own
        if own is None or own._trial_id != trial_id:
            return None
        if own.state in FINISHED:
            raise UpdateFinishedTrialError(f"Trial#{own.number} has already finished and can not be updated.")
        return own

    def _known_distribution(self, name: str) -> BaseDistribution | None:
        """How earlier trials of the study have the parameter; asked once, then remembered."""
        known = self._distributions.get(name)
        if known is None:
            cache = self._caches.get(self._own_study)
            known = cache.distribution(name) if cache is not None else None
        if known is None:
            found = self._execute(trial_sql.ONE_DISTRIBUTION, study=self._own_study, name=name)
            known = parsed_distribution(found[0][0]) if found else None
        if known is not None:
            self._distributions[name] = known
        return known

    # --- reading --------------------------------------------------------------------------------------------------

    def get_trial(self, trial_id: int) -> FrozenTrial:
        """As Optuna's; the worker's own trial comes from memory."""
        with self._lock:
            own = self._own
            if own is not None and own._trial_id == trial_id:
                return _copied(own)
            for cache in self._caches.values():
                if (found := cache.finished(trial_id)) is not None:
                    return found
        return self._fresh(trial_id)

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """As Optuna's, but that unfinished trials of others have no intermediate values."""
        self.get_study_directions(study_id)

        def read(connection: sqlalchemy.Connection) -> list[FrozenTrial]:
            return self._caches.setdefault(study_id, TrialCache(study_id)).read(connection, states)

        found = self._session.read(read)
        with self._lock:
            own = self._own
            if own is not None and own.state not in FINISHED:
                found = [_copied(own) if trial._trial_id == own._trial_id else trial for trial in found]
        return copy.deepcopy(found) if deepcopy else found

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        """As Optuna's; they never change."""
        if study_id not in self._directions:
            rows = self._execute(trial_sql.DIRECTIONS, study=study_id)
            if not rows:
                raise KeyError(f"there is no study with id {study_id}")
            self._directions[study_id] = [StudyDirection[name] for (name,) in rows]
        return self._directions[study_id]

    def get_study_id_from_name(self, study_name: str) -> int:
        """As Optuna's; asked once."""
        if study_name not in self._study_ids:
            rows = self._execute(trial_sql.STUDY_ID, name=study_name)
            if not rows:
                raise KeyError(f"there is no study {study_name!r}")
            self._study_ids[study_name] = rows[0][0]
        return self._study_ids[study_name]

    def get_study_name_from_id(self, study_id: int) -> str:
        """As Optuna's."""
        rows = self._execute(trial_sql.STUDY_NAME, study=study_id)
        if not rows:
            raise KeyError(f"there is no study with id {study_id}")
        return str(rows[0][0])

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        """As Optuna's."""
        self.get_study_directions(study_id)  # raises for a study that is not there
        return {
            key: json.loads(value) for key, value in self._execute(trial_sql.STUDY_SYSTEM_ATTRIBUTES, study=study_id)
        }

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        """As Optuna's."""
        self.get_study_directions(study_id)
        return {key: json.loads(value) for key, value in self._execute(trial_sql.STUDY_USER_ATTRIBUTES, study=study_id)}

    def _fresh(self, trial_id: int) -> FrozenTrial:
        return self._session.read(lambda connection: read_trial(connection, trial_id))

    def _state_now(self, own: FrozenTrial) -> TrialState:
        try:
            return self._fresh(own._trial_id).state
        except KeyError as error:
            raise FencedError(f"trial {own.number} was deleted with its campaign; nothing is written") from error

    # --- what Optuna's own storage does ---------------------------------------------------------------------------

    create_new_study = _delegated("create_new_study")
    create_new_trial = _delegated("create_new_trial")
    get_all_studies = _delegated("get_all_studies")
    get_trial_id_from_study_id_trial_number = _delegated("get_trial_id_from_study_id_trial_number")
    set_study_system_attr = _delegated("set_study_system_attr")
    set_study_user_attr = _delegated("set_study_user_attr")

    def delete_study(self, study_id: int) -> None:
        """As Optuna's."""
        self._delegate("delete_study", study_id)
        self._directions.pop(study_id, None)
        self._caches.pop(study_id, None)
        self._study_ids = {name: known for name, known in self._study_ids.items() if known != study_id}


def _restored(url: str, grace: float, claim: SlotClaim | None) -> CampaignStorage:
    storage = CampaignStorage(url, grace=grace)
    storage.bind(claim)
    return storage


def _copied(trial: FrozenTrial) -> FrozenTrial:
    """A copy that its holder may write to, as Optuna's Trial does."""
    copied = copy.copy(trial)
    for name in ("params", "distributions", "user_attrs", "system_attrs", "intermediate_values"):
        setattr(copied, name, dict(getattr(trial, name)))
    return copied
