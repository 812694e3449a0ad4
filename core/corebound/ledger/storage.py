"""Optuna's storage as a worker sees it: patient with lost connections, fenced, and light on reading running trials.

Optuna re-reads every unfinished trial with all its reports at each sample; here unfinished trials come without their
intermediate values. What could go wrong: a connection is cut between a commit and its answer, so each repeated write
first looks whether it has happened; a superseded attempt writes (FencedError); the database stays away longer than the
grace (StorageUnreachableError).
"""

from __future__ import annotations

import datetime
import json
import time
from typing import TYPE_CHECKING, Any, Final

import optuna
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.storages import RDBStorage
from optuna.storages._cached_storage import _CachedStorage
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from corebound.api.errors import FencedError, StorageUnreachableError
from corebound.ledger.connection import Identity, carry_identity, database_url, engine_options, is_passing, translated

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping, Sequence

    from optuna.distributions import BaseDistribution

    from corebound.api.records import SlotClaim

GRACE_SECONDS: Final = 600.0
SLOT_ATTRIBUTE: Final = "corebound:slot"


class _LightStorage(RDBStorage):
    """Reads unfinished trials without their intermediate values."""

    def _get_trials(
        self,
        study_id: int,
        states: Container[TrialState] | None,
        included_trial_ids: set[int],
        trial_id_greater_than: int,
    ) -> list[FrozenTrial]:
        with self.engine.begin() as connection:
            rows = connection.execute(
                text("""
                    SELECT trial_id FROM trials
                    WHERE study_id = :study AND (trial_id > :last OR trial_id = ANY(:included))
                """),
                {"study": study_id, "last": trial_id_greater_than, "included": list(included_trial_ids)},
            ).scalars()
            found = set(rows)
            light = _light_trials(connection, list(found))
        # What the second look no longer saw running has finished, also if it did so between the two looks.
        finished = found - {trial._trial_id for trial in light}
        if finished:
            # Optuna's own reading, narrowed to what has finished since; these are cached for ever after.
            light += super()._get_trials(study_id, _FINISHED, finished, max(found))
        return [trial for trial in light if states is None or trial.state in states]


_FINISHED: Final = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


def _light_trials(connection: Any, trial_ids: list[int]) -> list[FrozenTrial]:
    if not trial_ids:
        return []
    rows = connection.execute(
        text("""
            SELECT t.trial_id, t.number, t.state::text, t.datetime_start,
                (SELECT jsonb_agg(jsonb_build_array(param_name, param_value, distribution_json) ORDER BY param_id)
                 FROM trial_params p WHERE p.trial_id = t.trial_id),
                (SELECT jsonb_object_agg(key, value_json) FROM trial_user_attributes a WHERE a.trial_id = t.trial_id),
                (SELECT jsonb_object_agg(key, value_json) FROM trial_system_attributes a WHERE a.trial_id = t.trial_id)
            FROM trials t WHERE t.trial_id = ANY(:trials) AND t.state IN ('RUNNING', 'WAITING') ORDER BY t.trial_id
        """),
        {"trials": trial_ids},
    )
    return [_light_trial(*row) for row in rows]


def _light_trial(
    trial_id: int,
    number: int,
    state: str,
    started: datetime.datetime | None,
    params: list[Any] | None,
    user: Mapping[str, str] | None,
    system: Mapping[str, str] | None,
) -> FrozenTrial:
    distributions = {
        name: optuna.distributions.json_to_distribution(distribution) for name, _, distribution in params or []
    }
    if started is not None and started.tzinfo is None:
        started = started.replace(tzinfo=datetime.UTC).astimezone().replace(tzinfo=None)
    return FrozenTrial(
        number=number,
        state=TrialState[state],
        value=None,
        datetime_start=started,
        datetime_complete=None,
        params={name: distributions[name].to_external_repr(value) for name, value, _ in params or []},
        distributions=distributions,
        user_attrs={key: json.loads(value) for key, value in (user or {}).items()},
        system_attrs={key: json.loads(value) for key, value in (system or {}).items()},
        intermediate_values={},
        trial_id=trial_id,
    )


class CampaignStorage(_CachedStorage):
    """The storage of one worker; ``bind`` says for which attempt it writes."""

    def __init__(self, url: str, *, application: str = "corebound-trial", grace: float = GRACE_SECONDS) -> None:
        backend = _LightStorage(
            database_url(url).render_as_string(hide_password=False),
            engine_kwargs=engine_options(1, application),
            skip_compatibility_check=True,
            skip_table_creation=True,
        )
        super().__init__(backend)
        self._identity = Identity()
        self._grace = grace
        carry_identity(backend.engine, self._identity)

    @property
    def engine(self) -> Any:
        """The one connection's engine, shared with checkpoints."""
        return self._backend.engine

    def close(self) -> None:
        """Let go of the connection."""
        self._backend.remove_session()
        self.engine.dispose()

    def bind(self, claim: SlotClaim | None) -> None:
        """What follows is written for ``claim``."""
        self._identity.claim = claim

    def create_trial(self, claim: SlotClaim, *, study_id: int, fixed_params: Mapping[str, Any]) -> int:
        """The trial of a freshly claimed slot: an enqueued one that waits, else a new one."""

        def create() -> int:
            # A cut connection may have hidden the answer to a commit: the slot knows its trial since then.
            with self.engine.begin() as connection:
                bound: int | None = connection.execute(
                    text("SELECT trial_id FROM corebound_slots WHERE campaign_id = :campaign AND slot = :slot"),
                    {"campaign": claim.campaign_id, "slot": claim.slot},
                ).scalar()
                waiting = connection.execute(
                    text(
                        "SELECT trial_id FROM trials WHERE study_id = :s AND state = 'WAITING' ORDER BY trial_id LIMIT 5"
                    ),
                    {"s": study_id},
                ).scalars()
                candidates = list(waiting)
            if bound is not None:
                return bound
            for trial_id in candidates:
                if _CachedStorage.set_trial_state_values(self, trial_id, TrialState.RUNNING):
                    return int(trial_id)
            template = FrozenTrial(
                number=-1,
                state=TrialState.RUNNING,
                value=None,
                datetime_start=datetime.datetime.now(),  # noqa: DTZ005 - Optuna's templates carry naive local time
                datetime_complete=None,
                params={},
                distributions={},
                user_attrs={},
                system_attrs={SLOT_ATTRIBUTE: claim.slot, "fixed_params": dict(fixed_params)},
                intermediate_values={},
                trial_id=-1,
            )
            return int(_CachedStorage.create_new_trial(self, study_id, template))

        return int(self.patiently(create))

    def patiently(self, call: Callable[[], Any]) -> Any:
        """``call`` again and again while the database is away, for the grace."""
        deadline = time.monotonic() + self._grace
        pause = 0.05
        while True:
            try:
                return call()
            except UpdateFinishedTrialError as error:
                # Only the ledger finishes a trial over the head of its worker: the campaign has ended meanwhile.
                raise FencedError(str(error)) from None
            except (StorageInternalError, DBAPIError) as error:
                cause = error if isinstance(error, DBAPIError) else error.__cause__
                if not isinstance(cause, DBAPIError):
                    raise
                ours = translated(cause, self.engine)
                if isinstance(ours, FencedError) or not is_passing(cause):
                    raise ours from None
                if time.monotonic() > deadline:
                    raise StorageUnreachableError(f"{ours} (tried for {self._grace:.0f} s)") from None
            self._backend.remove_session()
            time.sleep(pause)
            pause = min(pause * 2, 2.0)

    def set_trial_state_values(self, trial_id: int, state: TrialState, values: Sequence[float] | None = None) -> bool:
        """As Optuna's; finishing a trial that this very call has finished before its answer was lost is fine."""
        tries = 0

        def write() -> bool:
            nonlocal tries
            tries += 1
            if tries > 1 and _CachedStorage.get_trial(self, trial_id).state == state:
                return True
            return _CachedStorage.set_trial_state_values(self, trial_id, state, values)

        done: bool = self.patiently(write)
        return done

    def set_trial_param(
        self, trial_id: int, param_name: str, param_value_internal: float, distribution: BaseDistribution
    ) -> None:
        """As Optuna's, patiently."""
        self.patiently(
            lambda: _CachedStorage.set_trial_param(self, trial_id, param_name, param_value_internal, distribution)
        )


def _patient(name: str) -> Any:
    inherited = getattr(_CachedStorage, name)

    def method(self: CampaignStorage, *arguments: Any, **named: Any) -> Any:
        return self.patiently(lambda: inherited(self, *arguments, **named))

    method.__name__ = name
    method.__doc__ = f"``{name}`` of Optuna's storage, patiently."
    return method


for _name in (
    "create_new_trial",
    "get_all_trials",
    "get_best_trial",
    "get_study_directions",
    "get_study_id_from_name",
    "get_study_name_from_id",
    "get_study_system_attrs",
    "get_study_user_attrs",
    "get_trial",
    "set_study_system_attr",
    "set_study_user_attr",
    "set_trial_intermediate_value",
    "set_trial_system_attr",
    "set_trial_user_attr",
):
    setattr(CampaignStorage, _name, _patient(_name))
